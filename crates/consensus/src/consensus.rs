//! The handle, and what is behind it.

use crate::clock::{Clock, Stamper};
use crate::coalesce::{self, Coalescer};
use crate::leadership::{self, Leadership};
use crate::log_store::LogStore;
use crate::machine::{Machine, Replica};
use crate::network::Network;
use crate::peers::Peers;
use crate::propose::{self, Queued};
use crate::raft::{Metrics, Raft};
use crate::soft::{self, Soft, SoftState};
use crate::status::{self, Status};
use crate::{
    Committed, Config, Error, Events, Proposal, in_term, join, moving, read, reconcile, service, snapshotting,
    watchdog,
};
use lockstep_core::node::{Addresses, Candidate};
use lockstep_core::{LogIndex, NodeId, State, Timestamp};
use lockstep_storage::{Identity, Store};
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, broadcast, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// This agent's part in the agreement. Cheap to clone; all clones are the same.
///
/// Without a node id it only waits: [`Consensus::bootstrap`] or [`Consensus::join`] gives it one. With an id in its store it
/// takes part from the start. It runs until [`Consensus::shutdown`].
#[derive(Clone)]
pub struct Consensus {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) stamper: Stamper,
    pub(crate) replica: Arc<Replica>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) soft: Soft,
    pub(crate) proposals: mpsc::Sender<Queued>,
    pub(crate) leadership: watch::Sender<Leadership>,
    pub(crate) stop: CancellationToken,
    confirms: Coalescer,
    barriers: Coalescer,
    running: OnceLock<Arc<Running>>,
    starting: Mutex<()>,
    tasks: TaskTracker,
}

/// Raft under an id.
pub(crate) struct Running {
    pub(crate) identity: Identity,
    pub(crate) raft: Raft,
    pub(crate) log: LogStore,
    /// How long a leader may be silent before it is taken to be gone.
    patience: Duration,
    /// When a leader last called here and was accepted.
    leader_heard: std::sync::Mutex<Option<Instant>>,
}

impl Running {
    /// Who leads, as far as this agent knows. openraft goes on naming a leader that has fallen silent until another one is
    /// elected; without a quorum that is for ever.
    pub(crate) fn leader(&self) -> Option<u64> {
        let leader = self.look(|metrics| metrics.current_leader)?;
        let is_live = if leader == self.identity.node_id { self.has_quorum() } else { self.hears_leader() };
        is_live.then_some(leader)
    }

    /// Notes that a leader called and was accepted.
    pub(crate) fn hear_leader(&self) {
        *self.leader_heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn hears_leader(&self) -> bool {
        let heard = *self.leader_heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.is_some_and(|heard| heard.elapsed() < self.patience)
    }

    /// False once a leader has had no answer of enough voters for too long.
    fn has_quorum(&self) -> bool {
        self.look(|metrics| {
            let alone = metrics.membership_config.voter_ids().count() == 1;
            alone || metrics.last_quorum_acked.is_none_or(|acked| acked.elapsed() < self.patience)
        })
    }

    /// Looks at openraft's metrics, quickly: they cannot change meanwhile.
    pub(crate) fn look<Value>(&self, look: impl FnOnce(&Metrics) -> Value) -> Value {
        look(&self.raft.metrics().borrow_watched())
    }
}

impl Consensus {
    /// Starts serving other agents at `listener`, and Raft when the store holds an identity.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for settings that cannot work, [`Error::Stopped`] when the stored log cannot be read.
    pub async fn start(
        config: Config,
        store: Store,
        listener: TcpListener,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        config.check()?;
        let (proposals, queue) = mpsc::channel(propose::QUEUE);
        let (confirms, confirms_asked) = Coalescer::new();
        let (barriers, barriers_asked) = Coalescer::new();
        let inner = Arc::new(Inner {
            peers: Arc::new(Peers::new(&config)),
            config,
            stamper: Stamper::new(clock),
            replica: Arc::default(),
            soft: Soft::default(),
            proposals,
            leadership: watch::Sender::new(None),
            stop: CancellationToken::new(),
            confirms,
            barriers,
            running: OnceLock::new(),
            starting: Mutex::new(()),
            tasks: TaskTracker::new(),
            store,
        });
        if let Some(identity) = inner.store.identity() {
            inner.run_as(identity).await?;
        }
        inner.tasks.spawn(service::serve(Arc::clone(&inner), listener));
        inner.spawn(|inner| propose::run_batches(inner, queue));
        inner.spawn(soft::run_pushes);
        inner.spawn(|inner| async move {
            coalesce::run_rounds(confirms_asked, CONFIRM_INTERVAL, || read::confirm_round(&inner)).await;
        });
        inner.spawn(|inner| async move {
            coalesce::run_rounds(barriers_asked, Duration::ZERO, || read::barrier_round(&inner)).await;
        });
        Ok(Self { inner })
    }

