//! What of the file and its surroundings the agent's user may not write, and must be able to. See docs/grants.md.

use super::Sqlite;
use super::claim::lock_file_of;
use super::connect::WRITABLE;
use lockstep_core::in_flight::Obstacle;
use rustix::fs::{Access, access};
use std::path::{Path, PathBuf};

/// One obstacle for each file, or directory, that is there and cannot be written.
pub(super) fn missing(database: &Sqlite) -> Vec<Obstacle> {
    // Links are followed: SQLite keeps its log beside the file itself.
    let file = database.file.canonicalize().unwrap_or_else(|_| database.file.clone());
    let beside = |suffix: &str| {
        let mut name = file.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    let directory = file.parent().unwrap_or(Path::new("/")).to_owned();
    let places = [
        ("the database", file.clone()),
        ("its log", beside("-wal")),
        ("the index of its log", beside("-shm")),
        ("the agent's lock file", lock_file_of(&file)),
        ("the directory in which SQLite keeps its log", directory),
    ];
    places.into_iter().filter(|(_, path)| !is_writable(path)).map(|(what, path)| obstacle(what, &path)).collect()
}

/// What is not there is made when the directory lets it. What has no write permission at all is meant to stay as it is, even where
/// the agent's user could write it all the same.
fn is_writable(path: &Path) -> bool {
    match path.metadata() {
        Ok(metadata) => !metadata.permissions().readonly() && access(path, Access::WRITE_OK).is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

fn obstacle(what: &str, path: &Path) -> Obstacle {
    let path = path.display();
    Obstacle {
        kind: "permission".to_owned(),
        message: format!("the agent's user may not write {path} ({what})"),
        remedy: format!("{WRITABLE}: see `ls -ld {path}`"),
    }
}
