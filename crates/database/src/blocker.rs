//! Who holds what a job needs.

use crate::error::beginning;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A transaction of somebody else's that stands in the way of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blocker {
    /// The process (PostgreSQL) or connection (MariaDB, MySQL); `None` where there is none, or the engine does not tell.
    pub process: Option<u64>,
    /// Whose it is; empty when the agent may not see it.
    pub user: String,
    /// What the client calls itself, or where it comes from.
    pub application: String,
    /// How long the transaction has been open, in milliseconds; `None` when the agent may not see it.
    pub age_ms: Option<u64>,
    /// The beginning of its last statement.
    pub query: String,
    /// What it holds, for people.
    pub holds: String,
    /// False: the engine does not tell what it holds, and it may be nothing of what the job needs.
    pub is_certain: bool,
    /// What ends it.
    pub remedy: String,
}

impl Blocker {
    /// One whose statement is cut to its beginning.
    pub(crate) fn with_query(self, query: &str) -> Self {
        Self { query: beginning(query), ..self }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.process {
            Some(process) => write!(formatter, "process {process}")?,
            None => write!(formatter, "another process")?,
        }
        let named = [("user ", &self.user), ("application ", &self.application)];
        let names: Vec<String> = named
            .iter()
            .filter(|(_, name)| !name.is_empty())
            .map(|(what, name)| format!("{what}{name}"))
            .collect();
        if !names.is_empty() {
            write!(formatter, " ({})", names.join(", "))?;
        }
        write!(formatter, " {} {}", if self.is_certain { "holds" } else { "may hold" }, self.holds)?;
        if let Some(age_ms) = self.age_ms {
            write!(formatter, " since {} s", age_ms / 1_000)?;
        }
        if !self.query.is_empty() {
            write!(formatter, ", last statement: {}", self.query)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_knows() {
        let blocker = Blocker { holds: "users".to_owned(), ..Blocker::default() };
        assert_eq!(blocker.to_string(), "another process may hold users");
        let known = Blocker {
            process: Some(7),
            user: "app".to_owned(),
            application: "reports".to_owned(),
            age_ms: Some(9_400),
            is_certain: true,
            ..blocker
        };
        assert_eq!(
            known.with_query("SELECT 1").to_string(),
            "process 7 (user app, application reports) holds users since 9 s, last statement: SELECT 1"
        );
    }
}
