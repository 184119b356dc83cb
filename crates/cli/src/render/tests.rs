//! What is printed, from fixed views. Snapshots are the documentation of the screens: read them when they change.

use super::*;
use crate::view::sample::{self, NOW, ago, change_view, reverted_view};
use lockstep_core::change::Hold;
use lockstep_core::node::Fingerprint;
use lockstep_core::session::{Compatibility, Eviction};
use lockstep_core::version::{Entry, Outcome};
use lockstep_core::{
    ChangeId, Difference, Drift, LogIndex, SessionId, Version, audit as core_audit, node as core_node,
};
use lockstep_proto::view;
use std::collections::BTreeSet;

/// As on a terminal of this width, without colour.
fn wide(width: u16) -> Look {
    Look { has_colour: false, width: Some(width) }
}

#[test]
fn plans() {
    insta::assert_snapshot!("plan", plan(&sample::plan(), Look::PLAIN));
    insta::assert_snapshot!("plan_on_a_terminal", plan(&sample::plan(), wide(110)));
    insta::assert_snapshot!("plan_explained", plan(&sample::explained_plan(), Look::PLAIN));
    insta::assert_snapshot!("plan_explained_on_a_terminal", plan(&sample::explained_plan(), wide(80)));
    let offline = crate::view::Plan { cluster: None, ..sample::plan() };
    assert!(plan(&offline, Look::PLAIN).contains("checked without a cluster"));
}

#[test]
fn a_change_under_way() {
    insta::assert_snapshot!("change_under_way", change(&change_view(), Look::PLAIN, NOW));
}

#[test]
fn a_change_that_failed() {
    insta::assert_snapshot!("change_reverted", change(&reverted_view(), Look::PLAIN, NOW));
}

#[test]
fn a_change_that_is_paused() {
    let mut view = change_view();
    let hold = Hold { reason: "sale until noon".to_owned(), by: "kim".to_owned(), at: ago(60) };
    view.change.holds.insert("operator".to_owned(), hold);
    let text = change(&view, Look::PLAIN, NOW);
    assert!(text.contains("running, PAUSED"), "{text}");
    assert!(text.contains("by kim (operator), 1m ago: sale until noon"), "{text}");
}

#[test]
fn a_list_of_changes() {
    let views = [change_view(), reverted_view()].map(|view| view::ChangeSummary::of(&view.change, false));
    insta::assert_snapshot!("changes", changes(&views, Look::PLAIN, NOW));
    assert_eq!(changes(&[], Look::PLAIN, NOW), "no changes");
}

#[test]
fn why_nothing_waits() {
    insta::assert_snapshot!("why_quiet", why(&sample::quiet(), Look::PLAIN));
}

#[test]
fn why_a_step_waits() {
    insta::assert_snapshot!("why_waiting", why(&sample::waiting(), Look::PLAIN));
}

#[test]
fn why_a_step_is_blocked() {
    insta::assert_snapshot!("why_blocked", why(&sample::blocked(), Look::PLAIN));
}

#[test]
fn why_without_a_quorum() {
    insta::assert_snapshot!("why_stale", why(&sample::stale(), Look::PLAIN));
}

#[test]
fn why_stays_on_one_screen() {
    let mut status = sample::waiting();
    let gate = status.status.gate.as_mut().unwrap();
    let session = gate.gate.holdouts[1].clone();
    gate.gate.holdouts.extend((100..300).map(|id| lockstep_core::holdout::Holdout {
        subject: lockstep_core::holdout::Subject::Session(SessionId(id)),
        ..session.clone()
    }));
    let text = why(&status, Look::PLAIN);
    assert!(text.lines().count() < 50, "{text}");
    assert!(text.contains("... and 182 more: lockstep cluster why -o json"), "{text}");
}

#[test]
fn status_of_a_quiet_cluster() {
    insta::assert_snapshot!("status_quiet", status(&sample::quiet(), Look::PLAIN));
}

#[test]
fn status_of_a_blocked_cluster() {
    insta::assert_snapshot!("status_blocked", status(&sample::blocked(), Look::PLAIN));
}

#[test]
fn status_without_a_quorum() {
    insta::assert_snapshot!("status_stale", status(&sample::stale(), Look::PLAIN));
}

#[test]
fn how_far_a_replica_is_behind_is_shown() {
    let mut members = sample::members(7);
    members[1].node.role = core_node::Role::Replica;
    for (lag_ms, shown) in [(Some(12_300), "12s behind its primary"), (None, "does not tell how far it is behind")]
    {
        members[1].replication_lag_ms = lag_ms;
        let lines = members_lines(&members);
        assert!(lines[2].contains(shown) && !lines[1].contains("behind"), "{lines:?}");
        assert!(super::node(&members[1], Look::PLAIN, sample::NOW).contains(shown));
    }
}

#[test]
fn a_long_story_does_not_push_the_table_off_the_screen() {
    let mut members = sample::members(7);
    members[0].health_message = "it cannot ".repeat(40);
    assert!(members_lines(&members).iter().all(|line| line.len() < 150), "{:?}", members_lines(&members));
}

