//! The schema of a database, as the server itself prints it.
//!
//! Tables are keyed by their bare names. A unique key is an index here, so it stands among the indexes (its name may be that of a
//! foreign key or a check, too); constraints are the primary key (`PRIMARY`), foreign keys and checks of tables; what the server
//! keeps as the check of a column is an option of the column. Definitions of constraints and indexes are what follows `ADD` in
//! an `ALTER TABLE`. Rules that are the default (`RESTRICT`, `NO ACTION`, `DEFAULT NULL`, `SQL SECURITY DEFINER`) are left out, and so
//! are comments and definers.
//!
//! The server has no snapshot of its catalogue: a schema that somebody changes while it is read may come out as neither the one
//! before nor the one after.

use super::connect::{Release, Server, default_sql_mode, meaning};
use super::ledger::OBJECTS;
use super::printed::{self, Place};
use super::sql::{canonical, literal, quote};
use crate::error::Error;
use lockstep_core::Engine;
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Index, Schema, Table};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Row};
use std::collections::BTreeMap;

/// An open look at an agent's own server waits this long for DDL that is just being finished.
const SETTINGS: &str = "SET SESSION lock_wait_timeout = 5";

pub(super) async fn schema(server: &Server) -> Result<Schema, Error> {
    let (connection, release) = server.connect().await?;
    let mut catalogue = Catalogue { server, connection, release, definitions: BTreeMap::new() };
    catalogue.run(SETTINGS).await?;
    catalogue.read().await
}

struct Catalogue<'a> {
    server: &'a Server,
    connection: Conn,
    release: Release,
    /// What `SHOW CREATE TABLE` told, by table.
    definitions: BTreeMap<String, String>,
}

/// A row's texts by the names of its columns, which the server may write in capitals or not.
struct Texts(BTreeMap<String, Option<String>>);

impl Texts {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_deref()
    }

    fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }
}

impl From<Row> for Texts {
    fn from(row: Row) -> Self {
        let names: Vec<String> = row.columns_ref().iter().map(|column| column.name_str().to_lowercase()).collect();
        let text = |value: mysql_async::Value| match value {
            mysql_async::Value::NULL => None,
            mysql_async::Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            other => Some(other.as_sql(true)),
        };
        Self(names.into_iter().zip(row.unwrap().into_iter().map(text)).collect())
    }
}

