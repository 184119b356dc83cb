//! Guards: one for each unit of work.

use super::lease::LeaseOver;
use super::shared::{Shared, Terms};
use lockstep_core::Version;
use lockstep_core::step::Phase;
use std::sync::Arc;
use tokio::time::Instant;

/// Says which version and phases one unit of work uses, from its beginning to its end, whatever is announced meanwhile. A newer
/// version is not acknowledged before it is dropped, so hold it exactly as long as the work lasts.
#[derive(Debug)]
#[must_use = "the unit of work is protected only while the guard lives"]
pub struct Guard {
    shared: Arc<Shared>,
    terms: Arc<Terms>,
}

impl Guard {
    pub(super) fn begin(shared: &Arc<Shared>) -> Result<Self, LeaseOver> {
        let terms = shared.begin()?;
        Ok(Self { shared: Arc::clone(shared), terms })
    }

    /// The version that this unit of work uses.
    #[must_use]
    pub fn version(&self) -> Version {
        self.terms.version
    }

    /// The phase that a change has at [`Guard::version`]; `None` if it has not begun, or the session does not understand it.
    #[must_use]
    pub fn phase(&self, change: &str) -> Option<Phase> {
        self.terms.phases.get(change).copied()
    }

    /// Whether the unit of work may go on. Ask before each effect in work that can outlast the lease, as close to it as possible.
    ///
    /// # Errors
    ///
    /// When the lease may be over: undo what is not finished, and do nothing more. Not retryable.
    pub fn check(&self) -> Result<(), LeaseOver> {
        self.shared.read(|state| state.interruption(Instant::now())).map_or(Ok(()), Err)
    }

    /// Tells the cluster that this unit of work failed, e.g. because the database refused a statement. A change with a threshold
    /// for `client_failures` is undone once too many did. Returns at once; it is told within a second or so.
    pub fn failed(&self) {
        self.shared.count_failure();
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared.finish(self.terms.version);
    }
}
