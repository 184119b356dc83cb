//! Where goldens are run: a server of an engine, or a folder for SQLite's files.

use crate::golden::Stand;
use anyhow::Result;
use lockstep_database::local_server::{LocalServer, Settings};
use lockstep_database::plain::{self, Connection};
use lockstep_planner::Target;

/// Where databases are made.
#[derive(Debug)]
pub struct Ground {
    pub(crate) target: Target,
    // In this order: the server ends before its directory goes.
    server: Option<LocalServer>,
    directory: tempfile::TempDir,
}

impl Ground {
    /// Starts what the engine needs.
    ///
    /// # Panics
    ///
    /// When a server is needed and not there; the text says what to install.
    #[must_use]
    pub fn start(target: Target) -> Self {
        let directory =
            tempfile::Builder::new().prefix("lockstep-goldens-").tempdir().expect("a directory can be made");
        // A server does not run as root, and must be able to walk down to its data.
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("the directory is ours");
        let settings = Settings { fsync: false, ..Settings::default() };
        let server = LocalServer::start(target.engine, &directory.path().join("server"), &settings)
            .unwrap_or_else(|error| panic!("{error}"));
        Self { target, server, directory }
    }

    pub(crate) fn dsn(&self, name: &str) -> String {
        match &self.server {
            Some(server) => server.dsn(name),
            None => self.directory.path().join(format!("{name}.sqlite")).display().to_string(),
        }
    }

    /// The target of the engine that runs here, in its own version.
    ///
    /// # Errors
    ///
    /// When the engine cannot be asked.
    pub async fn newest(&self) -> Result<Target> {
        let stand = self.stand("version").await?;
        Ok(Target { version: stand.database.sizes().await?.engine_version, ..self.target })
    }

    /// Plans are made for the version of the server that runs here.
    ///
    /// # Errors
    ///
    /// As [`Self::newest`].
    pub async fn of_own_version(self) -> Result<Self> {
        Ok(Self { target: self.newest().await?, ..self })
    }

    /// An empty database, and an adapter for it.
    pub(crate) async fn stand(&self, name: &str) -> Result<Stand> {
        let (dsn, connection) = self.database(name).await?;
        let (engine, version) = (self.target.engine, 0);
        let database = lockstep_database::connect(engine, &dsn)?;
        Ok(Stand { database, connection, dsn, engine, version })
    }

    /// An empty database.
    pub(crate) async fn database(&self, name: &str) -> Result<(String, Connection)> {
        if let Some(server) = &self.server {
            server.create_database(name).await?;
        }
        let connection = plain::connect(self.target.engine, &self.dsn(name)).await?;
        Ok((self.dsn(name), connection))
    }
}