impl Catalogue<'_> {
    async fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.connection.query_drop(sql).await.map_err(|error| meaning(&self.server.place, sql, &error))
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<Texts>, Error> {
        let rows: Vec<Row> =
            self.connection.query(sql).await.map_err(|error| meaning(&self.server.place, sql, &error))?;
        Ok(rows.into_iter().map(Texts::from).collect())
    }

    async fn read(&mut self) -> Result<Schema, Error> {
        let mut schema = Schema::default();
        self.tables(&mut schema).await?;
        self.partitions(&mut schema).await?;
        self.columns(&mut schema).await?;
        self.indexes(&mut schema).await?;
        self.foreign_keys(&mut schema).await?;
        self.checks(&mut schema).await?;
        self.triggers(&mut schema).await?;
        self.views(&mut schema).await?;
        self.routines(&mut schema).await?;
        self.events(&mut schema).await?;
        Ok(schema)
    }

    /// Tables with their options, and sequences, which are tables to the server.
    async fn tables(&mut self, schema: &mut Schema) -> Result<(), Error> {
        let sql = format!(
            "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, CREATE_OPTIONS FROM information_schema.TABLES
             WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'VIEW' AND {}",
            not_ours("TABLE_NAME")
        );
        for row in self.rows(&sql).await? {
            let name = row.text("table_name");
            if row.get("table_type") == Some("SEQUENCE") {
                let definition =
                    self.definition(&format!("SHOW CREATE SEQUENCE {}", quote(&name)), "create table").await?;
                schema.objects.entry("sequence".to_owned()).or_default().insert(name, definition);
                continue;
            }
            let mut table = Table::default();
            let mut put = |name: &str, value: &str| {
                if !value.is_empty() {
                    table.options.insert(name.to_owned(), value.to_owned());
                }
            };
            put("engine", row.get("engine").unwrap_or_default());
            put("collation", row.get("table_collation").unwrap_or_default());
            let options = row.text("create_options");
            let options: Vec<&str> =
                options.split_whitespace().filter(|option| *option != "partitioned").collect();
            put("options", &options.join(" "));
            if row.get("table_type") == Some("SYSTEM VERSIONED") {
                put("versioning", "system");
            }
            if row.text("create_options").contains("partitioned") {
                put("partition by", "?");
            }
            schema.tables.insert(name, table);
        }
        Ok(())
    }

    async fn partitions(&mut self, schema: &mut Schema) -> Result<(), Error> {
        for (name, table) in &mut schema.tables {
            if let Some(definition) = table.options.get_mut("partition by") {
                let text = self.definition(&format!("SHOW CREATE TABLE {}", quote(name)), "create table").await?;
                *definition = text.split_once(" PARTITION BY ").map_or(text.as_str(), |(_, by)| by).to_owned();
            }
        }
        Ok(())
    }

    async fn columns(&mut self, schema: &mut Schema) -> Result<(), Error> {
        let checks = self.column_checks().await?;
        let sql = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, GENERATION_EXPRESSION,
                COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()
             ORDER BY TABLE_NAME, ORDINAL_POSITION";
        for mut row in self.rows(sql).await? {
            let Some(table) = schema.tables.get_mut(row.get("table_name").unwrap_or_default()) else { continue };
            let name = row.text("column_name");
            self.mend(&mut row, "generation_expression", Place::Generated(&name)).await?;
            if row.text("extra").contains(EXPRESSION) {
                self.mend(&mut row, "column_default", Place::Default(&name)).await?;
            }
            let collation = table.options.get("collation").map(String::as_str);
            let mut column = column(self.release.engine, &row, collation);
            if let Some(check) = checks.get(&(row.text("table_name"), column.name.clone())) {
                column.options.push(format!("check ({check})"));
            }
            table.columns.push(column);
        }
        Ok(())
    }

    /// MariaDB keeps a check that stands in a column's definition with the column.
    async fn column_checks(&mut self) -> Result<BTreeMap<(String, String), String>, Error> {
        if self.release.engine != Engine::Mariadb {
            return Ok(BTreeMap::new());
        }
        let sql = "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
             WHERE CONSTRAINT_SCHEMA = DATABASE() AND LEVEL = 'Column'";
        let rows = self.rows(sql).await?;
        let check =
            |row: &Texts| ((row.text("table_name"), row.text("constraint_name")), row.text("check_clause"));
        Ok(rows.iter().map(check).collect())
    }

    async fn indexes(&mut self, schema: &mut Schema) -> Result<(), Error> {
        let more = match self.release.engine {
            Engine::Mariadb => "IGNORED AS HIDDEN, NULL AS EXPRESSION",
            _ => "IF(IS_VISIBLE = 'NO', 'YES', 'NO') AS HIDDEN, EXPRESSION",
        };
        let sql = format!(
            "SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, NON_UNIQUE, COLUMN_NAME, COLLATION, SUB_PART, INDEX_TYPE, {more}
             FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()
             ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
        );
        let mut rows = self.rows(&sql).await?;
        for row in &mut rows {
            let (name, position) =
                (row.text("index_name"), row.text("seq_in_index").parse().unwrap_or(1_usize) - 1);
            self.mend(row, "expression", Place::IndexPart(&name, position)).await?;
        }
        for parts in rows.chunk_by(|one, other| {
            one.get("table_name") == other.get("table_name") && one.get("index_name") == other.get("index_name")
        }) {
            let first = &parts[0];
            let Some(table) = schema.tables.get_mut(first.get("table_name").unwrap_or_default()) else { continue };
            add_index(table, self.release.engine, first.text("index_name"), parts);
        }
        Ok(())
    }

    async fn foreign_keys(&mut self, schema: &mut Schema) -> Result<(), Error> {
        let sql = "SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME,
                IF(k.REFERENCED_TABLE_SCHEMA = DATABASE(), NULL, k.REFERENCED_TABLE_SCHEMA) AS ELSEWHERE,
                r.UPDATE_RULE, r.DELETE_RULE
             FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
                ON r.CONSTRAINT_SCHEMA = k.TABLE_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME
                AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
             WHERE k.TABLE_SCHEMA = DATABASE() AND k.REFERENCED_TABLE_NAME IS NOT NULL
             ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION";
        let rows = self.rows(sql).await?;
        for parts in rows.chunk_by(|one, other| {
            one.get("table_name") == other.get("table_name")
                && one.get("constraint_name") == other.get("constraint_name")
        }) {
            if let Some(table) = schema.tables.get_mut(parts[0].get("table_name").unwrap_or_default()) {
                table.constraints.insert(parts[0].text("constraint_name"), foreign_key(parts));
            }
        }
        Ok(())
    }

    async fn checks(&mut self, schema: &mut Schema) -> Result<(), Error> {
        let sql = match self.release.engine {
            Engine::Mariadb => {
                "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, 'YES' AS ENFORCED FROM information_schema.CHECK_CONSTRAINTS
                 WHERE CONSTRAINT_SCHEMA = DATABASE() AND LEVEL = 'Table'"
            }
            _ => {
                "SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE, t.ENFORCED
                 FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t
                    ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME
                    AND t.CONSTRAINT_TYPE = 'CHECK'
                 WHERE c.CONSTRAINT_SCHEMA = DATABASE()"
            }
        };
        for mut row in self.rows(sql).await? {
            let Some(table) = schema.tables.get_mut(row.get("table_name").unwrap_or_default()) else { continue };
            let name = row.text("constraint_name");
            self.mend(&mut row, "check_clause", Place::Check(&name)).await?;
            let clause = row.text("check_clause");
            // MySQL prints its parentheses, MariaDB does not.
            let clause = clause.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(&clause);
            let enforced = if row.get("enforced") == Some("NO") { " NOT ENFORCED" } else { "" };
            let definition = format!("CHECK ({clause}){enforced}");
            let constraint = Constraint { kind: ConstraintKind::Check, columns: Vec::new(), definition };
            table.constraints.insert(name, constraint);
        }
        Ok(())
    }

    /// Puts an expression of MySQL in the place of what its information schema makes of it. See [`printed`].
    async fn mend(&mut self, row: &mut Texts, column: &str, place: Place<'_>) -> Result<(), Error> {
        // Where no text is in it, both say the same.
        if self.release.engine != Engine::Mysql || !row.get(column).is_some_and(|text| text.contains('\\')) {
            return Ok(());
        }
        let table = row.text("table_name");
        if !self.definitions.contains_key(&table) {
            let sql = format!("SHOW CREATE TABLE {}", quote(&table));
            let definition = self.rows(&sql).await?.first().map(|row| row.text("create table"));
            self.definitions.insert(table.clone(), definition.unwrap_or_default());
        }
        if let Some(exact) = printed::expression(&self.definitions[&table], place) {
            row.0.insert(column.to_owned(), Some(exact.to_owned()));
        }
        Ok(())
    }

    async fn triggers(&mut self, schema: &mut Schema) -> Result<(), Error> {
        let sql = "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER, ACTION_STATEMENT,
                SQL_MODE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()";
        for row in self.rows(sql).await? {
            let Some(table) = schema.tables.get_mut(row.get("event_object_table").unwrap_or_default()) else {
                continue;
            };
            let order = row.get("action_order").filter(|order| *order != "1");
            let definition = format!(
                "{} {} FOR EACH ROW{} {}{}",
                row.text("action_timing"),
                row.text("event_manipulation"),
                order.map(|order| format!(" (number {order})")).unwrap_or_default(),
                canonical(row.get("action_statement").unwrap_or_default()),
                self.mode(row.get("sql_mode"))
            );
            table.triggers.insert(row.text("trigger_name"), definition);
        }
        Ok(())
    }

    async fn views(&mut self, schema: &mut Schema) -> Result<(), Error> {
        let sql = "SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()";
        for row in self.rows(sql).await? {
            let name = row.text("table_name");
            // The server leaves out the database's own name here, and nowhere else.
            let text = self.definition(&format!("SHOW CREATE VIEW {}", quote(&name)), "create view").await?;
            let text = text.replace("ALGORITHM = UNDEFINED ", "").replace("SQL SECURITY DEFINER ", "");
            schema.objects.entry("view".to_owned()).or_default().insert(name, text);
        }
        Ok(())
    }

    async fn routines(&mut self, schema: &mut Schema) -> Result<(), Error> {
        let sql =
            "SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()";
        for row in self.rows(sql).await? {
            let (name, kind) = (row.text("routine_name"), row.text("routine_type"));
            let column = format!("create {}", kind.to_lowercase());
            let text = self.definition(&format!("SHOW CREATE {kind} {}", quote(&name)), &column).await?;
            schema.objects.entry(kind.to_lowercase()).or_default().insert(name, text);
        }
        Ok(())
    }

    async fn events(&mut self, schema: &mut Schema) -> Result<(), Error> {
        let sql = "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()";
        for row in self.rows(sql).await? {
            let name = row.text("event_name");
            let text = self.definition(&format!("SHOW CREATE EVENT {}", quote(&name)), "create event").await?;
            schema.objects.entry("event".to_owned()).or_default().insert(name, text);
        }
        Ok(())
    }

    /// What a `SHOW CREATE` tells in a column, without the definer, with the mode where it is not the engine's default.
    async fn definition(&mut self, sql: &str, column: &str) -> Result<String, Error> {
        let rows = self.rows(sql).await?;
        let row = rows.first();
        let text = row.and_then(|row| row.get(column)).ok_or_else(|| Error::NoPermission {
            database: self.server.place.clone(),
            reason: format!("`{sql}` tells nothing"),
            remedy: format!(
                "GRANT SHOW VIEW ON {}.* and, for routines of others, {} TO the agent's user {}",
                quote(self.server.database()),
                if self.release.engine == Engine::Mariadb {
                    "SELECT ON mysql.proc"
                } else {
                    "SHOW_ROUTINE ON *.*"
                },
                self.server.user(),
            ),
        })?;
        Ok(format!("{}{}", without_definer(&canonical(text)), self.mode(row.and_then(|row| row.get("sql_mode")))))
    }

    fn mode(&self, mode: Option<&str>) -> String {
        match mode {
            Some(mode) if mode != default_sql_mode(self.release.engine) => format!(" (sql_mode {mode})"),
            _ => String::new(),
        }
    }
}

