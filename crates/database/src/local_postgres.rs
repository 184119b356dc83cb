//! Real PostgreSQL servers on loopback, for demos and tests.
//!
//! A server lives in a directory of its own, trusts connections from 127.0.0.1 only, and is stopped when its value is dropped or
//! the process that started it ends, however it ends.
//! PostgreSQL refuses to run as root, so there the server runs as user `postgres`, who must be able to reach the directory.

use crate::local_server::{Account, Launch, Running, free_port};
pub use crate::local_server::{Error, Settings};
use std::path::{Path, PathBuf};

/// A running server. Stopped when dropped.
#[derive(Debug)]
pub struct LocalPostgres {
    port: u16,
    running: Running,
}

impl LocalPostgres {
    /// Makes a server in `directory`, which must be empty or not exist, and starts it. Blocks until it answers.
    ///
    /// # Errors
    ///
    /// See [`Error`]; none is retryable without a change of the machine.
    pub fn start(directory: &Path, settings: &Settings) -> Result<Self, Error> {
        let programs = find_programs().ok_or(Error::NotFound {
            server: "PostgreSQL",
            looked_at: "looked at PG_BINDIR, /usr/lib/postgresql/*/bin and PATH",
            remedy: "install PostgreSQL, e.g. `apt-get install postgresql`, or set PG_BINDIR to the directory of `initdb` and `postgres`",
        })?;
        let account = Account::of("PostgreSQL", "postgres")?;
        account.make(directory)?;
        initialise(&programs, &account, &directory.join("data"))?;
        let port = free_port()?;
        let running = launch(&programs, &account, directory, port, settings)?;
        let mut server = Self { port, running };
        server.running.wait_until(|| answers(&programs, &account, port))?;
        Ok(server)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data source name of a database on it, as the superuser.
    #[must_use]
    pub fn dsn(&self, database: &str) -> String {
        format!("host=127.0.0.1 port={} user=postgres dbname={database}", self.port)
    }

    /// Makes a database.
    ///
    /// # Errors
    ///
    /// As [`crate::plain::Connection::execute`].
    pub async fn create_database(&self, name: &str) -> Result<(), crate::Error> {
        let connection = crate::plain::connect(lockstep_core::Engine::Postgres, &self.dsn("postgres")).await?;
        connection.batch(&format!("CREATE DATABASE {}", crate::statement::quote(name))).await
    }

    /// The process id of the server's first process, for tests that stop or kill it. `None` once it is gone.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.running.process_id()
    }
}

fn answers(programs: &Path, account: &Account, port: u16) -> bool {
    let mut ready = account.command(&programs.join("pg_isready"));
    ready.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres"]);
    ready.status().is_ok_and(|status| status.success())
}

/// The directory of the newest server programs on this machine.
#[must_use]
pub fn find_programs() -> Option<PathBuf> {
    let is_complete =
        |directory: &PathBuf| directory.join("initdb").is_file() && directory.join("postgres").is_file();
    if let Some(directory) = std::env::var_os("PG_BINDIR") {
        return Some(PathBuf::from(directory)).filter(is_complete);
    }
    let mut packaged: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|release| release.path().join("bin"))
        .filter(is_complete)
        .collect();
    packaged.sort_by_key(|directory| release_of(directory));
    let on_path = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).find(is_complete)
    };
    packaged.pop().or_else(on_path)
}

fn release_of(directory: &Path) -> u32 {
    let release = directory.parent().and_then(Path::file_name).and_then(std::ffi::OsStr::to_str);
    release.and_then(|release| release.parse().ok()).unwrap_or(0)
}

fn initialise(programs: &Path, account: &Account, data: &Path) -> Result<(), Error> {
    let mut initdb = account.command(&programs.join("initdb"));
    initdb.args([
        "--auth=trust",
        "--username=postgres",
        "--encoding=UTF8",
        "--no-sync",
        "--no-instructions",
        "-D",
    ]);
    initdb.arg(data);
    account.run(initdb, "initdb", data)
}

fn launch(
    programs: &Path,
    account: &Account,
    directory: &Path,
    port: u16,
    settings: &Settings,
) -> Result<Running, Error> {
    let data = directory.join("data");
    let switch = |on: bool| if on { "on" } else { "off" };
    let mut arguments = vec!["-D".into(), data.clone().into_os_string(), "-p".into(), port.to_string().into()];
    for setting in [
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        format!("max_connections={}", settings.connections_max),
        format!("fsync={}", switch(settings.fsync)),
        format!("full_page_writes={}", switch(settings.fsync)),
    ]
    .iter()
    .chain(&settings.more)
    {
        arguments.extend(["-c".into(), setting.into()]);
    }
    // A fast shutdown: sessions are ended, the directory stays usable.
    let (signal, program, pid_file) = ("INT", programs.join("postgres"), data.join("postmaster.pid"));
    Launch { server: "PostgreSQL", account, directory, settings, signal, program, arguments, pid_file }.start()
}
