//! What is kept between two readings, and what follows from a new one.

use super::Monitor;
use super::debounce::Debounce;
use super::readings::{Reading, Source};
use super::room::Room;
use super::window::Window;
use crate::surroundings::{ReportError, look};
use lockstep_core::change::Change;
use lockstep_core::in_flight::Stage;
use lockstep_core::limits::{Breach, Kind, Limits, Stop};
use lockstep_core::{Command, Version};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

const HEALTH: &[Kind] = &[Kind::SessionsRunning, Kind::LockWaiters, Kind::ReplicationLag, Kind::FreeDisk];
const MACHINE: &[Kind] = &[Kind::Load, Kind::FreeDisk];
const PROBE: &[Kind] = &[Kind::ProbeP99];

/// The newest readings, and what they were taken for.
pub(super) struct Kept {
    pub(super) health: Source,
    pub(super) machine: Source,
    pub(super) replicas: Source,
    pub(super) probe: Source,
    pub(super) window: Window,
    pub(super) room: Room,
    debounce: Debounce,
    /// The version in flight when they were taken.
    watched: Option<Version>,
}

impl Kept {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            health: Source::new(HEALTH, now),
            machine: Source::new(MACHINE, now),
            replicas: Source::new(&[], now),
            probe: Source::new(PROBE, now),
            window: Window::default(),
            room: Room::default(),
            debounce: Debounce::default(),
            watched: None,
        }
    }

    /// With another step, what was read before says nothing against it.
    fn begin(&mut self, version: Option<Version>) {
        if self.watched != version {
            self.watched = version;
            self.debounce = Debounce::default();
            self.window = Window::default();
            self.probe = Source::new(PROBE, Instant::now());
        }
    }
}

/// Never held while anything is awaited.
pub(super) fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the state asks of the monitor.
pub(super) struct Asked {
    /// The version in flight.
    pub(super) version: Option<Version>,
    /// True while a breach would be believed.
    is_breakable: bool,
    limits: Limits,
}

impl Monitor {
    pub(super) fn asked(&self) -> Asked {
        look(self.source.as_ref(), |state| {
            let flight = state.in_flight();
            let change = flight.and_then(|flight| state.changes().get(&flight.change));
            let own = change.map(|change: &Change| &change.limits);
            let is_active = state.nodes().get(&self.node).is_some_and(|node| node.is_active());
            let stage = flight.map(|flight| &flight.stage);
            Asked {
                version: flight.map(|flight| flight.version),
                is_breakable: is_active && matches!(stage, Some(Stage::Executing { .. } | Stage::Settling { .. })),
                limits: own.map_or_else(|| self.settings.load.clone(), |own| own.over(&self.settings.load)),
            }
        })
    }

    /// What follows from new readings: reasons to wait are told, and a breach that lasts is reported for as long as it would be
    /// believed.
    pub(super) async fn take(&self, kept: &Mutex<Kept>, store: impl FnOnce(&mut Kept, Instant) -> Vec<Reading>) {
        let asked = self.asked();
        let breach = {
            let mut kept = lock(kept);
            kept.begin(asked.version);
            let now = Instant::now();
            let readings = store(&mut kept, now);
            self.tell_stops(&kept, &asked, now);
            if !asked.is_breakable {
                kept.debounce = Debounce::default();
                return;
            }
            let sustained = self.settings.breach_sustained;
            kept.debounce.observe(&readings, &asked.limits.thresholds, sustained, now)
        };
        if let (Some(version), Some(breach)) = (asked.version, breach) {
            self.report(version, breach).await;
            lock(kept).debounce = Debounce::default();
        }
    }

    async fn report(&self, version: Version, breach: Breach) {
        tracing::warn!(node = %self.node, %version, %breach, "a threshold is breached");
        match self.reporter.report(Command::ReportBreach { node: self.node, version, breach }).await {
            Ok(()) => {}
            Err(ReportError::Refused(refusal)) => {
                tracing::debug!(node = %self.node, %refusal, "the cluster refused a report");
            }
            Err(ReportError::Unavailable(problem)) => {
                tracing::warn!(node = %self.node, problem, "the breach is reported again if it lasts");
            }
        }
    }

    fn tell_stops(&self, kept: &Kept, asked: &Asked, now: Instant) {
        let probe = (self.settings.probe.is_some() && asked.version.is_some()).then_some(&kept.probe);
        let sources = [&kept.health, &kept.machine, &kept.replicas].into_iter().chain(probe);
        let age_max = self.settings.reading_age_max;
        let mut stops: Vec<Stop> =
            sources.flat_map(|source| source.stops(&asked.limits.throttle, age_max, now)).collect();
        stops.sort_by(|one, other| (one.reading, &one.of).cmp(&(other.reading, &other.of)));
        self.stops.send_if_modified(|told| {
            let is_new = *told != stops;
            *told = stops;
            is_new
        });
    }
}
