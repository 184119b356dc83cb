//! PostgreSQL 13 to 18.

mod add_column;
mod add_constraint;
mod alter_column;
mod alter_object;
mod alter_table;
mod alter_table_more;
mod alter_table_unparsed;
mod alter_type;
mod alter_user_type;
mod by_words;
mod column;
mod constraint;
mod create_object;
mod create_table;
mod delete;
mod dml;
mod do_block;
mod drop_column;
mod drop_constraint;
mod drop_table;
mod enums;
mod fill;
mod foreign;
mod formless;
mod function;
mod handover;
mod identity;
mod identity_change;
mod index;
mod lock;
mod naming;
mod not_null;
mod notes;
mod numbering;
mod object;
mod opaque;
mod partition;
mod partition_index;
mod pointing;
mod query;
mod refused;
mod rename_column;
mod rename_table;
mod reworded;
mod rewrite;
mod rewriting;
mod rights;
mod sequences;
mod simple;
mod sync;
mod table_name;
mod twin;
mod types;
mod update;
mod view;
mod volatility;
mod widening;

use crate::catalog::{Catalog, Known};
use crate::draft::Drafts;
use crate::name;
use crate::plan::{Refusal, Target};
use crate::script::{Kind, Statement};
use lockstep_core::schema::{Column, ConstraintKind, Table};
use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use table_name::Name;

/// What a rule works with.
struct Rule<'a> {
    target: Target,
    statement: &'a Statement,
    catalog: &'a mut Catalog,
}

/// What a rule gives.
type Planned = Result<Drafts, Refusal>;

/// What to do for a statement.
pub(super) fn plan(target: Target, statement: &Statement, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    let mut drafts = of_statement(&mut Rule { target, statement, catalog })?;
    for draft in &mut drafts.steps {
        partition_index::lock_partitions(catalog, draft);
    }
    Ok(drafts)
}

fn of_statement(rule: &mut Rule<'_>) -> Planned {
    if matches!(rule.statement.kind, Kind::Parsed(_))
        && !rule.statement.says(&crate::script::Directive::Opaque)
        && let Some(text) = rewrite::printed_otherwise(&rule.statement.sql)
    {
        return Err(Refusal::new(
            format!(
                "`{text}` has quotation marks side by side or behind a backslash, and would not be carried over as it is"
            ),
            "write a text between dollar quotes ($$...$$), and give a name that has no such marks",
        ));
    }
    match &rule.statement.kind {
        _ if rule.statement.says(&crate::script::Directive::Opaque) => opaque::accepted(rule),
        Kind::Opaque(reason) => not_parsed(rule, reason),
        Kind::Parsed(parsed) => parsed_statement(rule, parsed),
    }
}

/// What the parser does not know, looked at more closely.
fn not_parsed(rule: &mut Rule<'_>, reason: &str) -> Planned {
    if let Some(parsed) = reworded::parse(&rule.statement.sql) {
        return parsed_statement(rule, &parsed);
    }
    let before = rule.catalog.clone();
    if let Some(planned) = do_block::plan(rule) {
        return planned;
    }
    *rule.catalog = before;
    opaque::plan(rule, reason)
}

/// The one statement that a text is.
fn parsed(sql: &str) -> Option<ast::Statement> {
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?;
    <[ast::Statement; 1]>::try_from(statements).ok().map(|[statement]| statement)
}

