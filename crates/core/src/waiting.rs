//! Whom each stage waits for. The lists are lazy: a gate asks only whether there is a first one.

use crate::change::{Change, Hold, StepStatus};
use crate::holdout::{Gate, Holdout, Subject};
use crate::ids::{NodeId, SessionId, Timestamp};
use crate::in_flight::{Failure, InFlight, Obstacle, Preparation, Stage};
use crate::node::{Node, Role, Status};
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
                    .chain(self.unready(flight)),
            ),
            Stage::Executing { executed, failures, .. } => {
                let waiting = move |node: &&Node| node.is_active() && !executed.contains_key(&node.id);
                let mut unexecuted = self
                    .nodes
                    .values()
                    .filter(waiting)
                    .map(move |node| unexecuted(node, failures, since))
                    .peekable();
                // Nodes do not execute while the change is held; what they have executed already is no reason to wait.
                let held = unexecuted.peek().is_some().then(|| self.held(&self.changes[&flight.change]));
                Box::new(held.into_iter().flatten().chain(self.unfit()).chain(unexecuted))
            }
            Stage::Settling { owing, .. } => {
                Box::new(self.unfit().chain(self.owing(owing, since, self.announced())))
            }
            Stage::Reverting { owing, reverted, failures, .. } => {
                let waiting = move |node: &&Node| node.counts() && !reverted.contains(&node.id);
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
            since: match change.steps[step].status {
                StepStatus::AwaitingApproval { since } => since,
                _ => self.clock,
            },
        });
        // A time that has come is no answer to what is still waited for.
        let is_alone = self.held(change).next().is_none() && approval.is_none() && self.unfit().next().is_none();
        let kept = self.retention(id, step).filter(|(_, until)| *until > self.clock || is_alone);
        let kept = kept.map(|(since, _)| Holdout {
            subject: Subject::Time(id),
            name: change.name.clone(),
            reason: change.retention_in_words(),
            remedy: format!("wait, or: lockstep change approve {} --now --reason ...", change.name),
            since,
        });
        Box::new(self.held(change).chain(approval).chain(kept).chain(self.unfit()))
    }

    /// What a change waits for whose turn has not come: the one that is before it.
    pub(crate) fn behind(&self, first: &Gate) -> Holdout {
        Holdout {
            subject: Subject::Change(first.change),
            name: first.change_name.clone(),
            reason: format!("is before it: step {} is {}", first.step_name, first.stage.replace('_', " ")),
            remedy: "lockstep cluster why".to_owned(),
            since: first.since,
        }
    }

    fn held<'a>(&'a self, change: &'a Change) -> impl Iterator<Item = Holdout> + 'a {
        change.holds.iter().map(|(name, hold)| Holdout {
            subject: Subject::Operator(change.id),
            name: change.name.clone(),
            reason: format!("paused by {} ({name}): {}", hold.by, hold.reason),
            remedy: match name.as_str() {
                Hold::NAME_DEFAULT => format!("lockstep change resume {}", change.name),
                _ => format!("lockstep change resume {} --hold {name}", change.name),
            },
            since: hold.at,
        })
    }

    /// What stops every move forward: nobody to move, and nodes that are not what they should be.
    fn unfit(&self) -> impl Iterator<Item = Holdout> + '_ {
        self.nobody().into_iter().chain(self.quarantined()).chain(self.replacing())
    }

    fn nobody(&self) -> Option<Holdout> {
        (!self.nodes.values().any(Node::is_active)).then(|| Holdout {
            subject: Subject::Cluster,
            name: "cluster".to_owned(),
            reason: "it has no active node".to_owned(),
            remedy: "start an agent, or see `lockstep node list` for what keeps those there are from being active"
                .to_owned(),
            since: self.clock,
        })
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
            Status::Quarantined { reason, since, .. } => Some(of_node(
                node,
                format!("quarantined: {reason}"),
                format!(
                    "undo the change that was made by hand (lockstep node repair {name} shows it): the node comes back by itself; \
                     or make it on every node, then: lockstep node accept {name} --reason ...",
                    name = node.name
                ),
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
            Some(Preparation::NotReady { obstacles, since }) => Some(unready_node(node, obstacles, *since)),
            None => Some(of_node(node, "has not said whether it is ready".to_owned(), see_node(node), since)),
        })
    }

    fn unready<'a>(&'a self, flight: &'a InFlight) -> impl Iterator<Item = Holdout> + 'a {
        self.unready_sessions.iter().filter_map(|id| self.sessions.get(id)).filter_map(move |session| {
            let problem = self.session_problem(session)?;
            let remedy = format!(
                "deploy a release that can run at versions {} and {}, or: lockstep session evict {} --reason ...",
                flight.base, flight.version, session.id
            );
            Some(of_session(session, format!("cannot go on: {problem}"), remedy, flight.since))
        })
    }

    /// Why the step in flight cannot be confirmed while this session lives: it cannot run at both versions, or may still be
    /// using an older one.
    pub(crate) fn session_problem(&self, session: &Session) -> Option<String> {
        let flight = self.in_flight.as_ref()?;
        [flight.base, flight.version]
            .into_iter()
            .find_map(|version| self.incompatibility(&session.compatibility, version))
            .or_else(|| {
                (session.acknowledged != flight.base)
                    .then(|| format!("it has acknowledged version {} only", session.acknowledged))
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

fn unready_node(node: &Node, obstacles: &[Obstacle], since: Timestamp) -> Holdout {
    let join = |part: fn(&Obstacle) -> &str| {
        let parts: Vec<_> = obstacles.iter().map(part).filter(|part| !part.trim().is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    };
    let reason =
        join(|obstacle| &obstacle.message).unwrap_or_else(|| "is not ready, and does not say why".to_owned());
    let remedy = join(|obstacle| &obstacle.remedy).unwrap_or_else(|| see_node(node));
    of_node(node, reason, remedy, since)
}

fn unexecuted(node: &Node, failures: &BTreeMap<NodeId, Failure>, since: Timestamp) -> Holdout {
    match failures.get(&node.id) {
        Some(failure) => of_node(
            node,
            format!("cannot execute, goes on trying: {}", failure.message),
            "mend what it names; this step has no revert".to_owned(),
            failure.at,
        ),
        None if node.role == Role::Replica => unreplicated(node, "version", since),
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
        None if matches!(node.status, Status::CatchingUp { .. }) => {
            of_node(node, "took the place of a node, and has not reverted yet".to_owned(), see_node(node), since)
        }
        None if node.role == Role::Replica => unreplicated(node, "revert", since),
        None => of_node(node, "has not reverted yet".to_owned(), see_node(node), since),
    }
}

/// A replica executes nothing: all that can be wrong is on the way to it.
fn unreplicated(node: &Node, what: &str, since: Timestamp) -> Holdout {
    let reason = format!("the {what} has not reached this replica by replication yet");
    let remedy = format!("see that the replication of its server runs; {}", see_node(node));
    of_node(node, reason, remedy, since)
}

/// Nothing drastic: a node that is only at work needs no remedy. Agents add one when they have not heard of it.
fn see_node(node: &Node) -> String {
    format!("lockstep node show {}", node.name)
}

fn of_node(node: &Node, reason: String, remedy: String, since: Timestamp) -> Holdout {
    Holdout { subject: Subject::Node(node.id), name: node.name.clone(), reason, remedy, since }
}

fn of_session(session: &Session, reason: String, remedy: String, since: Timestamp) -> Holdout {
    Holdout { subject: Subject::Session(session.id), name: session.title(), reason, remedy, since }
}
