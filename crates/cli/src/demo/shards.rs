//! The demo's databases: three files, or three servers of its own.

use super::shard_name;
use anyhow::{Context, Result};
use lockstep_core::Engine;
use lockstep_database::local_server::{LocalServer, Settings};
use lockstep_database::plain::{self, Value};
use std::path::Path;

/// The databases of the demo, one a node. Its servers are stopped when dropped.
pub(super) struct Shards {
    /// Of all of them.
    pub(super) engine: Engine,
    /// Data source names, in the order of the nodes.
    pub(super) dsns: Vec<String>,
    _servers: Vec<LocalServer>,
}

impl Shards {
    /// Makes `count` databases below `directory`, each with a table of users with so many rows.
    pub(super) async fn create(engine: Engine, directory: &Path, count: usize, rows: u32) -> Result<Self> {
        let mut shards = Self { engine, dsns: Vec::new(), _servers: Vec::new() };
        for number in 1..=count {
            let path = directory.join(shard_name(number));
            let settings = Settings { fsync: false, ..Settings::default() };
            let dsn = match LocalServer::start(engine, &path.with_extension("server"), &settings)? {
                None => path.with_extension("sqlite").display().to_string(),
                Some(server) => {
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
    let sql = "INSERT INTO users (id, name, mail) \
               WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < $1) \
               SELECT id, concat('user ', id), concat('User', id, '@Example.org') FROM ids";
    connection.execute(sql, &[Value::Integer(rows.into())]).await?;
    Ok(())
}
