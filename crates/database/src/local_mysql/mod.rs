//! Real MariaDB servers on loopback, for demos and tests.
//!
//! A server lives in a directory of its own, lets `root` in from 127.0.0.1 without a password and nobody else, and is stopped
//! when its value is dropped or the process that started it ends, however it ends. It knows nothing of the machine's own
//! configuration of MariaDB. Where we are root it runs as user `mysql`, who must be able to reach the directory.
//! A server that keeps a binary log can have replicas.

use crate::local_server::{Account, Launch, Running, free_port, system};
pub use crate::local_server::{Error, Settings};
use std::ffi::OsString;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a server that is up takes to greet, at most.
const GREETING_MAX: Duration = Duration::from_secs(2);

const SERVER: &str = "MariaDB";

/// Whom it runs as where we are root.
const USER: &str = "mysql";

/// Further [`Settings::more`] of a server that is to have replicas.
pub const REPLICATED: [&str; 2] = ["log-bin=binlog", "server-id=1"];

/// A running server. Stopped when dropped.
#[derive(Debug)]
pub struct LocalMariadb {
    programs: Programs,
    settings: Settings,
    port: u16,
    running: Running,
}

/// The programs of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    /// The server.
    pub mariadbd: PathBuf,
    /// What makes its data directory.
    pub install: PathBuf,
}

impl LocalMariadb {
    /// Makes a server in `directory`, which must be empty or not exist, and starts it. Blocks until it answers.
    ///
    /// # Errors
    ///
    /// See [`Error`]; none is retryable without a change of the machine.
    pub fn start(directory: &Path, settings: &Settings) -> Result<Self, Error> {
        let programs = programs()?;
        let account = Account::of(SERVER, USER)?;
        account.make(directory)?;
        initialise(&programs, &account, directory, &[])?;
        Self::run(programs, directory, free_port()?, settings)
    }

    /// Makes a server in `directory`, which must be empty or not exist, that follows this one from its first entry on, and takes no
    /// writes. This one must have been started with [`REPLICATED`]. Blocks until it answers; what it follows comes later.
    ///
    /// # Errors
    ///
    /// As [`LocalMariadb::start`].
    pub fn start_replica(&self, directory: &Path, settings: &Settings) -> Result<Self, Error> {
        let account = Account::of(SERVER, USER)?;
        account.make(directory)?;
        let source = format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='root', MASTER_USE_GTID=slave_pos, \
             MASTER_CONNECT_RETRY=1",
            self.port
        );
        initialise(&self.programs, &account, directory, &[&source, "START SLAVE"])?;
        let port = free_port()?;
        // Any number that no other server of the same source has.
        let more = [format!("server-id={port}"), "read-only=1".to_owned(), "skip-slave-start".to_owned()];
        let more = settings.more.iter().cloned().chain(more).collect();
        Self::run(self.programs.clone(), directory, port, &Settings { more, ..settings.clone() })
    }

    fn run(programs: Programs, directory: &Path, port: u16, settings: &Settings) -> Result<Self, Error> {
        let account = Account::of(SERVER, USER)?;
        let mut running = launch(&programs, &account, directory, port, settings)?;
        running.wait_until(|| greets(port))?;
        Ok(Self { programs, settings: settings.clone(), port, running })
    }

    /// Ends the server at once, as a crash does. [`LocalMariadb::restart`] brings it back.
    pub fn crash(&mut self) {
        self.running.end_by("KILL");
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
        let port = self.port;
        self.running.wait_until(|| greets(port))
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data source name of a database on it, as a user who may do anything.
    #[must_use]
    pub fn dsn(&self, database: &str) -> String {
        format!("mysql://root@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a database.
    ///
    /// # Errors
    ///
    /// As [`crate::plain::Connection::execute`].
    pub async fn create_database(&self, name: &str) -> Result<(), crate::Error> {
        let connection = crate::plain::connect(lockstep_core::Engine::Mariadb, &self.dsn("mysql")).await?;
        connection.batch(&format!("CREATE DATABASE {}", crate::mysql::quote(name))).await
    }

    /// The server's process id, for tests that stop or kill it. `None` once it is gone.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.running.process_id()
    }
}

/// True when the server sends a greeting, and not an error.
fn greets(port: u16) -> bool {
    const PROTOCOL_VERSION: u8 = 10;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, GREETING_MAX) else { return false };
    let mut greeting = [0; 5];
    stream.set_read_timeout(Some(GREETING_MAX)).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && greeting[4] == PROTOCOL_VERSION
}

