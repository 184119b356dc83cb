//! Opening connections, and what the driver's errors mean.

use crate::error::{Error, beginning};
use lockstep_core::Engine;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the agent's connections are called in `performance_schema.session_connect_attrs`.
const PROGRAM_NAME: &str = "lockstep";

/// An agent has fewer connections at once.
const OWN_MAX: usize = 64;

/// Where a database is, and how to get in. Prints nothing secret.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) engine: Engine,
    options: Opts,
    /// Host, port and database name.
    pub(crate) place: String,
    database: String,
    /// The newest connections of the agent, by the server's ids.
    own: Arc<Mutex<VecDeque<u32>>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What a server says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) engine: Engine,
    /// `major * 100 + minor`: 1011 is MariaDB 10.11, 804 is MySQL 8.4.
    pub(crate) version: u32,
}

impl Release {
    /// Reads what `VERSION()` gives: `10.11.6-MariaDB-log`, `8.0.36`.
    fn parse(text: &str) -> Option<Self> {
        let engine = if text.to_lowercase().contains("mariadb") { Engine::Mariadb } else { Engine::Mysql };
        let mut numbers = text.split(|character: char| !character.is_ascii_digit());
        let major: u32 = numbers.next()?.parse().ok()?;
        let minor: u32 = numbers.next()?.parse().ok()?;
        Some(Self { engine, version: major * 100 + minor })
    }
}

impl Server {
    pub(crate) fn new(engine: Engine, dsn: &str) -> Result<Self, Error> {
        let unusable = |reason: &str| Error::InvalidDsn { engine, reason: reason.to_owned() };
        let form = "it must be a URL: mysql://user:password@host:port/database";
        let rest = dsn.strip_prefix("mysql://").or_else(|| dsn.strip_prefix("mariadb://"));
        let rest = rest.ok_or_else(|| unusable(form))?;
        // The parser's own error may repeat a part of the text.
        let options = Opts::from_url(&format!("mysql://{rest}")).map_err(|_| unusable(form))?;
        if options.ssl_opts().is_some() {
            return Err(unusable(
                "it requires TLS, which this release cannot do; use a private network or a tunnel",
            ));
        }
        let database = options.db_name().filter(|name| !name.is_empty());
        let database = database.ok_or_else(|| unusable("it names no database"))?.to_owned();
        let place = format!("{}:{}/{database}", options.ip_or_hostname(), options.tcp_port());
        let options = OptsBuilder::from_opts(options)
            .prefer_socket(false)
            // Rows that a statement finds, not those that it leaves otherwise than they were: as on other engines.
            .client_found_rows(true)
            .connect_attribute("program_name", PROGRAM_NAME);
        Ok(Self { engine, options: options.into(), place, database, own: Arc::default() })
    }

    /// The agent's own connections, as a list of SQL: some that are gone among them, and one that never is.
    pub(super) fn own_connections(&self) -> String {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.iter().fold("0".to_owned(), |list, id| format!("{list}, {id}"))
    }

    fn remember(&self, id: u32) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.push_front(id);
        own.truncate(OWN_MAX);
    }

    /// True when the server is reached at this machine's own loopback.
    pub(super) fn is_local(&self) -> bool {
        let host = self.options.ip_or_hostname();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The user that the agent is.
    pub(super) fn user(&self) -> &str {
        self.options.user().unwrap_or("the agent's user")
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// A connection with an agent's settings.
    pub(super) async fn connect(&self) -> Result<(Conn, Release), Error> {
        let mut connection = self.connect_plain().await?;
        self.remember(connection.id());
        let release = self.release(&mut connection).await?;
        let settings = settings(release.engine);
        connection.query_drop(&settings).await.map_err(|error| meaning(&self.place, "SET", &error))?;
        Ok((connection, release))
    }

    /// A connection as the server gives it.
    pub(crate) async fn connect_plain(&self) -> Result<Conn, Error> {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, Conn::new(self.options.clone())).await;
        match connected {
            Ok(connection) => connection.map_err(|error| self.refusal(&error)),
            Err(_) => Err(Error::Unreachable {
                database: self.place.clone(),
                reason: format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
            }),
        }
    }

    /// Refuses a server of the other kind: they differ in what DDL does.
    pub(crate) async fn release(&self, connection: &mut Conn) -> Result<Release, Error> {
        let sql = "SELECT VERSION()";
        let text: Option<String> =
            connection.query_first(sql).await.map_err(|error| meaning(&self.place, sql, &error))?;
        let text = text.unwrap_or_default();
        let release = Release::parse(&text).ok_or_else(|| Error::Engine {
            database: self.place.clone(),
            reason: format!("the server's version `{text}` is not readable"),
        })?;
        if release.engine != self.engine {
            return Err(Error::InvalidDsn {
                engine: self.engine,
                reason: format!(
                    "the server at {} is {} ({text}); set the engine to `{}`, or point the agent at another server",
                    self.place, release.engine, release.engine
                ),
            });
        }
        Ok(release)
    }

    fn refusal(&self, error: &mysql_async::Error) -> Error {
        let (database, reason) = (self.place.clone(), describe(error));
        match code(error) {
            // Access denied, host not allowed, unknown authentication plugin, unknown database.
            Some(1044 | 1045 | 1130 | 1251 | 1524 | 1698) => Error::Refused { database, reason },
            _ => Error::Unreachable { database, reason },
        }
    }
}

