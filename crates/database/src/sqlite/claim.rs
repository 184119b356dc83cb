//! The exclusive claim: a lock on a file beside the database, which the system releases when the process ends.

use super::{Sqlite, connect, ledger, rights};
use crate::control::Control;
use crate::error::Error;
use crate::job::{Patience, Progress};
use crate::ledger::{Ledger, Owner};
use crate::retry::Attempts;
use lockstep_core::in_flight::Obstacle;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// A held claim.
#[derive(Debug)]
pub(super) struct Claim {
    /// Locked as long as it is open.
    file: File,
}

/// Refuses to execute without a claim.
pub(super) fn check(database: &Sqlite) -> Result<(), Error> {
    match database.claim.lock() {
        Ok(claim) if claim.is_some() => Ok(()),
        _ => Err(Error::NotClaimed { database: database.place.clone() }),
    }
}

pub(super) async fn claim(database: &Sqlite, owner: &Owner) -> Result<Ledger, Error> {
    let mut session = database.session().await?;
    let newly = lock(database, owner)?;
    let (control, progress) = (Control::default(), watch::channel(Progress::default()).0);
    session
        .run(&control.cancel, |connection, place| {
            connection
                .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
                .map_err(|error| connect::meaning(place, "PRAGMA journal_mode = wal", &error))
        })
        .await?;
    let mut attempts = Attempts::new(&Patience::default(), &control, &progress);
    let owner = owner.clone();
    let taken = session
        .write(&mut attempts, "the ledger", &control.cancel, move |here| ledger::take(here, &owner))
        .await?;
    if let (Some(claim), Ok(mut held)) = (newly, database.claim.lock()) {
        *held = Some(claim);
    }
    Ok(taken)
}

/// The lock, unless this value holds it already.
fn lock(database: &Sqlite, owner: &Owner) -> Result<Option<Claim>, Error> {
    check_writable(database)?;
    if check(database).is_ok() {
        return Ok(None);
    }
    let lock_file = lock_file_of(&database.file);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&lock_file).map_err(
            |error| Error::NoPermission {
                database: database.place.clone(),
                reason: format!("cannot write {}: {error}", lock_file.display()),
                remedy: connect::WRITABLE.to_owned(),
            },
        )?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(held_by_other(database, &mut file)),
        Err(TryLockError::Error(error)) => {
            return Err(Error::Engine {
                database: database.place.clone(),
                reason: format!("cannot lock {}: {error}", lock_file.display()),
            });
        }
    }
    write_name(&mut file, &owner.node_name).map_err(|error| Error::Engine {
        database: database.place.clone(),
        reason: format!("cannot write {}: {error}", lock_file.display()),
    })?;
    Ok(Some(Claim { file }))
}

fn check_writable(database: &Sqlite) -> Result<(), Error> {
    match rights::missing(database).into_iter().next() {
        None => Ok(()),
        Some(Obstacle { message: reason, remedy, .. }) => {
            Err(Error::ReadOnly { database: database.place.clone(), reason, remedy })
        }
    }
}

fn held_by_other(database: &Sqlite, file: &mut File) -> Error {
    let mut holder = String::new();
    // The name is for the message only: without it the refusal stands all the same.
    let _ = file.read_to_string(&mut holder);
    Error::Claimed { database: database.place.clone(), holder }
}

fn write_name(file: &mut File, name: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(name.as_bytes())
}

/// Beside the file itself, wherever links to it are.
pub(super) fn lock_file_of(file: &Path) -> PathBuf {
    let mut name = file.canonicalize().unwrap_or_else(|_| file.to_owned()).into_os_string();
    name.push(".lockstep-lock");
    PathBuf::from(name)
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The name of an agent that is gone helps nobody; closing the file unlocks it.
        let _ = self.file.set_len(0);
    }
}