fn programs() -> Result<Programs, Error> {
    find_programs().ok_or(Error::NotFound {
        server: SERVER,
        looked_at: "looked for mariadbd and mariadb-install-db in MARIADB_BINDIR, PATH, /usr/sbin and /usr/bin",
        remedy: "install MariaDB, e.g. `apt-get install mariadb-server`, or set MARIADB_BINDIR to their directory",
    })
}

/// The server programs on this machine.
#[must_use]
pub fn find_programs() -> Option<Programs> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = match std::env::var_os("MARIADB_BINDIR") {
        Some(folder) => vec![folder.into()],
        // Servers are in sbin, which is on the path of administrators only.
        None => std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]).collect(),
    };
    let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    Some(Programs { mariadbd: find("mariadbd")?, install: find("mariadb-install-db")? })
}

/// Makes the data directory, and what the server runs at each start: `more` comes last.
fn initialise(programs: &Programs, account: &Account, directory: &Path, more: &[&str]) -> Result<(), Error> {
    let mut install = account.command(&programs.install);
    install.arg("--no-defaults").arg(option("datadir", directory.join("data")));
    install.args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]);
    install.arg("--innodb-flush-method=nosync").env("TMPDIR", directory);
    account.run(install, "mariadb-install-db", directory)?;
    let path = init_file(directory);
    let user = "root@'127.0.0.1'";
    let mut text = format!("CREATE USER IF NOT EXISTS {user};\nGRANT ALL ON *.* TO {user} WITH GRANT OPTION;\n");
    text.extend(more.iter().map(|statement| format!("{statement};\n")));
    std::fs::write(&path, text).map_err(|source| system("write", &path, source))
}

/// Run by the server before it answers anybody.
fn init_file(directory: &Path) -> PathBuf {
    directory.join("first.sql")
}

fn option(name: &str, value: impl Into<OsString>) -> OsString {
    let mut text = OsString::from(format!("--{name}="));
    text.push(value.into());
    text
}

fn launch(
    programs: &Programs,
    account: &Account,
    directory: &Path,
    port: u16,
    settings: &Settings,
) -> Result<Running, Error> {
    let pid_file = directory.join("pid");
    let mut arguments = vec![
        "--no-defaults".into(),
        option("datadir", directory.join("data")),
        option("pid-file", &pid_file),
        option("init-file", init_file(directory)),
        option("tmpdir", directory),
        option("port", port.to_string()),
        option("max-connections", settings.connections_max.to_string()),
    ];
    let fixed: &[&str] = &[
        "--bind-address=127.0.0.1",
        "--socket=",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_general_ci",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=32M",
        // The default ends recursive queries silently after a thousand rounds.
        "--max-recursive-iterations=100000000",
    ];
    // Not 0: a killed server would lose the last second but keep its definitions, and a replica begins at the older position: it
    // would meet each `ALTER TABLE` of that second again, and stop.
    let unsafe_but_fast: &[&str] =
        &["--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2", "--innodb-doublewrite=0"];
    arguments.extend(fixed.iter().map(OsString::from));
    arguments.extend(unsafe_but_fast.iter().filter(|_| !settings.fsync).map(OsString::from));
    arguments.extend(settings.more.iter().map(|setting| OsString::from(format!("--{setting}"))));
    // It ends its sessions and stops; the directory stays usable.
    let (signal, program) = ("TERM", programs.mariadbd.clone());
    Launch { server: SERVER, account, directory, settings, signal, program, arguments, pid_file }.start()
}
