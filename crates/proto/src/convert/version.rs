//! Entries of the version log.

use super::{Error, enumeration, position, present};
use crate::{v1, view};
use lockstep_core::node::Fingerprint;
use lockstep_core::version::{Entry, Outcome};
use lockstep_core::{ChangeId, LogIndex, Timestamp, Version};

impl From<view::Version> for v1::Version {
    fn from(view: view::Version) -> Self {
        let entry = view.entry;
        let (state, decided_at, settled) = match entry.outcome {
            Outcome::InFlight => (v1::VersionState::InFlight, None, None),
            Outcome::Settled { at, confirm, fingerprint } => {
                (v1::VersionState::Settled, Some(at), Some((confirm, fingerprint)))
            }
            Outcome::Reverted { at } => (v1::VersionState::Reverted, Some(at), None),
        };
        let (confirm, fingerprint) = settled.unzip();
        Self {
            version: entry.version.0,
            base_version: entry.base.0,
            change_id: entry.change.0,
            step: position(entry.step),
            step_hash: entry.step_hash,
            previous_hash: entry.previous_hash,
            hash: entry.hash,
            at_ms: entry.at.0,
            state: state.into(),
            decided_at_ms: decided_at.map(|at| at.0),
            confirm_index: confirm.map(|index| index.0),
            fingerprint: fingerprint.map(|fingerprint: Fingerprint| fingerprint.0),
            change_name: view.change_name,
            step_name: view.step_name,
            phase: v1::Phase::from(view.phase).into(),
        }
    }
}

impl TryFrom<v1::Version> for view::Version {
    type Error = Error;

    fn try_from(message: v1::Version) -> Result<Self, Error> {
        let outcome = outcome(&message)?;
        let entry = Entry {
            version: Version(message.version),
            base: Version(message.base_version),
            change: ChangeId(message.change_id),
            step: message.step as usize,
            step_hash: message.step_hash,
            previous_hash: message.previous_hash,
            hash: message.hash,
            at: Timestamp(message.at_ms),
            outcome,
        };
        Ok(Self {
            entry,
            change_name: message.change_name,
            step_name: message.step_name,
            phase: enumeration::<v1::Phase, _>("phase", message.phase)?,
        })
    }
}

fn outcome(message: &v1::Version) -> Result<Outcome, Error> {
    let at = || present("decided_at_ms", message.decided_at_ms).map(Timestamp);
    Ok(match message.state() {
        v1::VersionState::Unspecified => return Err(Error::new("state", "is not set")),
        v1::VersionState::InFlight => Outcome::InFlight,
        v1::VersionState::Settled => Outcome::Settled {
            at: at()?,
            confirm: LogIndex(present("confirm_index", message.confirm_index)?),
            fingerprint: Fingerprint(present("fingerprint", message.fingerprint.clone())?),
        },
        v1::VersionState::Reverted => Outcome::Reverted { at: at()? },
    })
}
