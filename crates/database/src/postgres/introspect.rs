//! The schema of a database, read from the system catalogues as the server itself prints it.

use super::connect::{Server, meaning};
use crate::error::Error;
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Index, Schema, Table};
use tokio_postgres::{IsolationLevel, Row, Transaction};

/// With an empty search path the server prints every name with its schema, so that no session's setting shows.
pub(super) const SESSION_SETTINGS: &str = "SET search_path = ''; SET lock_timeout = '2s'";

/// As [`SESSION_SETTINGS`], for one transaction.
const SETTINGS: &str = "SET LOCAL search_path = ''; SET LOCAL lock_timeout = '2s'";

/// How often a definition may vanish while it is read, because somebody drops it.
const ATTEMPTS_MAX: u32 = 3;

/// What is left out of `pg_class`: the system's, Lockstep's, sessions' own, and what extensions made.
const OURS: &str = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'lockstep')
    AND n.nspname NOT LIKE 'pg\\_temp\\_%' AND n.nspname NOT LIKE 'pg\\_toast\\_temp\\_%'";

pub(super) async fn schema(server: &Server) -> Result<Schema, Error> {
    let mut attempt = 1;
    loop {
        match read(server).await {
            Err(Error::Statement { .. } | Error::Busy { .. }) if attempt < ATTEMPTS_MAX => attempt += 1,
            result => return result,
        }
    }
}

async fn read(server: &Server) -> Result<Schema, Error> {
    let mut client = server.connect().await?;
    let failed = |error: tokio_postgres::Error| meaning(&server.place, "introspection", &error);
    let snapshot = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await
        .map_err(failed)?;
    snapshot.batch_execute(SETTINGS).await.map_err(failed)?;
    let catalogue = Catalogue { place: &server.place, snapshot };
    let mut schema = Schema::default();
    catalogue.tables(&mut schema).await?;
    catalogue.columns(&mut schema).await?;
    catalogue.constraints(&mut schema).await?;
    catalogue.indexes(&mut schema).await?;
    catalogue.triggers(&mut schema).await?;
    catalogue.policies(&mut schema).await?;
    for (kind, sql) in objects() {
        catalogue.objects(&mut schema, kind, &sql).await?;
    }
    Ok(schema)
}

struct Catalogue<'a> {
    place: &'a str,
    snapshot: Transaction<'a>,
}

