//! A cluster of one node in this process: the real gate and the real reconciler around any database, with no log and no network.
//!
//! What it has of a cluster: changes are submitted, approved, rolled back; each step is prepared, executed and settled as anywhere.

use anyhow::{Context as _, Result, bail, ensure};
use lockstep_core::change::{Spec, Status};
use lockstep_core::command::{Actor, FORMAT, Role as ActorRole};
use lockstep_core::node::{Addresses, Candidate, Role};
use lockstep_core::{Command, LogIndex, NodeId, Refusal, Reply, Stamped, State, Timestamp};
use lockstep_database::{Database, Health, Owner};
use lockstep_executor::{
    Ended, Neighbours, Progress, ProgressSink, Reconciler, Replica, ReportError, Reporter, Settings, StateSource,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A change that takes longer has failed.
const GIVE_UP: Duration = Duration::from_secs(120);

const NODE: NodeId = NodeId(1);

/// A cluster of one node. Ends when dropped.
pub(crate) struct Solo {
    log: Arc<Log>,
    owner: Owner,
    database: Arc<dyn Database>,
    running: JoinHandle<Ended>,
}

struct Log {
    state: Mutex<State>,
    applied: watch::Sender<LogIndex>,
    /// Why the node does not get on, as it says itself.
    trouble: Mutex<Option<String>>,
}

impl Solo {
    /// Makes a cluster of the database as it is.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or claimed.
    pub(crate) async fn start(database: Arc<dyn Database>) -> Result<Self> {
        let (cluster_id, node_name) = ("solo".to_owned(), "solo".to_owned());
        let owner = Owner { cluster_id: cluster_id.clone(), node_id: Some(NODE), node_name: node_name.clone() };
        let ledger = database.claim(&owner).await?;
        let candidate = Candidate {
            name: node_name,
            engine: database.engine(),
            role: Role::Primary,
            addresses: Addresses { peer: "solo:1".to_owned(), client: "solo:2".to_owned() },
            database_id: ledger.database_id,
            version: ledger.head,
            version_hash: ledger.head_hash,
            fingerprint: database.schema().await?.fingerprint(),
            command_format: FORMAT,
        };
        let log = Arc::new(Log {
            state: Mutex::default(),
            applied: watch::channel(LogIndex(0)).0,
            trouble: Mutex::default(),
        });
        log.apply(ActorRole::Agent, Command::Bootstrap { cluster_id, node: NODE, candidate })?;
        let running = tokio::spawn(reconciler(&log, &owner, &database).run(CancellationToken::new()));
        Ok(Self { log, owner, database, running })
    }

    /// The node ends in the middle of whatever it does.
    pub(crate) async fn crash(&mut self) {
        self.running.abort();
        // What it waited for may come to an end meanwhile.
        let _ = (&mut self.running).await;
    }

    /// The node starts again, with nothing but the log and its database.
    pub(crate) fn restart(&mut self) {
        self.running =
            tokio::spawn(reconciler(&self.log, &self.owner, &self.database).run(CancellationToken::new()));
    }

    /// Where changes are submitted and waited for, whatever becomes of the node.
    pub(crate) fn desk(&self) -> Desk {
        Desk { log: Arc::clone(&self.log) }
    }
}

/// Where a person stands.
#[derive(Clone)]
pub(crate) struct Desk {
    log: Arc<Log>,
}

impl Desk {
    /// Submits a change and waits until it has settled, with an operator's consent wherever it asks for that.
    ///
    /// # Errors
    ///
    /// When it is refused, or comes to another end; the text says why.
    pub(crate) async fn apply(&self, spec: Spec) -> Result<()> {
        let name = spec.name.clone();
        self.log.apply(ActorRole::Operator, Command::SubmitChange { spec })?;
        self.wait(&name, Status::Settled).await
    }

    /// Undoes a settled change, step by step.
    ///
    /// # Errors
    ///
    /// As [`Solo::apply`].
    pub(crate) async fn roll_back(&self, name: &str) -> Result<()> {
        let rollback = Command::RollbackChange { change: name.to_owned(), reason: "to come back".to_owned() };
        self.log.apply(ActorRole::Operator, rollback)?;
        self.wait(name, Status::RolledBack).await
    }

    async fn wait(&self, name: &str, wanted: Status) -> Result<()> {
        let mut applied = self.log.applied.subscribe();
        let reached = async {
            loop {
                applied.borrow_and_update();
                match self.status(name)? {
                    status if status == wanted => return Ok(()),
                    Status::AwaitingApproval => {
                        self.log.apply(
                            ActorRole::Operator,
                            Command::ApproveStep { change: name.to_owned(), now: None },
                        )?;
                    }
                    status if status.is_final() => bail!("{name} is {}: {}", status.name(), self.story(name)),
                    _ => applied.changed().await?,
                }
            }
        };
        let ended = tokio::time::timeout(GIVE_UP, reached).await;
        ended.with_context(|| format!("{name} does not get on: {}", self.story(name)))?
    }

    fn status(&self, name: &str) -> Result<Status> {
        let state = self.log.state.lock().expect("nobody panicked with the state");
        let change = state.change_named(name).with_context(|| format!("there is no change {name}"))?;
        ensure!(
            state.nodes().values().all(lockstep_core::node::Node::is_active),
            "the node is out: {:#?}",
            state.nodes()
        );
        Ok(change.status(false))
    }

    fn story(&self, name: &str) -> String {
        let state = self.log.state.lock().expect("nobody panicked with the state");
        let steps = state.change_named(name).map(|change| {
            change
                .steps
                .iter()
                .map(|record| format!("{}: {:?}", record.step.name, record.status))
                .collect::<Vec<_>>()
        });
        let trouble = self.log.trouble.lock().expect("nobody panicked with it");
        format!("{steps:#?}\nit waits for {:#?}\nthe node says {trouble:?}", state.gate())
    }
}

fn reconciler(log: &Arc<Log>, owner: &Owner, database: &Arc<dyn Database>) -> Reconciler {
    Reconciler {
        node: NODE,
        owner: owner.clone(),
        database: Arc::clone(database),
        source: log.clone(),
        reporter: log.clone(),
        neighbours: log.clone(),
        sink: log.clone(),
        memory: Arc::new(()),
        settings: quick(),
    }
}

impl Drop for Solo {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Log {
    fn apply(&self, role: ActorRole, command: Command) -> Result<Reply, Refusal> {
        let mut state = self.state.lock().expect("nobody panicked with the state");
        let index = LogIndex(state.applied().0 + 1);
        let actor = Actor { name: "solo".to_owned(), role };
        let stamped = Stamped { at: Timestamp(index.0), actor, request: None, command };
        let result = state.apply(index, &stamped).result;
        self.applied.send_replace(index);
        result
    }
}

#[async_trait::async_trait]
impl StateSource for Log {
    fn applied(&self) -> watch::Receiver<LogIndex> {
        self.applied.subscribe()
    }

    fn with_state(&self, look: &mut dyn FnMut(&State)) {
        look(&self.state.lock().expect("nobody panicked with the state"));
    }

    async fn catch_up(&self) -> Result<(), String> {
        Ok(())
    }
}

#[async_trait::async_trait]
impl Reporter for Log {
    async fn report(&self, report: Command) -> Result<(), ReportError> {
        self.apply(ActorRole::Agent, report)?;
        Ok(())
    }
}

impl Neighbours for Log {
    fn replicas(&self) -> Vec<Replica> {
        Vec::new()
    }

    fn client_failures(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

impl ProgressSink for Log {
    fn progress(&self, progress: &Progress) {
        *self.trouble.lock().expect("nobody panicked with it") = progress.last_error.clone();
    }

    fn health(&self, _: &Health) {}
}

/// Short pauses: nobody else has to be waited for.
fn quick() -> Settings {
    Settings {
        retry_pause_first: Duration::from_millis(5),
        retry_pause_max: Duration::from_millis(50),
        recheck_interval: Duration::from_millis(20),
        ..Settings::default()
    }
}
