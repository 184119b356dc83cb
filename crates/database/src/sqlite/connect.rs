//! Finding and opening the file, and what the driver's errors mean.

use crate::error::{Error, beginning};
use lockstep_core::Engine;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an application's connection waits for another writer.
const PLAIN_BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The file that a data source name means.
pub(crate) fn file_of(dsn: &str) -> Result<PathBuf, Error> {
    let path = dsn.strip_prefix("sqlite://").or_else(|| dsn.strip_prefix("sqlite:")).unwrap_or(dsn);
    let problem = match path {
        "" => "it is empty; write the path of a file",
        ":memory:" => "a database in memory has no second connection; write the path of a file",
        _ if path.starts_with("file:") => "URIs are not supported; write the path of a file",
        _ => return Ok(PathBuf::from(path)),
    };
    Err(Error::InvalidDsn { engine: Engine::Sqlite, reason: problem.to_owned() })
}

/// Opens an existing file for an agent.
pub(super) fn open(file: &Path, place: &str) -> Result<Connection, Error> {
    check_file(file, place)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(file, flags).map_err(|error| meaning(place, "opening", &error))?;
    prepare(&connection).map_err(|error| meaning(place, "opening", &error))?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    // Rebuilding a table drops the old one, which with foreign keys on would delete what points at it.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(Duration::from_millis(100))
}

fn check_file(file: &Path, place: &str) -> Result<(), Error> {
    let reason = match file.metadata() {
        Ok(metadata) if metadata.is_file() => return Ok(()),
        Ok(_) => "it is not a file".to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match file.parent() {
            Some(directory) if !directory.as_os_str().is_empty() && !directory.exists() => {
                format!("the directory {} does not exist", directory.display())
            }
            _ => "the file does not exist (an agent makes no database)".to_owned(),
        },
        Err(error) => error.to_string(),
    };
    Err(Error::Unreachable { database: place.to_owned(), reason })
}

/// Opens, or makes, a file for a program that is not an agent.
pub(crate) fn open_plain(file: &Path) -> Result<Connection, Error> {
    let place = file.display().to_string();
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(PLAIN_BUSY_TIMEOUT)?;
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.set_prepared_statement_cache_capacity(256);
        Ok(connection)
    };
    open().map_err(|error| meaning(&place, "opening", &error))
}

/// What a driver's error means for the caller.
pub(crate) fn meaning(place: &str, statement: &str, error: &rusqlite::Error) -> Error {
    let database = place.to_owned();
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::Busy { database, what: beginning(statement), attempts: 1, waited_ms: 0 }
        }
        Some(ErrorCode::OperationInterrupted) => Error::Cancelled { database, what: beginning(statement) },
        Some(ErrorCode::ReadOnly) => Error::ReadOnly { database, reason, remedy: WRITABLE.to_owned() },
        Some(ErrorCode::PermissionDenied) => Error::NoPermission { database, reason, remedy: WRITABLE.to_owned() },
        Some(ErrorCode::CannotOpen) => Error::Unreachable { database, reason },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::SystemIoFailure) => {
            Error::Engine { database, reason }
        }
        Some(ErrorCode::DiskFull) => Error::DiskFull { database, statement: beginning(statement), reason },
        _ => Error::Statement { database, statement: beginning(statement), message: reason },
    }
}

/// What to do about a file that cannot be written.
pub(super) const WRITABLE: &str =
    "let the agent's user write the file and its directory (SQLite keeps its log beside the file)";
