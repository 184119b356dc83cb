//! MySQL, which is on no machine that has MariaDB: the server of Debian's next release with the libraries that it needs, unpacked into
//! `target/mysql`, where it stays.
//!
//! Not part of `verify`: what the next release has changes from day to day.

use crate::chore::{command, run};
use anyhow::{Context as _, Result, ensure};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As somebody asks for it.
pub(crate) const NAME: &str = "mysql";

const PACKAGE: &str = "mysql-server-core";

/// With its own loader and libraries: those of the machine are older. What follows the options of the caller stands for the places that the
/// package believes itself in.
const WRAPPER: &str = r#"#!/bin/sh
root=$(CDPATH= cd -- "$(dirname -- "$0")/../root" && pwd)
lib=$root/usr/lib/x86_64-linux-gnu
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib" "$root/usr/sbin/mysqld" "$@" \
    --lc-messages-dir="$root/usr/share/mysql" --character-sets-dir="$root/usr/share/mysql/charsets" \
    --plugin-dir="$root/usr/lib/mysql/plugin"
"#;

/// Runs what runs on MariaDB; the suites that failed.
pub(crate) fn compatibility() -> Result<Vec<String>> {
    let version = fetch()?;
    eprintln!("{version}");
    let suites: [&[&str]; 4] = [
        &["--package", "lockstep-tests", "--test", "goldens", "--", "--exact", "mariadb_or_mysql"],
        &["--package", "lockstep-tests", "--test", "executor_goldens", "--", "--exact", "mariadb_or_mysql"],
        &["--package", "lockstep-tests", "--test", "hostile", "--", "--exact", "mariadb_or_mysql"],
        &["--package", "lockstep-database", "--test", "mysql"],
    ];
    let on_mysql =
        |suite: &[&str]| run(command("cargo", &["test"], suite).env("MYSQL_BINDIR", home().join("bin")));
    Ok(suites
        .into_iter()
        .filter_map(|suite| on_mysql(suite).err())
        .map(|error| format!("MySQL: {error}"))
        .collect())
}

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mysql")
}

/// Returns what the server says of itself.
fn fetch() -> Result<String> {
    if let Some(version) = version() {
        return Ok(version);
    }
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "MySQL is fetched for Linux on x86-64 only; elsewhere set MYSQL_BINDIR to where mysqld is, and run the suites"
    );
    for program in ["apt-get", "dpkg-deb"] {
        ensure!(
            Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success()),
            "MySQL comes from Debian, with apt-get and dpkg-deb, and there is no {program} here"
        );
    }
    let home = home();
    for folder in ["apt/lists/partial", "apt/cache/archives/partial", "bin", "root"] {
        std::fs::create_dir_all(home.join(folder)).with_context(|| format!("cannot make {}", home.display()))?;
    }
    let home = home.canonicalize()?;
    download(&home)?;
    for entry in std::fs::read_dir(home.join("apt/cache/archives"))? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(home.join("root")))?;
        }
    }
    let wrapper = home.join("bin/mysqld");
    std::fs::write(&wrapper, WRAPPER)?;
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755))?;
    version().with_context(|| format!("MySQL was unpacked in {}, but does not run", home.display()))
}

/// The package and all that it needs, with files of apt that are not the machine's, so that nothing counts as installed.
fn download(home: &Path) -> Result<()> {
    let apt = home.join("apt");
    let sources = apt.join("sources.list");
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    std::fs::write(&sources, format!("deb [signed-by={keyring}] {} sid main\n", mirror()?))?;
    std::fs::write(apt.join("status"), "")?;
    let apt_get = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        for (setting, file) in [
            ("Dir::Etc::SourceList", "sources.list"),
            ("Dir::State", ""),
            ("Dir::State::Lists", "lists"),
            ("Dir::State::Status", "status"),
            ("Dir::Cache", "cache"),
        ] {
            command.arg("-o").arg(format!("{setting}={}", apt.join(file).display()));
        }
        command.args(["-o", "Dir::Etc::SourceParts=/dev/null", "-o", "Debug::NoLocking=1"]);
        // The user that apt-get fetches as otherwise may not write here.
        command.args(["-o", "APT::Sandbox::User=root", "--quiet", "--yes"]);
        run(command.args(arguments))
    };
    apt_get(&["update"])?;
    apt_get(&["install", "--download-only", "--no-install-recommends", PACKAGE])
}

/// Where this machine's own packages of Debian come from.
fn mirror() -> Result<String> {
    let asked = Command::new("apt-get")
        .args(["indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian"])
        .output()
        .context("cannot start apt-get")?;
    let sites = String::from_utf8_lossy(&asked.stdout).into_owned();
    let site = sites.lines().find(|site| !site.ends_with("-security"));
    site.map(str::to_owned).context("MySQL comes from Debian, and this machine's apt-get knows no mirror of it")
}

fn version() -> Option<String> {
    let output = Command::new(home().join("bin/mysqld")).args(["--no-defaults", "--version"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let version = text.split_once(" Ver ").map(|(_, version)| format!("MySQL {version}"));
    version.filter(|_| output.status.success())
}
