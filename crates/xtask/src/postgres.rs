//! PostgreSQL for the tests: they start servers of their own, so only the programs must be there.

use crate::chore::run;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Installs PostgreSQL's server programs where they are missing and can be installed; says what to do where not.
pub(crate) fn set_up() -> Result<()> {
    if find().is_some() {
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "no PostgreSQL server programs found: install PostgreSQL 13 or later, or set PG_BINDIR to where initdb is"
        );
    }
    let apt_get =
        |arguments: &[&str]| run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    apt_get(&["update", "--quiet"])?;
    apt_get(&["install", "--quiet", "--yes", "--no-install-recommends", "postgresql"])?;
    match find() {
        Some(_) => Ok(()),
        None => bail!("PostgreSQL was installed, but its initdb is not below /usr/lib/postgresql; set PG_BINDIR"),
    }
}

fn find() -> Option<PathBuf> {
    let configured = std::env::var_os("PG_BINDIR").map(PathBuf::from).into_iter();
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    configured
        .chain(packaged.map(|version| version.path().join("bin")))
        .chain(std::env::split_paths(&on_path))
        .map(|directory| directory.join("initdb"))
        .find(|program| program.exists())
}
