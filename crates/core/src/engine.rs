//! The database engines that Lockstep knows.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A database engine. All nodes of one cluster have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL 13 and later.
    Postgres,
    /// MariaDB 10.5 and later.
    Mariadb,
    /// MySQL 8.0 and later.
    Mysql,
}

impl Engine {
    /// The name as people write it in a configuration or a plan file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Mysql => "mysql",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The text names no engine that Lockstep knows.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not an engine; write sqlite, postgres, mariadb or mysql")]
pub struct UnknownEngine(String);

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(text: &str) -> Result<Self, UnknownEngine> {
        [Self::Sqlite, Self::Postgres, Self::Mariadb, Self::Mysql]
            .into_iter()
            .find(|engine| engine.name() == text)
            .ok_or_else(|| UnknownEngine(text.to_owned()))
    }
}
