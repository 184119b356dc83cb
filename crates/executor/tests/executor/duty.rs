//! What a node owes: every stage, every status of the node, every state of its ledger.
//!
//! Version 1 has settled (schema `one`); version 2 is where the stage says (schema `two`). A ledger is written as its head, `+2f`
//! or `+2r` for a version that is half executed or half reverted, and `@N` for a fence other than that of the head.

use crate::commands::*;
use lockstep_core::in_flight::Stage;
use lockstep_core::node::{Candidate, Fingerprint, Role};
use lockstep_core::step::Phase;
use lockstep_core::{Command, Fence, NodeId, SessionId, State, Step, Version};
use lockstep_database::Kind;
use lockstep_executor::{Claimed, Duty, LedgerView, Work, duty};
use std::collections::BTreeMap;

const TABLE: &str = "
stage               | node        | ledger  | duty
nothing             | active      | 1       | idle
nothing             | active      | 0       | drift
nothing             | active      | 0+1f    | drift
nothing             | catching up | 0       | catch up forward 1 confirm1
nothing             | catching up | 0+1f    | catch up forward 1 confirm1
nothing             | catching up | 1       | report caught up 1
nothing             | quarantined | 1       | report caught up 1
nothing             | quarantined | 0       | catch up forward 1 confirm1
nothing             | replica     | 0       | await forward 1
nothing             | active      | 9       | stop: ahead of the log
nothing             | active      | 1@999   | stop: ahead of the log
nothing             | active      | 1x      | stop: another cluster's
nothing             | active      | 0+1r    | stop: no log leads there
nothing             | removed     | 1       | removed

preparing           | active      | 1       | preflight 2 on 1
preparing           | active      | 0       | drift
preparing           | active      | 2       | stop: has not confirmed it
preparing           | active      | 1+2f    | stop: has not confirmed it
preparing           | catching up | 0       | catch up forward 1 confirm1
preparing           | catching up | 1       | report caught up 1
preparing           | quarantined | 1       | report caught up 1
preparing           | replica     | 1       | report caught up 1
preparing           | own replica | 1       | preflight 2 on 1
prepared            | active      | 1       | preflight 2 on 1

executing           | active      | 1       | execute forward 2 confirm2
executing           | active      | 1+2f    | execute forward 2 confirm2
executing           | active      | 2       | report executed 2
executing           | active      | 0       | drift
executing           | catching up | 0       | catch up forward 1 confirm1
executing           | catching up | 1       | report caught up 1
executing           | catching up | 1+2f    | catch up forward 2 confirm2
executing           | catching up | 2       | report caught up 2
executing           | quarantined | 1       | report caught up 1
executing           | quarantined | 2       | report caught up 2
executing           | replica     | 0       | await forward 1
executing           | own replica | 1       | await forward 2
executing           | own replica | 2       | report executed 2
executed            | active      | 2       | idle
executed            | active      | 1       | drift
executed            | quarantined | 1       | catch up forward 2 confirm2
executed            | quarantined | 2       | report caught up 2

settling            | active      | 2       | idle
settling            | active      | 1       | drift
settling            | catching up | 0       | catch up forward 1 confirm1
settling            | catching up | 1       | catch up forward 2 confirm2
settling            | catching up | 1+2f    | catch up forward 2 confirm2
settling            | catching up | 2       | report caught up 2
settling            | quarantined | 1       | catch up forward 2 confirm2

reverting, owing    | active      | 2       | idle
reverting, owing    | catching up | 2       | idle
reverting, owing    | catching up | 1       | report caught up 1
reverting, back     | active      | 2       | revert back 2 reverting
reverting           | active      | 2       | revert back 2 reverting
reverting           | active      | 1       | revert back 2 reverting
reverting           | active      | 1+2f    | revert back 2 reverting
reverting           | active      | 1+2r    | revert back 2 reverting
reverting           | active      | 1@R     | report reverted 2
reverting           | active      | 1+2r@R  | revert back 2 reverting
reverting           | active      | 0       | drift
reverting           | quarantined | 2       | revert back 2 reverting
reverting           | quarantined | 1@R     | report reverted 2
reverting           | quarantined | 0       | catch up forward 1 confirm1
reverting           | catching up | 0       | catch up forward 1 confirm1
reverting           | catching up | 1       | report caught up 1
reverting           | catching up | 1+2f    | catch up back 2 reverting
reverting           | catching up | 2       | catch up back 2 reverting
reverting           | replica     | 2       | await back 2
reverting           | own replica | 2       | await back 2
reverting           | own replica | 1       | await back 2
reverting           | own replica | 1@R     | report reverted 2
reverted here       | active      | 1@R     | idle
reverted here       | quarantined | 1@R     | report caught up 1

