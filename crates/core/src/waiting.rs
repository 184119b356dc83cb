//! Whom each stage waits for. The lists are lazy: a gate asks only whether there is a first one.

use crate::change::Change;
use crate::holdout::{Holdout, Subject};
use crate::ids::{NodeId, SessionId, Timestamp};
use crate::in_flight::{Failure, InFlight, Preparation, Stage};
use crate::node::{Node, Status};
use crate::session::Session;
use crate::state::State;
use std::collections::{BTreeMap, BTreeSet};

type Holdouts<'a> = Box<dyn Iterator<Item = Holdout> + 'a>;

impl State {
    /// Whom the present stage waits for. Empty when there is nothing to do, or nothing to wait for.
    pub fn holdouts(&self) -> Holdouts<'_> {
        let Some(flight) = &self.in_flight else { return self.queued_holdouts() };
        let since = flight.since;
        match &flight.stage {
            Stage::Preparing { reports } => Box::new(
                self.held(&self.changes[&flight.change])
                    .chain(self.unfit())
                    .chain(self.unprepared(reports, since))
                    .chain(self.incompatible(flight)),
            ),
            Stage::Executing { executed, failures, .. } => {
                let waiting = move |node: &&Node| node.is_active() && !executed.contains_key(&node.id);
                Box::new(
                    self.unfit().chain(
                        self.nodes.values().filter(waiting).map(move |node| unexecuted(node, failures, since)),
                    ),
                )
            }
            Stage::Settling { owing, .. } => {
                Box::new(self.unfit().chain(self.owing(owing, since, self.announced())))
            }
            Stage::Reverting { owing, reverted, failures, .. } => {
                let waiting = move |node: &&Node| {
                    !matches!(node.status, Status::CatchingUp { .. }) && !reverted.contains(&node.id)
                };
                Box::new(
                    self.owing(owing, since, flight.base).chain(
                        self.nodes.values().filter(waiting).map(move |node| unreverted(node, failures, since)),
                    ),
                )
            }
        }
    }

    fn queued_holdouts(&self) -> Holdouts<'_> {
        let Some((id, step)) = self.candidate() else { return Box::new(std::iter::empty()) };
        let change = &self.changes[&id];
        let approval = change.steps[step].awaits_approval().then(|| Holdout {
            subject: Subject::Operator(id),
            name: change.name.clone(),
            reason: format!("step {} needs an operator's approval", change.steps[step].step.name),
            remedy: format!("lockstep change approve {}", change.name),
            since: self.clock,
        });
        let nobody = (!self.nodes.values().any(Node::is_active)).then(|| Holdout {
            subject: Subject::Cluster,
            name: "cluster".to_owned(),
            reason: "it has no active node".to_owned(),
            remedy: "start an agent, or see `lockstep node list` for what keeps those there are from being active"
                .to_owned(),
            since: self.clock,
        });
        Box::new(self.held(change).chain(approval).chain(nobody).chain(self.unfit()))
    }

    fn held<'a>(&'a self, change: &'a Change) -> impl Iterator<Item = Holdout> + 'a {
        change.holds.iter().map(|(name, hold)| Holdout {
            subject: Subject::Operator(change.id),
            name: change.name.clone(),
            reason: format!("paused by {} ({name}): {}", hold.by, hold.reason),
            remedy: format!("lockstep change resume {}", change.name),
            since: hold.at,
        })
    }

    /// Nodes that stop every move forward.
    fn unfit(&self) -> impl Iterator<Item = Holdout> + '_ {
        self.quarantined().chain(self.replacing())
    }

    fn replacing(&self) -> impl Iterator<Item = Holdout> + '_ {
        self.nodes.values().filter_map(|node| match &node.status {
            Status::CatchingUp { since, holds_gates: true } => {
                Some(of_node(node, "took the place of a node, and catches up".to_owned(), see_node(node), *since))
            }
            _ => None,
        })
    }

    fn quarantined(&self) -> impl Iterator<Item = Holdout> + '_ {
        self.nodes.values().filter_map(|node| match &node.status {
            Status::Quarantined { reason, since } => Some(of_node(
                node,
                format!("quarantined: {reason}"),
                "undo the change that was made by hand; the node comes back by itself".to_owned(),
                *since,
            )),
            _ => None,
        })
    }

    fn unprepared<'a>(
        &'a self,
        reports: &'a BTreeMap<NodeId, Preparation>,
        since: Timestamp,
    ) -> impl Iterator<Item = Holdout> + 'a {
        self.nodes.values().filter(|node| node.is_active()).filter_map(move |node| match reports.get(&node.id) {
            Some(Preparation::Ready { .. }) => None,
            Some(Preparation::NotReady { obstacles, since }) => {
                let join = |part: fn(&crate::in_flight::Obstacle) -> &str| {
                    obstacles.iter().map(part).collect::<Vec<_>>().join("; ")
                };
                Some(of_node(node, join(|o| &o.message), join(|o| &o.remedy), *since))
            }
            None => Some(of_node(node, "has not said whether it is ready".to_owned(), see_node(node), since)),
        })
    }

    /// Sessions that cannot run at both versions, or, before a Contract, may still be using an older one.
    fn incompatible<'a>(&'a self, flight: &'a InFlight) -> impl Iterator<Item = Holdout> + 'a {
        self.sessions.values().filter_map(move |session| {
            let problem = [flight.base, flight.version]
                .into_iter()
                .find_map(|version| self.incompatibility(&session.compatibility, version))
                .or_else(|| {
                    (session.acknowledged != flight.base)
                        .then(|| format!("it has acknowledged version {} only", session.acknowledged))
                })?;
            let remedy = format!(
                "deploy a release that can run at versions {} and {}, or: lockstep session evict {} --reason ...",
                flight.base, flight.version, session.id
            );
            Some(of_session(session, format!("cannot go on: {problem}"), remedy, flight.since))
        })
    }

    fn owing<'a>(
        &'a self,
        owing: &'a BTreeSet<SessionId>,
        since: Timestamp,
        announced: crate::ids::Version,
    ) -> impl Iterator<Item = Holdout> + 'a {
        owing.iter().filter_map(move |id| self.sessions.get(id)).map(move |session| {
            let reason = match &session.eviction {
                Some(eviction) => format!("being evicted by {}; gone when its lease has run out", eviction.by),
                None => format!("has not acknowledged version {announced}"),
            };
            let remedy = format!(
                "see the log of {}; if it will not move: lockstep session evict {} --reason ...",
                session.title(),
                session.id
            );
            of_session(session, reason, remedy, since)
        })
    }
}

