//! Real PostgreSQL servers on loopback, for demos and tests.
//!
//! A server lives in a directory of its own, trusts connections from 127.0.0.1 only, and is stopped when its value is dropped or
//! the process that started it ends, however it ends.
//! PostgreSQL refuses to run as root, so there the server runs as user `postgres`, who must be able to reach the directory.
//! A server can have standbys, which stream from it and answer reads.

use crate::local_server::{Account, Launch, Running, free_port};
pub use crate::local_server::{Error, Settings};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};

const SERVER: &str = "PostgreSQL";

/// Whom it runs as where we are root.
const USER: &str = "postgres";

/// A running server. Stopped when dropped.
#[derive(Debug)]
pub struct LocalPostgres {
    programs: PathBuf,
    settings: Settings,
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
        Self::start_with(&programs()?, directory, settings)
    }

    /// As [`Self::start`], with the programs of one release: the directory of its `initdb` and `postgres`.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn start_with(programs: &Path, directory: &Path, settings: &Settings) -> Result<Self, Error> {
        let account = Account::of(SERVER, USER)?;
        account.make(directory)?;
        initialise(programs, &account, &directory.join("data"))?;
        Self::run(programs.to_owned(), directory, free_port()?, settings)
    }

    /// Makes a standby of this server in `directory`, which must be empty or not exist, and starts it: it streams what this
    /// server writes, and answers reads. Blocks until it answers. `settings` allow at least as many connections as this server's.
    ///
    /// # Errors
    ///
    /// As [`LocalPostgres::start`].
    pub fn start_standby(&self, directory: &Path, settings: &Settings) -> Result<Self, Error> {
        let account = Account::of(SERVER, USER)?;
        account.make(directory)?;
        copy(&self.programs, &account, self.port, &directory.join("data"))?;
        Self::run(self.programs.clone(), directory, free_port()?, settings)
    }

    fn run(programs: PathBuf, directory: &Path, port: u16, settings: &Settings) -> Result<Self, Error> {
        let account = Account::of(SERVER, USER)?;
        let running = launch(&programs, &account, directory, port, settings)?;
        let mut server = Self { programs, settings: settings.clone(), port, running };
        server.wait_until_it_answers()?;
        Ok(server)
    }

    /// Ends the server at once, as a crash does: sessions break, nothing is finished. [`LocalPostgres::restart`] brings it back.
    pub fn crash(&mut self) {
        self.running.end_by("QUIT");
    }

    /// Starts the server anew in its directory and on its port, after a crash or to restart it. Not for a temporary one.
    /// Blocks until it answers.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn restart(&mut self) -> Result<(), Error> {
        let account = Account::of(SERVER, USER)?;
        self.running.stop();
        let directory = self.running.directory().to_owned();
        self.running = launch(&self.programs, &account, &directory, self.port, &self.settings)?;
        self.wait_until_it_answers()
    }

    fn wait_until_it_answers(&mut self) -> Result<(), Error> {
        let (data, port) = (self.running.directory().join("data"), self.port);
        self.running.wait_until(|| answers(&data, port))
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

/// The server itself says so, in the eighth line of the file with its process id: written anew before it listens.
fn answers(data: &Path, port: u16) -> bool {
    const STATE: usize = 7;
    if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        return false;
    }
    let file = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    file.lines().nth(STATE).is_some_and(|state| matches!(state.trim(), "ready" | "standby"))
}

fn programs() -> Result<PathBuf, Error> {
    find_programs().ok_or(Error::NotFound {
        server: SERVER,
        looked_at: "looked at PG_BINDIR, /usr/lib/postgresql/*/bin and PATH",
        remedy: "install PostgreSQL, e.g. `apt-get install postgresql`, or set PG_BINDIR to the directory of `initdb` and `postgres`",
    })
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
    initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "-D"]);
    initdb.arg(data);
    account.run(initdb, "initdb", data)
}

/// Copies a running server's data, with what makes the copy follow it.
fn copy(programs: &Path, account: &Account, port: u16, data: &Path) -> Result<(), Error> {
    let mut backup = account.command(&programs.join("pg_basebackup"));
    backup.args(["--host=127.0.0.1", "--username=postgres", "--port", &port.to_string()]);
    backup
        .args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "-D"])
        .arg(data);
    account.run(backup, "pg_basebackup", data)
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
    Launch { server: SERVER, account, directory, settings, signal, program, arguments, pid_file }.start()
}
