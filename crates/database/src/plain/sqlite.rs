//! A connection on a thread of its own, fed through a channel.

use super::Value;
use crate::error::Error;
use crate::sqlite::{connect::meaning, file_of, open_plain};
use rusqlite::TransactionBehavior;
use rusqlite::types::{ToSqlOutput, ValueRef};
use std::sync::mpsc;
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce(&mut rusqlite::Connection) + Send>;

#[derive(Debug)]
pub(super) struct Connection {
    place: String,
    works: mpsc::Sender<Work>,
}

pub(super) async fn connect(dsn: &str) -> Result<Connection, Error> {
    let file = file_of(dsn)?;
    let place = file.display().to_string();
    let (works, received) = mpsc::channel::<Work>();
    let (opened, outcome) = oneshot::channel();
    std::thread::spawn(move || match open_plain(&file) {
        Ok(mut connection) => {
            let _ = opened.send(Ok(()));
            received.into_iter().for_each(|work| work(&mut connection));
        }
        Err(error) => {
            let _ = opened.send(Err(error));
        }
    });
    let connection = Connection { place, works };
    outcome.await.map_err(|_| connection.stopped())??;
    Ok(connection)
}

impl Connection {
    pub(super) async fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Error> {
        let (sql, values) = (numbered(sql), values.to_vec());
        self.run(move |connection, place| {
            run(connection, &sql, &values).map_err(|error| meaning(place, &sql, &error))
        })
        .await
    }

    pub(super) async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        let (sql, values) = (numbered(sql), values.to_vec());
        self.run(move |connection, place| {
            rows(connection, &sql, &values).map_err(|error| meaning(place, &sql, &error))
        })
        .await
    }

    pub(super) async fn batch(&self, sql: &str) -> Result<(), Error> {
        let sql = sql.to_owned();
        self.run(move |connection, place| {
            connection.execute_batch(&sql).map_err(|error| {
                // A batch that began a transaction and failed in it would leave it open.
                let _ = connection.execute_batch("ROLLBACK");
                meaning(place, &sql, &error)
            })
        })
        .await
    }

    pub(super) async fn transaction(&self, statements: Vec<(String, Vec<Value>)>) -> Result<Vec<u64>, Error> {
        self.run(move |connection, place| {
            let failed = |sql: &str, error: rusqlite::Error| meaning(place, sql, &error);
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| failed("begin immediate", error))?;
            let changed = statements
                .iter()
                .map(|(sql, values)| run(&transaction, &numbered(sql), values).map_err(|error| failed(sql, error)))
                .collect::<Result<Vec<u64>, Error>>()?;
            transaction.commit().map_err(|error| failed("commit", error))?;
            Ok(changed)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut rusqlite::Connection, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (done, result) = oneshot::channel();
        let place = self.place.clone();
        let boxed: Work = Box::new(move |connection| {
            let _ = done.send(work(connection, &place));
        });
        self.works.send(boxed).map_err(|_| self.stopped())?;
        result.await.map_err(|_| self.stopped())?
    }

    fn stopped(&self) -> Error {
        Error::ConnectionLost {
            database: self.place.clone(),
            what: "a statement".to_owned(),
            reason: "the connection's thread stopped".to_owned(),
        }
    }
}

/// `$1` means a name to SQLite, `?1` a position.
fn numbered(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut in_literal = false;
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        in_literal ^= character == '\'';
        let is_place = character == '$' && !in_literal && characters.peek().is_some_and(char::is_ascii_digit);
        text.push(if is_place { '?' } else { character });
    }
    text
}

fn run(connection: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    // A statement with RETURNING has rows, and is done only when they are read.
    while rows.next()?.is_some() {}
    drop(rows);
    Ok(if statement.readonly() { 0 } else { connection.changes() })
}

fn rows(connection: &rusqlite::Connection, sql: &str, values: &[Value]) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut cursor = statement.query(rusqlite::params_from_iter(values))?;
    let mut rows = Vec::new();
    while let Some(row) = cursor.next()? {
        // Only now: a statement kept from before a change of the schema gets its new columns with its first row.
        let width = row.as_ref().column_count();
        rows.push((0..width).map(|column| row.get_ref(column).map(value)).collect::<rusqlite::Result<_>>()?);
    }
    Ok(rows)
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::from(rusqlite::types::Null),
            Self::Integer(number) => ToSqlOutput::from(*number),
            Self::Real(number) => ToSqlOutput::from(*number),
            Self::Text(text) => ToSqlOutput::from(text.as_str()),
        })
    }
}