fn unexecuted(node: &Node, failures: &BTreeMap<NodeId, Failure>, since: Timestamp) -> Holdout {
    match failures.get(&node.id) {
        Some(failure) => of_node(
            node,
            format!("cannot execute, goes on trying: {}", failure.message),
            "mend what it names; this step has no revert".to_owned(),
            failure.at,
        ),
        None => of_node(node, "has not executed yet".to_owned(), see_node(node), since),
    }
}

fn unreverted(node: &Node, failures: &BTreeMap<NodeId, Failure>, since: Timestamp) -> Holdout {
    match failures.get(&node.id) {
        Some(failure) => of_node(
            node,
            format!("cannot revert, goes on trying: {}", failure.message),
            "mend what it names".to_owned(),
            failure.at,
        ),
        None => of_node(node, "has not reverted yet".to_owned(), see_node(node), since),
    }
}

fn see_node(node: &Node) -> String {
    format!(
        "lockstep node show {0}; if it is gone for good: lockstep node remove {0} --reason ... --force",
        node.name
    )
}

fn of_node(node: &Node, reason: String, remedy: String, since: Timestamp) -> Holdout {
    Holdout { subject: Subject::Node(node.id), name: node.name.clone(), reason, remedy, since }
}

fn of_session(session: &Session, reason: String, remedy: String, since: Timestamp) -> Holdout {
    Holdout { subject: Subject::Session(session.id), name: session.title(), reason, remedy, since }
}