impl Catalogue<'_> {
    async fn rows(&self, sql: &str) -> Result<Vec<Row>, Error> {
        self.snapshot.query(sql, &[]).await.map_err(|error| meaning(self.place, sql, &error))
    }

    async fn tables(&self, schema: &mut Schema) -> Result<(), Error> {
        let sql = format!(
            "SELECT c.oid::regclass::text,
                CASE c.relkind WHEN 'f' THEN 'foreign' WHEN 'm' THEN pg_get_viewdef(c.oid) END,
                CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
                CASE WHEN c.relrowsecurity THEN CASE WHEN c.relforcerowsecurity THEN 'forced' ELSE 'enabled' END END,
                pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid),
                (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                 FROM pg_inherits i WHERE i.inhrelid = c.oid)
             FROM {}",
            classes("")
        );
        const NAMES: [&str; 6] =
            ["definition", "persistence", "row security", "partition by", "partition for", "inherits"];
        for row in self.rows(&sql).await? {
            let mut table = Table::default();
            for (position, name) in NAMES.iter().enumerate() {
                if let Some(value) = row.get::<_, Option<String>>(position + 1) {
                    table.options.insert((*name).to_owned(), value);
                }
            }
            schema.tables.insert(row.get(0), table);
        }
        Ok(())
    }

    async fn columns(&self, schema: &mut Schema) -> Result<(), Error> {
        let sql = format!(
            "SELECT c.oid::regclass::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated::text,
                CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END
             FROM {} ORDER BY c.oid, a.attnum",
            classes(
                "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                 JOIN pg_type t ON t.oid = a.atttypid
                 LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
            )
        );
        for row in self.rows(&sql).await? {
            if let Some(table) = schema.tables.get_mut(row.get::<_, &str>(0)) {
                table.columns.push(column(&row));
            }
        }
        Ok(())
    }

    async fn constraints(&self, schema: &mut Schema) -> Result<(), Error> {
        let sql = format!(
            "SELECT c.oid::regclass::text, k.conname::text, k.contype::text, pg_get_constraintdef(k.oid),
                coalesce((SELECT array_agg(a.attname::text ORDER BY p.position)
                    FROM unnest(k.conkey) WITH ORDINALITY p(number, position)
                    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.number), '{{}}')
             FROM {} AND k.contype IN ('p', 'u', 'f', 'c', 'x')",
            classes("JOIN pg_constraint k ON k.conrelid = c.oid")
        );
        for row in self.rows(&sql).await? {
            let kind = match row.get::<_, &str>(2) {
                "p" => ConstraintKind::PrimaryKey,
                "u" => ConstraintKind::Unique,
                "f" => ConstraintKind::ForeignKey,
                "x" => ConstraintKind::Exclusion,
                _ => ConstraintKind::Check,
            };
            if let Some(table) = schema.tables.get_mut(row.get::<_, &str>(0)) {
                let constraint = Constraint { kind, definition: row.get(3), columns: row.get(4) };
                table.constraints.insert(row.get(1), constraint);
            }
        }
        Ok(())
    }

    async fn indexes(&self, schema: &mut Schema) -> Result<(), Error> {
        let sql = format!(
            "SELECT c.oid::regclass::text, x.relname::text, i.indisunique, i.indisvalid AND i.indisready,
                pg_get_indexdef(i.indexrelid)
             FROM {} AND NOT EXISTS (
                SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))",
            classes("JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid")
        );
        for row in self.rows(&sql).await? {
            if let Some(table) = schema.tables.get_mut(row.get::<_, &str>(0)) {
                let index = Index { unique: row.get(2), valid: row.get(3), definition: row.get(4) };
                table.indexes.insert(row.get(1), index);
            }
        }
        Ok(())
    }

    async fn triggers(&self, schema: &mut Schema) -> Result<(), Error> {
        let sql = format!(
            "SELECT c.oid::regclass::text, t.tgname::text, pg_get_triggerdef(t.oid) ||
                CASE t.tgenabled WHEN 'O' THEN '' WHEN 'D' THEN ' (disabled)' ELSE ' (' || t.tgenabled::text || ')' END
             FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE {OURS} AND NOT t.tgisinternal",
        );
        for row in self.rows(&sql).await? {
            let (relation, name, definition): (String, String, String) = (row.get(0), row.get(1), row.get(2));
            match schema.tables.get_mut(&relation) {
                Some(table) => table.triggers.insert(name, definition),
                // A trigger on a view belongs to no table.
                None => {
                    let triggers = schema.objects.entry("trigger".to_owned()).or_default();
                    triggers.insert(format!("{name} of {relation}"), definition)
                }
            };
        }
        Ok(())
    }

    async fn policies(&self, schema: &mut Schema) -> Result<(), Error> {
        let sql = format!(
            "SELECT c.oid::regclass::text, p.polname::text, concat_ws(' ', p.polcmd::text,
                CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END,
                (SELECT string_agg(coalesce(r.rolname::text, 'public'), ', ' ORDER BY r.rolname)
                 FROM unnest(p.polroles) o(id) LEFT JOIN pg_roles r ON r.oid = o.id),
                'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
             FROM {}",
            classes("JOIN pg_policy p ON p.polrelid = c.oid")
        );
        for row in self.rows(&sql).await? {
            if let Some(table) = schema.tables.get_mut(row.get::<_, &str>(0)) {
                table.options.insert(format!("policy {}", row.get::<_, &str>(1)), row.get(2));
            }
        }
        Ok(())
    }

    async fn objects(&self, schema: &mut Schema, kind: &str, sql: &str) -> Result<(), Error> {
        for row in self.rows(sql).await? {
            let definition: Option<String> = row.get(1);
            schema.objects.entry(kind.to_owned()).or_default().insert(row.get(0), definition.unwrap_or_default());
        }
        Ok(())
    }
}

