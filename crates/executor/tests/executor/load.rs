//! Work waits while a reading is over its limit, and is undone when one is over its threshold.

use crate::cluster::{Cluster, counted};
use crate::commands::{self, open_session, statements, step};
use crate::life::backfill;
use lockstep_core::change::StepStatus;
use lockstep_core::in_flight::Stage;
use lockstep_core::limits::Kind;
use lockstep_core::step::{Action, Phase};
use lockstep_core::{Command, State, Step};
use lockstep_database::{Health, Probe};
use lockstep_executor::{Activity, Probing, Progress, Replica};
use std::time::Duration;

/// Few rows a batch, many batches: so that there is a middle.
fn slow_backfill() -> Step {
    step("fill", Phase::Backfill, backfill("name = upper(name)", 4), Some(Action::Nothing))
}

fn add_column() -> Step {
    let revert = statements(&["ALTER TABLE users DROP COLUMN mail"]);
    step("add", Phase::Expand, statements(&["ALTER TABLE users ADD COLUMN mail TEXT"]), Some(revert))
}

fn health(sessions_running: u32) -> Health {
    Health { reachable: true, sessions_running: Some(sessions_running), ..Health::default() }
}

fn is_stopped_by(progress: &Progress, text: &str) -> bool {
    progress.stop_reasons.iter().any(|stop| stop.to_string().contains(text))
}

impl Cluster {
    fn say(&self, index: usize, health: Health) {
        *self.nodes[index].wires.health.lock().unwrap() = Some(health);
    }

    /// Waits until the health was looked at so many times more.
    async fn looks(&self, index: usize, more: u64) {
        let looks = *self.nodes[index].wires.healths.borrow();
        counted(&self.nodes[index].wires.healths, looks + more).await;
    }

    fn batches(&self, index: usize) -> u64 {
        self.nodes[index].shown.newest.borrow().as_ref().map_or(0, |progress| progress.batches)
    }

    async fn in_the_middle(&self, index: usize) {
        self.shows(index, "a backfill in its middle", |progress| {
            progress.activity == Activity::Executing && progress.batches > 5
        })
        .await;
    }

    /// Checks that a backfill stands: at most the batch that was running is finished.
    async fn stands(&self, index: usize) {
        // What is shown of batches lags behind what is done.
        self.looks(index, 5).await;
        let before = self.batches(index);
        self.looks(index, 20).await;
        let after = self.batches(index);
        assert!(after <= before + 1, "{before} batches became {after}");
        assert!(after < 500, "the backfill was over before it could be stopped");
    }
}

/// Why the first step of the change was undone.
fn reason(state: &State, change: &str) -> Option<String> {
    match &state.change_named(change)?.steps[0].status {
        StepStatus::Reverted { reason, .. } => Some(reason.to_string()),
        _ => None,
    }
}