fn members_lines(members: &[view::Member]) -> Vec<String> {
    super::members(members, Look::PLAIN).lines().map(str::to_owned).collect()
}

#[test]
fn status_on_a_terminal_is_coloured() {
    let text = status(&sample::blocked(), Look { has_colour: true, width: Some(140) });
    assert!(text.contains("\u{1b}["), "{text}");
}

fn quarantined() -> core_node::Status {
    let difference = |object: &str, found: Option<&str>, expected: Option<&str>| Difference {
        object: object.to_owned(),
        found: found.map(str::to_owned),
        expected: expected.map(str::to_owned),
    };
    let differences = vec![
        difference("column users.fax", Some("column text"), None),
        difference("column users.id", Some("column bigint"), Some("column integer not null")),
        difference("index by_mail of users", None, Some("CREATE INDEX by_mail ON users (mail)")),
        difference("trigger audit of users", Some("CREATE TRIGGER audit ..."), None),
    ];
    let (reason, fingerprint) = ("its schema is another one".to_owned(), core_node::Fingerprint("f9".to_owned()));
    let drift = Some(Drift { version: Version(7), fingerprint, differences, left_out: 2 });
    core_node::Status::Quarantined { reason, since: ago(90), drift }
}

#[test]
fn a_node_is_repaired_object_by_object() {
    let mut node = sample::members(7).remove(1).node;
    assert_eq!(super::repair(&node), "shard-b is not quarantined: there is nothing to repair");
    node.status = quarantined();
    insta::assert_snapshot!("repair", super::repair(&node));
    node.status =
        core_node::Status::Quarantined { reason: "it was restored".to_owned(), since: ago(9), drift: None };
    assert_eq!(super::repair(&node), "shard-b is quarantined: it was restored");
}

#[test]
fn a_node() {
    let mut member = sample::members(7).remove(1);
    member.progress = Some(sample::progress());
    member.node.status = quarantined();
    insta::assert_snapshot!("node", node(&member, Look::PLAIN, NOW));
}

fn session_view() -> view::Session {
    view::Session {
        session: lockstep_core::session::Session {
            id: SessionId(17),
            app: "shop".to_owned(),
            instance: "web-1".to_owned(),
            compatibility: Compatibility {
                version_min: Version(6),
                version_max: None,
                understands: BTreeSet::from(["0042_users_email".to_owned()]),
            },
            acknowledged: Version(6),
            ttl_ms: 10_000,
            opened_at: ago(3_600),
            renew_counter: 4,
            eviction: None,
        },
        remaining_ms: Some(7_300),
        owed_version: Some(Version(7)),
    }
}

#[test]
fn a_list_of_sessions() {
    let mut old = session_view();
    old.session.id = SessionId(18);
    old.session.compatibility.version_max = Some(Version(7));
    old.session.eviction = Some(Eviction { reason: "stuck".to_owned(), by: "kim".to_owned(), at: ago(3) });
    insta::assert_snapshot!("sessions", sessions(&[session_view(), old.clone()], Look::PLAIN, NOW));
    insta::assert_snapshot!("session", session(&old, Look::PLAIN, NOW));
    assert_eq!(sessions(&[], Look::PLAIN, NOW), "no live sessions");
}

fn version_view(version: u64, outcome: Outcome) -> view::Version {
    view::Version {
        entry: Entry {
            version: Version(version),
            base: Version(version - 1),
            change: ChangeId(900),
            step: 0,
            step_hash: "aa".repeat(32),
            previous_hash: "bb".repeat(32),
            hash: "cc".repeat(32),
            at: ago(250),
            outcome,
        },
        change_name: "0042_users_email".to_owned(),
        step_name: "add email".to_owned(),
        phase: lockstep_core::step::Phase::Expand,
    }
}

#[test]
fn a_list_of_versions() {
    let settled = Outcome::Settled {
        at: ago(210),
        confirm: LogIndex(1_100),
        fingerprint: Fingerprint("4be1c0ffee1234567890".to_owned()),
    };
    let views = [
        version_view(9, Outcome::InFlight),
        version_view(8, Outcome::Reverted { at: ago(100) }),
        version_view(7, settled),
    ];
    insta::assert_snapshot!("versions", versions(&views, Look::PLAIN, NOW));
    insta::assert_snapshot!("version", version(&views[2], Look::PLAIN, NOW));
    assert!(versions(&[], Look::PLAIN, NOW).contains("baseline"));
}

#[test]
fn an_audit_trail() {
    let records = [
        core_audit::Record {
            index: LogIndex(1_200),
            at: ago(20),
            actor: "kim".to_owned(),
            action: "remove node shard-d".to_owned(),
            reason: "its machine burnt".to_owned(),
            overridden: vec!["shard-d".to_owned()],
        },
        core_audit::Record {
            index: LogIndex(1_000),
            at: ago(300),
            actor: "dana".to_owned(),
            action: "submit change 0042_users_email".to_owned(),
            reason: String::new(),
            overridden: Vec::new(),
        },
    ];
    insta::assert_snapshot!("audit", audit(&records, Look::PLAIN));
}
