//! Reads a file that a database already has into the catalog. Nothing is planned.

use crate::catalog::Catalog;
use crate::plan::{self, Error, Target};
use crate::rules;
use crate::script::Statement;

/// Moves the catalog on by a file that a database already has: a schema, such as a dump without its data, or an earlier change.
/// What no table depends on (owners, grants, comments, functions, sequences, ...) is passed over where it has no rule.
///
/// # Errors
///
/// See [`Error`]; never retryable. The catalog is then somewhere in between.
pub fn replay(target: Target, file: &str, text: &str, catalog: &mut Catalog) -> Result<(), Error> {
    let statements = plan::read(target, file, text)?.statements;
    let mut rest = &statements[..];
    while let Some(statement) = rest.first() {
        let (taken, drafts) = rules::plan(target, rest, catalog);
        match drafts {
            Err(refusal) if !is_of_no_table(statement) => {
                return Err(Error::Refused { file: file.to_owned(), line: statement.line, refusal });
            }
            _ => rest = &rest[taken.max(1)..],
        }
    }
    catalog.end_change();
    Ok(())
}

/// Kinds of objects that tables may use, and that are not looked into when one of these is planned for.
const KINDS: [&str; 14] = [
    "aggregate",
    "cast",
    "collation",
    "default",
    "domain",
    "extension",
    "function",
    "operator",
    "procedure",
    "publication",
    "schema",
    "sequence",
    "server",
    "type",
];

/// True when the statement leaves every table as it is, with what belongs to it.
fn is_of_no_table(statement: &Statement) -> bool {
    let sql = statement.sql.to_lowercase();
    let words: Vec<&str> =
        sql.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).collect();
    let kind = words.get(1).filter(|word| **word != "or").or(words.get(3));
    match words.first() {
        Some(&("comment" | "grant" | "revoke" | "select")) => true,
        Some(&("create" | "alter")) if kind.is_some_and(|kind| KINDS.contains(kind)) => true,
        // How the indexes of partitions belong to those of the whole.
        Some(&"alter") if words.get(1) == Some(&"index") => {
            words.windows(2).any(|pair| pair == ["attach", "partition"])
        }
        Some(&"alter") => words.windows(2).any(|pair| pair == ["owner", "to"]) && !sql.contains(','),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::replay;
    use crate::catalog::Catalog;
    use crate::plan::Target;
    use lockstep_core::Engine;

    /// What a dump says of one small database.
    const DUMP: &str = r#"
\restrict x
SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA app;
ALTER SCHEMA app OWNER TO postgres;
CREATE OR REPLACE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN; RETURN NEW; END $$;
CREATE TYPE app.mood AS ENUM ('good', 'bad');
CREATE TABLE public.users (id bigint NOT NULL, name text NOT NULL, CONSTRAINT named CHECK ((name <> ''::text)));
ALTER TABLE public.users OWNER TO postgres;
COMMENT ON TABLE public.users IS 'people';
CREATE SEQUENCE public.users_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id;
ALTER TABLE ONLY public.users ALTER COLUMN id SET DEFAULT nextval('public.users_id_seq'::regclass);
ALTER TABLE ONLY public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
CREATE INDEX users_name ON public.users USING btree (name);
GRANT SELECT ON TABLE public.users TO PUBLIC;
CREATE TABLE public.events (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE public.events_1 PARTITION OF public.events DEFAULT;
CREATE INDEX events_at ON ONLY public.events USING btree (at);
CREATE INDEX events_1_at ON public.events_1 USING btree (at);
ALTER INDEX public.events_at ATTACH PARTITION public.events_1_at;
\unrestrict x
"#;

    fn replayed(text: &str) -> Result<Catalog, String> {
        let mut catalog = Catalog::of(Default::default(), Default::default());
        let target = Target { engine: Engine::Postgres, version: 15 };
        replay(target, "dump.sql", text, &mut catalog).map(|()| catalog).map_err(|error| error.to_string())
    }

    #[test]
    fn a_dump_becomes_the_catalog() {
        let catalog = replayed(DUMP).unwrap();
        let users = &catalog.schema.tables["public.users"];
        assert_eq!(users.columns.len(), 2);
        assert!(users.indexes.contains_key("users_name"), "{users:?}");
        assert!(
            users.constraints.contains_key("users_pkey") && users.constraints.contains_key("named"),
            "{users:?}"
        );
        assert!(users.columns[0].default.is_some(), "{users:?}");
        assert!(!catalog.is_created_here("public.users"), "the table is in use");
    }

    #[test]
    fn what_tables_depend_on_is_not_passed_over() {
        for text in [
            "CLUSTER users",
            "ALTER TABLE users OWNER TO a, SET LOGGED",
            "CREATE RULE r AS ON INSERT TO users DO NOTHING",
        ] {
            assert!(replayed(text).unwrap_err().starts_with("dump.sql: line 1: "), "{text}");
        }
    }
}