async fn with_probe(count: usize) -> Cluster {
    let mut cluster = Cluster::of(count).await;
    cluster.settings.probe = Some(Probing {
        probe: Probe { sql: "SELECT 1".to_owned(), time_limit: Duration::from_secs(1) },
        interval: Duration::from_millis(5),
    });
    cluster.settings.breach_sustained = Duration::from_millis(50);
    cluster.settings.load.thresholds.insert(Kind::ProbeP99, Some(200_000));
    (0..count).for_each(|index| cluster.start(index));
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backfill_stops_within_a_batch_while_a_reading_is_over_its_limit_and_goes_on_by_itself() {
    let cluster = Cluster::running(1).await;
    cluster.submit("fill", vec![slow_backfill()]);
    cluster.in_the_middle(0).await;
    cluster.say(0, health(500));
    cluster
        .shows(0, "why it waits", |progress| is_stopped_by(progress, "sessions_running is 500 (limit 100)"))
        .await;
    cluster.stands(0).await;
    cluster.say(0, health(5));
    cluster.settled(1).await;
    assert_eq!(cluster.count(0, "SELECT count(*) FROM users WHERE name = upper(name)").await, 2_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_is_not_begun_while_a_reading_is_over_its_limit() {
    let cluster = Cluster::running(1).await;
    cluster.say(0, health(500));
    cluster.looks(0, 2).await;
    cluster.submit("add", vec![add_column()]);
    cluster.shows(0, "why it waits", |progress| is_stopped_by(progress, "sessions_running")).await;
    cluster.looks(0, 20).await;
    assert_eq!(*cluster.nodes[0].wires.executions.borrow(), 0, "begun all the same");
    cluster.say(0, health(5));
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_has_its_own_limits() {
    let cluster = Cluster::running(1).await;
    cluster.say(0, health(500));
    cluster.looks(0, 2).await;
    let mut spec = commands::spec("add", vec![add_column()]);
    spec.limits.throttle = [(Kind::SessionsRunning, None)].into();
    cluster.apply(Command::SubmitChange { spec });
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_tells_nothing_counts_as_over_its_limit() {
    let mut cluster = Cluster::of(1).await;
    cluster.settings.reading_age_max = Duration::from_millis(200);
    cluster.start(0);
    cluster.submit("fill", vec![slow_backfill()]);
    cluster.in_the_middle(0).await;
    cluster.say(0, Health { problem: Some("it does not say".to_owned()), ..Health::default() });
    cluster.shows(0, "why it waits", |progress| is_stopped_by(progress, "it does not say")).await;
    cluster.stands(0).await;
    cluster.say(0, health(5));
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_behind_stops_work_by_its_name() {
    let cluster = Cluster::running(1).await;
    let replica = |lag_ms| Replica { name: "shard-1b".to_owned(), lag_ms: Some(lag_ms), age: Duration::ZERO };
    *cluster.nodes[0].shown.replicas.lock().unwrap() = vec![replica(9_000)];
    cluster.looks(0, 2).await;
    cluster.submit("add", vec![add_column()]);
    let why = "replication_lag of node shard-1b is 9 s (limit 5 s)";
    cluster.shows(0, "why it waits", |progress| is_stopped_by(progress, why)).await;
    *cluster.nodes[0].shown.replicas.lock().unwrap() = vec![replica(10)];
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_change_stands_within_a_batch_and_goes_on_when_it_is_released() {
    let cluster = Cluster::running(1).await;
    cluster.submit("fill", vec![slow_backfill()]);
    cluster.in_the_middle(0).await;
    let (change, hold) = ("fill".to_owned(), "operator".to_owned());
    cluster.apply(Command::HoldChange { change: change.clone(), hold: hold.clone(), reason: "lunch".to_owned() });
    // The loop hears of it with its next look at the state; the health is looked at far more rarely than a batch takes.
    cluster.looks(0, 5).await;
    cluster.stands(0).await;
    cluster.apply(Command::ReleaseChange { change, hold });
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_change_is_cancelled_and_reverted() {
    let cluster = Cluster::running(1).await;
    cluster.submit("fill", vec![slow_backfill()]);
    cluster.in_the_middle(0).await;
    let (change, hold) = ("fill".to_owned(), "operator".to_owned());
    cluster.apply(Command::HoldChange { change, hold, reason: "lunch".to_owned() });
    cluster.looks(0, 5).await;
    cluster.cancel("fill");
    cluster.until("it is reverted", |state| reason(state, "fill").is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breach_on_one_node_undoes_the_step_on_all() {
    let cluster = with_probe(3).await;
    let before = cluster.schema(0).await.fingerprint();
    cluster.submit("fill", vec![slow_backfill()]);
    cluster.in_the_middle(1).await;
    *cluster.nodes[1].wires.probe.lock().unwrap() = Duration::from_millis(512);
    cluster.until("the step is reverted", |state| reason(state, "fill").is_some()).await;
    let reason = cluster.look(|state| reason(state, "fill"));
    assert_eq!(reason.as_deref(), Some("on node-1, probe_p99 was 512 ms, over its threshold of 200 ms"));
    for index in 0..3 {
        assert_eq!(cluster.schema(index).await.fingerprint(), before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breach_while_clients_switch_undoes_the_switch_too() {
    let cluster = with_probe(2).await;
    let session = cluster.log.change(open_session);
    cluster.submit("switch", vec![step("reads", Phase::SwitchReads, Action::Nothing, Some(Action::Nothing))]);
    let settling =
        |state: &State| matches!(state.in_flight().map(|flight| &flight.stage), Some(Stage::Settling { .. }));
    cluster.until("clients are told", settling).await;
    *cluster.nodes[0].wires.probe.lock().unwrap() = Duration::from_millis(512);
    let reverting =
        |state: &State| matches!(state.in_flight().map(|flight| &flight.stage), Some(Stage::Reverting { .. }));
    cluster.until("clients are told to step back", reverting).await;
    cluster.log.change(|state| commands::acknowledge(state, session, 0));
    cluster.until("the step is reverted", |state| reason(state, "switch").is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breach_holds_a_step_that_cannot_be_undone() {
    let cluster = with_probe(1).await;
    cluster.submit("fill", vec![Step { revert: None, ..slow_backfill() }]);
    cluster.in_the_middle(0).await;
    *cluster.nodes[0].wires.probe.lock().unwrap() = Duration::from_millis(512);
    let holds =
        |state: &State| state.change_named("fill").is_some_and(|change| change.holds.contains_key("threshold"));
    cluster.until("the change is held", holds).await;
    cluster.looks(0, 5).await;
    cluster.stands(0).await;
    *cluster.nodes[0].wires.probe.lock().unwrap() = Duration::ZERO;
    // The slow probes leave the window first, or the change would be held again.
    cluster.shows(0, "nothing in its way", |progress| progress.stop_reasons.is_empty()).await;
    let (change, hold) = ("fill".to_owned(), "threshold".to_owned());
    cluster.apply(Command::ReleaseChange { change, hold });
    cluster.settled(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_takes_too_long_or_too_many_rows_is_undone() {
    for (kind, limit) in [(Kind::ExecuteDuration, 1), (Kind::Cost, 0)] {
        let mut cluster = Cluster::of(1).await;
        cluster.settings.breach_sustained = Duration::ZERO;
        // Statistics are what the engine predicts by.
        cluster.sql(0, "ANALYZE").await;
        cluster.start(0);
        let mut spec = commands::spec("fill", vec![slow_backfill()]);
        spec.limits.thresholds = [(kind, Some(limit))].into();
        cluster.apply(Command::SubmitChange { spec });
        cluster.until("the step is reverted", |state| reason(state, "fill").is_some()).await;
        let reason = cluster.look(|state| reason(state, "fill")).unwrap_or_default();
        assert!(reason.starts_with(&format!("on node-0, {kind} was")), "{reason}");
    }
}