fn not_ours(column: &str) -> String {
    let names = OBJECTS.map(|name| format!("'{name}'")).join(", ");
    // What a crash in the middle of an ALTER leaves behind is nobody's table.
    format!("{column} NOT IN ({names}) AND {column} NOT LIKE '#sql%'")
}

/// `DEFINER = user @ host`, as [`canonical`] spells it: whom an object belongs to is no part of a schema.
fn without_definer(text: &str) -> String {
    let Some((before, after)) = text.split_once("DEFINER = ") else { return text.to_owned() };
    let tokens = super::sql::tokens(after);
    // A user, perhaps `@` and a host: three tokens; a role or CURRENT_USER: one.
    let taken = if tokens.get(1).is_some_and(|token| token.text() == "@") { 3 } else { 1 };
    let rest = tokens.iter().skip(taken).map(|token| token.text()).collect::<Vec<_>>().join(" ");
    format!("{before}{rest}")
}

fn column(engine: Engine, row: &Texts, table_collation: Option<&str>) -> Column {
    let extra = row.text("extra");
    let has = |word: &str| extra.to_uppercase().contains(word);
    let generated = row.get("generation_expression").filter(|expression| !expression.is_empty());
    let kept = if has("STORED") || has("PERSISTENT") { "stored" } else { "virtual" };
    let mut options = Vec::new();
    if has("AUTO_INCREMENT") {
        options.push("auto_increment".to_owned());
    }
    if let Some(start) = extra.to_lowercase().find("on update ") {
        let end = extra[start..].find(',').map_or(extra.len(), |end| start + end);
        options.push(extra[start..end].trim().to_lowercase());
    }
    if let Some(collation) = row.get("collation_name").filter(|name| Some(*name) != table_collation) {
        options.push(format!("collate {collation}"));
    }
    for word in ["INVISIBLE", "WITHOUT SYSTEM VERSIONING"] {
        if has(word) {
            options.push(word.to_lowercase());
        }
    }
    Column {
        name: row.text("column_name"),
        data_type: row.text("column_type"),
        nullable: row.get("is_nullable") == Some("YES"),
        default: if generated.is_some() {
            None
        } else {
            default(engine, &row.text("column_type"), row.get("column_default"), &extra)
        },
        generated: generated.map(|expression| format!("{expression} {kept}")),
        options,
    }
}

