//! A session: the lease under which an application uses a schema version.
//!
//! * It is renewed in the background every third of its time to live. The deadline counts from when the newest answered renewal
//!   was *sent*, less ten percent for clocks that drift apart: the cluster always lets go later than the client.
//! * Announced versions are adopted in order: the callback, then new guards use the version, then those on another version are
//!   waited for, then it is acknowledged. A version that this release cannot run is never acknowledged.
//! * A session that is over stays over; [`Session::reopen`] makes another one. Nothing is reopened silently, because between the
//!   two the cluster may have moved on, and units of work under way do not know.
//!
//! Time is `std::time::Instant`. On Linux that is CLOCK_MONOTONIC: it goes on while a process is stopped or starved, and it
//! does not while the whole machine is *suspended*. An application on machines that are suspended and resumed (laptops, some
//! virtual machines) must not touch the database in the first moments after a resume without a fresh renewal.

mod follower;
mod guard;
mod keeper;
mod lease;
mod options;
mod shared;

pub use guard::Guard;
pub use lease::LeaseOver;
pub use options::{Acknowledge, CallbackError, SessionOptions};

use crate::client::{Client, read};
use crate::{Error, Kind, view};
use follower::Follower;
use keeper::Keeper;
use lockstep_core::{SessionId, Version};
use shared::{Shared, Standing, State};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// An application's lease. Cheap to clone. When the last clone is dropped without [`Session::close`], renewals stop and the lease
/// runs out by itself.
#[derive(Clone, Debug)]
pub struct Session {
    shared: Arc<Shared>,
    client: Client,
    options: SessionOptions,
    /// Ends the background work with the last clone.
    _background: Arc<DropGuard>,
}

/// How a session stands, for an application's own status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The version that new units of work use.
    pub version: Version,
    /// The version that was last acknowledged.
    pub acknowledged: Version,
    /// How long the lease is still believed.
    pub remaining: Duration,
    /// Units of work under way.
    pub guards: usize,
    /// Why no unit of work may begin; `None` while they may.
    pub over: Option<LeaseOver>,
    /// Why the announced version is not adopted yet; `None` when nothing stands in the way.
    pub problem: Option<String>,
}

impl Session {
    /// Asks for a lease, and keeps it in the background.
    ///
    /// # Errors
    ///
    /// [`Kind::NotNow`] with reason `CLIENT_INCOMPATIBLE` when this release cannot run at the versions in use (retry after the
    /// cluster has moved, or with another release); [`Kind::Invalid`] when the options are not valid; otherwise see
    /// [`Error::retryable`].
    pub async fn open(client: &Client, options: SessionOptions) -> Result<Self, Error> {
        const OPERATION: &str = "open session";
        options.check()?;
        let answer = client.open_session(&options).await?;
        let announcement: view::Announcement = read(OPERATION, "announcement", answer.message.announcement)?;
        if let Some(problem) = options.incompatibility(announcement.version) {
            return Err(Error::local(OPERATION, Kind::NotNow, problem));
        }
        let ttl = Duration::from_millis(answer.message.ttl_ms);
        // From the first attempt: that one may have opened the session, and repeats under its request id do not renew it.
        let sent = answer.first_sent;
        let id = SessionId(answer.message.session_id);
        let shared = Arc::new(Shared::new(id, &announcement, lease::deadline(sent, ttl)));
        let background = start(client, &options, &shared, announcement, ttl, sent);
        Ok(Self { shared, client: client.clone(), options, _background: Arc::new(background) })
    }

    /// Opens another session with the same options. This one is not closed.
    ///
    /// # Errors
    ///
    /// As [`Session::open`].
    pub async fn reopen(&self) -> Result<Self, Error> {
        Self::open(&self.client, self.options.clone()).await
    }

    /// The session's id, as operators see it.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.shared.id
    }

    /// Begins a unit of work, such as a request or a job. Takes one short lock in memory, and waits for no answer.
    ///
    /// # Errors
    ///
    /// [`LeaseOver`] as soon as the lease *may* be over, also when this process was just paused past it: do not touch the
    /// database. Not retryable; open another session.
    pub fn guard(&self) -> Result<Guard, LeaseOver> {
        Guard::begin(&self.shared)
    }

    /// Ready as soon as no unit of work may begin any more, with the reason. An evicted application should finish what is under
    /// way: the session is closed when the last guard is dropped.
    pub async fn closed(&self) -> LeaseOver {
        let mut reason = LeaseOver::Closed;
        self.shared
            .until(|state| match &state.standing {
                Standing::Live => false,
                Standing::Leaving(why) | Standing::Over(why) => {
                    reason = why.clone();
                    true
                }
            })
            .await;
        reason
    }

    /// How the session stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        self.shared.read(|state| Snapshot {
            version: state.terms.version,
            acknowledged: state.acknowledged,
            remaining: state.deadline.saturating_duration_since(now),
            guards: state.guards.values().sum(),
            over: state.refusal(now),
            problem: state.problem.clone(),
        })
    }

    /// Lets no unit of work begin, waits for those under way (the lease is renewed meanwhile), and tells the cluster, which need
    /// not wait for the lease to run out.
    ///
    /// # Errors
    ///
    /// When the cluster could not be told. The session is over all the same, and its lease runs out by itself.
    pub async fn close(&self) -> Result<(), Error> {
        self.shared.leave(LeaseOver::Closed);
        leave_when_idle(&self.client, &self.shared).await
    }
}

/// Waits for the work under way, then tells the cluster that the session is done.
async fn leave_when_idle(client: &Client, shared: &Shared) -> Result<(), Error> {
    tokio::select! {
        biased;
        () = shared.until_idle() => {}
        // Then the lease may be over, and the cluster needs no telling.
        () = shared.until(State::is_over) => return Ok(()),
    }
    shared.end(LeaseOver::Closed);
    match client.close_session(shared.id).await {
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        result => result,
    }
}

/// Closes an evicted session as soon as its work is done, so that the cluster need not wait for the lease to run out.
async fn close_when_evicted(client: Client, shared: Arc<Shared>) {
    let evicted = |state: &State| matches!(state.standing, Standing::Leaving(LeaseOver::Evicted(_)));
    shared.until(|state| evicted(state) || state.is_over()).await;
    if !shared.read(evicted) {
        return;
    }
    if let Err(error) = leave_when_idle(&client, &shared).await {
        tracing::debug!(session = %shared.id, %error, "could not close the evicted session; its lease runs out");
    }
}

fn start(
    client: &Client,
    options: &SessionOptions,
    shared: &Arc<Shared>,
    first: view::Announcement,
    ttl: Duration,
    sent: Instant,
) -> DropGuard {
    let (announced, announced_seen) = watch::channel(first.revision);
    let keeper = Keeper { client: client.clone(), shared: Arc::clone(shared), ttl, announced };
    let follower = Follower { client: client.clone(), shared: Arc::clone(shared), options: options.clone() };
    let stop = CancellationToken::new();
    spawn(&stop, keeper.run(sent));
    spawn(&stop, follower.run(first, announced_seen));
    spawn(&stop, close_when_evicted(client.clone(), Arc::clone(shared)));
    stop.drop_guard()
}

fn spawn(stop: &CancellationToken, work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(stop.clone().run_until_cancelled_owned(work));
}