fn parsed_statement(rule: &mut Rule<'_>, parsed: &ast::Statement) -> Planned {
    if let Some(planned) = formless::plan(rule, parsed) {
        return planned;
    }
    match parsed {
        ast::Statement::Query(query) => query::plan(rule, query),
        ast::Statement::Analyze(analyze) => simple::analyze(rule, analyze),
        ast::Statement::CreateTable(create) => create_table::plan(rule, create),
        ast::Statement::AlterTable(alter) => alter_table::plan(rule, alter),
        ast::Statement::CreateIndex(create) => index::create(rule, create),
        ast::Statement::Insert(insert) => dml::insert(rule, insert),
        ast::Statement::Update(changed) => update::plan(rule, changed),
        ast::Statement::Delete(deleted) => delete::plan(rule, deleted),
        ast::Statement::Drop { object_type, if_exists, names, cascade, .. } => match object_type {
            ast::ObjectType::Table => drop_table::plan(rule, names, *if_exists, *cascade),
            ast::ObjectType::Index => index::drop(rule, names, *if_exists),
            ast::ObjectType::View => view::drop(rule, names, *if_exists, *cascade, false),
            ast::ObjectType::MaterializedView => view::drop(rule, names, *if_exists, *cascade, true),
            ast::ObjectType::Sequence => simple::drop_sequence(rule, names, *if_exists),
            ast::ObjectType::Type => enums::drop(rule, names, *if_exists, "TYPE"),
            ast::ObjectType::Schema => simple::drop_schema(rule, names, *if_exists, *cascade),
            _ => refused::or(&opaque::Words::of(&rule.statement.sql).upper(), opaque::no_rule),
        },
        _ => other_objects(rule, parsed),
    }
}

fn other_objects(rule: &mut Rule<'_>, parsed: &ast::Statement) -> Planned {
    match parsed {
        ast::Statement::CreateView(create) => view::create(rule, create),
        ast::Statement::CreateFunction(create) => function::create(rule, create),
        ast::Statement::DropFunction(dropped) => function::drop(rule, dropped),
        ast::Statement::CreateTrigger(create) => function::create_trigger(rule, create),
        ast::Statement::DropTrigger(dropped) => function::drop_trigger(rule, dropped),
        ast::Statement::CreateType { name, representation } => enums::create(rule, name, representation.as_ref()),
        ast::Statement::CreateDomain(create) => enums::create_domain(rule, create),
        ast::Statement::DropDomain(dropped) => {
            enums::drop(rule, std::slice::from_ref(&dropped.name), dropped.if_exists, "DOMAIN")
        }
        ast::Statement::AlterType(alter) => enums::alter(rule, alter),
        ast::Statement::CreateSequence { name, data_type, if_not_exists, .. } => {
            simple::create_sequence(rule, name, data_type.as_ref(), *if_not_exists)
        }
        ast::Statement::CreateSchema { schema_name, if_not_exists, .. } => {
            simple::create_schema(rule, schema_name, *if_not_exists)
        }
        ast::Statement::CreateExtension(create) => simple::create_extension(rule, create),
        ast::Statement::DropExtension(dropped) => simple::drop_extension(rule, dropped),
        ast::Statement::Comment { object_type, object_name, .. } => {
            simple::comment(rule, *object_type, object_name)
        }
        ast::Statement::Grant(grant) => rights::grant(rule, grant),
        ast::Statement::Revoke(revoke) => rights::revoke(rule, revoke),
        ast::Statement::CreatePolicy(create) => simple::create_policy(rule, create),
        ast::Statement::DropPolicy(dropped) => simple::drop_policy(rule, dropped),
        ast::Statement::AlterIndex { name, operation } => simple::rename_index(rule, name, operation),
        _ => opaque::plan(rule, "there is no rule for it yet"),
    }
}

/// A table that must be there.
struct Found {
    name: Name,
    table: Table,
    /// This change made it: nobody uses it.
    is_new: bool,
}

impl Found {
    fn column(&self, column: &str) -> Result<&Column, Refusal> {
        self.table.columns.iter().find(|known| known.name == column).ok_or_else(|| {
            Refusal::new(
                format!("table {} has no column `{column}`", self.name.key()),
                "correct the name, or plan against a database whose schema is up to date",
            )
        })
    }

    /// Columns by which a backfill can go through the table: of the primary key, or of a unique constraint without NULL.
    fn key(&self) -> Option<Vec<String>> {
        let nullable = |column: &String| self.column(column).is_ok_and(|column| column.nullable);
        let primary = |kind| self.table.constraints.values().find(|constraint| constraint.kind == kind);
        let unique = || {
            self.table.constraints.values().find(|constraint| {
                constraint.kind == ConstraintKind::Unique && !constraint.columns.iter().any(nullable)
            })
        };
        primary(ConstraintKind::PrimaryKey).or_else(unique).map(|constraint| constraint.columns.clone())
    }

