//! One suite for all engines: what an executor may rely on. An engine's test file is its setup and one call per case.

pub(crate) mod backfill;
pub(crate) mod claim;
pub(crate) mod execute;
pub(crate) mod health;
pub(crate) mod hold;
pub(crate) mod locks;
pub(crate) mod plain_connections;
pub(crate) mod schema;

use lockstep_core::step::Action;
use lockstep_core::{Engine, Fence, Version};
use lockstep_database::plain;
use lockstep_database::{Control, Database, Error, Job, Kind, Owner, Patience, Progress};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A fresh, empty database, gone when this is dropped.
pub(crate) struct Stand {
    pub(crate) engine: Engine,
    pub(crate) dsn: String,
    /// The table that holds the fence, as SQL.
    pub(crate) meta: &'static str,
    /// A statement that does not end by itself.
    pub(crate) endless: &'static str,
    /// Begins a transaction that stands in the way of any DDL on `users`.
    pub(crate) hold_users: &'static str,
    /// What must stay as long as the database.
    pub(crate) _kept: Box<dyn Any + Send + Sync>,
}

impl Stand {
    /// True where what defines something commits by itself, so that no transaction can hold it.
    pub(crate) fn ddl_commits(&self) -> bool {
        matches!(self.engine, Engine::Mariadb | Engine::Mysql)
    }

    /// A statement that makes the index `index` of `users` go away.
    pub(crate) fn drop_index(&self, index: &str) -> String {
        let table = if self.ddl_commits() { " ON users" } else { "" };
        format!("DROP INDEX {index}{table}")
    }

    pub(crate) fn database(&self) -> Arc<dyn Database> {
        lockstep_database::connect(self.engine, &self.dsn).unwrap()
    }

    pub(crate) async fn claimed(&self) -> Arc<dyn Database> {
        let database = self.database();
        database.claim(&owner("alpha")).await.unwrap();
        database
    }

    pub(crate) async fn plain(&self) -> plain::Connection {
        plain::connect(self.engine, &self.dsn).await.unwrap()
    }

    /// A type of text that can be a key.
    pub(crate) fn key_text(&self) -> &'static str {
        if self.ddl_commits() { "varchar(50) COLLATE utf8mb4_bin" } else { "text" }
    }

    /// A name, quoted.
    pub(crate) fn quoted(&self, name: &str) -> String {
        let quote = if self.ddl_commits() { "`" } else { "\"" };
        format!("{quote}{}{quote}", name.replace(quote, &quote.repeat(2)))
    }

    /// A plain connection and a table `users` with this many rows.
    pub(crate) async fn users(&self, rows: u32) -> plain::Connection {
        let plain = self.plain().await;
        plain
            .batch(&format!(
                "CREATE TABLE users (id integer PRIMARY KEY, name {} NOT NULL, touched integer NOT NULL DEFAULT 0)",
                self.key_text()
            ))
            .await
            .unwrap();
        plain
            .batch(&format!(
                "INSERT INTO users (id, name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                 SELECT i, concat('Name ', i) FROM n"
            ))
            .await
            .unwrap();
        plain
    }
}

pub(crate) fn owner(name: &str) -> Owner {
    Owner { cluster_id: "cluster-one".to_owned(), node_id: None, node_name: name.to_owned() }
}

pub(crate) fn statements(statements: &[&str]) -> Action {
    Action::Statements { statements: statements.iter().map(|&sql| sql.to_owned()).collect(), transactional: true }
}

/// Version `version` on the one before it, under a fence of ten times its number.
pub(crate) fn forward(version: u64, action: Action) -> Job {
    Job {
        version: Version(version),
        base: Version(version - 1),
        hash: format!("hash-{version}"),
        step_name: format!("step-{version}"),
        action,
        fence: Fence(version * 10),
        kind: Kind::Forward,
        targets: vec!["users".to_owned()],
        patience: patience(),
    }
}

/// Batches are as large as they may be, also on a busy machine.
pub(crate) fn patience() -> Patience {
    let usual = Patience::default();
    Patience { deadline: Duration::from_secs(30), batch_target_crowded: usual.batch_target, ..usual }
}

/// The revert of `version`, decided after it was confirmed.
pub(crate) fn revert(version: u64, action: Action) -> Job {
    Job { kind: Kind::Revert, fence: Fence(version * 10 + 1), ..forward(version, action) }
}

pub(crate) async fn execute(database: &Arc<dyn Database>, job: &Job) -> Result<(), Error> {
    let (progress, _) = watch::channel(Progress::default());
    database.execute(job, &progress, &Control::default()).await.map(drop)
}

pub(crate) async fn one_integer(plain: &plain::Connection, sql: &str) -> i64 {
    let rows = plain.query(sql, &[]).await.unwrap();
    rows[0][0].as_integer().unwrap()
}

