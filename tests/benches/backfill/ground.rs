//! A server, and the table on it.

use crate::way::Way;
use anyhow::{Context, Result, bail, ensure};
use lockstep_core::Engine;
use lockstep_database::local_server::{LocalServer, Settings};
use lockstep_database::plain::{self, Connection};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Servers of tests are smaller.
const DEFAULTS_OF_MARIADB: [&str; 2] = ["innodb-buffer-pool-size=128M", "innodb-log-file-size=96M"];

/// A server with its default settings, durable as in production.
pub(crate) struct Ground {
    pub(crate) engine: Engine,
    server: LocalServer,
    // Last: the server must be gone before its files are.
    directory: TempDir,
}

/// A database with the table.
pub(crate) struct Place {
    pub(crate) engine: Engine,
    pub(crate) dsn: String,
    pub(crate) connection: Connection,
}

impl Ground {
    pub(crate) fn start(engine: Engine) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("lockstep-bench-").tempdir()?;
        // A server does not run as root, and must be able to walk down to its data.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))?;
        let more =
            if engine == Engine::Mariadb { DEFAULTS_OF_MARIADB.map(str::to_owned).to_vec() } else { Vec::new() };
        let settings = Settings { connections_max: 200, more, ..Settings::default() };
        let server = LocalServer::start(engine, &directory.path().join("server"), &settings)?;
        Ok(Self { engine, server: server.context("the engine has no servers")?, directory })
    }

    /// A server that has done such work before: the first to write so much has files of the log made that those after it find.
    pub(crate) async fn warm(engine: Engine, rows: u64) -> Result<Self> {
        let ground = Self::start(engine)?;
        let place = ground.place("warm", rows).await?;
        Way::ByHand.prepare(&ground, &place, "warm", Duration::ZERO).await?.run(&place, rows).await?;
        ground.clear("warm", place).await?;
        Ok(ground)
    }

    /// Where files may be put that go with the server.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A new database with `rows` accounts, about 100 bytes each, ids from 1, all of it on disk.
    pub(crate) async fn place(&self, name: &str, rows: u64) -> Result<Place> {
        self.server.create_database(name).await?;
        let dsn = self.server.dsn(name);
        let connection = plain::connect(self.engine, &dsn).await?;
        connection
            .batch(
                "CREATE TABLE accounts (id bigint PRIMARY KEY, owner varchar(60) NOT NULL, balance bigint NOT NULL, \
                 note varchar(80) NOT NULL)",
            )
            .await?;
        let row = "n, concat('owner ', n), n % 1000, concat(n, ' ', repeat('x', 50))";
        match self.engine {
            Engine::Postgres => {
                let fill =
                    format!("INSERT INTO accounts SELECT {row} FROM generate_series(1, {rows}) AS numbers(n)");
                connection.execute(&fill, &[]).await?;
                connection.execute("VACUUM ANALYZE accounts", &[]).await?;
                connection.execute("CHECKPOINT", &[]).await?;
            }
            Engine::Mariadb => {
                let numbers = format!("SELECT seq AS n FROM seq_1_to_{rows}");
                connection
                    .batch(&format!("INSERT INTO accounts SELECT {row} FROM ({numbers}) AS numbers"))
                    .await?;
                connection.query("ANALYZE TABLE accounts", &[]).await?;
            }
            other => bail!("{other} is not measured"),
        }
        // What was written and dropped before is not to be flushed while something is measured.
        let sync = std::process::Command::new("sync").status().context("sync")?;
        ensure!(sync.success(), "sync ended with {sync}");
        Ok(Place { engine: self.engine, dsn, connection })
    }

    /// Takes a database away, so that the next one finds the server as this one did.
    pub(crate) async fn clear(&self, name: &str, place: Place) -> Result<()> {
        drop(place);
        let maintenance = if self.engine == Engine::Postgres { "postgres" } else { "mysql" };
        let connection = plain::connect(self.engine, &self.server.dsn(maintenance)).await?;
        let force = if self.engine == Engine::Postgres { " WITH (FORCE)" } else { "" };
        connection.batch(&format!("DROP DATABASE {name}{force}")).await?;
        Ok(())
    }
}