reverted            | active      | 1@R     | idle
reverted            | active      | 2       | catch up back 2 confirm2
reverted            | active      | 1+2f    | catch up back 2 confirm2
reverted            | catching up | 2       | catch up back 2 confirm2
reverted            | catching up | 1+2r@R  | catch up back 2 reverting
reverted            | catching up | 1       | report caught up 1
reverted            | quarantined | 2       | catch up back 2 confirm2
reverted, 3 settled | catching up | 1       | catch up forward 3 confirm3
reverted, 3 settled | catching up | 2       | catch up back 2 confirm2
reverted, 3 settled | catching up | 3       | report caught up 3
reverted, 3 settled | active      | 3       | idle

rolling back        | active      | 1       | execute forward 2 confirm2
not joined          | active      | 0       | idle
";

#[test]
fn every_stage_status_and_ledger() {
    let mut wrong = Vec::new();
    for row in TABLE.lines().filter(|line| !line.trim().is_empty()).skip(1) {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        let [stage, node, ledger, wanted] = columns[..] else { panic!("not four columns: {row}") };
        let cluster = Cluster::at(stage, node);
        let found = cluster.describe(&duty(&cluster.state, cluster.node, &cluster.ledger(ledger)));
        let fits = match wanted.strip_prefix("stop: ") {
            Some(part) => found.starts_with("stop: ") && found.contains(part),
            None => found == wanted,
        };
        if !fits {
            wrong.push(format!("{row}\n    found: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rolling_back_executes_the_undoing_actions() {
    let cluster = Cluster::at("rolling back", "active");
    let owed = duty(&cluster.state, cluster.node, &cluster.ledger("1"));
    assert_eq!(owed.work().map(|work| work.action.clone()), Some(statements(&["undo one"])));
}

#[test]
fn reverting_runs_the_revert_actions() {
    let cluster = Cluster::at("reverting", "active");
    let owed = duty(&cluster.state, cluster.node, &cluster.ledger("2"));
    assert_eq!(owed.work().map(|work| work.action.clone()), Some(statements(&["undo two"])));
}

struct Cluster {
    state: State,
    node: NodeId,
    /// By name: `confirm2`, `reverting`.
    fences: BTreeMap<String, Fence>,
    session: Option<SessionId>,
}

impl Cluster {
    /// Two active nodes and, if that is another one, the node in question.
    fn at(stage: &str, kind: &str) -> Self {
        let mut cluster =
            Self { state: State::default(), node: NodeId(7), fences: BTreeMap::new(), session: None };
        if stage == "not joined" {
            return cluster;
        }
        let first = bootstrap(&mut cluster.state, newcomer("first", Role::Primary));
        let role = if kind == "own replica" { Role::Replica } else { Role::Primary };
        let second = join(&mut cluster.state, newcomer("second", role));
        cluster.caught_up(second);
        cluster.settle("one", 1, "zero", [first, second]);
        cluster.bring_to(stage, [first, second]);
        cluster.node = cluster.in_question(kind, second);
        cluster
    }

    fn bring_to(&mut self, stage: &str, both: [NodeId; 2]) {
        let [_, second] = both;
        match stage {
            "nothing" => {}
            "preparing" => submit(&mut self.state, "two", vec![two_way("two")]),
            "prepared" => {
                self.bring_to("preparing", both);
                ready(&mut self.state, second, 2, "one");
            }
            "executing" => {
                self.bring_to("preparing", both);
                self.confirm(2, "one", both);
            }
            "executed" => {
                self.bring_to("executing", both);
                executed(&mut self.state, second, 2, "two");
            }
            "settling" => {
                self.session = Some(open_session(&mut self.state));
                self.bring_to("executing", both);
                both.iter().for_each(|node| executed(&mut self.state, *node, 2, "two"));
            }
            "reverting, owing" => {
                self.bring_to("settling", both);
                self.cancel();
            }
            "reverting, back" => {
                self.bring_to("reverting, owing", both);
                let session = self.session.expect("settling opened it");
                acknowledge(&mut self.state, session, 1);
            }
            "reverting" => {
                self.bring_to("executing", both);
                self.cancel();
            }
            "reverted here" => {
                self.bring_to("reverting", both);
                reverted(&mut self.state, second, 2, "one");
            }
            "reverted" => {
                self.bring_to("reverting", both);
                both.iter().for_each(|node| reverted(&mut self.state, *node, 2, "one"));
            }
            "reverted, 3 settled" => {
                self.bring_to("reverted", both);
                self.settle("three", 3, "one", both);
            }
            "rolling back" => {
                let rollback = Command::RollbackChange { change: "one".into(), reason: "test".into() };
                apply(&mut self.state, rollback).unwrap();
                self.confirm(2, "one", both);
            }
            other => panic!("there is no stage `{other}`"),
        }
    }

    fn in_question(&mut self, kind: &str, second: NodeId) -> NodeId {
        match kind {
            "catching up" => join(&mut self.state, newcomer("third", Role::Primary)),
            "replica" => join(&mut self.state, newcomer("third", Role::Replica)),
            "removed" => {
                let removal = Command::RemoveNode { node: "second".into(), reason: "test".into(), force: true };
                apply(&mut self.state, removal).unwrap();
                second
            }
            "quarantined" => {
                apply(&mut self.state, Command::ReportDrift { node: second, reason: "test".into(), drift: None })
                    .unwrap();
                second
            }
            "active" | "own replica" => second,
            other => panic!("there is no kind of node `{other}`"),
        }
    }

    fn caught_up(&mut self, node: NodeId) {
        let fingerprint = Fingerprint("zero".to_owned());
        let report = Command::ReportCaughtUp { node, version: Version::BASELINE, fingerprint };
        apply(&mut self.state, report).unwrap();
    }

    fn settle(&mut self, name: &str, version: u64, before: &str, both: [NodeId; 2]) {
        submit(&mut self.state, name, vec![two_way(name)]);
        self.confirm(version, before, both);
        both.iter().for_each(|node| executed(&mut self.state, *node, version, name));
        assert_eq!(self.state.version(), Version(version));
    }

    fn confirm(&mut self, version: u64, before: &str, both: [NodeId; 2]) {
        both.iter().for_each(|node| ready(&mut self.state, *node, version, before));
        let Some(Stage::Executing { confirm, .. }) = self.stage() else { panic!("not confirmed") };
        self.fences.insert(format!("confirm{version}"), Fence(confirm.0));
    }

    fn cancel(&mut self) {
        cancel(&mut self.state, "two");
        let Some(Stage::Reverting { fence, .. }) = self.stage() else { panic!("not reverting") };
        self.fences.insert("reverting".to_owned(), Fence(fence.0));
    }

    fn stage(&self) -> Option<Stage> {
        self.state.in_flight().map(|flight| flight.stage.clone())
    }

    fn ledger(&self, text: &str) -> LedgerView {
        let (text, fence) = text.split_once('@').map_or((text, None), |(text, fence)| (text, Some(fence)));
        let (head, claimed) = text.split_once('+').map_or((text, None), |(head, rest)| (head, Some(rest)));
        let hash =
            |version| self.state.entry(Version(version)).map_or_else(String::new, |entry| entry.hash.clone());
        let (head, head_hash) = match head.strip_suffix('x') {
            Some(head) => (number(head), "foreign".to_owned()),
            None => (number(head), hash(number(head))),
        };
        let claimed = claimed.map(|claimed| {
            let (version, kind) = claimed.split_at(1);
            let kind = if kind == "f" { Kind::Forward } else { Kind::Revert };
            Claimed { version: Version(number(version)), hash: hash(number(version)), kind }
        });
        let newest = claimed.as_ref().map_or(head, |claimed| claimed.version.0);
        let fence = match fence {
            Some("R") => self.fences["reverting"],
            Some(fence) => Fence(number(fence)),
            None => self.fences.get(&format!("confirm{newest}")).copied().unwrap_or_default(),
        };
        LedgerView { head: Version(head), head_hash, fence, claimed }
    }

    fn describe(&self, duty: &Duty) -> String {
        match duty {
            Duty::Preflight { version, base, .. } => format!("preflight {version} on {base}"),
            Duty::Execute(work) => format!("execute {}", self.describe_work(work)),
            Duty::Revert(work) => format!("revert {}", self.describe_work(work)),
            Duty::CatchUp(work) => format!("catch up {}", self.describe_work(work)),
            Duty::AwaitReplication { version, kind } => format!("await {} {version}", direction(*kind)),
            Duty::ReportExecuted { version } => format!("report executed {version}"),
            Duty::ReportReverted { version, .. } => format!("report reverted {version}"),
            Duty::ReportCaughtUp { version } => format!("report caught up {version}"),
            Duty::ReportDrift { .. } => "drift".to_owned(),
            Duty::Stop { reason } => format!("stop: {reason}"),
            Duty::Removed => "removed".to_owned(),
            Duty::Idle { .. } => "idle".to_owned(),
        }
    }

    fn describe_work(&self, work: &Work) -> String {
        let is_it = |(_, fence): &(&String, &Fence)| **fence == work.fence;
        let fence = self.fences.iter().find(is_it).map_or_else(|| work.fence.to_string(), |found| found.0.clone());
        format!("{} {} {fence}", direction(work.kind), work.version)
    }
}

fn direction(kind: Kind) -> &'static str {
    match kind {
        Kind::Forward => "forward",
        Kind::Revert => "back",
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

fn newcomer(name: &str, role: Role) -> Candidate {
    let candidate = candidate(name, role, Fingerprint("zero".to_owned()));
    match role {
        Role::Primary => candidate,
        // All replicas follow the first node.
        Role::Replica => Candidate { database_id: "database of first".to_owned(), ..candidate },
    }
}

fn two_way(name: &str) -> Step {
    let revert = Some(statements(&[&format!("undo {name}")]));
    step(name, Phase::Expand, statements(&[name]), revert)
}
