//! Real PostgreSQL servers on loopback, for demos and tests.
//!
//! A server lives in a directory of its own, trusts connections from 127.0.0.1 only, and is stopped when its value is dropped or
//! the process that started it ends, however it ends.
//! PostgreSQL refuses to run as root, so there the server runs as user `postgres`, who must be able to reach the directory.

use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer.
const START_MAX: Duration = Duration::from_secs(60);
const POLL_RHYTHM: Duration = Duration::from_millis(50);
const STOP_MAX: Duration = Duration::from_secs(10);

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No PostgreSQL on this machine.
    #[error(
        "no PostgreSQL server programs found (looked at PG_BINDIR, /usr/lib/postgresql/*/bin and PATH); install PostgreSQL, \
         e.g. `apt-get install postgresql`, or set PG_BINDIR to the directory of `initdb` and `postgres`"
    )]
    NotFound,
    /// We are root and there is no user to run it as.
    #[error(
        "PostgreSQL does not run as root, and there is no user `postgres` here; make one, or run as another user"
    )]
    NoUser,
    /// A program of PostgreSQL failed.
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
    #[error("the PostgreSQL server in {} does not answer after {} s; its log says: {log}", directory.display(), START_MAX.as_secs())]
    Silent {
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

/// A running server. Stopped when dropped.
#[derive(Debug)]
pub struct LocalPostgres {
    directory: PathBuf,
    port: u16,
    /// See [`KEEPER`].
    keeper: Child,
}

impl LocalPostgres {
    /// Makes a server in `directory`, which must be empty or not exist, and starts it. Blocks until it answers.
    ///
    /// # Errors
    ///
    /// See [`Error`]; none is retryable without a change of the machine.
    pub fn start(directory: &Path, settings: &Settings) -> Result<Self, Error> {
        let programs = find_programs().ok_or(Error::NotFound)?;
        let account = Account::of_server()?;
        std::fs::create_dir_all(directory).map_err(|source| system("make", directory, source))?;
        account.own(directory)?;
        let data = directory.join("data");
        initialise(&programs, &account, &data)?;
        let port = free_port()?;
        let keeper = launch(&programs, &account, directory, port, settings)?;
        let mut server = Self { directory: directory.to_owned(), port, keeper };
        server.wait_until_ready(&programs, &account)?;
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
        let file = std::fs::read_to_string(self.directory.join("data").join("postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    fn wait_until_ready(&mut self, programs: &Path, account: &Account) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            let mut ready = account.command(&programs.join("pg_isready"));
            ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres"]);
            if ready.status().is_ok_and(|status| status.success()) {
                return Ok(());
            }
            let ended = self.keeper.try_wait().ok().flatten().is_some();
            if ended || started.elapsed() > START_MAX {
                return Err(Error::Silent { directory: self.directory.clone(), log: self.log_end() });
            }
            std::thread::sleep(POLL_RHYTHM);
        }
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

impl Drop for LocalPostgres {
    fn drop(&mut self) {
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

/// Runs the server and stops it (a fast shutdown: sessions are ended, the directory stays usable) when its standard input ends,
/// which it does when whoever started it drops it or dies. What comes first is the directory to remove, if any.
const KEEPER: &str = r#"temporary=$1; shift; "$@" & server=$!
    (wait_for_end() { while read -r _; do :; done; }; wait_for_end; kill -INT "$server" 2>/dev/null) <&3 3<&- >/dev/null 2>&1 &
    exec 3<&-; wait "$server"; [ -z "$temporary" ] || rm -rf -- "$temporary""#;

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

/// Whom the server's programs run as.
struct Account {
    /// `None`: as we do.
    ids: Option<(u32, u32)>,
}

impl Account {
    fn of_server() -> Result<Self, Error> {
        if !is_root() {
            return Ok(Self { ids: None });
        }
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let ids = fields
            .filter(|fields| fields.first() == Some(&"postgres"))
            .find_map(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)));
        ids.map(|ids| Self { ids: Some(ids) }).ok_or(Error::NoUser)
    }

    fn command(&self, program: &Path) -> Command {
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

    /// Gives the directory to the account, and lets it in.
    fn own(&self, directory: &Path) -> Result<(), Error> {
        match self.ids {
            None => Ok(()),
            Some((user, group)) => std::os::unix::fs::chown(directory, Some(user), Some(group))
                .map_err(|source| system("give to user postgres", directory, source)),
        }
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // Who owns our own process says who we are.
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
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
    let output = initdb.arg(data).output().map_err(|source| system("run initdb in", data, source))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Program {
        program: "initdb".to_owned(),
        directory: data.to_owned(),
        output: format!(
            "{} (every directory above it must let user postgres in)",
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    })
}

fn launch(
    programs: &Path,
    account: &Account,
    directory: &Path,
    port: u16,
    settings: &Settings,
) -> Result<Child, Error> {
    let log_path = directory.join("log");
    let log = std::fs::File::create(&log_path).map_err(|source| system("write", &log_path, source))?;
    let errors = log.try_clone().map_err(|source| system("write", &log_path, source))?;
    let mut postgres = account.command(Path::new("/bin/sh"));
    let temporary = if settings.temporary { directory.as_os_str() } else { std::ffi::OsStr::new("") };
    postgres.arg("-c").arg(format!("exec 3<&0 </dev/null; {KEEPER}")).arg("keeper").arg(temporary);
    postgres
        .stdin(Stdio::piped())
        .arg(programs.join("postgres"))
        .arg("-D")
        .arg(directory.join("data"))
        .args(["-p", &port.to_string()]);
    let switch = |on: bool| if on { "on" } else { "off" };
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
        postgres.args(["-c", setting]);
    }
    postgres.stdout(log).stderr(errors).spawn().map_err(|source| system("start the server in", directory, source))
}

/// Free when it was asked for; whoever takes it before the server does makes the start fail with a clear log.
fn free_port() -> Result<u16, Error> {
    let failed = |source| Error::System { what: "find a free port on 127.0.0.1".to_owned(), source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}

fn system(what: &str, path: &Path, source: std::io::Error) -> Error {
    Error::System { what: format!("{what} {}", path.display()), source }
}