    /// What proves that there is no row: a name, and the query that finds one.
    fn without_rows(&self) -> (String, String) {
        (format!("table {} is empty", self.name.key()), format!("SELECT * FROM {}", self.name.sql()))
    }

    fn key_to_fill(&self) -> Result<Vec<String>, Refusal> {
        self.key().ok_or_else(|| {
            Refusal::new(
                format!(
                    "table {} has no primary key by which its rows could be filled in batches",
                    self.name.key()
                ),
                "add a primary key first, or a unique constraint on columns that are NOT NULL",
            )
        })
    }

    /// As [`Self::key_to_fill`], for rows that show whether they still need it: where they lie is key enough, from PostgreSQL 14 on.
    fn key_or_place(&self, target: Target) -> Result<Vec<String>, Refusal> {
        let is_partitioned = self.table.options.contains_key("partition by");
        match self.key_to_fill() {
            Err(_) if target.version >= 14 && !is_partitioned => Ok(vec!["ctid".to_owned()]),
            key => key,
        }
    }
}

impl Rule<'_> {
    /// A table of which facts are needed.
    fn found(&self, written: &ast::ObjectName) -> Result<Found, Refusal> {
        self.found_named(Name::of(written)?)
    }

    fn found_named(&self, name: Name) -> Result<Found, Refusal> {
        let key = name.key();
        match self.catalog.table(&key) {
            Known::Table(table) if foreign::is_foreign(table) => Err(foreign::refusal(&name)),
            Known::Table(table) => {
                Ok(Found { table: table.clone(), is_new: self.catalog.is_created_here(&key), name })
            }
            Known::Absent => Err(Refusal::new(
                format!("there is no table {key}"),
                "correct the name, or plan against a database whose schema is up to date",
            )),
            Known::Unknown if self.catalog.is_created_here(&key) => {
                Ok(Found { table: Table::default(), is_new: true, name })
            }
            Known::Unknown => Err(Refusal::new(
                format!("nothing is known of table {key}, and a safe plan depends on what it is like"),
                "plan against a cluster, or put the CREATE TABLE into a file of the schema that is read before",
            )),
        }
    }

    /// True when the node that was looked at has no row in it. Others may have rows, and clients may write some.
    fn is_empty_here(&self, found: &Found) -> bool {
        self.rows(&found.name) == Some(0)
    }

    fn rows(&self, table: &Name) -> Option<u64> {
        self.catalog.rows(&table.key())
    }

    fn table_mut(&mut self, table: &Name) -> &mut Table {
        self.catalog.schema.tables.entry(table.key()).or_default()
    }

    fn column_mut(&mut self, table: &Name, column: &str) -> Option<&mut Column> {
        self.table_mut(table).columns.iter_mut().find(|known| known.name == column)
    }

    /// What undoes the statement, by directive.
    fn directed_revert(&self) -> Option<Vec<String>> {
        Some(self.statement.reverts()).filter(|reverts| !reverts.is_empty())
    }

    /// As [`Rule::directed_revert`]; an error when it says nothing and that is not accepted.
    fn revert_by_directive(&self, reason: &str) -> Result<Option<Vec<String>>, Refusal> {
        if let Some(reverts) = self.directed_revert() {
            return Ok(Some(reverts));
        }
        if self.statement.says(&crate::script::Directive::Irreversible) {
            return Ok(None);
        }
        Err(Refusal::new(
            reason,
            "say what undoes it with `-- lockstep: revert STATEMENT` above it, or accept that nothing does with \
             `-- lockstep: irreversible`",
        ))
    }
}

/// Drafts that touch one table.
fn on(table: &Name, steps: Vec<crate::draft::Draft>) -> Drafts {
    Drafts { steps, touches: vec![table.key()], ..Drafts::default() }
}

/// A quoted column name.
fn q(column: &str) -> String {
    name::quote(column)
}

/// A text as a statement writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Quoted column names with commas between.
fn q_list(columns: &[String]) -> String {
    columns.iter().map(|column| name::quote(column)).collect::<Vec<_>>().join(", ")
}

/// Rows in a batch at most: the executor starts smaller and goes by the time that a batch takes.
const BATCH_ROWS_MAX: u32 = 10_000;
