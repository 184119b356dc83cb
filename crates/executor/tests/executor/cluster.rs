//! Nodes with real databases and real reconcilers around one in-process state.

use crate::commands;
use crate::database::{Watched, Wires};
use lockstep_core::command::{Actor, Role as ActorRole};
use lockstep_core::node::{Candidate, Role, Status};
use lockstep_core::{Command, Engine, LogIndex, NodeId, Schema, Stamped, State, Step, Timestamp, Version};
use lockstep_database::plain::{self, Value};
use lockstep_database::{Database, Health, Ledger, Owner};
use lockstep_executor::{
    Activity, Ended, Neighbours, Progress, ProgressSink, Reconciler, Replica, ReportError, Reporter, Settings,
    StateSource,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A test that waits longer for anything has failed; no test is meant to come near.
const GIVE_UP: Duration = Duration::from_secs(60);

/// What every database holds at first.
const BASELINE: &str = "
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE effects (step TEXT NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO users SELECT i, 'User ' || i FROM n;
";

pub(crate) type Filter = Arc<dyn Fn(&Command) -> bool + Send + Sync>;

/// The replicated state, and what lies between it and a reconciler.
pub(crate) struct Log {
    state: Mutex<State>,
    applied: watch::Sender<LogIndex>,
    /// Reports that came in, the refused ones included.
    reports: Mutex<Vec<Command>>,
    /// Reports that match never arrive, and are never answered.
    swallow: Mutex<Option<Filter>>,
    swallowed: watch::Sender<u64>,
}

impl Log {
    pub(crate) fn new(state: State) -> Arc<Self> {
        let applied = watch::channel(state.applied()).0;
        Arc::new(Self {
            state: Mutex::new(state),
            applied,
            reports: Mutex::default(),
            swallow: Mutex::default(),
            swallowed: watch::channel(0).0,
        })
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let changed = change(&mut state);
        self.applied.send_replace(state.applied());
        changed
    }
}

#[async_trait::async_trait]
impl StateSource for Log {
    fn applied(&self) -> watch::Receiver<LogIndex> {
        self.applied.subscribe()
    }

    fn with_state(&self, look: &mut dyn FnMut(&State)) {
        look(&self.state.lock().unwrap());
    }

    async fn catch_up(&self) -> Result<(), String> {
        Ok(())
    }
}

#[async_trait::async_trait]
impl Reporter for Log {
    async fn report(&self, report: Command) -> Result<(), ReportError> {
        let is_swallowed = self.swallow.lock().unwrap().as_ref().is_some_and(|filter| filter(&report));
        if is_swallowed {
            self.swallowed.send_modify(|count| *count += 1);
            return std::future::pending().await;
        }
        self.reports.lock().unwrap().push(report.clone());
        self.change(|state| {
            let index = LogIndex(state.applied().0 + 1);
            let actor = Actor { name: "agent".to_owned(), role: ActorRole::Agent };
            state.apply(index, &Stamped { at: Timestamp(index.0), actor, request: None, command: report }).result
        })?;
        Ok(())
    }
}

/// Soft state, kept.
pub(crate) struct Shown {
    /// Batches of the step in flight, at most.
    pub(crate) batches_executed: AtomicU64,
    pub(crate) newest: watch::Sender<Option<Progress>>,
    /// What went wrong, in order.
    pub(crate) errors: Mutex<Vec<String>>,
    pub(crate) health: watch::Sender<Option<Health>>,
    /// What replica nodes are said to tell.
    pub(crate) replicas: Mutex<Vec<Replica>>,
}

impl ProgressSink for Shown {
    fn progress(&self, progress: &Progress) {
        if progress.activity == Activity::Executing {
            self.batches_executed.fetch_max(progress.batches, Ordering::SeqCst);
        }
        self.errors.lock().unwrap().extend(progress.last_error.clone());
        self.newest.send_replace(Some(progress.clone()));
    }

    fn health(&self, health: &Health) {
        self.health.send_replace(Some(health.clone()));
    }
}

impl Neighbours for Shown {
    fn replicas(&self) -> Vec<Replica> {
        self.replicas.lock().unwrap().clone()
    }

    fn client_failures(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }
}

/// What an agent keeps of the schema that fitted. Outlives its reconciler.
#[derive(Default)]
struct Memory(Mutex<Option<Schema>>);

impl lockstep_executor::SchemaMemory for Memory {
    fn recall(&self) -> Option<Schema> {
        self.0.lock().unwrap().clone()
    }

    fn keep(&self, schema: &Schema) {
        *self.0.lock().unwrap() = Some(schema.clone());
    }
}

/// One node: its files stay when it crashes.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) shown: Arc<Shown>,
    pub(crate) wires: Arc<Wires>,
    memory: Arc<Memory>,
    running: Option<(JoinHandle<Ended>, CancellationToken)>,
}

pub(crate) struct Cluster {
    pub(crate) log: Arc<Log>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) settings: Settings,
    directory: tempfile::TempDir,
}

