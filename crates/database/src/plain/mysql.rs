//! A connection in the server's own default mode: there `||` is OR and `"x"` is text, as applications have it.

use super::Value;
use crate::error::Error;
use crate::mysql::{Server, code, meaning};
use lockstep_core::Engine;
use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Column, Conn, Row};
use tokio::sync::{Mutex, MutexGuard};

pub(super) struct Connection {
    server: Server,
    /// `None` after a call that was dropped half-way or lost its connection: the next one opens another.
    session: Mutex<Option<Conn>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").field("place", &self.server.place).finish_non_exhaustive()
    }
}

pub(super) async fn connect(engine: Engine, dsn: &str) -> Result<Connection, Error> {
    let server = Server::new(engine, dsn)?;
    let mut connection = server.connect_plain().await?;
    server.release(&mut connection).await?;
    Ok(Connection { server, session: Mutex::new(Some(connection)) })
}

/// A failed statement and why it failed.
type Failure = (String, mysql_async::Error);

impl Connection {
    pub(super) async fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Error> {
        let (mut kept, mut connection) = self.session().await?;
        let result = execute(&mut connection, sql, values).await.map_err(|error| (sql.to_owned(), error));
        self.give_back(&mut kept, connection, result)
    }

    pub(super) async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        let (mut kept, mut connection) = self.session().await?;
        let result = rows(&mut connection, sql, values).await.map_err(|error| (sql.to_owned(), error));
        let rows = self.give_back(&mut kept, connection, result)?;
        Ok(rows.into_iter().map(read).collect())
    }

    pub(super) async fn batch(&self, sql: &str) -> Result<(), Error> {
        let (mut kept, mut connection) = self.session().await?;
        let mut result = connection.query_drop(sql).await.map_err(|error| (sql.to_owned(), error));
        if result.is_err() {
            // A batch that began a transaction and failed in it would leave it open.
            result = result.and(connection.query_drop("ROLLBACK").await.map_err(|error| (sql.to_owned(), error)));
        }
        self.give_back(&mut kept, connection, result)
    }

    pub(super) async fn transaction(&self, statements: Vec<(String, Vec<Value>)>) -> Result<Vec<u64>, Error> {
        let (mut kept, mut connection) = self.session().await?;
        let mut result = transaction(&mut connection, &statements).await;
        if result.is_err() {
            let ended = connection.query_drop("ROLLBACK").await;
            result = result.and(ended.map(|()| Vec::new()).map_err(|error| ("ROLLBACK".to_owned(), error)));
        }
        self.give_back(&mut kept, connection, result)
    }

    /// Takes the connection: a call that is dropped half-way takes it along, with what it had begun.
    async fn session(&self) -> Result<(MutexGuard<'_, Option<Conn>>, Conn), Error> {
        let mut kept = self.session.lock().await;
        let connection = match kept.take() {
            Some(connection) => connection,
            None => self.server.connect_plain().await?,
        };
        Ok((kept, connection))
    }

    fn give_back<T>(
        &self,
        kept: &mut MutexGuard<'_, Option<Conn>>,
        connection: Conn,
        result: Result<T, Failure>,
    ) -> Result<T, Error> {
        if !matches!(&result, Err((_, error)) if code(error).is_none()) && !connection.is_disconnected() {
            **kept = Some(connection);
        }
        result.map_err(|(sql, error)| meaning(&self.server.place, &sql, &error))
    }
}

async fn transaction(connection: &mut Conn, statements: &[(String, Vec<Value>)]) -> Result<Vec<u64>, Failure> {
    connection.query_drop("START TRANSACTION").await.map_err(|error| ("START TRANSACTION".to_owned(), error))?;
    let mut changed = Vec::with_capacity(statements.len());
    for (sql, values) in statements {
        changed.push(execute(connection, sql, values).await.map_err(|error| (sql.clone(), error))?);
    }
    connection.query_drop("COMMIT").await.map_err(|error| ("COMMIT".to_owned(), error))?;
    Ok(changed)
}

/// Without values as text: the server prepares not every statement.
async fn execute(connection: &mut Conn, sql: &str, values: &[Value]) -> mysql_async::Result<u64> {
    if values.is_empty() {
        connection.query_drop(sql).await?;
    } else {
        let (sql, values) = positional(sql, values);
        connection.exec_drop(sql, values).await?;
    }
    Ok(connection.affected_rows())
}

