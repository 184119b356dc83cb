//! The databases of a cluster: one shard a node, each with a table of users.

use lockstep_core::Engine;
use lockstep_database::local_server::{LocalServer, Settings};
use lockstep_database::plain::{Connection, Value, connect};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The databases of a cluster.
#[derive(Debug)]
pub struct Shards {
    /// Their engine.
    pub engine: Engine,
    directory: PathBuf,
    /// One server holds the databases of all nodes: they are as independent of each other as the tests need.
    server: Option<LocalServer>,
}

impl Shards {
    /// Starts what the engine needs, below `directory`.
    ///
    /// # Panics
    ///
    /// When a server is needed and not there; the text says what to install.
    #[must_use]
    pub fn start(engine: Engine, directory: &Path) -> Self {
        // A server does not run as root, and must be able to walk down to its data.
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755))
            .expect("the directory is ours");
        let settings = Settings { fsync: false, connections_max: 200, ..Settings::default() };
        let server = LocalServer::start(engine, &directory.join("server"), &settings)
            .unwrap_or_else(|error| panic!("{error}"));
        Self { engine, directory: directory.to_owned(), server }
    }

    /// The data source name of a node's database.
    #[must_use]
    pub fn dsn(&self, node: &str) -> String {
        match &self.server {
            Some(server) => server.dsn(&database_name(node)),
            None => self.directory.join(format!("{node}.sqlite")).display().to_string(),
        }
    }

    /// A connection to a node's database, as an application has one.
    ///
    /// # Panics
    ///
    /// When the database cannot be reached.
    pub async fn connect(&self, node: &str) -> Connection {
        connect(self.engine, &self.dsn(node)).await.unwrap_or_else(|error| panic!("shard {node}: {error}"))
    }

    /// Makes a node's database with the table and `rows` users: ids from 1, mail `User<id>@Example.org`.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn create(&self, node: &str, rows: u32) {
        if let Some(server) = &self.server {
            server
                .create_database(&database_name(node))
                .await
                .unwrap_or_else(|error| panic!("shard {node}: {error}"));
        }
        let connection = self.connect(node).await;
        let made = async {
            connection.batch("CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, mail text)").await?;
            let seed = "INSERT INTO users (id, name, mail) \
                        WITH RECURSIVE ids(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < $1) \
                        SELECT id, concat('user ', id), concat('User', id, '@Example.org') FROM ids";
            connection.execute(seed, &[Value::Integer(rows.into())]).await
        };
        made.await.unwrap_or_else(|error| panic!("shard {node}: {error}"));
    }
}

fn database_name(node: &str) -> String {
    node.replace('-', "_")
}
