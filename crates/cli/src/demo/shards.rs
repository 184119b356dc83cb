//! The demo's databases: three files, or three PostgreSQL servers of its own.

use super::shard_name;
use anyhow::{Context, Result};
use lockstep_core::Engine;
use lockstep_database::local_postgres::{LocalPostgres, Settings};
use lockstep_database::plain::{self, Value};
use std::path::Path;

/// The databases of the demo, one a node. Its servers are stopped when dropped.
pub(super) struct Shards {
    /// Of all of them.
    pub(super) engine: Engine,
    /// Data source names, in the order of the nodes.
    pub(super) dsns: Vec<String>,
    _servers: Vec<LocalPostgres>,
}

impl Shards {
    /// Makes `count` databases below `directory`, each with a table of users with so many rows.
    pub(super) async fn create(engine: Engine, directory: &Path, count: usize, rows: u32) -> Result<Self> {
        let mut shards = Self { engine, dsns: Vec::new(), _servers: Vec::new() };
        for number in 1..=count {
            let path = directory.join(shard_name(number));
            let dsn = match engine {
                Engine::Sqlite => path.with_extension("sqlite").display().to_string(),
                Engine::Mariadb | Engine::Mysql => anyhow::bail!("the demo runs on sqlite or postgres"),
                Engine::Postgres => {
                    let settings = Settings { fsync: false, ..Settings::default() };
                    let server = LocalPostgres::start(&path.with_extension("postgres"), &settings)?;
                    server.create_database("shop").await?;
                    let dsn = server.dsn("shop");
                    shards._servers.push(server);
                    dsn
                }
            };
            seed(engine, &dsn, rows).await.with_context(|| format!("cannot fill {}", shard_name(number)))?;
            shards.dsns.push(dsn);
        }
        Ok(shards)
    }
}

async fn seed(engine: Engine, dsn: &str, rows: u32) -> Result<()> {
    let connection = plain::connect(engine, dsn).await?;
    connection.batch("CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail text)").await?;
    let sql = "WITH RECURSIVE ids(id) AS (SELECT CAST(1 AS bigint) UNION ALL SELECT id + 1 FROM ids WHERE id < $1) \
               INSERT INTO users (id, name, mail) SELECT id, 'user ' || id, 'User' || id || '@Example.org' FROM ids";
    connection.execute(sql, &[Value::Integer(rows.into())]).await?;
    Ok(())
}
