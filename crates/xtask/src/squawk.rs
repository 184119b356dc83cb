//! The linter that reads what is planned for PostgreSQL: from PyPI, into an environment of its own in `target/squawk`.

use crate::chore::run;
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "2.70.0";

/// Installs the linter where it is missing.
pub(crate) fn set_up() -> Result<()> {
    if is_there() {
        return Ok(());
    }
    let home = home();
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home)).context(
        "a linter from PyPI reads what is planned, and needs Python 3 with venv and pip: \
         install them, e.g. `apt-get install python3-venv`",
    )?;
    let package = format!("squawk-cli=={VERSION}");
    let pip = home.join("bin/pip");
    run(Command::new(pip).args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        &package,
    ]))?;
    ensure!(is_there(), "{package} was installed in {}, but does not run", home.display());
    Ok(())
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/squawk")
}

fn is_there() -> bool {
    let version = Command::new(home().join("bin/squawk")).arg("--version").output();
    version.is_ok_and(|output| output.stdout.trim_ascii_end() == format!("squawk {VERSION}").as_bytes())
}
