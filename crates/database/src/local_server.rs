//! Real servers of any engine on loopback, and what they have in common: whom their programs run as, who stops them, how a
//! start fails.

use crate::local_mysql::LocalMysql;
use crate::local_postgres::LocalPostgres;
use lockstep_core::Engine;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to answer.
const START_MAX: Duration = Duration::from_secs(60);
const POLL_RHYTHM: Duration = Duration::from_millis(50);
const STOP_MAX: Duration = Duration::from_secs(10);

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its programs are not on this machine.
    #[error("no {server} server programs found ({looked_at}); {remedy}")]
    NotFound {
        /// Whose.
        server: &'static str,
        /// Where they were looked for.
        looked_at: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// We are root and there is no user to run it as.
    #[error("{server} does not run as root, and there is no user `{user}` here; make one, or run as another user")]
    NoUser {
        /// Whose.
        server: &'static str,
        /// The missing user.
        user: &'static str,
    },
    /// A program of the server failed.
    #[error("{program} failed in {}: {output}", directory.display())]
    Program {
        /// Which.
        program: String,
        /// The server's directory.
        directory: PathBuf,
        /// What it said.
        output: String,
    },
    /// The system refused something.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It started and never answered.
    #[error("the {server} server in {} does not answer after {} s; its log says: {log}", directory.display(), START_MAX.as_secs())]
    Silent {
        /// Whose.
        server: &'static str,
        /// The server's directory.
        directory: PathBuf,
        /// The end of its log.
        log: String,
    },
}

/// How a server is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// False: faster, and a crash of the machine (not of the server) loses data. For tests.
    pub fsync: bool,
    /// Connections at most.
    pub connections_max: u32,
    /// True: the directory is removed when the server has stopped.
    pub temporary: bool,
    /// Further settings, each `name=value`.
    pub more: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { fsync: true, connections_max: 100, temporary: false, more: Vec::new() }
    }
}

/// A running server of an engine that has servers. Stopped when dropped.
#[derive(Debug)]
pub enum LocalServer {
    /// See [`LocalPostgres`].
    Postgres(LocalPostgres),
    /// See [`LocalMysql`].
    Mysql(LocalMysql),
}

impl LocalServer {
    /// Makes a server in `directory`, which must be empty or not exist, and starts it. Blocks until it answers. `None` for SQLite,
    /// which needs none.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn start(engine: Engine, directory: &Path, settings: &Settings) -> Result<Option<Self>, Error> {
        Ok(Some(match engine {
            Engine::Sqlite => return Ok(None),
            Engine::Postgres => Self::Postgres(LocalPostgres::start(directory, settings)?),
            Engine::Mariadb | Engine::Mysql => Self::Mysql(LocalMysql::start(engine, directory, settings)?),
        }))
    }

    /// Makes a server in `directory` that follows this one, takes no writes, and answers reads. Blocks until it answers; what this
    /// server holds may come later. A server of MariaDB or MySQL must have been started
    /// with what [`local_mysql::replicated`](crate::local_mysql::replicated) gives.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn start_replica(&self, directory: &Path, settings: &Settings) -> Result<Self, Error> {
        Ok(match self {
            Self::Postgres(server) => Self::Postgres(server.start_standby(directory, settings)?),
            Self::Mysql(server) => Self::Mysql(server.start_replica(directory, settings)?),
        })
    }

    /// Ends the server at once, as a crash does.
    pub fn crash(&mut self) {
        match self {
            Self::Postgres(server) => server.crash(),
            Self::Mysql(server) => server.crash(),
        }
    }

    /// Starts it anew in its directory and on its port. Not for a temporary one. Blocks until it answers.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn restart(&mut self) -> Result<(), Error> {
        match self {
            Self::Postgres(server) => server.restart(),
            Self::Mysql(server) => server.restart(),
        }
    }

    /// The data source name of a database on it, as a user who may do anything.
    #[must_use]
    pub fn dsn(&self, database: &str) -> String {
        match self {
            Self::Postgres(server) => server.dsn(database),
            Self::Mysql(server) => server.dsn(database),
        }
    }

    /// Makes a database.
    ///
    /// # Errors
    ///
    /// As [`crate::plain::Connection::execute`].
    pub async fn create_database(&self, name: &str) -> Result<(), crate::Error> {
        match self {
            Self::Postgres(server) => server.create_database(name).await,
            Self::Mysql(server) => server.create_database(name).await,
        }
    }
}

/// A server and what ends it. Stopped when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    server: &'static str,
    directory: PathBuf,
    /// See [`KEEPER`].
    keeper: Child,
    /// Where the server writes its process id, in the first line.
    pid_file: PathBuf,
}

/// Runs the server and stops it when its standard input ends, which it does when whoever started it drops it or dies. What
/// comes first is the directory to remove, if any, and the signal that makes the server end its sessions and stop.
const KEEPER: &str = r#"temporary=$1; signal=$2; shift 2; "$@" & server=$!
    (wait_for_end() { while read -r _; do :; done; }; wait_for_end; kill "-$signal" "$server" 2>/dev/null) <&3 3<&- >/dev/null 2>&1 &
    exec 3<&-; wait "$server"; [ -z "$temporary" ] || rm -rf -- "$temporary""#;

/// How a server is launched.
pub(crate) struct Launch<'a> {
    pub(crate) server: &'static str,
    pub(crate) account: &'a Account,
    pub(crate) directory: &'a Path,
    pub(crate) settings: &'a Settings,
    /// What makes it end its sessions and stop.
    pub(crate) signal: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<std::ffi::OsString>,
    pub(crate) pid_file: PathBuf,
}