/// A job that runs beside the test.
pub(crate) struct Running {
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) cancel: CancellationToken,
    /// True: it is to wait.
    pub(crate) hold: watch::Sender<bool>,
    pub(crate) result: tokio::task::JoinHandle<Result<lockstep_core::in_flight::Measurement, Error>>,
}

impl Running {
    pub(crate) fn start(database: &Arc<dyn Database>, job: &Job) -> Self {
        Self::begin(database, job, false, 1)
    }

    /// One that may work with so many sessions.
    pub(crate) fn start_with(database: &Arc<dyn Database>, job: &Job, sessions: u32) -> Self {
        Self::begin(database, job, false, sessions)
    }

    /// One that is told to wait before it has done anything.
    pub(crate) fn start_held(database: &Arc<dyn Database>, job: &Job) -> Self {
        Self::begin(database, job, true, 1)
    }

    fn begin(database: &Arc<dyn Database>, job: &Job, held: bool, sessions: u32) -> Self {
        let (sender, progress) = watch::channel(Progress::default());
        let (_, room) = watch::channel(sessions);
        let ((hold, is_held), cancel) = (watch::channel(held), CancellationToken::new());
        let control = Control { hold: is_held, room, ..Control::cancelled_by(cancel.clone()) };
        let (database, job) = (Arc::clone(database), job.clone());
        let result = tokio::spawn(async move { database.execute(&job, &sender, &control).await });
        Self { progress, cancel, hold, result }
    }

    /// Has the job wait once its work has come so far. It must have so much to do that it cannot be through before it is told to: the test
    /// may be given a core late.
    pub(crate) async fn hold_once(&mut self, has_come_so_far: impl FnMut(&Progress) -> bool) {
        self.progress.wait_for(has_come_so_far).await.expect("it is at work");
        self.hold.send_replace(true);
        self.progress.wait_for(Progress::is_held).await.expect("it is at work");
    }
}

/// One test a case.
macro_rules! conformance {
    ($stand:path: $($module:ident::$case:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                conformance::$module::$case($stand().await).await;
            }
        )*
    };
    // Where rows are locked one by one, and others have sessions, too.
    (servers $stand:path) => {
        conformance!($stand:
            backfill::goes_on_in_smaller_batches_up_to_a_row_that_is_held
            backfill::several_sessions_pass_a_row_that_is_held
            backfill::several_sessions_are_held_together
            backfill::batches_are_short_where_others_need_the_cores
            backfill::a_batch_that_cannot_have_the_ledger_leaves_no_rows
            health::sessions_at_work_are_told_and_the_agents_own_are_not
        );
    };
    ($stand:path) => {
        conformance!($stand:
            execute::a_version_takes_effect_once_however_often_it_is_asked_for
            execute::a_stale_fence_is_refused_and_the_fence_never_goes_down
            execute::a_version_on_another_base_is_refused
            execute::a_failed_transaction_leaves_no_trace
            execute::a_revert_restores_the_fingerprint
            execute::forward_back_and_forward_again
            execute::reverting_what_was_never_executed_is_recorded
            execute::a_version_under_a_newer_one_is_not_reverted
            execute::another_step_under_the_same_version_is_refused
            execute::assertions_show_the_offending_rows
            execute::an_assertion_that_writes_is_refused
            execute::statements_outside_of_a_transaction_go_on_where_they_stopped
            execute::a_half_done_version_stops_others_until_it_is_reverted
            execute::transaction_control_and_joined_statements_are_refused
            execute::hostile_names_are_only_names
            execute::the_ledger_is_read_in_pages
            backfill::resumes_at_its_cursor_and_touches_each_row_once
            backfill::rows_beyond_the_end_that_arrive_meanwhile_are_not_gone_through
            backfill::each_row_once_whatever_happens
            backfill::goes_through_text_and_composite_keys
            backfill::touches_only_the_rows_asked_for
            backfill::what_is_done_stays_done_when_its_table_has_gone
            backfill::stops_when_a_newer_fence_has_written
            backfill::refuses_keys_that_are_none
            backfill::an_unfinished_backfill_is_reverted
            claim::a_second_agent_is_refused_by_name
            claim::the_ledger_of_another_cluster_is_refused
            claim::a_newer_ledger_is_refused
            claim::nothing_is_executed_without_a_claim
            claim::the_ledger_keeps_its_identity
            locks::a_held_lock_is_named_and_outlasted
            locks::a_lock_that_stays_held_ends_in_busy
            locks::a_running_statement_is_cancelled
            locks::preflight_shows_violations
            hold::a_held_backfill_waits_between_batches_and_holds_nothing
            hold::a_held_definition_is_not_attempted
            hold::a_held_job_is_cancelled_at_once
            schema::equal_schemas_have_equal_fingerprints
            schema::every_kind_of_change_shows
            schema::lockstep_itself_does_not_show
            schema::sizes_are_told_without_counting
            plain_connections::values_go_in_and_come_out
            plain_connections::a_failed_transaction_takes_nothing_with_it
            plain_connections::statements_survive_changes_of_the_schema
        );
    };
}
pub(crate) use conformance;
