//! Accepting a schema that was changed by hand.
//!
//! All nodes that hold a version have the same schema: that is what every other rule builds on. So a hand-made change is accepted
//! only once every node has it; then it becomes what the version gives. The version log is not rewritten: a database that is
//! brought up from an older version meets the difference, is quarantined with it, and gets it by hand as well.

use super::Reply;
use crate::event::Event;
use crate::ids::NodeId;
use crate::in_flight::{InFlight, Stage};
use crate::node::{Fingerprint, Node, Status};
use crate::refusal::Refusal;
use crate::state::{Context, State, require_reason};

pub(super) fn accept(
    state: &mut State,
    context: &mut Context<'_>,
    name: &str,
    reason: &str,
) -> Result<Reply, Refusal> {
    let action = format!("accept the schema of node {name}");
    context.require_operator(&action)?;
    require_reason(reason, &action)?;
    let node = state.node_named(name).ok_or_else(|| Refusal::UnknownNode { name: name.to_owned() })?;
    if node.is_active() {
        // It has what it must have: accepted already, or mended meanwhile.
        return Ok(Reply::Done);
    }
    let refuse = |why: String| {
        Err(Refusal::WrongState {
            action: "accept the schema of node".to_owned(),
            subject: name.to_owned(),
            state: why,
        })
    };
    if !matches!(&state.in_flight, None | Some(InFlight { stage: Stage::Preparing { .. }, .. })) {
        return refuse("a step is half way; wait until it is settled or reverted".to_owned());
    }
    let Some(found) = found(node) else {
        return refuse("its agent has not told what schema it has; `lockstep node show` says why".to_owned());
    };
    if found.0 != state.version {
        return refuse(format!(
            "its database is at version {}, and the cluster at version {}; it must catch up first",
            found.0, state.version
        ));
    }
    let fingerprint = found.1.clone();
    let others = others(state, &fingerprint);
    if !others.is_empty() {
        return refuse(format!(
            "the nodes do not agree: {}; make the same change there and let the agents look at once (lockstep change retry), or undo it on {name} \
             (lockstep node repair {name})",
            others.join(", ")
        ));
    }
    state.accepted.insert(state.version, fingerprint.clone());
    activate(state, context, &fingerprint);
    context.record(state, action, reason, Vec::new());
    Ok(Reply::Done)
}

fn found(node: &Node) -> Option<(crate::ids::Version, &Fingerprint)> {
    match &node.status {
        Status::Quarantined { drift: Some(drift), .. } => Some((drift.version, &drift.fingerprint)),
        _ => None,
    }
}

fn has(state: &State, node: &Node, fingerprint: &Fingerprint) -> bool {
    found(node) == Some((state.version, fingerprint))
}

/// Nodes that count and have another schema, with what they have. One that catches up is compared when it arrives.
fn others(state: &State, fingerprint: &Fingerprint) -> Vec<String> {
    let differs =
        |node: &&Node| !matches!(node.status, Status::CatchingUp { .. }) && !has(state, node, fingerprint);
    let describe = |node: &Node| match found(node) {
        Some((version, schema)) => format!("{} has schema {schema} at version {version}", node.name),
        None => format!("{} has schema {} at version {}", node.name, node.fingerprint, node.version),
    };
    state.nodes.values().filter(differs).map(describe).collect()
}

fn activate(state: &mut State, context: &mut Context<'_>, fingerprint: &Fingerprint) {
    let version = state.version;
    let fitting: Vec<NodeId> =
        state.nodes.values().filter(|node| has(state, node, fingerprint)).map(|node| node.id).collect();
    for id in fitting {
        if let Some(node) = state.nodes.get_mut(&id) {
            node.status = Status::Active;
            node.version = version;
            node.fingerprint = fingerprint.clone();
            context.events.push(Event::NodeActivated { node: id });
        }
    }
}
