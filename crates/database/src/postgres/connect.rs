//! Opening connections, and what the driver's errors mean.

use crate::error::{Error, beginning};
use lockstep_core::Engine;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the agent's connections are called in `pg_stat_activity`.
pub(super) const APPLICATION_NAME: &str = "lockstep";

/// Settings of every connection of an agent. A role's defaults may cut long work short, and may make commits that a crash undoes.
const SETTINGS: &str = "
    SET client_min_messages = warning;
    SET statement_timeout = 0;
    SET idle_in_transaction_session_timeout = '60s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Where a database is, and how to get in. Prints nothing secret.
pub(crate) struct Server {
    config: Config,
    /// Host, port and database name.
    pub(crate) place: String,
}

impl Server {
    /// Its connections have the name of this application, unless the data source name says otherwise.
    pub(crate) fn new(dsn: &str, application: &str) -> Result<Self, Error> {
        let unusable = |reason: &str| Error::InvalidDsn { engine: Engine::Postgres, reason: reason.to_owned() };
        // The parser's own error may repeat a part of the text.
        let mut config: Config = dsn.parse().map_err(|_| {
            unusable("it is neither a URL (postgres://user@host:port/database) nor a list of key=value pairs")
        })?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(unusable(
                "it requires TLS, which this release cannot do; use a private network and sslmode=prefer",
            ));
        }
        if config.get_hosts().is_empty() {
            return Err(unusable("it names no host"));
        }
        if config.get_application_name().is_none() {
            config.application_name(application);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        Ok(Self { place: place(&config), config })
    }

    /// The role that the agent is.
    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("the agent's user")
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.user())
    }

    /// A connection with an agent's settings.
    pub(super) async fn connect(&self) -> Result<Client, Error> {
        let client = self.connect_plain().await?;
        client.batch_execute(SETTINGS).await.map_err(|error| meaning(&self.place, "SET", &error))?;
        Ok(client)
    }

    /// A connection as the server gives it.
    pub(crate) async fn connect_plain(&self) -> Result<Client, Error> {
        let (client, connection) = self.config.connect(NoTls).await.map_err(|error| self.refusal(&error))?;
        // It ends with the client; its errors reach whoever waits for an answer.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(client)
    }

    fn refusal(&self, error: &tokio_postgres::Error) -> Error {
        let (database, reason) = (self.place.clone(), describe(error));
        match error.code() {
            Some(code) if code.code().starts_with("28") => Error::Refused { database, reason },
            _ => Error::Unreachable { database, reason },
        }
    }
}

fn place(config: &Config) -> String {
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(position, host)| {
            let ports = config.get_ports();
            let port = ports.get(position).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(path) => format!("{}:{port}", path.display()),
            }
        })
        .collect();
    format!("{}/{}", hosts.join(","), config.get_dbname().or(config.get_user()).unwrap_or_default())
}

/// The message of an error with its causes.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(database_error) = error.as_db_error() {
        let detail = database_error.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
        let hint = database_error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        return format!("{}{detail}{hint}", database_error.message());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        // The driver's own texts often end with their cause already.
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// True when the connection is gone.
pub(super) fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        None => {
            error.is_closed() || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
        }
        Some(code) => {
            code.code().starts_with("08")
                || [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW]
                    .contains(code)
        }
    }
}

/// What a driver's error means for the caller.
pub(crate) fn meaning(place: &str, statement: &str, error: &tokio_postgres::Error) -> Error {
    let (database, reason, what) = (place.to_owned(), describe(error), beginning(statement));
    if is_lost(error) {
        return Error::ConnectionLost { database, what, reason };
    }
    match error.code() {
        Some(&(SqlState::LOCK_NOT_AVAILABLE | SqlState::T_R_DEADLOCK_DETECTED | SqlState::T_R_SERIALIZATION_FAILURE)) => {
            Error::Busy { database, what, attempts: 1, waited_ms: 0 }
        }
        Some(&SqlState::QUERY_CANCELED) => Error::Cancelled { database, what },
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Error::NoPermission {
            database,
            reason: format!("{reason}; statement: {what}"),
            remedy: "make the agent's role the owner of the object (ALTER ... OWNER TO, or GRANT the owner's role to it)"
                .to_owned(),
        },
        Some(&SqlState::DISK_FULL) => Error::DiskFull { database, statement: what, reason },
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Error::ReadOnly {
            database,
            reason,
            remedy: "point the agent at the primary, or lift default_transaction_read_only".to_owned(),
        },
        _ => Error::Statement { database, statement: what, message: reason },
    }
}

/// What an error of COMMIT means: when the server did not answer, nobody but the ledger knows.
pub(super) fn commit_meaning(place: &str, what: &str, error: &tokio_postgres::Error) -> Error {
    match meaning(place, what, error) {
        Error::ConnectionLost { database, what, reason } => Error::Unknown { database, what, reason },
        other => other,
    }
}
