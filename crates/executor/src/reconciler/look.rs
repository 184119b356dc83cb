//! Looking at the schema: is it what it must be?

use super::running::{Next, Running};
use crate::duty::Duty;
use crate::progress::Activity;
use lockstep_core::node::{Fingerprint, Status};
use lockstep_core::{Drift, Schema, Version};
use lockstep_database::Error;
use std::fmt::Write as _;
use std::time::Instant;

/// Differences to name; more help nobody.
const DIFFERENCES_SHOWN_MAX: usize = 5;

/// A schema that is not what it must be.
pub(super) struct Misfit {
    /// In one sentence.
    pub(super) reason: String,
    pub(super) drift: Drift,
}

impl Misfit {
    fn of(drift: Drift, required: &Fingerprint) -> Self {
        let Drift { version, fingerprint, differences, left_out } = &drift;
        let mut reason = format!("at version {version} its schema is {fingerprint}, and must be {required}");
        let shown = differences.iter().take(DIFFERENCES_SHOWN_MAX);
        let facts: Vec<String> = shown.map(ToString::to_string).collect();
        if !facts.is_empty() {
            let _ = write!(reason, ": {}", facts.join("; "));
        }
        let more = differences.len() - facts.len() + *left_out as usize;
        if more > 0 {
            let _ = write!(reason, "; and {more} more");
        }
        Self { reason, drift }
    }
}

impl Running {
    /// The schema as it is; `None` when the duty is another one by now.
    pub(super) async fn schema(&mut self, duty: &Duty) -> Option<Result<Schema, Error>> {
        let database = std::sync::Arc::clone(&self.parts.database);
        self.while_owed(duty, database.schema()).await
    }

    /// What the log says of the schema at a version. For the version in flight, as far as that is known.
    pub(super) fn required(&self, version: Version) -> Option<Fingerprint> {
        self.look(|state| state.required_fingerprint(version))
    }

    /// What is wrong with a schema at a version; `None` if nothing is. Remembers one that fits, to name differences later.
    pub(super) fn misfit(&mut self, version: Version, schema: Schema, required: &Fingerprint) -> Option<Misfit> {
        if schema.fingerprint() == *required {
            self.remember(schema);
            return None;
        }
        // What was kept may be of another version.
        let fitting = self.fitting_schema.as_ref().filter(|kept| kept.fingerprint() == *required);
        Some(Misfit::of(Drift::of(version, &schema, fitting), required))
    }

    /// Keeps a schema that fits.
    pub(super) fn remember(&mut self, schema: Schema) {
        if self.fitting_schema.as_ref() != Some(&schema) {
            self.parts.memory.keep(&schema);
            self.fitting_schema = Some(schema);
        }
    }

    /// True when the log has this node as quarantined with another schema than this one, which it must learn of.
    pub(super) fn is_news(&self, misfit: &Misfit) -> bool {
        let known = self.member().map(|node| node.status);
        let Some(Status::Quarantined { drift, .. }) = known else { return true };
        drift.is_none_or(|known| {
            let is_same = known.fingerprint == misfit.drift.fingerprint && known.version == misfit.drift.version;
            !is_same || known.differences.is_empty() && !misfit.drift.differences.is_empty()
        })
    }

    /// Nothing is owed: from time to time, is the schema still what it must be?
    pub(super) async fn idle(&mut self, duty: &Duty) -> Next {
        self.show(Activity::Idle, None);
        self.show_error(None);
        let interval = self.parts.settings.drift_interval;
        let since = self.drift_checked.map(|checked| checked.elapsed());
        if let Some(since) = since.filter(|since| *since < interval) {
            return Next::After(interval - since);
        }
        self.drift_checked = Some(Instant::now());
        let Some((version, required)) = self.must_have() else {
            return Next::After(interval);
        };
        match self.schema(duty).await {
            None => {
                // It was not looked at.
                self.drift_checked = None;
                Next::AtOnce
            }
            Some(Err(error)) => {
                self.show_error(Some(error.to_string()));
                Next::After(interval)
            }
            Some(Ok(schema)) => match self.misfit(version, schema, &required) {
                None => Next::After(interval),
                Some(misfit) => self.report_misfit(duty, misfit).await,
            },
        }
    }

    /// The version of an active node that is idle, and the schema that goes with it.
    fn must_have(&self) -> Option<(Version, Fingerprint)> {
        let version = self.ledger.as_ref()?.head;
        let node = self.member().filter(|node| node.is_active() && node.version == version)?;
        Some((version, self.required(version).unwrap_or(node.fingerprint)))
    }
}
