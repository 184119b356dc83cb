//! Changes with places for names, an engine a file.

mod mariadb;
mod postgres;
mod sqlite;

use lockstep_core::Engine;
use lockstep_planner::Target;

/// How many names a change has places for: `{0}` to `{9}`.
pub(crate) const NAMES: usize = 10;

/// Changes of an engine.
#[derive(Clone, Copy)]
pub(crate) struct Changes {
    pub(crate) target: Target,
    before: &'static str,
    /// One for each rule.
    pub(crate) all: &'static [&'static str],
}

pub(crate) const POSTGRES: Changes = Changes {
    target: Target { engine: Engine::Postgres, version: 15 },
    before: postgres::BEFORE,
    all: &postgres::CHANGES,
};

pub(crate) const MARIADB: Changes = Changes {
    target: Target { engine: Engine::Mariadb, version: 1011 },
    before: mariadb::BEFORE,
    all: &mariadb::CHANGES,
};

pub(crate) const SQLITE: Changes = Changes {
    target: Target { engine: Engine::Sqlite, version: 3 },
    before: sqlite::BEFORE,
    all: &sqlite::CHANGES,
};

impl Changes {
    /// The schema and rows before a change.
    pub(crate) fn before(&self, names: &[String]) -> String {
        self.change(self.before, names)
    }

    /// A change with its names.
    pub(crate) fn change(&self, text: &str, names: &[String]) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let place: usize = rest[at + 1..at + 2].parse().expect("a place for a name is a digit");
            filled.push_str(&rest[..at]);
            filled.push_str(&self.quote(&names[place]));
            rest = &rest[at + 3..];
        }
        filled + rest
    }

    fn quote(&self, name: &str) -> String {
        match self.target.engine {
            Engine::Postgres | Engine::Sqlite => lockstep_planner::name::quote(name),
            Engine::Mariadb | Engine::Mysql => format!("`{}`", name.replace('`', "``")),
        }
    }
}

/// Names of text.
pub(crate) fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
