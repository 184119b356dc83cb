//! Real servers of MariaDB and MySQL on loopback, for demos and tests.
//!
//! A server lives in a directory of its own, lets `root` in from 127.0.0.1 without a password and nobody else, and is stopped
//! when its value is dropped or the process that started it ends, however it ends. It knows nothing of the machine's own
//! configuration. Where we are root it runs as user `mysql`, who must be able to reach the directory.
//! A server that keeps a binary log can have replicas. MySQL's programs are found where `MYSQL_BINDIR` says, and nowhere else.

mod programs;

pub use self::programs::{Programs, chosen, find_programs};
use crate::local_server::{Account, Launch, Running, free_port};
pub use crate::local_server::{Error, Settings};
use lockstep_core::Engine;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// How long a server that is up takes to greet, at most.
const GREETING_MAX: Duration = Duration::from_secs(2);

/// Whom it runs as where we are root.
const USER: &str = "mysql";

/// Further [`Settings::more`] of a server of MariaDB or MySQL that is to have replicas.
#[must_use]
pub fn replicated(engine: Engine) -> Vec<String> {
    let gtids: &[&str] = if engine == Engine::Mysql { &GTIDS } else { &[] };
    ["log-bin=binlog", "server-id=1"].iter().chain(gtids).map(|&setting| setting.to_owned()).collect()
}

/// MariaDB has them without being told.
const GTIDS: [&str; 2] = ["gtid-mode=ON", "enforce-gtid-consistency=ON"];

/// A running server. Stopped when dropped.
#[derive(Debug)]
pub struct LocalMysql {
    engine: Engine,
    programs: Programs,
    settings: Settings,
    port: u16,
    running: Running,
}

impl LocalMysql {
    /// Makes a server of MariaDB or MySQL in `directory`, which must be empty or not exist, and starts it. Blocks until it answers.
    ///
    /// # Errors
    ///
    /// See [`Error`]; none is retryable without a change of the machine.
    pub fn start(engine: Engine, directory: &Path, settings: &Settings) -> Result<Self, Error> {
        let programs = programs::programs(engine)?;
        make(&programs, directory, &[])?;
        Self::run(engine, programs, directory, free_port()?, settings)
    }

    /// Makes a server in `directory`, which must be empty or not exist, that follows this one from its first entry on, and takes no
    /// writes. This one must have been started with what [`replicated`] gives. Blocks until it answers; what it follows comes later.
    ///
    /// # Errors
    ///
    /// As [`LocalMysql::start`].
    pub fn start_replica(&self, directory: &Path, settings: &Settings) -> Result<Self, Error> {
        let (source, start) = self.follow();
        make(&self.programs, directory, &[&source, start])?;
        let port = free_port()?;
        // Any number that no other server of the same source has.
        let id = format!("server-id={port}");
        let gtids = if self.engine == Engine::Mysql { GTIDS.as_slice() } else { &[] };
        let more = ["read-only=1", "skip-slave-start", &id].into_iter().chain(gtids.iter().copied());
        let more = settings.more.iter().cloned().chain(more.map(str::to_owned)).collect();
        let settings = Settings { more, ..settings.clone() };
        Self::run(self.engine, self.programs.clone(), directory, port, &settings)
    }

    /// What makes a server follow this one.
    fn follow(&self) -> (String, &'static str) {
        let port = self.port;
        match self.engine {
            Engine::Mysql => (
                format!(
                    "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='root', \
                     SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1"
                ),
                "START REPLICA",
            ),
            _ => (
                format!(
                    "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', \
                     MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1"
                ),
                "START SLAVE",
            ),
        }
    }

    fn run(
        engine: Engine,
        programs: Programs,
        directory: &Path,
        port: u16,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let account = Account::of(programs.name(), USER)?;
        let mut running = launch(&programs, &account, directory, port, settings)?;
        running.wait_until(|| greets(port))?;
        Ok(Self { engine, programs, settings: settings.clone(), port, running })
    }

    /// Ends the server at once, as a crash does. [`LocalMysql::restart`] brings it back.
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
        let account = Account::of(self.programs.name(), USER)?;
        self.running.stop();
        let directory = self.running.directory().to_owned();
        self.running = launch(&self.programs, &account, &directory, self.port, &self.settings)?;
        let port = self.port;
        self.running.wait_until(|| greets(port))
    }

    /// Which of the two it is.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
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
        let connection = crate::plain::connect(self.engine, &self.dsn("mysql")).await?;
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

/// Makes the directory of a server, with what the server runs at each start.
fn make(programs: &Programs, directory: &Path, at_start: &[&str]) -> Result<(), Error> {
    let account = Account::of(programs.name(), USER)?;
    account.make(directory)?;
    programs.install(&account, directory)?;
    programs.write_init_file(directory, at_start)
}

fn launch(
    programs: &Programs,
    account: &Account,
    directory: &Path,
    port: u16,
    settings: &Settings,
) -> Result<Running, Error> {
    // It ends its sessions and stops; the directory stays usable.
    let (server, signal, pid_file) = (programs.name(), "TERM", directory.join("pid"));
    let (program, arguments) = (programs.server().to_owned(), programs.arguments(directory, port, settings));
    Launch { server, account, directory, settings, signal, program, arguments, pid_file }.start()
}