/// What MySQL says of a column whose default is an expression.
const EXPRESSION: &str = "DEFAULT_GENERATED";

/// MariaDB tells an expression; MySQL tells an expression without its parentheses, or the bare content of a literal.
fn default(engine: Engine, data_type: &str, text: Option<&str>, extra: &str) -> Option<String> {
    let text = text?;
    if engine == Engine::Mariadb {
        return (text != "NULL").then(|| text.to_owned());
    }
    let is_bytes = data_type.starts_with("bit") || data_type.contains("binary");
    Some(match extra.contains(EXPRESSION) {
        // The only one that stands without parentheses, and then means the type's own precision.
        true if text.starts_with("CURRENT_TIMESTAMP") => text.to_owned(),
        true => format!("({text})"),
        false if is_bytes => text.to_owned(),
        false => literal(text),
    })
}

fn add_index(table: &mut Table, engine: Engine, name: String, parts: &[Texts]) {
    let keys = parts.iter().map(index_part).collect::<Vec<_>>().join(", ");
    let unique = parts[0].get("non_unique") == Some("0");
    if name == "PRIMARY" {
        let columns = parts.iter().map(|part| part.text("column_name")).collect();
        let definition = format!("PRIMARY KEY ({keys})");
        table.constraints.insert(name, Constraint { kind: ConstraintKind::PrimaryKey, columns, definition });
        return;
    }
    let kind = match (parts[0].get("index_type"), unique) {
        (Some("FULLTEXT"), _) => "FULLTEXT KEY",
        (Some("SPATIAL" | "RTREE"), _) => "SPATIAL KEY",
        (_, true) => "UNIQUE KEY",
        _ => "KEY",
    };
    let using = if parts[0].get("index_type") == Some("HASH") { " USING HASH" } else { "" };
    let hidden = match (parts[0].get("hidden"), engine) {
        (Some("YES"), Engine::Mariadb) => " IGNORED",
        (Some("YES"), _) => " INVISIBLE",
        _ => "",
    };
    let definition = format!("{kind} {} ({keys}){using}{hidden}", quote(&name));
    table.indexes.insert(name, Index { unique, valid: true, definition });
}

