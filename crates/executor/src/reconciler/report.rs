//! Reports: what the log must know, told once.

use super::attempts;
use super::look::Misfit;
use super::running::{Next, Running};
use crate::duty::Duty;
use crate::failpoint::{self, Failpoint};
use crate::progress::Activity;
use crate::settings::Settings;
use crate::surroundings::ReportError;
use backon::ExponentialBackoff;
use lockstep_core::in_flight::{Execution, Measurement, Obstacle, Preparation};
use lockstep_core::node::Fingerprint;
use lockstep_core::{Command, Drift, Version};
use lockstep_database::Error;
use std::time::{Duration, Instant};

/// What was told already. The local state shows a report only some time after the cluster has taken it.
pub(super) struct Told {
    report: Option<(Duty, Command, Instant)>,
    preparation: Option<(Version, Preparation, Instant)>,
    failure: Option<(Version, String, Instant)>,
    pauses: ExponentialBackoff,
}

impl Told {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { report: None, preparation: None, failure: None, pauses: attempts::pauses(settings) }
    }

    /// What was told under another duty says nothing about the present one.
    pub(super) fn forget_unless(&mut self, owed: &Duty) {
        if self.report.as_ref().is_some_and(|(duty, _, _)| duty != owed) {
            self.report = None;
        }
    }

    fn lately(&self, duty: &Duty, report: &Command, interval: Duration) -> bool {
        let is_same = |told: &&(Duty, Command, Instant)| told.0 == *duty && told.1 == *report;
        self.report.as_ref().filter(is_same).is_some_and(|told| told.2.elapsed() < interval)
    }

    pub(super) fn prepared(&mut self, version: Version, answer: Preparation) {
        self.preparation = Some((version, answer, Instant::now()));
    }

    /// True when the log should have this answer. An obstacle whose wording alone changed can wait: its age or count may
    /// change with every look, and the log must not grow with them.
    pub(super) fn is_news(
        &self,
        version: Version,
        answer: &Preparation,
        known: Option<&Preparation>,
        settings: &Settings,
    ) -> bool {
        let told = self.preparation.as_ref().filter(|told| told.0 == version);
        // What was told a moment ago may not have come to the local state yet.
        let newest =
            told.filter(|told| told.2.elapsed() < settings.report_repeat_interval).map(|told| &told.1).or(known);
        match (answer, newest) {
            (_, None) => true,
            (Preparation::Ready { fingerprint }, Some(Preparation::Ready { fingerprint: told })) => {
                fingerprint != told
            }
            (Preparation::NotReady { obstacles, .. }, Some(Preparation::NotReady { obstacles: known, .. })) => {
                let is_recent = told.is_some_and(|told| told.2.elapsed() < settings.wording_interval);
                kinds(obstacles) != kinds(known) || (obstacles != known && !is_recent)
            }
            _ => true,
        }
    }

    /// True when the log should have this failure.
    pub(super) fn is_new_failure(&self, version: Version, message: &str, wording_interval: Duration) -> bool {
        match self.failure.as_ref().filter(|told| told.0 == version) {
            None => true,
            Some((_, told, at)) => told != message && at.elapsed() >= wording_interval,
        }
    }

    pub(super) fn failed(&mut self, version: Version, message: String) {
        self.failure = Some((version, message, Instant::now()));
    }
}

fn kinds(obstacles: &[Obstacle]) -> Vec<&str> {
    obstacles.iter().map(|obstacle| obstacle.kind.as_str()).collect()
}

impl Running {
    /// Reports, unless just that was reported a moment ago. When it could not be reported, what to do next.
    pub(super) async fn report(&mut self, duty: &Duty, report: Command) -> Result<(), Next> {
        let interval = self.parts.settings.report_repeat_interval;
        if self.told.lately(duty, &report, interval) {
            return Ok(());
        }
        let reporter = std::sync::Arc::clone(&self.parts.reporter);
        let Some(answer) = self.while_owed(duty, reporter.report(report.clone())).await else {
            return Err(Next::AtOnce);
        };
        match answer {
            Ok(()) => {
                self.told.pauses = attempts::pauses(&self.parts.settings);
                self.told.report = Some((duty.clone(), report, Instant::now()));
                Ok(())
            }
            Err(ReportError::Refused(refusal)) => {
                tracing::debug!(node = %self.parts.owner.node_name, %refusal, "the cluster refused a report");
                self.show_error(Some(refusal.to_string()));
                self.told.report = Some((duty.clone(), report, Instant::now()));
                Err(Next::After(attempts::jittered(interval)))
            }
            Err(ReportError::Unavailable(problem)) => {
                self.show_error(Some(format!("cannot report: {problem}")));
                Err(Next::After(self.told.pauses.next().unwrap_or(interval)))
            }
        }
    }

    /// Reports; afterwards waits for the local state to show it.
    async fn report_and_wait(&mut self, duty: &Duty, report: Command) -> Next {
        match self.report(duty, report).await {
            Ok(()) => Next::After(attempts::jittered(self.parts.settings.recheck_interval)),
            Err(next) => next,
        }
    }

    pub(super) async fn report_executed(&mut self, duty: &Duty, version: Version) -> Next {
        self.show(Activity::Reporting, Some(version));
        let schema = match self.schema_or_next(duty).await {
            Ok(schema) => schema,
            Err(next) => return next,
        };
        let fingerprint = schema.fingerprint();
        // What it got is what it must have, unless the others got something else.
        if self.required(version).is_none_or(|required| required == fingerprint) {
            self.remember(schema);
        }
        let Some(measurement) = self.measurement(duty, version).await else { return Next::AtOnce };
        failpoint::reach(Failpoint::BeforeReportExecuted);
        let execution = Execution { fingerprint, measurement };
        let next = self
            .report_and_wait(duty, Command::ReportExecuted { node: self.parts.node, version, execution })
            .await;
        failpoint::reach(Failpoint::AfterReportExecuted);
        next
    }

