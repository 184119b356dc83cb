//! What a follower is shown, and when it stops.

use super::snapshot::{Snapshot, ending};
use super::{Target, Verdict};
use crate::view::sample::{self, change_view, reverted_view};
use lockstep_core::change::{Status, StepStatus};
use lockstep_core::in_flight::{Execution, Measurement, Stage};
use lockstep_core::node::Fingerprint;
use lockstep_core::{LogIndex, NodeId, Version};
use lockstep_proto::view::Change;
use std::collections::BTreeMap;

/// The snapshot of a view, as text.
fn check(view: &Change, expected: &[&str]) {
    let snapshot = Snapshot::of(view, sample::NOW);
    let (done, total) = snapshot.steps;
    let mut lines = vec![format!("[{done}/{total}] {}", snapshot.dated_headline(sample::NOW))];
    lines.extend(snapshot.nodes.iter().map(|node| format!("{} {:?}: {}", node.name, node.share, node.text)));
    lines.extend(snapshot.holdouts.iter().flat_map(|holdout| holdout.text.lines()).map(str::to_owned));
    assert_eq!(lines, expected);
}

/// The sample change with its second step executing: done on one node, under way on another.
fn executing() -> Change {
    let mut view = change_view();
    let measurement = Measurement { duration_ms: 1_500, ..Measurement::default() };
    let execution = Execution { fingerprint: Fingerprint("4be1".to_owned()), measurement };
    view.in_flight.as_mut().unwrap().stage = Stage::Executing {
        confirm: LogIndex(1_230),
        executed: BTreeMap::from([(NodeId(1), execution)]),
        failures: BTreeMap::new(),
    };
    view.progress = vec![sample::progress()];
    let gate = view.gate.as_mut().unwrap();
    gate.gate.holdouts.truncate(1);
    gate.gate.holdouts[0].reason = "has not executed yet: backfill of users".to_owned();
    view
}

#[test]
fn a_step_that_prepares_shows_each_node_and_its_obstacle() {
    check(
        &change_view(),
        &[
            "[1/6] step 2 of 6: fill email (backfill): preparing, version 8 for 3m 20s",
            "shard-a Some((1, 1)): ready",
            "shard-b None: transaction of process 4711 holds users for 3m 5s",
            "waits for node shard-b: transaction of process 4711 holds users for 3m 5s",
            "  -> end it, or wait",
            "waits for session 17 (shop/web-1): has not acknowledged version 7",
            "  -> see the log of shop/web-1; if it will not move: lockstep session evict 17 --reason ...",
        ],
    );
}

#[test]
fn a_step_that_executes_shows_rows() {
    check(
        &executing(),
        &[
            "[1/6] step 2 of 6: fill email (backfill): executing, version 8 for 3m 20s",
            "shard-a Some((1, 1)): executed in 1s",
            "shard-b Some((61000, 100000)): backfill of users, 61% (61000 of 100000 rows), 4200 rows/s, 3 sessions, 9s left, waits: \
             replication_lag of standby walreceiver is 12.3 s (limit 5 s)",
        ],
    );
}

#[test]
fn a_node_is_named_as_a_holdout_when_it_tells_of_no_work() {
    let shown = |view: &Change| Snapshot::of(view, sample::NOW).holdouts.len();
    let mut silent = executing();
    silent.progress[0].age_ms = 60_000;
    assert_eq!(shown(&silent), 1, "for minutes");
    silent.gate.as_mut().unwrap().gate.holdouts[0].since = sample::ago(1);
    assert_eq!(shown(&silent), 0, "for a second");
    silent.gate.as_mut().unwrap().is_blocked = true;
    assert_eq!(shown(&silent), 1, "blocked");
}

#[test]
fn a_step_that_awaits_approval_says_so() {
    let mut view = change_view();
    view.change.steps[1].status = StepStatus::AwaitingApproval { since: sample::ago(10) };
    let view = Change { status: Status::AwaitingApproval, in_flight: None, gate: None, ..view };
    check(&view, &["[1/6] step 2 of 6: fill email (backfill): awaiting approval"]);
}

#[test]
fn a_blocked_step_is_flagged() {
    let mut view = executing();
    view.gate.as_mut().unwrap().is_blocked = true;
    assert!(Snapshot::of(&view, sample::NOW).dated_headline(sample::NOW).ends_with("for 3m 20s BLOCKED"));
}

#[test]
fn endings_say_what_became_of_it() {
    let settled = |mut view: Change| {
        for (index, record) in view.change.steps.iter_mut().enumerate() {
            record.status = StepStatus::Settled { version: Version(index as u64 + 7), at: sample::NOW };
        }
        Change { status: Status::Settled, in_flight: None, gate: None, ..view }
    };
    for (view, expected) in [
        (settled(change_view()), "0042_users_email settled: 6 of 6 steps, on every node and every client"),
        (
            reverted_view(),
            "0042_users_email failed: step fill email was reverted: failed on shard-b: disk full; what settled before it \
             stays (lockstep change rollback 0042_users_email --reason ... undoes it)",
        ),
        (
            Change { status: Status::Cancelled, ..reverted_view() },
            "0042_users_email was cancelled; of its 6 steps 1 had settled, and stay",
        ),
    ] {
        assert_eq!(ending(&view), expected);
    }
}

#[test]
fn targets_are_reached_missed_or_open() {
    use Verdict::{Missed, Open, Reached};
    for (target, status, expected) in [
        (Target::Settled, Status::Running, Open),
        (Target::Settled, Status::AwaitingApproval, Open),
        (Target::Settled, Status::Reverting, Open),
        (Target::Settled, Status::Settled, Reached),
        (Target::Settled, Status::Reverted, Missed),
        (Target::Settled, Status::RolledBack, Missed),
        (Target::AwaitingApproval, Status::AwaitingApproval, Reached),
        (Target::AwaitingApproval, Status::Running, Open),
        (Target::AwaitingApproval, Status::Settled, Missed),
        (Target::Reverted, Status::Reverted, Reached),
        (Target::Reverted, Status::Cancelled, Reached),
        (Target::Reverted, Status::Settled, Missed),
        (Target::RolledBack, Status::RolledBack, Reached),
        (Target::Done, Status::RolledBack, Reached),
        (Target::Done, Status::Reverted, Missed),
        (Target::Ended, Status::Reverted, Reached),
        (Target::Ended, Status::Running, Open),
    ] {
        let view = Change { status, ..change_view() };
        assert_eq!(target.verdict(&view), expected, "{target:?} at {status:?}");
    }
}
