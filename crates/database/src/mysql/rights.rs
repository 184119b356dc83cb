//! What the agent's user may not do, and must be able to. See docs/mariadb.md.
//!
//! Read from what the server says was granted, to the user itself and to its roles: a refusal in the middle of a step says the same,
//! but too late, and by then the statements before it have committed. Grants on single tables are not counted: a step may make others.

use super::connect::{Server, meaning};
use super::sql::quote;
use crate::error::Error;
use crate::preflight::lacking;
use lockstep_core::Engine;
use lockstep_core::in_flight::Obstacle;
use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use std::collections::BTreeSet;

/// On the database: for the ledger with its trigger, for definitions, and for backfills.
const NEEDED: [&str; 14] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "TRIGGER",
];

const ALL: &str = "ALL PRIVILEGES";

/// What may be done in one database, and on the whole server.
#[derive(Debug, Default, PartialEq, Eq)]
struct Granted {
    database: BTreeSet<String>,
    server: BTreeSet<String>,
    /// In MySQL's performance schema.
    locks: BTreeSet<String>,
}

/// Where MySQL tells who holds tables and rows. MariaDB tells it to whoever has `PROCESS`.
const LOCKS: &str = "performance_schema";

/// What the connection's user lacks.
pub(super) struct Rights {
    pub(super) missing: Vec<Obstacle>,
    /// True when it sees the transactions of others.
    pub(super) sees_others: bool,
}

pub(super) async fn read(server: &Server, connection: &mut Conn) -> Result<Rights, Error> {
    let failed = |error: mysql_async::Error| meaning(&server.place, "looking for rights", &error);
    let who: Option<(String, Option<String>)> =
        connection.query_first("SELECT CURRENT_USER(), CURRENT_ROLE()").await.map_err(failed)?;
    let (account, roles) = who.unwrap_or_default();
    let lines: Vec<String> =
        connection.query(show_grants(server.engine, roles.as_deref())).await.map_err(failed)?;
    let granted = Granted::read(&lines, server.database());
    let missing = obstacles(server.engine, &granted, server.database(), &grantee(&account));
    Ok(Rights { missing, sees_others: granted.sees_others() })
}

/// MariaDB shows what comes from roles by itself; MySQL when it is told which.
fn show_grants(engine: Engine, roles: Option<&str>) -> String {
    match roles {
        Some(roles) if engine == Engine::Mysql && roles != "NONE" => {
            format!("SHOW GRANTS FOR CURRENT_USER() USING {roles}")
        }
        _ => "SHOW GRANTS".to_owned(),
    }
}

fn obstacles(engine: Engine, granted: &Granted, database: &str, grantee: &str) -> Vec<Obstacle> {
    let lacks = |right: &&str| !granted.database.contains(*right) && !granted.database.contains(ALL);
    let rights: Vec<&str> = NEEDED.iter().copied().filter(lacks).collect();
    let here = (!rights.is_empty()).then(|| {
        lacking(
            format!("user {grantee} lacks {} on database {database}", rights.join(", ")),
            &format!("GRANT ALL ON {}.* TO {grantee}", quote(database)),
        )
    });
    let process = (!granted.sees_others()).then(|| {
        lacking(
            format!("user {grantee} does not see what other sessions do, so nothing would seem to be in the way"),
            &format!("GRANT PROCESS ON *.* TO {grantee}"),
        )
    });
    let locks = (engine == Engine::Mysql && !granted.sees_locks()).then(|| {
        lacking(
            format!("user {grantee} does not see who holds tables and rows"),
            &format!("GRANT SELECT ON {LOCKS}.* TO {grantee}"),
        )
    });
    here.into_iter().chain(process).chain(locks).collect()
}