/// What makes DDL predictable, whatever the server's or the role's defaults are. `sql_mode` is the engine's own default, so
/// that routines and triggers that a step makes mean the same as those that an operator makes by hand.
fn settings(engine: Engine) -> String {
    let own = match engine {
        Engine::Mariadb => "max_statement_time = 0, innodb_strict_mode = 1",
        // There the strict mode is a right of administrators, and on unless one of them has turned it off.
        _ => "max_execution_time = 0",
    };
    format!(
        "SET NAMES utf8mb4;
         SET SESSION sql_mode = '{}', time_zone = '+00:00', autocommit = 1, foreign_key_checks = 1, unique_checks = 1,
             sql_safe_updates = 0, group_concat_max_len = 1048576, wait_timeout = 31536000, {own}",
        default_sql_mode(engine)
    )
}

/// The mode that the engine has when nobody configured another.
pub(super) fn default_sql_mode(engine: Engine) -> &'static str {
    match engine {
        Engine::Mariadb => {
            "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"
        }
        _ => {
            "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
        }
    }
}

/// What an error of COMMIT means: when the server did not answer, or was interrupted, nobody but the ledger knows.
pub(super) fn commit_meaning(place: &str, what: &str, error: &mysql_async::Error) -> Error {
    match meaning(place, what, error) {
        Error::ConnectionLost { database, what, reason } => Error::Unknown { database, what, reason },
        Error::Cancelled { database, what } => Error::Unknown { database, what, reason: describe(error) },
        other => other,
    }
}

/// The server's error number.
pub(crate) fn code(error: &mysql_async::Error) -> Option<u16> {
    match error {
        mysql_async::Error::Server(error) => Some(error.code),
        _ => None,
    }
}

/// The message of an error, without the driver's decoration.
pub(super) fn describe(error: &mysql_async::Error) -> String {
    match error {
        mysql_async::Error::Server(error) => format!("{} (error {})", error.message, error.code),
        mysql_async::Error::Io(mysql_async::IoError::Io(error)) => error.to_string(),
        other => other.to_string(),
    }
}

/// True when the connection is gone.
pub(crate) fn is_lost(error: &mysql_async::Error) -> bool {
    use mysql_async::DriverError::{ConnectionClosed, PacketOutOfOrder, UnexpectedPacket};
    match error {
        // Server shutdown in progress, connection killed, net read and write errors.
        mysql_async::Error::Server(error) => {
            matches!(error.code, 1053 | 1077 | 1158..=1161 | 1184 | 1927 | 3169 | 4031)
        }
        mysql_async::Error::Driver(ConnectionClosed | PacketOutOfOrder | UnexpectedPacket { .. })
        | mysql_async::Error::Io(_) => true,
        _ => false,
    }
}

/// What a driver's error means for the caller.
pub(crate) fn meaning(place: &str, statement: &str, error: &mysql_async::Error) -> Error {
    let (database, reason, what) = (place.to_owned(), describe(error), beginning(statement));
    if is_lost(error) {
        return Error::ConnectionLost { database, what, reason };
    }
    match code(error) {
        // Lock wait timeout, deadlock, NOWAIT, record changed since it was read.
        Some(1205 | 1213 | 3572 | 1020) => Error::Busy { database, what, attempts: 1, waited_ms: 0 },
        // Query interrupted.
        Some(1317) => Error::Cancelled { database, what },
        Some(1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1419) => Error::NoPermission {
            database,
            reason: format!("{reason}; statement: {what}"),
            remedy: "grant the agent's user the right on the whole database (the handbook lists what it needs)"
                .to_owned(),
        },
        // No space left on the device, table full.
        Some(1021 | 1114) => Error::DiskFull { database, statement: what, reason },
        // --read-only, --super-read-only, read-only transactions.
        Some(1290 | 1792 | 1836) => Error::ReadOnly {
            database,
            reason,
            remedy: "point the agent at the primary, or lift read_only".to_owned(),
        },
        _ => Error::Statement { database, statement: what, message: reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read() {
        let release = |engine, version| Some(Release { engine, version });
        for (text, wanted) in [
            ("10.11.19-MariaDB-0+deb12u1", release(Engine::Mariadb, 1011)),
            ("11.4.2-MariaDB-log", release(Engine::Mariadb, 1104)),
            ("8.0.36", release(Engine::Mysql, 800)),
            ("8.4.0-commercial", release(Engine::Mysql, 804)),
            ("unknown", None),
        ] {
            assert_eq!(Release::parse(text), wanted, "{text}");
        }
    }

    #[test]
    fn unusable_names_are_refused_without_repeating_them() {
        for (dsn, reason) in [
            ("secret", "must be a URL"),
            ("postgres://u:secret@h/d", "must be a URL"),
            ("mysql://u:secret@h:3306", "names no database"),
            ("mysql://u:secret@h:port/d", "must be a URL"),
            ("mysql://u:secret@h/d?require_ssl=true", "TLS"),
        ] {
            let error = Server::new(Engine::Mariadb, dsn).expect_err(dsn).to_string();
            assert!(error.contains(reason) && !error.contains("secret"), "{dsn}: {error}");
        }
        let server = Server::new(Engine::Mysql, "mariadb://u:secret@h:3307/shop").expect("usable");
        assert_eq!((server.place.as_str(), server.database(), server.user()), ("h:3307/shop", "shop", "u"));
    }
}
