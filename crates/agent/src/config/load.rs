//! When work waits, and when it is undone.

use super::error::Error;
use super::keys::KEYS;
use super::sources::Values;
use lockstep_core::limits::{Kind, Limits, Table};
use std::time::Duration;

/// When work waits, and when it is undone: the usual limits of every change. The same at all agents, please.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// `throttle.*` and `thresholds.*`, one key a reading, each a value with its unit or `off`. Defaults: docs/throttle.md.
    pub limits: Limits,
    /// `thresholds.sustained`: a threshold must be breached for so long, and by three readings. Default 1 s.
    pub sustained: Duration,
    /// `[probe]`. Unset: there is none.
    pub probe: Option<Probe>,
}

/// A statement of the operator's own that tells how clients fare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// `probe.sql`: one statement, run all the time while a step is in flight.
    pub sql: String,
    /// `probe.interval`: how often. Default 100 ms.
    pub interval: Duration,
    /// `probe.time_limit`: it is ended after so long, and counts as having taken that. Default 1 s.
    pub time_limit: Duration,
}

impl Default for Load {
    fn default() -> Self {
        Self { limits: Limits::usual(), sustained: Duration::from_secs(1), probe: None }
    }
}

impl Probe {
    const INTERVAL: Duration = Duration::from_millis(100);
    const TIME_LIMIT: Duration = Duration::from_secs(1);
}

pub(super) fn read(values: &Values) -> Result<Load, Error> {
    let usual = Load::default();
    Ok(Load {
        limits: Limits {
            throttle: table(values, "throttle", &usual.limits.throttle)?,
            thresholds: table(values, "thresholds", &usual.limits.thresholds)?,
        },
        sustained: values.duration("thresholds.sustained")?.unwrap_or(usual.sustained),
        probe: probe(values)?,
    })
}

fn table(values: &Values, name: &'static str, usual: &Table) -> Result<Table, Error> {
    let read = |(path, kind)| Ok((kind, values.limit(path, kind, usual.get(&kind).copied().flatten())?));
    keys_of(name).map(read).collect()
}

/// The keys of a table that are limits.
pub(super) fn keys_of(table: &'static str) -> impl Iterator<Item = (&'static str, Kind)> {
    KEYS.iter().filter_map(move |key| {
        let name = key.path.strip_prefix(table)?.strip_prefix('.')?;
        Some((key.path, Kind::from_name(name)?))
    })
}

fn probe(values: &Values) -> Result<Option<Probe>, Error> {
    let interval = positive(values, "probe.interval")?;
    let time_limit = positive(values, "probe.time_limit")?;
    match values.text("probe.sql")?.filter(|sql| !sql.trim().is_empty()) {
        Some(sql) => Ok(Some(Probe {
            sql,
            interval: interval.unwrap_or(Probe::INTERVAL),
            time_limit: time_limit.unwrap_or(Probe::TIME_LIMIT),
        })),
        None if interval.or(time_limit).is_some() => Err(Error::Contradiction {
            problem: "`probe.interval` or `probe.time_limit` is set without `probe.sql`: there is nothing to run"
                .to_owned(),
        }),
        None => Ok(None),
    }
}

fn positive(values: &Values, path: &str) -> Result<Option<Duration>, Error> {
    let found = values.duration(path)?;
    if found.is_some_and(|duration| duration.is_zero()) {
        return Err(values.invalid(path, "must be longer than nothing"));
    }
    Ok(found)
}
