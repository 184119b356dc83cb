//! Database servers for the tests: they start servers of their own, so only the programs must be there.

use crate::chore::run;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server whose programs the tests need.
struct Server {
    name: &'static str,
    /// Debian's package.
    package: &'static str,
    /// What to do where it cannot be installed.
    remedy: &'static str,
    is_there: fn() -> bool,
}

const SERVERS: [Server; 2] = [
    Server {
        name: "PostgreSQL",
        package: "postgresql",
        remedy: "install PostgreSQL 13 or later, or set PG_BINDIR to where initdb is",
        is_there: has_postgres,
    },
    Server {
        name: "MariaDB",
        package: "mariadb-server",
        remedy: "install MariaDB 10.5 or later, or set MARIADB_BINDIR to where mariadbd and mariadb-install-db are",
        is_there: has_mariadb,
    },
];

/// Installs the server programs that are missing and can be installed; says what to do where not.
pub(crate) fn set_up() -> Result<()> {
    let missing: Vec<&Server> = SERVERS.iter().filter(|server| !(server.is_there)()).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("no {} server programs found: {}", first.name, first.remedy);
    }
    let apt_get =
        |arguments: &[&str]| run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    apt_get(&["update", "--quiet"])?;
    let mut install = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    install.extend(missing.iter().map(|server| server.package));
    apt_get(&install)?;
    match missing.iter().find(|server| !(server.is_there)()) {
        None => Ok(()),
        Some(server) => bail!("{} was installed, but its programs are not found: {}", server.name, server.remedy),
    }
}

fn has_postgres() -> bool {
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders = folders("PG_BINDIR").into_iter().chain(packaged.map(|version| version.path().join("bin")));
    folders.any(|folder| folder.join("initdb").exists())
}

fn has_mariadb() -> bool {
    let folders = folders("MARIADB_BINDIR");
    let has = |name: &str| {
        let usual = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")];
        folders.iter().chain(&usual).any(|folder| folder.join(name).exists())
    };
    has("mariadbd") && has("mariadb-install-db")
}

/// The folder that somebody chose, and those on the path.
fn folders(variable: &str) -> Vec<PathBuf> {
    let chosen = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    chosen.into_iter().chain(std::env::split_paths(&path)).collect()
}