/// Tables, partitioned tables, materialised views and foreign tables, as `c`, with what is joined to them.
pub(super) fn classes(joined: &str) -> String {
    format!(
        "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace {joined}
         WHERE {OURS} AND c.relkind IN ('r', 'p', 'm', 'f') AND {}",
        not_of_extension("pg_class", "c.oid")
    )
}

fn not_of_extension(class: &str, id: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM pg_depend e
            WHERE e.classid = '{class}'::regclass AND e.objid = {id} AND e.deptype = 'e')"
    )
}

fn column(row: &Row) -> Column {
    let expression: Option<String> = row.get(4);
    let (identity, generated): (&str, &str) = (row.get(5), row.get(6));
    let (default, generated) = match generated {
        "" => (expression, None),
        "s" => (None, expression.map(|expression| format!("{expression} stored"))),
        _ => (None, expression.map(|expression| format!("{expression} virtual"))),
    };
    let identity = match identity {
        "" => None,
        "a" => Some("identity always".to_owned()),
        _ => Some("identity by default".to_owned()),
    };
    let collation: Option<String> = row.get(7);
    Column {
        name: row.get(1),
        data_type: row.get(2),
        nullable: !row.get::<_, bool>(3),
        default,
        generated,
        options: identity.into_iter().chain(collation.map(|name| format!("collate {name}"))).collect(),
    }
}

/// Kinds of objects that belong to no table, each with a query of names and definitions.
fn objects() -> Vec<(&'static str, String)> {
    vec![
        ("schema", format!("SELECT quote_ident(n.nspname), NULL FROM pg_namespace n WHERE {OURS}")),
        (
            "extension",
            "SELECT extname::text, extnamespace::regnamespace::text FROM pg_extension WHERE extname <> 'plpgsql'".to_owned(),
        ),
        (
            "view",
            format!(
                "SELECT c.oid::regclass::text, concat_ws(' ', array_to_string(c.reloptions, ' '), pg_get_viewdef(c.oid))
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE {OURS} AND c.relkind = 'v' AND {}",
                not_of_extension("pg_class", "c.oid")
            ),
        ),
        (
            "sequence",
            format!(
                "SELECT c.oid::regclass::text, concat_ws(' ', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'by',
                    s.seqincrement, 'from', s.seqmin, 'to', s.seqmax, 'cache', s.seqcache,
                    CASE WHEN s.seqcycle THEN 'cycle' END)
                 FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE {OURS} AND {}",
                not_of_extension("pg_class", "c.oid")
            ),
        ),
        (
            "function",
            format!(
                "SELECT p.oid::regprocedure::text,
                    CASE WHEN p.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END
                 FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OURS} AND {}",
                not_of_extension("pg_proc", "p.oid")
            ),
        ),
        (
            "type",
            format!(
                "SELECT t.oid::regtype::text, CASE t.typtype
                    WHEN 'e' THEN (SELECT 'enum ' || string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)
                        FROM pg_enum l WHERE l.enumtypid = t.oid)
                    WHEN 'd' THEN concat_ws(' ', 'domain', format_type(t.typbasetype, t.typtypmod),
                        CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault,
                        (SELECT string_agg(k.conname || ' ' || pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname)
                         FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
                    WHEN 'c' THEN (SELECT 'composite ' || string_agg(
                            quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
                        FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
                    ELSE 'range' END
                 FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
                 WHERE {OURS} AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')) AND {}",
                not_of_extension("pg_type", "t.oid")
            ),
        ),
        (
            "rule",
            format!(
                "SELECT r.rulename || ' of ' || c.oid::regclass::text, pg_get_ruledef(r.oid)
                 FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE {OURS} AND r.rulename <> '_RETURN'"
            ),
        ),
        (
            "statistics",
            format!(
                "SELECT format('%I.%I', n.nspname, s.stxname), pg_get_statisticsobjdef(s.oid)
                 FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE {OURS}"
            ),
        ),
    ]
}
