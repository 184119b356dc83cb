//! The programs of MariaDB and MySQL, and what each of them wants to be told.

use crate::local_server::{Account, Error, Settings, system};
use lockstep_core::Engine;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The programs of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Programs {
    /// Of MariaDB.
    Mariadb {
        /// The server.
        mariadbd: PathBuf,
        /// What makes its data directory.
        install: PathBuf,
    },
    /// Of MySQL.
    Mysql {
        /// The server, which makes its data directory itself.
        mysqld: PathBuf,
    },
}

/// The folder of MySQL's programs. Other folders are not looked at: what is called `mysqld` there is MariaDB on many machines.
const MYSQL_BINDIR: &str = "MYSQL_BINDIR";

/// What suites for both servers run on: MySQL where somebody chose its programs with `MYSQL_BINDIR`, otherwise MariaDB.
#[must_use]
pub fn chosen() -> Engine {
    if std::env::var_os(MYSQL_BINDIR).is_some() { Engine::Mysql } else { Engine::Mariadb }
}

/// The server programs on this machine, of MariaDB or MySQL.
#[must_use]
pub fn find_programs(engine: Engine) -> Option<Programs> {
    if engine == Engine::Mysql {
        let mysqld = PathBuf::from(std::env::var_os(MYSQL_BINDIR)?).join("mysqld");
        return mysqld.is_file().then_some(Programs::Mysql { mysqld });
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = match std::env::var_os("MARIADB_BINDIR") {
        Some(folder) => vec![folder.into()],
        // Servers are in sbin, which is on the path of administrators only.
        None => std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]).collect(),
    };
    let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file());
    Some(Programs::Mariadb { mariadbd: find("mariadbd")?, install: find("mariadb-install-db")? })
}

pub(super) fn programs(engine: Engine) -> Result<Programs, Error> {
    find_programs(engine).ok_or(match engine {
        Engine::Mysql => Error::NotFound {
            server: "MySQL",
            looked_at: "looked for mysqld in MYSQL_BINDIR",
            remedy: "set MYSQL_BINDIR to the directory of MySQL's mysqld",
        },
        _ => Error::NotFound {
            server: "MariaDB",
            looked_at: "looked for mariadbd and mariadb-install-db in MARIADB_BINDIR, PATH, /usr/sbin and /usr/bin",
            remedy: "install MariaDB, e.g. `apt-get install mariadb-server`, or set MARIADB_BINDIR to their directory",
        },
    })
}

impl Programs {
    /// What the server is called.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Mariadb { .. } => "MariaDB",
            Self::Mysql { .. } => "MySQL",
        }
    }

    pub(super) fn server(&self) -> &Path {
        match self {
            Self::Mariadb { mariadbd, .. } => mariadbd,
            Self::Mysql { mysqld } => mysqld,
        }
    }

    /// Makes the data directory.
    pub(super) fn install(&self, account: &Account, directory: &Path) -> Result<(), Error> {
        let (program, options): (_, &[&str]) = match self {
            Self::Mariadb { install, .. } => {
                (install, &["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"])
            }
            Self::Mysql { mysqld } => (mysqld, &["--initialize-insecure", "--secure-file-priv=NULL"]),
        };
        let mut command = account.command(program);
        // It comes first, or it is not understood.
        command.arg("--no-defaults").arg(option("datadir", directory.join("data"))).args(options);
        command.arg("--innodb-flush-method=nosync").env("TMPDIR", directory);
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        account.run(command, &name, directory)
    }

    /// What the server runs at each start, before it answers anybody: `more` comes last.
    pub(super) fn write_init_file(&self, directory: &Path, more: &[&str]) -> Result<(), Error> {
        let path = init_file(directory);
        let user = "root@'127.0.0.1'";
        let mut text =
            format!("CREATE USER IF NOT EXISTS {user};\nGRANT ALL ON *.* TO {user} WITH GRANT OPTION;\n");
        text.extend(more.iter().map(|statement| format!("{statement};\n")));
        std::fs::write(&path, text).map_err(|source| system("write", &path, source))
    }

    /// The server's options.
    pub(super) fn arguments(&self, directory: &Path, port: u16, settings: &Settings) -> Vec<OsString> {
        let mut arguments = vec![
            "--no-defaults".into(),
            option("datadir", directory.join("data")),
            option("pid-file", directory.join("pid")),
            option("init-file", init_file(directory)),
            option("tmpdir", directory),
            option("port", port.to_string()),
            option("max-connections", settings.connections_max.to_string()),
        ];
        arguments.extend(ALWAYS.iter().chain(self.own()).map(OsString::from));
        arguments.extend(UNSAFE_BUT_FAST.iter().filter(|_| !settings.fsync).map(OsString::from));
        if matches!(self, Self::Mysql { .. })
            && !settings.more.iter().any(|setting| setting.starts_with("log-bin="))
        {
            // There it is on by default.
            arguments.push("--skip-log-bin".into());
        }
        arguments.extend(settings.more.iter().map(|setting| OsString::from(format!("--{setting}"))));
        arguments
    }

    fn own(&self) -> &'static [&'static str] {
        match self {
            Self::Mariadb { .. } => &[
                "--collation-server=utf8mb4_general_ci",
                "--innodb-log-file-size=32M",
                // The default ends recursive queries silently after a thousand rounds.
                "--max-recursive-iterations=100000000",
            ],
            Self::Mysql { .. } => &[
                "--innodb-redo-log-capacity=64M",
                // The default refuses recursive queries after a thousand rounds.
                "--cte-max-recursion-depth=100000000",
                // It listens on a port of its own, which another server may have.
                "--mysqlx=OFF",
                // Packages name a directory of theirs, without which the server does not start.
                "--secure-file-priv=NULL",
            ],
        }
    }
}

const ALWAYS: [&str; 5] = [
    "--bind-address=127.0.0.1",
    "--socket=",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--innodb-buffer-pool-size=64M",
];

/// Not 0: a killed server would lose the last second but keep its definitions, and a replica begins at the older position: it would meet
/// each `ALTER TABLE` of that second again, and stop.
const UNSAFE_BUT_FAST: [&str; 4] = [
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-doublewrite=0",
    // MySQL's default is 1.
    "--sync-binlog=0",
];

fn init_file(directory: &Path) -> PathBuf {
    directory.join("first.sql")
}

fn option(name: &str, value: impl Into<OsString>) -> OsString {
    let mut text = OsString::from(format!("--{name}="));
    text.push(value.into());
    text
}
