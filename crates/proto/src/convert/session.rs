//! Sessions, what they can run on, and what they are told.

use super::{Error, enumeration, optional, required};
use crate::{v1, view};
use lockstep_core::session::{Compatibility, Eviction, Session};
use lockstep_core::step::Phase;
use lockstep_core::{LogIndex, SessionId, Timestamp, Version};
use std::collections::BTreeMap;

impl From<Compatibility> for v1::Compatibility {
    fn from(compatibility: Compatibility) -> Self {
        Self {
            version_min: compatibility.version_min.0,
            version_max: compatibility.version_max.map(|version| version.0),
            understands: compatibility.understands.into_iter().collect(),
        }
    }
}

impl TryFrom<v1::Compatibility> for Compatibility {
    type Error = Error;

    fn try_from(compatibility: v1::Compatibility) -> Result<Self, Error> {
        Ok(Self {
            version_min: Version(compatibility.version_min),
            version_max: compatibility.version_max.map(Version),
            understands: compatibility.understands.into_iter().collect(),
        })
    }
}

impl From<Eviction> for v1::Eviction {
    fn from(eviction: Eviction) -> Self {
        Self { reason: eviction.reason, by: eviction.by, at_ms: eviction.at.0 }
    }
}

impl TryFrom<v1::Eviction> for Eviction {
    type Error = Error;

    fn try_from(eviction: v1::Eviction) -> Result<Self, Error> {
        Ok(Self { reason: eviction.reason, by: eviction.by, at: Timestamp(eviction.at_ms) })
    }
}

impl From<view::Session> for v1::Session {
    fn from(view: view::Session) -> Self {
        let session = view.session;
        Self {
            id: session.id.0,
            app: session.app,
            instance: session.instance,
            compatibility: Some(session.compatibility.into()),
            acknowledged_version: session.acknowledged.0,
            ttl_ms: session.ttl_ms,
            opened_at_ms: session.opened_at.0,
            renew_counter: session.renew_counter,
            eviction: session.eviction.map(Into::into),
            remaining_ms: view.remaining_ms,
            owed_version: view.owed_version.map(|version| version.0),
        }
    }
}

impl TryFrom<v1::Session> for view::Session {
    type Error = Error;

    fn try_from(message: v1::Session) -> Result<Self, Error> {
        let session = Session {
            id: SessionId(message.id),
            app: message.app,
            instance: message.instance,
            compatibility: required("compatibility", message.compatibility)?,
            acknowledged: Version(message.acknowledged_version),
            ttl_ms: message.ttl_ms,
            opened_at: Timestamp(message.opened_at_ms),
            renew_counter: message.renew_counter,
            eviction: optional("eviction", message.eviction)?,
        };
        Ok(Self { session, remaining_ms: message.remaining_ms, owed_version: message.owed_version.map(Version) })
    }
}

impl From<view::Announcement> for v1::Announcement {
    fn from(announcement: view::Announcement) -> Self {
        let phase = |(name, phase)| (name, v1::Phase::from(phase).into());
        Self {
            revision: announcement.revision.0,
            version: announcement.version.0,
            phases: announcement.phases.into_iter().map(phase).collect(),
            must_acknowledge: announcement.must_acknowledge,
            eviction: announcement.eviction.map(Into::into),
        }
    }
}

impl TryFrom<v1::Announcement> for view::Announcement {
    type Error = Error;

    fn try_from(announcement: v1::Announcement) -> Result<Self, Error> {
        Ok(Self {
            revision: LogIndex(announcement.revision),
            version: Version(announcement.version),
            phases: phases(announcement.phases)?,
            must_acknowledge: announcement.must_acknowledge,
            eviction: optional("eviction", announcement.eviction)?,
        })
    }
}

fn phases(numbers: BTreeMap<String, i32>) -> Result<BTreeMap<String, Phase>, Error> {
    let entry = |(name, number)| {
        let field = format!("phases[{name}]");
        enumeration::<v1::Phase, _>(&field, number).map(|phase| (name, phase))
    };
    numbers.into_iter().map(entry).collect()
}