impl Cluster {
    /// Nodes that count, and do not run yet.
    pub(crate) async fn of(count: usize) -> Self {
        let mut cluster = Self {
            log: Log::new(State::default()),
            nodes: Vec::new(),
            settings: quick(),
            directory: tempfile::tempdir().unwrap(),
        };
        for _ in 0..count {
            let index = cluster.add(Role::Primary).await;
            let id = cluster.nodes[index].id;
            let fingerprint = cluster.schema(index).await.fingerprint();
            let version = Version::BASELINE;
            let report = Command::ReportCaughtUp { node: id, version, fingerprint };
            cluster.log.change(|state| commands::apply(state, report)).unwrap();
        }
        cluster
    }

    /// The same, running.
    pub(crate) async fn running(count: usize) -> Self {
        let mut cluster = Self::of(count).await;
        (0..count).for_each(|index| cluster.start(index));
        cluster
    }

    /// A node that joins at the baseline and has to catch up; does not run yet.
    pub(crate) async fn add(&mut self, role: Role) -> usize {
        let name = format!("node-{}", self.nodes.len());
        let file = self.directory.path().join(format!("{name}.db"));
        plain(&file).await.batch(BASELINE).await.unwrap();
        let database = open(&file);
        let owner = Owner { cluster_id: "cluster".to_owned(), node_id: None, node_name: name.clone() };
        let ledger = database.claim(&owner).await.unwrap();
        let fingerprint = database.schema().await.unwrap().fingerprint();
        let followed = self.look(|state| state.nodes().values().next().map(|node| node.database_id.clone()));
        let candidate = Candidate {
            database_id: followed.filter(|_| role == Role::Replica).unwrap_or(ledger.database_id),
            version: ledger.head,
            ..commands::candidate(&name, role, fingerprint)
        };
        let id = self.log.change(|state| match state.cluster() {
            None => commands::bootstrap(state, candidate),
            Some(_) => commands::join(state, candidate),
        });
        let shown = Arc::new(Shown {
            batches_executed: AtomicU64::new(0),
            newest: watch::channel(None).0,
            errors: Mutex::default(),
            health: watch::channel(None).0,
            replicas: Mutex::default(),
        });
        self.nodes.push(Node {
            id,
            name,
            file,
            shown,
            memory: Arc::default(),
            wires: Arc::default(),
            running: None,
        });
        self.nodes.len() - 1
    }

    pub(crate) fn start(&mut self, index: usize) {
        let log = Arc::clone(&self.log);
        self.start_on(index, log);
    }

    /// Starts a node's reconciler on a log of its own.
    pub(crate) fn start_on(&mut self, index: usize, log: Arc<Log>) {
        let settings = self.settings.clone();
        let node = &mut self.nodes[index];
        let owner =
            Owner { cluster_id: "cluster".to_owned(), node_id: Some(node.id), node_name: node.name.clone() };
        let database = Watched { database: open(&node.file), wires: Arc::clone(&node.wires) };
        let reconciler = Reconciler {
            node: node.id,
            owner,
            database: Arc::new(database),
            source: log.clone(),
            reporter: log,
            neighbours: node.shown.clone(),
            sink: node.shown.clone(),
            memory: Arc::clone(&node.memory) as Arc<dyn lockstep_executor::SchemaMemory>,
            settings,
        };
        let shutdown = CancellationToken::new();
        node.running = Some((tokio::spawn(reconciler.run(shutdown.clone())), shutdown));
    }

