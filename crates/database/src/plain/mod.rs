//! Connections for programs that are not agents: applications of a demo, tests, measurements.
//!
//! One vocabulary for all engines: placeholders are `$1`, `$2`, …; values are NULL, integers, numbers and text. Cast anything
//! else in the SQL. The SQL itself is the engine's own: on MariaDB and MySQL a connection has the server's default mode, where
//! `||` is OR; write `concat`.

mod mysql;
mod postgres;
mod sqlite;

use crate::error::Error;
use lockstep_core::Engine;

/// A value that goes into or comes out of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL.
    Null,
    /// A whole number; a truth value reads as 0 or 1.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text.
    Text(String),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Value {
    /// The whole number in it, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The text in it, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A connection. Its statements are done one after the other; share it or open several.
#[derive(Debug)]
pub struct Connection {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Sqlite(sqlite::Connection),
    Postgres(Box<postgres::Connection>),
    Mysql(Box<mysql::Connection>),
}

/// Opens a connection. Makes a SQLite file that does not exist yet.
///
/// # Errors
///
/// [`Error::InvalidDsn`], [`Error::Unreachable`], [`Error::Refused`].
pub async fn connect(engine: Engine, dsn: &str) -> Result<Connection, Error> {
    let inner = match engine {
        Engine::Sqlite => Inner::Sqlite(sqlite::connect(dsn).await?),
        Engine::Postgres => Inner::Postgres(Box::new(postgres::connect(dsn).await?)),
        Engine::Mariadb | Engine::Mysql => Inner::Mysql(Box::new(mysql::connect(engine, dsn).await?)),
    };
    Ok(Connection { inner })
}

impl Connection {
    /// Runs one statement; how many rows it changed.
    ///
    /// # Errors
    ///
    /// [`Error::Statement`], [`Error::Busy`], [`Error::ConnectionLost`].
    pub async fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Error> {
        match &self.inner {
            Inner::Sqlite(connection) => connection.execute(sql, values).await,
            Inner::Postgres(connection) => connection.execute(sql, values).await,
            Inner::Mysql(connection) => connection.execute(sql, values).await,
        }
    }

    /// Runs one query; its rows.
    ///
    /// # Errors
    ///
    /// As [`Connection::execute`].
    pub async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        match &self.inner {
            Inner::Sqlite(connection) => connection.query(sql, values).await,
            Inner::Postgres(connection) => connection.query(sql, values).await,
            Inner::Mysql(connection) => connection.query(sql, values).await,
        }
    }

    /// Runs several statements, separated by semicolons, without values.
    ///
    /// # Errors
    ///
    /// As [`Connection::execute`]; statements before the one that failed may have taken effect.
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        match &self.inner {
            Inner::Sqlite(connection) => connection.batch(sql).await,
            Inner::Postgres(connection) => connection.batch(sql).await,
            Inner::Mysql(connection) => connection.batch(sql).await,
        }
    }

    /// Runs statements in one transaction; how many rows each changed.
    ///
    /// # Errors
    ///
    /// As [`Connection::execute`]; nothing took effect.
    pub async fn transaction(&self, statements: Vec<(String, Vec<Value>)>) -> Result<Vec<u64>, Error> {
        match &self.inner {
            Inner::Sqlite(connection) => connection.transaction(statements).await,
            Inner::Postgres(connection) => connection.transaction(statements).await,
            Inner::Mysql(connection) => connection.transaction(statements).await,
        }
    }
}
