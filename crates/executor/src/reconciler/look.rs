//! Looking at the schema: is it what it must be?

use super::running::{Next, Running};
use crate::duty::Duty;
use crate::progress::Activity;
use lockstep_core::Schema;
use lockstep_core::Version;
use lockstep_core::node::Fingerprint;
use lockstep_database::Error;
use std::time::Instant;

/// Differences to name; more help nobody.
const DIFFERENCES_SHOWN_MAX: usize = 5;

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
    pub(super) fn misfit(&mut self, version: Version, schema: Schema, required: &Fingerprint) -> Option<String> {
        let found = schema.fingerprint();
        if found == *required {
            self.fitting_schema = Some(schema);
            return None;
        }
        let mut reason = format!("at version {version} its schema is {found}, and must be {required}");
        // After a restart there is nothing to compare with, and what was kept may be of another version.
        if let Some(fitting) = self.fitting_schema.as_ref().filter(|kept| kept.fingerprint() == *required) {
            let differences = schema.diff(fitting);
            let shown = differences.iter().take(DIFFERENCES_SHOWN_MAX).cloned().collect::<Vec<_>>().join("; ");
            reason = format!("{reason}: {shown}");
        }
        Some(reason)
    }

    /// Nothing is owed: from time to time, is the schema still what it must be?
    pub(super) async fn idle(&mut self, duty: &Duty) -> Next {
        self.show(Activity::Idle, None);
        self.show_error(None);
        let interval = self.parts.settings.drift_interval;
        let since = self.drift_checked.elapsed();
        if since < interval {
            return Next::After(interval - since);
        }
        self.drift_checked = Instant::now();
        let Some((version, required)) = self.must_have() else {
            return Next::After(interval);
        };
        match self.schema(duty).await {
            None => Next::AtOnce,
            Some(Err(error)) => {
                self.show_error(Some(error.to_string()));
                Next::After(interval)
            }
            Some(Ok(schema)) => match self.misfit(version, schema, &required) {
                None => Next::After(interval),
                Some(reason) => self.report_drift(duty, reason).await,
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
