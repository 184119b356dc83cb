//! A connection that prepares each statement once.

use super::Value;
use crate::error::Error;
use crate::postgres::{Server, meaning};
use bytes::BytesMut;
use std::collections::HashMap;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Row, Statement};

/// What its connections are called in `pg_stat_activity`: not as an agent's, which no reading counts.
const APPLICATION_NAME: &str = "application";

/// Statements kept prepared, at most: programs with statements made on the fly must not fill the server.
const PREPARED_MAX: usize = 256;

pub(super) struct Connection {
    place: String,
    /// One statement after the other: a transaction must not take in what others do meanwhile.
    session: Mutex<Session>,
}

struct Session {
    client: Client,
    prepared: HashMap<String, Statement>,
    /// True while a transaction is open; still true afterwards when the caller dropped it half-way.
    in_transaction: bool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").field("place", &self.place).finish_non_exhaustive()
    }
}

pub(super) async fn connect(dsn: &str) -> Result<Connection, Error> {
    let server = Server::new(dsn, APPLICATION_NAME)?;
    let client = server.connect_plain().await?;
    let session = Session { client, prepared: HashMap::new(), in_transaction: false };
    Ok(Connection { place: server.place, session: Mutex::new(session) })
}

impl Connection {
    pub(super) async fn execute(&self, sql: &str, values: &[Value]) -> Result<u64, Error> {
        let mut session = self.session().await?;
        let result = match session.execute(sql, values).await {
            Err(error) if is_outdated(&error) => session.forget().execute(sql, values).await,
            result => result,
        };
        result.map_err(|error| meaning(&self.place, sql, &error))
    }

    pub(super) async fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, Error> {
        let mut session = self.session().await?;
        let result = match session.query(sql, values).await {
            Err(error) if is_outdated(&error) => session.forget().query(sql, values).await,
            result => result,
        };
        let rows = result.map_err(|error| meaning(&self.place, sql, &error))?;
        let read = |row: &Row| (0..row.len()).map(|column| value(row, column)).collect::<Result<_, _>>();
        rows.iter().map(read).collect::<Result<_, _>>().map_err(|error| meaning(&self.place, sql, &error))
    }

    pub(super) async fn batch(&self, sql: &str) -> Result<(), Error> {
        let session = self.session().await?;
        let result = session.client.batch_execute(sql).await;
        if result.is_err() {
            // A batch that began a transaction and failed in it would leave it open.
            let _ = session.client.batch_execute("ROLLBACK").await;
        }
        result.map_err(|error| meaning(&self.place, sql, &error))
    }

    pub(super) async fn transaction(&self, statements: Vec<(String, Vec<Value>)>) -> Result<Vec<u64>, Error> {
        let mut session = self.session().await?;
        let (sql, error) = match session.transaction(&statements).await {
            Err((_, error)) if is_outdated(&error) => match session.forget().transaction(&statements).await {
                Ok(changed) => return Ok(changed),
                Err(failure) => failure,
            },
            Ok(changed) => return Ok(changed),
            Err(failure) => failure,
        };
        Err(meaning(&self.place, &sql, &error))
    }

    /// The session, outside of any transaction.
    async fn session(&self) -> Result<MutexGuard<'_, Session>, Error> {
        let mut session = self.session.lock().await;
        if session.in_transaction {
            session.end("ROLLBACK").await.map_err(|error| meaning(&self.place, "ROLLBACK", &error))?;
        }
        Ok(session)
    }
}

impl Session {
    fn forget(&mut self) -> &mut Self {
        self.prepared.clear();
        self
    }

    async fn statement(&mut self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        if self.prepared.len() >= PREPARED_MAX {
            self.prepared.clear();
        }
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    async fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, tokio_postgres::Error> {
        let statement = self.statement(sql).await?;
        self.client.execute(&statement, &parameters(values)).await
    }

    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.statement(sql).await?;
        self.client.query(&statement, &parameters(values)).await
    }

    /// On failure: which statement, and why. The transaction is over in any case.
    async fn transaction(
        &mut self,
        statements: &[(String, Vec<Value>)],
    ) -> Result<Vec<u64>, (String, tokio_postgres::Error)> {
        self.in_transaction = true;
        self.client.batch_execute("BEGIN").await.map_err(|error| ("BEGIN".to_owned(), error))?;
        let mut changed = Vec::with_capacity(statements.len());
        for (sql, values) in statements {
            match self.execute(sql, values).await {
                Ok(rows) => changed.push(rows),
                Err(error) => {
                    let _ = self.end("ROLLBACK").await;
                    return Err((sql.clone(), error));
                }
            }
        }
        self.end("COMMIT").await.map_err(|error| ("COMMIT".to_owned(), error))?;
        Ok(changed)
    }

    async fn end(&mut self, how: &str) -> Result<(), tokio_postgres::Error> {
        self.client.batch_execute(how).await?;
        self.in_transaction = false;
        Ok(())
    }
}

/// After a change of the schema, a statement prepared before it may no longer fit its result.
fn is_outdated(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
        && error.as_db_error().is_some_and(|error| error.message().contains("cached plan"))
}

fn parameters(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

fn value(row: &Row, column: usize) -> Result<Value, tokio_postgres::Error> {
    let integer = |number: Option<i64>| number.map_or(Value::Null, Value::Integer);
    let real = |number: Option<f64>| number.map_or(Value::Null, Value::Real);
    Ok(match *row.columns()[column].type_() {
        Type::BOOL => integer(row.try_get::<_, Option<bool>>(column)?.map(i64::from)),
        Type::INT2 => integer(row.try_get::<_, Option<i16>>(column)?.map(i64::from)),
        Type::INT4 => integer(row.try_get::<_, Option<i32>>(column)?.map(i64::from)),
        Type::INT8 => integer(row.try_get(column)?),
        Type::FLOAT4 => real(row.try_get::<_, Option<f32>>(column)?.map(f64::from)),
        Type::FLOAT8 => real(row.try_get(column)?),
        // The driver refuses what is no text: its error says which type was met.
        _ => row.try_get::<_, Option<String>>(column)?.map_or(Value::Null, Value::Text),
    })
}

impl ToSql for Value {
    fn to_sql(
        &self,
        data_type: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (self, data_type) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Integer(number), &Type::BOOL) => (*number != 0).to_sql(data_type, out),
            (Self::Integer(number), &Type::INT2) => i16::try_from(*number)?.to_sql(data_type, out),
            (Self::Integer(number), &Type::INT4) => i32::try_from(*number)?.to_sql(data_type, out),
            (Self::Integer(number), &Type::INT8) => number.to_sql(data_type, out),
            (Self::Integer(number), &Type::FLOAT8) => (*number as f64).to_sql(data_type, out),
            (Self::Integer(number), _) => number.to_string().to_sql_checked(data_type, out),
            (Self::Real(number), &Type::FLOAT4) => (*number as f32).to_sql(data_type, out),
            (Self::Real(number), &Type::FLOAT8) => number.to_sql(data_type, out),
            (Self::Real(number), _) => number.to_string().to_sql_checked(data_type, out),
            (Self::Text(text), _) => text.as_str().to_sql_checked(data_type, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // What a value cannot be is known only with the value.
        true
    }

    to_sql_checked!();
}
