//! How releases say things to each engine.

use super::form::{Known, KnownTable};
use super::kind::Kind;
use lockstep_core::Engine;
use lockstep_database::plain::Value;

#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect(pub(super) Engine);

impl Dialect {
    fn is_mysql(self) -> bool {
        matches!(self.0, Engine::Mariadb | Engine::Mysql)
    }

    pub(super) fn quote(self, name: &str) -> String {
        if self.is_mysql() {
            return format!("`{}`", name.replace('`', "``"));
        }
        lockstep_planner::name::quote(name)
    }

    /// A table or view as a schema names it. PostgreSQL's keys are names as statements write them.
    pub(super) fn relation(self, key: &str) -> String {
        if self.0 == Engine::Postgres { key.to_owned() } else { self.quote(key) }
    }

    /// What a connection is told first.
    pub(super) fn session(self) -> &'static str {
        match self.0 {
            Engine::Sqlite => "PRAGMA foreign_keys = ON",
            Engine::Postgres => "SET TIME ZONE 'UTC'",
            Engine::Mariadb | Engine::Mysql => "SET time_zone = '+00:00'",
        }
    }

    /// A column in a list of what is selected. SQLite's values keep the class in which they are stored.
    pub(super) fn told(self, column: &Known) -> String {
        let name = match &column.inside {
            Some(whole) => format!("({}).{}", self.quote(whole), self.quote(&column.name)),
            None => self.quote(&column.name),
        };
        match self.0 {
            Engine::Sqlite => name,
            Engine::Postgres => format!("{name}::text"),
            Engine::Mariadb | Engine::Mysql if column.kind == Kind::Point => format!("ST_AsText({name})"),
            Engine::Mariadb | Engine::Mysql => format!("CAST({name} AS char)"),
        }
    }

    /// A column that is written.
    pub(super) fn written(self, column: &Known) -> String {
        let whole = column.inside.as_ref().map(|whole| format!("{}.", self.quote(whole)));
        format!("{}{}", whole.unwrap_or_default(), self.quote(&column.name))
    }

    /// Puts a value into a statement; with `says_type` says the name of its type, if the release knows one.
    ///
    /// PostgreSQL keeps the types of a prepared statement's places, so there values of columns that change their type are literals;
    /// it keeps what the name of a type meant, too, so the number in `says_type` makes the statement another one each time.
    pub(super) fn place(
        self,
        column: &Known,
        value: &Value,
        says_type: Option<i64>,
        values: &mut Vec<Value>,
    ) -> String {
        let bound = match (self.0, &column.kind, value) {
            (_, _, Value::Null) => return "NULL".to_owned(),
            (Engine::Mariadb | Engine::Mysql, Kind::Point, Value::Text(text)) => {
                return format!("ST_GeomFromText({})", literal(text));
            }
            (Engine::Postgres, _, Value::Text(text)) if column.is_converted() => return literal(text),
            (Engine::Postgres, Kind::Integer, Value::Text(text)) => {
                Value::Integer(text.parse().unwrap_or_default())
            }
            (Engine::Postgres, Kind::Text, _) if column.own_type.is_none() => value.clone(),
            (Engine::Postgres, _, Value::Text(text)) => {
                let name = column.own_type.as_ref().filter(|_| column.says_type);
                let cast = name.zip(says_type).map(|(name, number)| format!("::{name} /* {number} */"));
                return format!("{}{}", literal(text), cast.unwrap_or_default());
            }
            _ => value.clone(),
        };
        values.push(bound);
        format!("${}", values.len())
    }

    /// What makes an INSERT change the row that is there already.
    pub(super) fn or_update(self, table: &KnownTable, set: &[&Known]) -> String {
        let assign = |column: &&Known| {
            let name = self.written(column);
            match &column.inside {
                _ if self.is_mysql() => format!("{name} = VALUES({name})"),
                Some(whole) => format!("{name} = (excluded.{}).{}", self.quote(whole), self.quote(&column.name)),
                None => format!("{name} = excluded.{name}"),
            }
        };
        let assignments = set.iter().map(assign).collect::<Vec<_>>().join(", ");
        if self.is_mysql() {
            return format!("ON DUPLICATE KEY UPDATE {assignments}");
        }
        let key: Vec<String> = table.key.iter().map(|column| self.quote(column)).collect();
        format!("ON CONFLICT ({}) DO UPDATE SET {assignments}", key.join(", "))
    }

    /// The verb that puts a row in the place of the one that has its key, where there is one.
    pub(super) fn replace(self) -> Option<&'static str> {
        match self.0 {
            Engine::Sqlite => Some("INSERT OR REPLACE"),
            Engine::Postgres => None,
            Engine::Mariadb | Engine::Mysql => Some("REPLACE"),
        }
    }

    /// True: the key that a row was given is asked for in a statement of its own.
    pub(super) fn asks_for_key(self) -> Option<&'static str> {
        self.is_mysql().then_some("SELECT LAST_INSERT_ID()")
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