    /// Who this agent is; `None` before it is a member.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.inner.running.get().map(|running| running.identity.clone())
    }

    /// Makes a cluster with this agent as its first node, which gets id 1. Goes on where an interrupted call left off, if the
    /// cluster id is the same; [`Consensus::identity`] tells it.
    ///
    /// # Errors
    ///
    /// [`Error::OtherCluster`] when the store belongs to a cluster already, [`Error::Refused`] when the state refuses.
    pub async fn bootstrap(&self, cluster_id: &str, candidate: Candidate) -> Result<NodeId, Error> {
        join::bootstrap(&self.inner, cluster_id, candidate).await
    }

    /// Lets this agent in through any of the members at `via` (peer addresses). Returns its node id at once when it is a member
    /// already. Safe to repeat when the answer was lost, also after a restart: the same agent never becomes two nodes.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when the cluster does not want it as it is, [`Error::Peer`] when nobody could be asked in time.
    pub async fn join(
        &self,
        via: &[String],
        candidate: Candidate,
        secret: &str,
        replace: bool,
    ) -> Result<NodeId, Error> {
        join::join(&self.inner, via, candidate, secret, replace).await
    }

    /// Proposes a command through the leader, whoever that is, and returns when it is committed and applied there. Callers at
    /// the same time share messages and disk writes. After success, [`Consensus::wait_applied`] waits until this agent's
    /// own state shows it.
    ///
    /// # Errors
    ///
    /// [`Error::NoQuorum`]: not proposed, retryable. [`Error::Unknown`]: it may or may not take effect; only a proposal with a
    /// request id may be repeated. [`Error::TooLarge`], [`Error::NotMember`], [`Error::Removed`], [`Error::Stopped`].
    pub async fn propose(&self, proposal: Proposal) -> Result<Committed, Error> {
        self.inner.propose(proposal).await
    }

    /// Proposes a command that may enter the log only in this term and only through this agent; it is never forwarded or repeated.
    /// For what only the leader of that term can know, such as a lease that ran out.
    ///
    /// # Errors
    ///
    /// [`Error::NotLeader`] when this agent does not lead in that term (any more): not proposed. [`Error::Unknown`]: it may take
    /// effect, but only before anything that a later leader does. [`Error::NotMember`], [`Error::Removed`], [`Error::Stopped`].
    pub async fn propose_in_term(&self, term: u64, proposal: Proposal) -> Result<Committed, Error> {
        in_term::propose(&self.inner, term, proposal).await
    }

    /// Tells the cluster that this agent is at other addresses than before. Works also while the leader, which knows only the old
    /// ones, cannot reach it.
    ///
    /// # Errors
    ///
    /// [`Error::NoQuorum`] when no leader could be asked, retryable; as [`Consensus::propose`] otherwise.
    pub async fn move_to(&self, addresses: Addresses) -> Result<Committed, Error> {
        moving::move_to(&self.inner, addresses).await
    }