async fn rows(connection: &mut Conn, sql: &str, values: &[Value]) -> mysql_async::Result<Vec<Row>> {
    if values.is_empty() {
        return connection.query(sql).await;
    }
    let (sql, values) = positional(sql, values);
    connection.exec(sql, values).await
}

/// `$2 … $1` as `? … ?`, with the values in the order in which the places come; literals and comments stay as they are.
fn positional(sql: &str, values: &[Value]) -> (String, Vec<mysql_async::Value>) {
    let mut text = String::with_capacity(sql.len());
    let mut ordered = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let digits = rest[first.len_utf8()..].bytes().take_while(u8::is_ascii_digit).count();
        let length = match first {
            '\'' | '"' | '`' => crate::mysql::quoted_length(rest),
            '$' if digits > 0 => {
                let number: usize = rest[1..=digits].parse().unwrap_or(0);
                // A place without a value is left out, and the server says how many it misses.
                ordered.extend(number.checked_sub(1).and_then(|index| values.get(index)).map(parameter));
                text.push('?');
                rest = &rest[1 + digits..];
                continue;
            }
            _ => first.len_utf8(),
        };
        text.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    (text, ordered)
}

fn parameter(value: &Value) -> mysql_async::Value {
    match value {
        Value::Null => mysql_async::Value::NULL,
        Value::Integer(number) => mysql_async::Value::Int(*number),
        Value::Real(number) => mysql_async::Value::Double(*number),
        Value::Text(text) => mysql_async::Value::Bytes(text.as_bytes().to_vec()),
    }
}

fn read(row: Row) -> Vec<Value> {
    let columns = row.columns();
    columns.iter().zip(row.unwrap()).map(|(column, value)| convert(column, value)).collect()
}

fn convert(column: &Column, value: mysql_async::Value) -> Value {
    use mysql_async::Value as Wire;
    match value {
        Wire::NULL => Value::Null,
        Wire::Int(number) => Value::Integer(number),
        Wire::UInt(number) => {
            i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Integer)
        }
        Wire::Float(number) => Value::Real(f64::from(number)),
        Wire::Double(number) => Value::Real(number),
        Wire::Bytes(bytes) => from_bytes(column, bytes),
        time => Value::Text(time.as_sql(true).trim_matches('\'').to_owned()),
    }
}

fn from_bytes(column: &Column, bytes: Vec<u8>) -> Value {
    use ColumnType::{
        MYSQL_TYPE_BIT, MYSQL_TYPE_DOUBLE, MYSQL_TYPE_FLOAT, MYSQL_TYPE_INT24, MYSQL_TYPE_LONG,
        MYSQL_TYPE_LONGLONG, MYSQL_TYPE_NEWDECIMAL, MYSQL_TYPE_SHORT, MYSQL_TYPE_TINY, MYSQL_TYPE_YEAR,
    };
    if column.column_type() == MYSQL_TYPE_BIT {
        return Value::Integer(bytes.iter().fold(0, |number, byte| (number << 8) | i64::from(*byte)));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let number = match column.column_type() {
        MYSQL_TYPE_TINY | MYSQL_TYPE_SHORT | MYSQL_TYPE_INT24 | MYSQL_TYPE_LONG | MYSQL_TYPE_LONGLONG
        | MYSQL_TYPE_YEAR => text.parse().ok().map(Value::Integer),
        // Sums of whole numbers are decimals here.
        MYSQL_TYPE_NEWDECIMAL if column.decimals() == 0 => text.parse().ok().map(Value::Integer),
        MYSQL_TYPE_FLOAT | MYSQL_TYPE_DOUBLE => text.parse().ok().map(Value::Real),
        _ => None,
    };
    number.unwrap_or(Value::Text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_get_their_values_in_order() {
        let values = [Value::Integer(1), Value::Text("b".to_owned())];
        let (one, two) = (parameter(&values[0]), parameter(&values[1]));
        for (sql, wanted, order) in [
            ("a = $1 AND b = $2", "a = ? AND b = ?", vec![&one, &two]),
            ("$2 $1 $2", "? ? ?", vec![&two, &one, &two]),
            (r"'$1 \' $2' $1", r"'$1 \' $2' ?", vec![&one]),
            ("'it''s $1' \"$1\" `$1` $2", "'it''s $1' \"$1\" `$1` ?", vec![&two]),
            ("$a $ 'ß", "$a $ 'ß", vec![]),
        ] {
            let (text, ordered) = positional(sql, &values);
            assert_eq!(text, wanted, "{sql}");
            assert_eq!(ordered.iter().collect::<Vec<_>>(), order, "{sql}");
        }
    }
}