fn index_part(part: &Texts) -> String {
    let what = match (part.get("column_name"), part.get("expression")) {
        (Some(column), _) => quote(column),
        (None, expression) => format!("({})", expression.unwrap_or_default()),
    };
    let is_whole = matches!(part.get("index_type"), Some("FULLTEXT" | "SPATIAL" | "RTREE"));
    let prefix =
        part.get("sub_part").filter(|_| !is_whole).map(|length| format!("({length})")).unwrap_or_default();
    let order = if part.get("collation") == Some("D") { " DESC" } else { "" };
    format!("{what}{prefix}{order}")
}

fn foreign_key(parts: &[Texts]) -> Constraint {
    let list = |name: &str| parts.iter().map(|part| quote(&part.text(name))).collect::<Vec<_>>().join(", ");
    let first = &parts[0];
    let elsewhere = first.get("elsewhere").map(|database| format!("{}.", quote(database))).unwrap_or_default();
    let mut definition = format!(
        "FOREIGN KEY ({}) REFERENCES {elsewhere}{} ({})",
        list("column_name"),
        quote(&first.text("referenced_table_name")),
        list("referenced_column_name")
    );
    for (rule, event) in [("delete_rule", "ON DELETE"), ("update_rule", "ON UPDATE")] {
        let rule = first.text(rule);
        if !matches!(rule.as_str(), "RESTRICT" | "NO ACTION") {
            definition.push_str(&format!(" {event} {rule}"));
        }
    }
    let columns = parts.iter().map(|part| part.text("column_name")).collect();
    Constraint { kind: ConstraintKind::ForeignKey, columns, definition }
}
