//! How a running job is told to wait, and to end.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What whoever started a job can still do about it.
///
/// A job that is held begins no attempt at a definition and no batch until it is let go: between two of them it holds neither a
/// transaction nor a lock. What is running already runs to its end. Cancelling works at once, held or not.
#[derive(Clone, Debug)]
pub struct Control {
    /// Cancelled: the job is to end where it stands.
    pub cancel: CancellationToken,
    /// True: the job is to wait. When its sender is dropped, the job goes on.
    pub hold: watch::Receiver<bool>,
    /// How many sessions a backfill may work with at once; it has one in any case. When its sender is dropped, it stays as it is.
    pub room: watch::Receiver<u32>,
}

impl Control {
    /// A job that can be cancelled, and is never held.
    #[must_use]
    pub fn cancelled_by(cancel: CancellationToken) -> Self {
        Self { cancel, hold: watch::channel(false).1, room: watch::channel(1).1 }
    }

    /// Waits while the job is held. False: it was cancelled.
    pub(crate) async fn may_go_on(&self) -> bool {
        let mut hold = self.hold.clone();
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => false,
            _ = hold.wait_for(|held| !held) => true,
        }
    }

    pub(crate) fn is_held(&self) -> bool {
        *self.hold.borrow()
    }
}

impl Default for Control {
    /// A job that nobody stops.
    fn default() -> Self {
        Self::cancelled_by(CancellationToken::new())
    }
}
