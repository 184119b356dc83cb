//! Nodes: moving, leaving, catching up, drifting.

use super::Reply;
use crate::drift::Drift;
use crate::event::Event;
use crate::gate;
use crate::ids::{NodeId, Version};
use crate::in_flight::{Execution, InFlight, Measurement, Stage};
use crate::node::{Addresses, Fingerprint, Node, Role, Status};
use crate::refusal::Refusal;
use crate::state::{Context, State, require_reason};

pub(super) fn move_to(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    addresses: &Addresses,
) -> Result<Reply, Refusal> {
    context.require_agent("move a node")?;
    state.node_mut(id)?.addresses = addresses.clone();
    Ok(Reply::Done)
}

pub(super) fn remove(
    state: &mut State,
    context: &mut Context<'_>,
    name: &str,
    reason: &str,
    force: bool,
) -> Result<Reply, Refusal> {
    let action = format!("remove node {name}");
    context.require_operator(&action)?;
    require_reason(reason, &action)?;
    let node = state.node_named(name).ok_or_else(|| Refusal::UnknownNode { name: name.to_owned() })?;
    let id = node.id;
    let is_last =
        |kind: fn(&Node) -> bool| kind(node) && state.nodes.values().filter(|node| kind(node)).count() == 1;
    if is_last(Node::is_active) || is_last(Node::counts) {
        return Err(Refusal::WrongState {
            action: "remove node".to_owned(),
            subject: name.to_owned(),
            state: "nobody would be left to go on; let another node join and become active first".to_owned(),
        });
    }
    let holdouts = gate::node_holdouts(state, id).into_iter().chain(followers(state, id)).collect::<Vec<_>>();
    if !holdouts.is_empty() && !force {
        return Err(Refusal::NeedsForce { action, holdouts });
    }
    forget(state, context, id);
    context.record(state, action, reason, holdouts);
    Ok(Reply::Done)
}

/// The replicas of a primary: without it nothing reaches them any more.
fn followers(state: &State, id: NodeId) -> impl Iterator<Item = String> {
    let primary = state.nodes.get(&id).filter(|node| node.role == Role::Primary);
    let follows = move |node: &&Node| {
        node.role == Role::Replica && primary.is_some_and(|primary| primary.database_id == node.database_id)
    };
    state.nodes.values().filter(follows).map(|node| format!("{} (its replica)", node.name))
}

/// Takes the node out of the cluster and out of everything that waits for it.
pub(super) fn forget(state: &mut State, context: &mut Context<'_>, id: NodeId) {
    state.nodes.remove(&id);
    match state.in_flight.as_mut().map(|flight| &mut flight.stage) {
        Some(Stage::Preparing { reports }) => {
            reports.remove(&id);
        }
        Some(Stage::Executing { executed, failures, .. }) => {
            executed.remove(&id);
            failures.remove(&id);
        }
        Some(Stage::Reverting { reverted, failures, .. }) => {
            reverted.remove(&id);
            failures.remove(&id);
        }
        Some(Stage::Settling { .. }) | None => {}
    }
    context.events.push(Event::NodeRemoved { node: id });
}

pub(super) fn report_caught_up(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    version: Version,
    fingerprint: &Fingerprint,
) -> Result<Reply, Refusal> {
    context.require_agent("report for a node")?;
    let node = state.node_mut(id)?;
    if node.is_active() {
        return Ok(Reply::Done);
    }
    let name = node.name.clone();
    if !state.versions_to_join_at().contains(&version) {
        return Err(Refusal::StaleReport { node: name, version, state: state.joins_at() });
    }
    if let Some(expected) = gate::fingerprint_at(state, version).filter(|expected| expected != fingerprint) {
        let reason = format!("at version {version} its schema is {fingerprint}, and must be {expected}");
        quarantine(state, context, id, reason, Some(Drift::unnamed(version, fingerprint)));
        return Ok(Reply::Done);
    }
    let node = state.node_mut(id)?;
    node.version = version;
    node.fingerprint = fingerprint.clone();
    node.status = Status::Active;
    enter_flight(state, id, version, fingerprint);
    context.events.push(Event::NodeActivated { node: id });
    Ok(Reply::Done)
}

impl State {
    /// The versions at which a node may become active now, without widening the spread or pulling a version from under clients.
    fn versions_to_join_at(&self) -> Vec<Version> {
        let Some(flight) = &self.in_flight else { return vec![self.version] };
        match &flight.stage {
            Stage::Preparing { .. } => vec![flight.base],
            Stage::Executing { .. } => vec![flight.base, flight.version],
            Stage::Settling { .. } => vec![flight.version],
            Stage::Reverting { owing, .. } if !owing.is_empty() => Vec::new(),
            Stage::Reverting { .. } => vec![flight.base],
        }
    }

    fn joins_at(&self) -> String {
        match self.versions_to_join_at().as_slice() {
            [] => {
                "no node can become active until clients have stepped back from the version in flight".to_owned()
            }
            [one] => format!("nodes become active at version {one} now"),
            [one, other, ..] => format!("nodes become active at version {one} or {other} now"),
        }
    }
}

/// What a node that becomes active in the middle of a step already has of it.
fn enter_flight(state: &mut State, id: NodeId, version: Version, fingerprint: &Fingerprint) {
    match &mut state.in_flight {
        Some(InFlight { stage: Stage::Executing { executed, .. }, version: made, .. }) if *made == version => {
            let execution = Execution { fingerprint: fingerprint.clone(), measurement: Measurement::default() };
            executed.entry(id).or_insert(execution);
        }
        // Its database was put back, e.g. restored from a backup: what it executed before is not there any more.
        Some(InFlight { stage: Stage::Executing { executed, .. }, .. }) => {
            executed.remove(&id);
        }
        Some(InFlight { stage: Stage::Reverting { reverted, .. }, .. }) => {
            reverted.insert(id);
        }
        _ => {}
    }
}

pub(super) fn report_drift(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    reason: &str,
    drift: Option<&Drift>,
) -> Result<Reply, Refusal> {
    context.require_agent("report for a node")?;
    state.node_mut(id)?;
    quarantine(state, context, id, reason.to_owned(), drift.cloned());
    Ok(Reply::Done)
}

/// Every gate that moves forward stops until the node is mended or removed.
pub(super) fn quarantine(
    state: &mut State,
    context: &mut Context<'_>,
    id: NodeId,
    reason: String,
    drift: Option<Drift>,
) {
    let Some(node) = state.nodes.get_mut(&id) else { return };
    let since = match node.status {
        Status::Quarantined { since, .. } => since,
        _ => context.at,
    };
    node.status = Status::Quarantined { reason, since, drift };
    context.events.push(Event::NodeQuarantined { node: id });
    if let Some(InFlight { stage: Stage::Preparing { reports }, .. }) = &mut state.in_flight {
        // What it said of its readiness was said of another schema.
        reports.remove(&id);
    }
}