/// `user@host` as a statement names it.
fn grantee(account: &str) -> String {
    let (user, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    format!("{}@{}", quote(user), quote(host))
}

impl Granted {
    /// Reads lines such as ``GRANT SELECT, INSERT ON `shop`.* TO ...``. What they grant on tables and routines is left out.
    fn read(lines: &[String], database: &str) -> Self {
        let mut granted = Self::default();
        for line in lines {
            let parts = line.strip_prefix("GRANT ").and_then(|rest| rest.split_once(" ON "));
            let Some((rights, rest)) = parts else { continue };
            let scope = rest.split_once(" TO ").and_then(|(object, _)| object.strip_suffix(".*"));
            let Some(scope) = scope else { continue };
            let rights = || rights.split(", ").map(str::to_owned);
            if scope == "*" {
                granted.server.extend(rights());
                granted.database.extend(rights());
                continue;
            }
            let pattern = scope.trim_matches('`').replace("``", "`");
            if fits(&pattern, database) {
                granted.database.extend(rights());
            }
            if fits(&pattern, LOCKS) {
                granted.locks.extend(rights());
            }
        }
        granted
    }

    fn sees_others(&self) -> bool {
        self.server.contains(ALL) || self.server.contains("PROCESS")
    }

    fn sees_locks(&self) -> bool {
        [&self.server, &self.locks].iter().any(|rights| rights.contains(ALL) || rights.contains("SELECT"))
    }
}

/// Whether a name fits a pattern in which `_` is any character, `%` any text, and a backslash takes the next one as it is.
fn fits(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('%') => {
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| fits(rest.as_str(), &name[at..]))
        }
        Some(first) => {
            let wanted = if first == '\\' { rest.next() } else { Some(first).filter(|first| *first != '_') };
            let mut letters = name.chars();
            letters.next().is_some_and(|letter| {
                wanted.is_none_or(|wanted| wanted == letter) && fits(rest.as_str(), letters.as_str())
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], wanted: &[&str]) {
        check_on(Engine::Mariadb, lines, wanted);
    }

    fn check_on(engine: Engine, lines: &[&str], wanted: &[&str]) {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let found = obstacles(engine, &Granted::read(&lines, "shop_a"), "shop_a", "`u`@`h`");
        let found: Vec<String> =
            found.into_iter().map(|obstacle| format!("{}: {}", obstacle.message, obstacle.remedy)).collect();
        assert_eq!(found, wanted, "{lines:?}");
    }

    #[test]
    fn grants_to_the_user_and_to_roles_are_counted_where_they_fit() {
        let process = "user `u`@`h` does not see what other sessions do, so nothing would seem to be in the way: \
                       let an administrator run GRANT PROCESS ON *.* TO `u`@`h`";
        let two = "user `u`@`h` lacks ALTER, TRIGGER on database shop_a: \
                   let an administrator run GRANT ALL ON `shop_a`.* TO `u`@`h`";
        let some = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE";
        check(&["GRANT ALL PRIVILEGES ON *.* TO `u`@`h` WITH GRANT OPTION"], &[]);
        check(
            &["GRANT PROCESS, SLAVE MONITOR ON *.* TO `u`@`h`", r"GRANT ALL PRIVILEGES ON `shop\_a`.* TO `owner`"],
            &[],
        );
        check(&["GRANT ALL PRIVILEGES ON `shop%`.* TO `u`@`h`"], &[process]);
        check(
            &[
                "GRANT PROCESS ON *.* TO `u`@`h`",
                &format!("GRANT {some} ON `shop_a`.* TO `u`@`h`"),
                "GRANT ALTER ON `shop_a`.`users` TO `u`@`h`",
            ],
            &[two],
        );
        check(
            &[
                "GRANT PROCESS ON *.* TO `u`@`h`",
                &format!("GRANT {some} ON *.* TO `u`@`h`"),
                "GRANT ALL PRIVILEGES ON `shop`.* TO `u`@`h`",
            ],
            &[two],
        );
    }

    #[test]
    fn mysql_tells_who_holds_what_to_those_who_may_read_it() {
        let (process, all) = ("GRANT PROCESS ON *.* TO `u`@`h`", "GRANT ALL PRIVILEGES ON `shop_a`.* TO `u`@`h`");
        let locks = "user `u`@`h` does not see who holds tables and rows: \
                     let an administrator run GRANT SELECT ON performance_schema.* TO `u`@`h`";
        check_on(Engine::Mysql, &[process, all], &[locks]);
        check_on(Engine::Mysql, &[process, all, "GRANT SELECT ON `performance_schema`.* TO `u`@`h`"], &[]);
        check_on(Engine::Mysql, &["GRANT SELECT, PROCESS ON *.* TO `u`@`h`", all], &[]);
    }

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, wanted) in [
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("sh_p", "shöp", true),
            (r"sh\_p", "shop", false),
            (r"sh\_p", "sh_p", true),
            ("%", "", true),
            ("s%p", "shop", true),
            ("s%x", "shop", false),
        ] {
            assert_eq!(fits(pattern, name), wanted, "{pattern} {name}");
        }
    }
}