    /// Waits until this agent's state shows everything that was committed anywhere before the call. Many callers share one
    /// question to the leader.
    ///
    /// # Errors
    ///
    /// [`Error::NoQuorum`], retryable; [`Error::NotMember`], [`Error::Removed`], [`Error::Stopped`].
    pub async fn read_barrier(&self) -> Result<LogIndex, Error> {
        self.inner.barriers.ask().await
    }

    /// On the leader: makes sure by a round of heartbeats that nobody else led when the call was made. Many callers share
    /// one round. The log index covers everything committed before the call.
    ///
    /// # Errors
    ///
    /// [`Error::NotLeader`] with the leader's client address; [`Error::NoQuorum`] when too few voters answer, retryable.
    pub async fn confirm_leadership(&self) -> Result<LogIndex, Error> {
        self.inner.confirm().await
    }

    /// Looks at the state. The closure must be quick: it holds up apply.
    ///
    /// # Panics
    ///
    /// When applying an entry has panicked before: the state must not be served any more.
    pub fn with_state<Value>(&self, look: impl FnOnce(&State) -> Value) -> Value {
        self.inner.replica.with_state(look)
    }

    /// The log index up to which entries are applied here; changes after every applied batch and every installed snapshot.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<LogIndex> {
        self.inner.replica.applied()
    }

    /// Waits until the entry at `index` is applied here.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] after the configured request time-out, retryable.
    pub async fn wait_applied(&self, index: LogIndex) -> Result<LogIndex, Error> {
        self.inner.wait_applied(index, Instant::now() + self.inner.config.request_timeout).await
    }

    /// What applied commands changed, by log index. A receiver that is told that it lagged, or sees [`Consensus::applied`] pass
    /// by without events (a snapshot was installed), looks at the state instead.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Events> {
        self.inner.replica.events()
    }

    /// How the Raft group looks from here.
    ///
    /// # Errors
    ///
    /// [`Error::NotMember`].
    pub fn status(&self) -> Result<Status, Error> {
        Ok(status::of(self.inner.running()?))
    }

    /// Whether this agent leads and has applied an entry of its own term, and which term that is.
    #[must_use]
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.subscribe()
    }

    /// Turns true once this node has been removed from the cluster. Its agent must stop.
    #[must_use]
    pub fn removed(&self) -> watch::Receiver<bool> {
        self.inner.peers.removed().subscribe()
    }

    /// What is wrong with this machine's clock, if anything: cause, amount, remedy.
    #[must_use]
    pub fn clock_warning(&self) -> Option<String> {
        self.inner.stamper.warning()
    }

    /// The time that this agent would put on a command now, were it the leader.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.stamper.stamp(self.with_state(State::clock))
    }

    /// Hands leadership to the voter that is furthest ahead, and waits until another one leads. Nothing happens on others.
    ///
    /// # Errors
    ///
    /// [`Error::NotMember`], [`Error::Stopped`], [`Error::Timeout`] when nobody took over.
    pub async fn transfer_leadership(&self) -> Result<(), Error> {
        self.inner.hand_over().await
    }

    /// Sets what this agent tells the others without agreement, e.g. progress and health. Sent when changed, and no more often
    /// than configured.
    pub fn publish_soft(&self, value: serde_json::Value) {
        self.inner.soft.publish(value);
    }

    /// The newest that each member told, with the moment of arrival here.
    #[must_use]
    pub fn soft_state(&self) -> SoftState {
        self.inner.soft.known_of(|node| self.with_state(|state| state.nodes().contains_key(&node)))
    }

    /// Counts up whenever soft state arrives.
    #[must_use]
    pub fn soft_state_changes(&self) -> watch::Receiver<u64> {
        self.inner.soft.arrived()
    }

    /// Hands leadership over if this agent leads, then stops Raft and the peer port. The handle is of no use afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] when Raft had failed before.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.inner.shutdown().await
    }

    /// Whether this agent refuses calls of the node because it was removed.
    #[cfg(test)]
    pub(crate) fn knows_as_removed(&self, node: NodeId) -> bool {
        self.inner.is_removed(node.0)
    }

    /// Lets this agent believe that another one has moved.
    #[cfg(test)]
    pub(crate) fn hear_move(&self, node: NodeId, to: &str) {
        self.inner.hear_move(node.0, to);
    }

    /// Cuts this agent off from all others, or lets it talk again.
    #[cfg(test)]
    pub(crate) fn cut_off(&self, cut_off: bool) {
        self.inner.peers.cut_off.store(cut_off, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Inner {
    pub(crate) fn running(&self) -> Result<&Arc<Running>, Error> {
        self.running.get().ok_or(Error::NotMember)
    }

    /// Starts Raft under an id, once.
    pub(crate) async fn run_as(self: &Arc<Self>, identity: Identity) -> Result<&Arc<Running>, Error> {
        let _starting = self.starting.lock().await;
        if let Some(running) = self.running.get() {
            return Ok(running);
        }
        self.peers.identify(identity.clone());
        let log = LogStore::new(self.store.clone());
        let machine = Machine { store: self.store.clone(), replica: Arc::clone(&self.replica) };
        let network = Network {
            peers: Arc::clone(&self.peers),
            replica: Arc::clone(&self.replica),
            transfer_timeout: self.config.transfer_timeout,
        };
        let config = Arc::new(self.config.to_raft(&identity.cluster_id)?);
        let raft =
            Raft::new(identity.node_id, config, network, log.clone(), machine).await.map_err(Error::stopped)?;
        let patience = self.config.election_timeout_max * 2;
        let leader_heard = std::sync::Mutex::default();
        let running =
            self.running.get_or_init(|| Arc::new(Running { identity, raft, log, patience, leader_heard }));
        let [following, reconciling, watching, snapshotting] = std::array::from_fn(|_| Arc::clone(running));
        self.spawn(|inner| leadership::follow(inner, following));
        self.spawn(|inner| reconcile::run(inner, reconciling));
        self.spawn(|inner| watchdog::run(inner, watching));
        self.spawn(|inner| snapshotting::run(inner, snapshotting));
        Ok(running)
    }

    /// Runs a task until it ends or consensus stops.
    fn spawn<Task>(self: &Arc<Self>, task: impl FnOnce(Arc<Self>) -> Task)
    where
        Task: Future<Output = ()> + Send + 'static,
    {
        let stop = self.stop.clone();
        let task = task(Arc::clone(self));
        self.tasks.spawn(async move { stop.run_until_cancelled(task).await });
    }

    pub(crate) async fn propose(self: &Arc<Self>, proposal: Proposal) -> Result<Committed, Error> {
        propose::propose(self, proposal).await
    }

    pub(crate) async fn confirm(&self) -> Result<LogIndex, Error> {
        self.running()?;
        self.confirms.ask().await
    }

    pub(crate) async fn wait_applied(&self, index: LogIndex, deadline: Instant) -> Result<LogIndex, Error> {
        let mut applied = self.replica.applied();
        match tokio::time::timeout_at(deadline, applied.wait_for(|applied| *applied >= index)).await {
            Ok(Ok(applied)) => Ok(*applied),
            Ok(Err(_)) => Err(Error::stopped("shut down")),
            Err(_) => {
                let what = format!("applying log index {index} here");
                Err(Error::Timeout { what, waited: self.config.request_timeout })
            }
        }
    }

    /// Waits until another leader or term is known, and no longer than until `deadline`.
    pub(crate) async fn wait_for_change(&self, deadline: Instant) {
        let Ok(running) = self.running() else { return };
        let before = running.look(|metrics| (metrics.current_leader, metrics.current_term));
        let changed = |metrics: &Metrics| (metrics.current_leader, metrics.current_term) != before;
        let patience = deadline.saturating_duration_since(Instant::now());
        // Both outcomes mean: look again.
        let _ = running.raft.wait(Some(patience)).metrics(changed, "another leader or term").await;
    }

    /// Fails for an agent that is no member, or not any more.
    pub(crate) fn check_member(&self) -> Result<(), Error> {
        let running = self.running()?;
        if *self.peers.removed().borrow() {
            let Identity { node_id: node, cluster_id, .. } = running.identity.clone();
            return Err(Error::Removed { node, cluster_id });
        }
        Ok(())
    }

    /// True when this agent knows for sure that a node was in the cluster and is not any more, not even as a Raft member: until
    /// then its vote may be needed to let it go.
    pub(crate) fn is_removed(&self, node: u64) -> bool {
        let Ok(running) = self.running() else { return false };
        let applied = self.replica.applied().borrow().0;
        let gone = |state: &State| state.cluster().is_some() && !state.nodes().contains_key(&NodeId(node));
        let is_member =
            running.look(|metrics| metrics.committed_membership_config.membership().get_node(&node).is_some());
        applied >= node && !is_member && self.replica.with_state(gone)
    }

    /// Where a node is reached by agents.
    pub(crate) fn peer_address(&self, node: u64) -> Option<String> {
        self.agreed_address(node).map(|agreed| self.peers.address_of(node, agreed))
    }

    /// A member says that it is at another address now; see [`Peers::moved`].
    pub(crate) fn hear_move(&self, node: u64, to: &str) {
        if let Some(from) = self.agreed_address(node) {
            self.peers.moved(node, from, to.to_owned());
        }
    }

    /// Where the cluster believes that a node is reached by agents.
    fn agreed_address(&self, node: u64) -> Option<String> {
        let known = self
            .replica
            .with_state(|state| state.nodes().get(&NodeId(node)).map(|node| node.addresses.peer.clone()));
        known.or_else(|| {
            let address =
                |metrics: &Metrics| Some(metrics.membership_config.membership().get_node(&node)?.peer.clone());
            self.running().ok()?.look(address)
        })
    }

    pub(crate) fn no_quorum(&self) -> Error {
        let members = self.replica.with_state(|state| {
            state.nodes().values().map(|node| format!("{} ({})", node.name, node.addresses.peer)).collect()
        });
        Error::NoQuorum { members, waited: self.config.request_timeout }
    }

    async fn hand_over(&self) -> Result<(), Error> {
        let running = self.running()?;
        let Some(successor) = successor(&status::of(running), self.config.election_timeout_max) else {
            return Ok(());
        };
        running.raft.trigger().transfer_leader(successor.0).await.map_err(Error::stopped)?;
        let me = running.identity.node_id;
        let another_leads = |metrics: &Metrics| metrics.current_leader.is_some_and(|leader| leader != me);
        let waited = self.config.election_timeout_max * 3;
        match running.raft.wait(Some(waited)).metrics(another_leads, "another one leads").await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Timeout { what: "handing leadership over".to_owned(), waited }),
        }
    }

    async fn shutdown(&self) -> Result<(), Error> {
        let mut outcome = Ok(());
        if let Ok(running) = self.running() {
            if let Err(error) = self.hand_over().await {
                tracing::warn!(%error, "leaving without handing leadership over");
            }
            outcome = running.raft.shutdown().await.map_err(Error::stopped);
            if let Err(error) = running.log.write_committed().await {
                tracing::warn!(%error, "the next start will replay a little more");
            }
        }
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(TASKS_END_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("some calls of other agents have not ended in time");
        }
        outcome
    }
}

/// Between two rounds that confirm the leadership. What they are for, leases of seconds, can wait as long.
const CONFIRM_INTERVAL: Duration = Duration::from_millis(5);

/// How long open calls may hold up the shutdown.
const TASKS_END_WITHIN: Duration = Duration::from_secs(5);

/// The other voter that answers and is furthest ahead; `None` when this agent does not lead or is alone.
fn successor(status: &Status, answers_within: Duration) -> Option<NodeId> {
    let answers = |last_contact: Option<Duration>| last_contact.is_some_and(|ago| ago < answers_within);
    let able = status.peers.iter().filter(|peer| status.voters.contains(&peer.node) && answers(peer.last_contact));
    able.filter(|_| status.leader == Some(status.me)).max_by_key(|peer| peer.matched).map(|peer| peer.node)
}