impl Launch<'_> {
    pub(crate) fn start(self) -> Result<Running, Error> {
        let log_path = self.directory.join("log");
        let log = std::fs::File::create(&log_path).map_err(|source| system("write", &log_path, source))?;
        let errors = log.try_clone().map_err(|source| system("write", &log_path, source))?;
        let temporary =
            if self.settings.temporary { self.directory.as_os_str() } else { std::ffi::OsStr::new("") };
        let mut shell = self.account.command(Path::new("/bin/sh"));
        shell.arg("-c").arg(format!("exec 3<&0 </dev/null; {KEEPER}")).arg("keeper").arg(temporary);
        shell.arg(self.signal).arg(self.program).args(self.arguments);
        let spawned = shell.stdin(Stdio::piped()).stdout(log).stderr(errors).spawn();
        let keeper = spawned.map_err(|source| system("start the server in", self.directory, source))?;
        let directory = self.directory.to_owned();
        Ok(Running { server: self.server, directory, keeper, pid_file: self.pid_file })
    }
}

impl Running {
    /// Waits until `is_ready`, or says why it is not.
    pub(crate) fn wait_until(&mut self, is_ready: impl Fn() -> bool) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            // In this order: one that ended because its port was taken must not be mistaken for whoever took it.
            let ended = self.keeper.try_wait().ok().flatten().is_some();
            if !ended && is_ready() {
                return Ok(());
            }
            if ended || started.elapsed() > START_MAX {
                let (server, directory) = (self.server, self.directory.clone());
                return Err(Error::Silent { server, directory, log: self.log_end() });
            }
            std::thread::sleep(POLL_RHYTHM);
        }
    }

    pub(crate) fn process_id(&self) -> Option<u32> {
        let file = std::fs::read_to_string(&self.pid_file).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn log_end(&self) -> String {
        let mut log = String::new();
        if let Ok(mut file) = std::fs::File::open(self.directory.join("log")) {
            let _ = file.read_to_string(&mut log);
        }
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join(" | ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    /// Sends it a signal that ends it, and waits for its end.
    pub(crate) fn end_by(&mut self, signal: &str) {
        if let Some(process_id) = self.process_id() {
            let _ = Command::new("kill").args([&format!("-{signal}"), &process_id.to_string()]).status();
        }
        self.stop();
    }

    /// Ends it if it still runs, and waits for its end.
    pub(crate) fn stop(&mut self) {
        drop(self.keeper.stdin.take());
        let started = Instant::now();
        while started.elapsed() < STOP_MAX {
            if self.keeper.try_wait().ok().flatten().is_some() {
                return;
            }
            std::thread::sleep(POLL_RHYTHM);
        }
        if let Some(process_id) = self.process_id() {
            let _ = Command::new("kill").args(["-KILL", &process_id.to_string()]).status();
        }
        let _ = self.keeper.wait();
    }
}

/// Whom the server's programs run as.
pub(crate) struct Account {
    user: &'static str,
    /// `None`: as we do.
    ids: Option<(u32, u32)>,
}

impl Account {
    /// We ourselves, or the server's user when we are root.
    pub(crate) fn of(server: &'static str, user: &'static str) -> Result<Self, Error> {
        if !is_root() {
            return Ok(Self { user, ids: None });
        }
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let ids = fields
            .filter(|fields| fields.first() == Some(&user))
            .find_map(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)));
        ids.map(|ids| Self { user, ids: Some(ids) }).ok_or(Error::NoUser { server, user })
    }

    pub(crate) fn command(&self, program: &Path) -> Command {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(program);
        // The server's language must not depend on ours, and its working directory must be one that it may enter. A Ctrl-C at
        // our terminal is for us to answer: the server stays until it is dropped.
        command.env("LC_ALL", "C.UTF-8").current_dir("/").stdin(Stdio::null()).process_group(0);
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }

    /// Makes the directory, gives it to the account, and lets it in.
    pub(crate) fn make(&self, directory: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(directory).map_err(|source| system("make", directory, source))?;
        match self.ids {
            None => Ok(()),
            Some((user, group)) => std::os::unix::fs::chown(directory, Some(user), Some(group))
                .map_err(|source| system(&format!("give to user {}", self.user), directory, source)),
        }
    }

    /// Runs a program to its end.
    pub(crate) fn run(&self, mut command: Command, name: &str, directory: &Path) -> Result<(), Error> {
        let output = command.output().map_err(|source| system(&format!("run {name} in"), directory, source))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Program {
            program: name.to_owned(),
            directory: directory.to_owned(),
            output: format!(
                "{} {} (every directory above it must let user {} in)",
                String::from_utf8_lossy(&output.stdout).trim(),
                String::from_utf8_lossy(&output.stderr).trim(),
                self.user
            )
            .trim_start()
            .to_owned(),
        })
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // Who owns our own process says who we are.
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Ports that the system gives to no connection by itself on its default settings: whoever was given one finds it free again when
/// it starts, or starts once more, however many connections are opened meanwhile. See ip(7), `ip_local_port_range`.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A port on 127.0.0.1 that nobody listened at a moment ago. A process is never given the same one twice.
///
/// # Errors
///
/// [`Error::System`] when none is free.
pub fn free_port() -> Result<u16, Error> {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let failed = |source| Error::System { what: format!("find a free port of {PORTS:?} on 127.0.0.1"), source };
    // Programs that run side by side begin far from each other.
    let first = std::process::id().wrapping_mul(997);
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    for _ in PORTS {
        let next =
            first.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed).into()) % u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(next).expect("below the number of ports");
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

pub(crate) fn system(what: &str, path: &Path, source: std::io::Error) -> Error {
    Error::System { what: format!("{what} {}", path.display()), source }
}
