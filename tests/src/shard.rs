//! The databases of a cluster: one shard a node, each with a table of users.

use crate::wait;
use lockstep_core::Engine;
use lockstep_database::local_mysql::replicated;
use lockstep_database::local_postgres::LocalPostgres;
use lockstep_database::local_server::{LocalServer, Settings};
use lockstep_database::plain::{Connection, Value, connect};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Servers that follow it, by the replica that stands there, each with the node of its primary.
    replicas: BTreeMap<String, (LocalServer, String)>,
    /// Nodes whose agents are not the owners of what applications use.
    limited: BTreeSet<String>,
}

/// Whom the agent of a limited node connects as.
const LIMITED_USER: &str = "limited";

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
        let server = LocalServer::start(engine, &directory.join("server"), &settings(engine))
            .unwrap_or_else(|error| panic!("{error}"));
        let directory = directory.to_owned();
        Self { engine, directory, server, replicas: BTreeMap::new(), limited: BTreeSet::new() }
    }

    /// Lets the agent of a node that is yet to be made connect as a user who may read what applications use, but does not own
    /// it. PostgreSQL only.
    pub fn limit(&mut self, node: &str) {
        self.limited.insert(node.to_owned());
    }

    /// Makes the user of a limited node the owner of what applications use, and lets it see who else is there.
    ///
    /// # Panics
    ///
    /// When the database refuses.
    pub async fn give_rights(&self, node: &str) {
        let connection = self.connect(node).await;
        let rights =
            format!("ALTER TABLE users OWNER TO {LIMITED_USER}; GRANT pg_read_all_stats TO {LIMITED_USER}");
        connection.batch(&rights).await.expect("a superuser may");
    }

    /// Where everything is kept.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The server, to break it.
    ///
    /// # Panics
    ///
    /// When there is none of PostgreSQL.
    pub fn server(&mut self) -> &mut LocalPostgres {
        match &mut self.server {
            Some(LocalServer::Postgres(server)) => server,
            other => panic!("no server of PostgreSQL: {other:?}"),
        }
    }

    /// How the agent of a node reaches its database.
    #[must_use]
    pub fn agent_dsn(&self, node: &str) -> String {
        let dsn = self.dsn(node);
        if !self.limited.contains(node) {
            return dsn;
        }
        dsn.replace("user=postgres", &format!("user={LIMITED_USER}"))
    }

    /// The data source name of a node's database, as a user who may do anything.
    #[must_use]
    pub fn dsn(&self, node: &str) -> String {
        if let Some((server, primary)) = self.replicas.get(node) {
            return server.dsn(&database_name(primary));
        }
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

    /// Copies a node's database, to be put back later. Nobody works on it meanwhile. Not on MariaDB, which copies none by itself.
    ///
    /// # Panics
    ///
    /// When it cannot be copied.
    pub async fn back_up(&self, node: &str) {
        match &self.server {
            Some(_) => self.copy(&database_name(node), &backup_name(node)).await,
            None => {
                let sql = format!("VACUUM INTO '{}'", self.backup_file(node).display());
                self.connect(node).await.batch(&sql).await.unwrap_or_else(|error| panic!("{node}: {error}"));
            }
        }
    }

    /// Puts the copy in the place of the database. Nobody works on it meanwhile.
    ///
    /// # Panics
    ///
    /// When it cannot be put back.
    pub async fn put_back(&self, node: &str) {
        self.drop_database(node).await;
        match &self.server {
            Some(_) => self.copy(&backup_name(node), &database_name(node)).await,
            None => {
                std::fs::copy(self.backup_file(node), self.dsn(node)).expect("there is a backup");
            }
        }
    }

    /// Takes a node's database away.
    ///
    /// # Panics
    ///
    /// When it cannot be taken away.
    pub async fn drop_database(&self, node: &str) {
        match &self.server {
            Some(_) => self.administrate(&format!("DROP DATABASE {} WITH (FORCE)", database_name(node))).await,
            None => {
                for suffix in ["", "-wal", "-shm"] {
                    // The log beside it is missing when the last connection was closed properly.
                    let _ = std::fs::remove_file(format!("{}{suffix}", self.dsn(node)));
                }
            }
        }
    }

    fn backup_file(&self, node: &str) -> PathBuf {
        self.directory.join(format!("{node}.backup"))
    }

    /// A copy within a PostgreSQL server.
    async fn copy(&self, from: &str, to: &str) {
        self.administrate(&format!("CREATE DATABASE {to} TEMPLATE {from}")).await;
    }

    /// As the administrator of a PostgreSQL server. A killed agent's connections end a moment after it.
    async fn administrate(&self, sql: &str) {
        let server = self.server.as_ref().expect("there is a server");
        let connection = connect(self.engine, &server.dsn("postgres")).await;
        let connection = connection.unwrap_or_else(|error| panic!("{error}"));
        wait::until(sql, async || connection.batch(sql).await).await;
    }

    /// Starts a server that follows the one of node `primary`, for the agent of `replica`. Returns once the database is there.
    ///
    /// # Panics
    ///
    /// When the engine does not replicate, or the server does not start.
    pub async fn replicate(&mut self, replica: &str, primary: &str) {
        let server = self.server.as_ref().expect("the engine replicates");
        let started = server.start_replica(&self.directory.join(replica), &settings(self.engine));
        let started = started.unwrap_or_else(|error| panic!("{error}"));
        self.replicas.insert(replica.to_owned(), (started, primary.to_owned()));
        wait::until(&format!("{replica} holds the ledger of {primary}"), async || {
            let database = connect(self.engine, &self.dsn(replica)).await.map_err(|error| error.to_string())?;
            let meta = if self.engine == Engine::Postgres { "lockstep.meta" } else { "lockstep_meta" };
            let rows = database.query(&format!("SELECT fence FROM {meta}"), &[]).await;
            rows.map(drop).map_err(|error| error.to_string())
        })
        .await;
    }

    /// The server of a replica.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn replica(&mut self, replica: &str) -> &mut LocalServer {
        &mut self.replicas.get_mut(replica).expect("it is a replica").0
    }

    /// Stops, or lets go on, what a replica does with what it receives.
    ///
    /// # Panics
    ///
    /// When its server refuses.
    pub async fn replay(&self, replica: &str, goes_on: bool) {
        let sql = match (self.engine, goes_on) {
            (Engine::Postgres, false) => "SELECT pg_wal_replay_pause()",
            (Engine::Postgres, true) => "SELECT pg_wal_replay_resume()",
            (_, false) => "STOP SLAVE SQL_THREAD",
            (_, true) => "START SLAVE SQL_THREAD",
        };
        self.connect(replica).await.batch(sql).await.unwrap_or_else(|error| panic!("{replica}: {error}"));
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
        if self.limited.contains(node) {
            let database = database_name(node);
            let rights = format!(
                "CREATE ROLE {LIMITED_USER} LOGIN; GRANT CREATE ON DATABASE {database} TO {LIMITED_USER}; \
                 GRANT CREATE ON SCHEMA public TO {LIMITED_USER}; GRANT SELECT ON users TO {LIMITED_USER}"
            );
            connection.batch(&rights).await.unwrap_or_else(|error| panic!("shard {node}: {error}"));
        }
    }
}

fn settings(engine: Engine) -> Settings {
    let more = match engine {
        Engine::Mariadb | Engine::Mysql => replicated(engine),
        _ => Vec::new(),
    };
    Settings { fsync: false, connections_max: 200, more, ..Settings::default() }
}

fn backup_name(node: &str) -> String {
    format!("{}_backup", database_name(node))
}

fn database_name(node: &str) -> String {
    node.replace('-', "_")
}
