//! Limits, and readings beyond them.

use super::{Error, enumeration, same_variants};
use crate::v1;
use lockstep_core::limits::{Breach, Kind, Limits, Stop, Table};

same_variants!(
    v1::Reading,
    Kind,
    ReplicationLag,
    SessionsRunning,
    LockWaiters,
    Load,
    FreeDisk,
    ProbeP99,
    ExecuteDuration,
    Cost,
    ClientFailures
);

impl From<Limits> for v1::Limits {
    fn from(limits: Limits) -> Self {
        Self { throttle: messages(limits.throttle), thresholds: messages(limits.thresholds) }
    }
}

impl TryFrom<v1::Limits> for Limits {
    type Error = Error;

    fn try_from(limits: v1::Limits) -> Result<Self, Error> {
        Ok(Self {
            throttle: table("throttle", limits.throttle)?,
            thresholds: table("thresholds", limits.thresholds)?,
        })
    }
}

fn messages(table: Table) -> Vec<v1::Limit> {
    let limit = |(kind, value)| v1::Limit { reading: v1::Reading::from(kind).into(), value };
    table.into_iter().map(limit).collect()
}

/// Refuses a reading that stands twice: nobody could tell which of its limits is meant.
fn table(field: &str, limits: Vec<v1::Limit>) -> Result<Table, Error> {
    let mut table = Table::new();
    for (index, limit) in limits.into_iter().enumerate() {
        let within = |error: Error| error.within(&format!("{field}[{index}]"));
        let kind = enumeration::<v1::Reading, _>("reading", limit.reading).map_err(within)?;
        if table.insert(kind, limit.value).is_some() {
            return Err(within(Error::new("reading", format!("`{kind}` has a limit already"))));
        }
    }
    Ok(table)
}

impl From<Breach> for v1::Breach {
    fn from(breach: Breach) -> Self {
        let Breach { reading, of, value, limit } = breach;
        Self { reading: v1::Reading::from(reading).into(), of, value, limit }
    }
}

impl TryFrom<v1::Breach> for Breach {
    type Error = Error;

    fn try_from(breach: v1::Breach) -> Result<Self, Error> {
        let reading = enumeration::<v1::Reading, _>("reading", breach.reading)?;
        Ok(Self { reading, of: breach.of, value: breach.value, limit: breach.limit })
    }
}

impl From<Stop> for v1::StopReason {
    fn from(stop: Stop) -> Self {
        let Stop { reading, of, value, limit, note } = stop;
        Self { reading: v1::Reading::from(reading).into(), of, value, limit, note }
    }
}

impl TryFrom<v1::StopReason> for Stop {
    type Error = Error;

    fn try_from(stop: v1::StopReason) -> Result<Self, Error> {
        let reading = enumeration::<v1::Reading, _>("reading", stop.reading)?;
        Ok(Self { reading, of: stop.of, value: stop.value, limit: stop.limit, note: stop.note })
    }
}