    /// Ends a node's reconciler where it stands.
    pub(crate) async fn crash(&mut self, index: usize) {
        let (task, _) = self.nodes[index].running.take().expect("the node runs");
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled(), "{} ended before it crashed", self.nodes[index].name);
    }

    /// Asks a node's reconciler to end.
    pub(crate) async fn stop(&mut self, index: usize) -> Ended {
        let (task, shutdown) = self.nodes[index].running.take().expect("the node runs");
        shutdown.cancel();
        task.await.unwrap()
    }

    /// Waits until a node's reconciler ends by itself.
    pub(crate) async fn ended(&mut self, index: usize) -> Ended {
        let (task, _) = self.nodes[index].running.take().expect("the node runs");
        tokio::time::timeout(GIVE_UP, task).await.expect("the reconciler goes on").unwrap()
    }

    pub(crate) fn submit(&self, name: &str, steps: Vec<Step>) {
        self.log.change(|state| commands::submit(state, name, steps));
    }

    pub(crate) fn apply(&self, command: Command) {
        self.log.change(|state| commands::apply(state, command)).unwrap();
    }

    pub(crate) fn cancel(&self, name: &str) {
        self.log.change(|state| commands::cancel(state, name));
    }

    pub(crate) fn retry(&self, name: &str) {
        let order = Command::RetryChange { change: name.to_owned() };
        self.log.change(|state| commands::apply(state, order)).unwrap();
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.log.state.lock().unwrap())
    }

    /// Waits until the state is as wanted.
    pub(crate) async fn until(&self, what: &str, mut wanted: impl FnMut(&State) -> bool) {
        let mut applied = self.log.applied.subscribe();
        // Looks at the state only between two borrows of the watch: whoever applies holds the state while it tells.
        let reached = async {
            while !self.look(&mut wanted) {
                applied.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(GIVE_UP, reached).await.is_err() {
            let (gate, nodes) = self.look(|state| (state.gate(), state.nodes().clone()));
            let shown: Vec<_> = self.nodes.iter().map(|node| node.shown.newest.borrow().clone()).collect();
            panic!("waited in vain until {what}; gate {gate:#?}; nodes {nodes:#?}; progress {shown:#?}");
        }
    }

    pub(crate) async fn settled(&self, version: u64) {
        self.until("the version settles", |state| state.version() == Version(version)).await;
    }

    /// Waits until a node's progress is as wanted.
    pub(crate) async fn shows(&self, index: usize, what: &str, wanted: impl Fn(&Progress) -> bool) {
        let mut newest = self.nodes[index].shown.newest.subscribe();
        let seen = newest.wait_for(|newest| newest.as_ref().is_some_and(&wanted));
        let Ok(seen) = tokio::time::timeout(GIVE_UP, seen).await else {
            let newest = self.nodes[index].shown.newest.borrow().clone();
            panic!("waited in vain until {} shows {what}; it shows {newest:?}", self.nodes[index].name);
        };
        seen.unwrap();
    }

    /// From now on, reports that match never arrive.
    pub(crate) fn swallow(&self, filter: impl Fn(&Command) -> bool + Send + Sync + 'static) {
        *self.log.swallow.lock().unwrap() = Some(Arc::new(filter));
    }

    pub(crate) fn deliver(&self) {
        *self.log.swallow.lock().unwrap() = None;
    }

    pub(crate) async fn swallowed(&self) {
        let mut swallowed = self.log.swallowed.subscribe();
        tokio::time::timeout(GIVE_UP, swallowed.wait_for(|count| *count > 0))
            .await
            .expect("no report came")
            .unwrap();
    }

    pub(crate) fn reports(&self, wanted: impl Fn(&Command) -> bool) -> usize {
        self.log.reports.lock().unwrap().iter().filter(|report| wanted(report)).count()
    }

    pub(crate) fn status(&self, index: usize) -> Status {
        self.look(|state| state.nodes()[&self.nodes[index].id].status.clone())
    }

    pub(crate) async fn ledger(&self, index: usize) -> Ledger {
        open(&self.nodes[index].file).ledger().await.unwrap()
    }

    pub(crate) async fn schema(&self, index: usize) -> lockstep_core::Schema {
        open(&self.nodes[index].file).schema().await.unwrap()
    }

    /// Runs statements by hand.
    pub(crate) async fn sql(&self, index: usize, sql: &str) {
        plain(&self.nodes[index].file).await.batch(sql).await.unwrap();
    }

    pub(crate) async fn count(&self, index: usize, query: &str) -> i64 {
        let rows = plain(&self.nodes[index].file).await.query(query, &[]).await.unwrap();
        rows.first().and_then(|row| row.first()).and_then(Value::as_integer).expect("a number")
    }
}

/// A counter of a database has come to a number.
pub(crate) async fn counted(counter: &watch::Sender<u64>, least: u64) {
    let mut counter = counter.subscribe();
    tokio::time::timeout(GIVE_UP, counter.wait_for(|count| *count >= least)).await.expect("too few").unwrap();
}

fn open(file: &std::path::Path) -> Arc<dyn Database> {
    lockstep_database::connect(Engine::Sqlite, &file.display().to_string()).unwrap()
}

async fn plain(file: &std::path::Path) -> plain::Connection {
    plain::connect(Engine::Sqlite, &file.display().to_string()).await.unwrap()
}

/// Short pauses, and no drift checks unless a test wants them.
fn quick() -> Settings {
    let milliseconds = Duration::from_millis;
    Settings {
        retry_pause_first: milliseconds(5),
        retry_pause_max: milliseconds(50),
        recheck_interval: milliseconds(20),
        ready_recheck_interval: milliseconds(200),
        replication_interval: milliseconds(10),
        drift_interval: Duration::from_secs(3600),
        report_repeat_interval: milliseconds(500),
        health_interval: milliseconds(10),
        health_interval_idle: milliseconds(20),
        ..Settings::default()
    }
}