    /// What the execution cost. After a restart, what the ledger still knows of it.
    async fn measurement(&mut self, duty: &Duty, version: Version) -> Option<Measurement> {
        if let Some((_, measurement)) = self.measured.as_ref().filter(|measured| measured.0 == version) {
            return Some(measurement.clone());
        }
        let database = std::sync::Arc::clone(&self.parts.database);
        let before = Version(version.0.saturating_sub(1));
        let rows = self.while_owed(duty, database.ledger_rows(before, 1)).await?;
        let row = rows.ok().and_then(|rows| rows.into_iter().find(|row| row.version == version));
        let measurement = row.map_or_else(Measurement::default, |row| Measurement {
            rows: row.rows_written,
            batches: row.batches,
            attempts: 1,
            ..Measurement::default()
        });
        self.measured = Some((version, measurement.clone()));
        Some(measurement)
    }

    pub(super) async fn report_reverted(&mut self, duty: &Duty, version: Version) -> Next {
        self.show(Activity::Reporting, Some(version));
        match self.fingerprint(duty).await {
            Ok(fingerprint) => {
                let report = Command::ReportReverted { node: self.parts.node, version, fingerprint };
                self.report_and_wait(duty, report).await
            }
            Err(next) => next,
        }
    }

    /// A node that catches up tells what it has, and is quarantined if that does not fit; a quarantined one tells only once it fits.
    pub(super) async fn report_caught_up(&mut self, duty: &Duty, version: Version) -> Next {
        let schema = match self.schema_or_next(duty).await {
            Ok(schema) => schema,
            Err(next) => return next,
        };
        let fingerprint = schema.fingerprint();
        let misfit = self.required(version).and_then(|required| self.misfit(version, schema, &required));
        if let Some(misfit) = misfit {
            return self.misfits(duty, version, misfit).await;
        }
        self.show(Activity::Reporting, Some(version));
        self.report_and_wait(duty, Command::ReportCaughtUp { node: self.parts.node, version, fingerprint }).await
    }

    /// Quarantined already, with this schema: waits until somebody mends it.
    pub(super) async fn misfits(&mut self, duty: &Duty, version: Version, misfit: Misfit) -> Next {
        if self.is_news(&misfit) {
            return self.report_misfit(duty, misfit).await;
        }
        self.show(Activity::Quarantined, Some(version));
        self.show_error(Some(misfit.reason));
        Next::After(attempts::jittered(self.parts.settings.recheck_interval))
    }

    pub(super) async fn report_misfit(&mut self, duty: &Duty, misfit: Misfit) -> Next {
        self.report_quarantine(duty, misfit.reason, Some(misfit.drift)).await
    }

    /// What does not fit is the ledger.
    pub(super) async fn report_drift(&mut self, duty: &Duty, reason: String) -> Next {
        self.report_quarantine(duty, reason, None).await
    }

    async fn report_quarantine(&mut self, duty: &Duty, reason: String, drift: Option<Drift>) -> Next {
        if !matches!(duty, Duty::Stop { .. }) {
            self.show(Activity::Reporting, None);
        }
        self.show_error(Some(reason.clone()));
        tracing::warn!(node = %self.parts.owner.node_name, reason, "the database is not what it must be");
        self.report_and_wait(duty, Command::ReportDrift { node: self.parts.node, reason, drift }).await
    }

    async fn fingerprint(&mut self, duty: &Duty) -> Result<Fingerprint, Next> {
        self.schema_or_next(duty).await.map(|schema| schema.fingerprint())
    }

    async fn schema_or_next(&mut self, duty: &Duty) -> Result<lockstep_core::Schema, Next> {
        match self.schema(duty).await {
            None => Err(Next::AtOnce),
            Some(Ok(schema)) => Ok(schema),
            Some(Err(error)) => Err(self.cannot_look(&error)),
        }
    }

    fn cannot_look(&mut self, error: &Error) -> Next {
        self.show_error(Some(error.to_string()));
        Next::After(attempts::jittered(self.parts.settings.recheck_interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_core::Timestamp;

    fn not_ready(kind: &str, message: &str) -> Preparation {
        let obstacle = Obstacle { kind: kind.into(), message: message.into(), remedy: String::new() };
        Preparation::NotReady { obstacles: vec![obstacle], since: Timestamp(0) }
    }

    fn is_news(told: Preparation, now: &Preparation, wording_interval: Duration) -> bool {
        let settings = Settings { wording_interval, ..Settings::default() };
        let mut memory = Told::new(&settings);
        memory.prepared(Version(1), told);
        memory.is_news(Version(1), now, None, &settings)
    }

    #[test]
    fn only_what_changed_is_news_and_wording_alone_can_wait() {
        let ready = |fingerprint: &str| Preparation::Ready { fingerprint: Fingerprint(fingerprint.into()) };
        let (long, none) = (Duration::from_secs(3600), Duration::ZERO);
        let young = not_ready("lock_held", "for 5 s");
        let old = not_ready("lock_held", "for 9 s");
        assert!(!is_news(young.clone(), &young, none), "the same");
        assert!(!is_news(young.clone(), &old, long), "another wording, a moment ago");
        assert!(is_news(young.clone(), &old, none), "another wording, long ago");
        assert!(is_news(young.clone(), &not_ready("violations", "for 5 s"), long), "another obstacle");
        assert!(is_news(young, &ready("a"), long), "the obstacle is gone");
        assert!(!is_news(ready("a"), &ready("a"), none), "still ready");
        assert!(is_news(ready("a"), &ready("b"), long), "ready with another schema");
    }
}
