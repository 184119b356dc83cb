//! The cluster as this agent sees it.

use super::Surroundings;
use super::gate::gate;
use super::member::member;
use lockstep_core::change::StepStatus;
use lockstep_core::in_flight::RevertReason;
use lockstep_core::node::Node;
use lockstep_core::{NodeId, State};
use lockstep_proto::view::{ClusterStatus, Health, Member, Warning};

/// The status; `None` before there is a cluster. `digest` makes the digest of the state, which costs.
pub(crate) fn status(
    state: &State,
    around: &Surroundings,
    digest: impl FnOnce(&State) -> String,
) -> Option<ClusterStatus> {
    let cluster = state.cluster()?;
    let members = members(state, around);
    let raft = around.status.as_ref();
    Some(ClusterStatus {
        cluster_id: cluster.id.clone(),
        engine: cluster.engine,
        leader: raft.and_then(|status| status.leader),
        term: raft.map_or(0, |status| status.term),
        this_node: raft.map_or(NodeId(0), |status| status.me),
        this_program_version: crate::PROGRAM_VERSION.to_owned(),
        warnings: warnings(around, &members).into_iter().chain(came_to_nothing(state)).collect(),
        members,
        settled_version: state.version(),
        announced_version: state.announced(),
        state_digest: digest(state),
        revision: state.applied(),
        version_spread: state.spread() as u64,
        sessions: state.sessions().len() as u64,
        gate: gate(state, around),
    })
}

/// All members, by name.
pub(crate) fn members(state: &State, around: &Surroundings) -> Vec<Member> {
    let mut nodes: Vec<&Node> = state.nodes().values().collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    nodes.into_iter().map(|node| member(node, around)).collect()
}

fn warnings(around: &Surroundings, members: &[Member]) -> Vec<Warning> {
    let stopped = around.status.as_ref().and_then(|status| status.stopped.as_ref());
    let mut warnings: Vec<Warning> = stopped
        .map(|reason| warning("consensus", reason, "mend the cause and restart this agent"))
        .into_iter()
        .chain(around.clock_warning.as_ref().map(|text| clock("this machine", text)))
        .collect();
    for member in members {
        let told = around.heard.get(&member.node.id).map(|heard| &heard.told);
        let is_me = around.status.as_ref().is_some_and(|status| status.me == member.node.id);
        let text = told.and_then(|told| told.clock_warning.as_ref()).filter(|_| !is_me);
        warnings.extend(text.map(|text| clock(&format!("node {}", member.node.name), text)));
        if member.health == Health::Unreachable {
            let message = format!("node {}: {}", member.node.name, member.health_message);
            warnings.push(warning("unreachable", &message, "start its agent, or mend the network to it"));
        }
    }
    warnings.extend(version_skew(around, members));
    warnings
}

/// The newest version was undone without anybody having asked for that: nothing waits, and yet somebody must look.
fn came_to_nothing(state: &State) -> Option<Warning> {
    let entry = state.version_log().last()?;
    let StepStatus::Reverted { reason, .. } = &state.record_of(entry).status else { return None };
    let change = &state.changes()[&entry.change];
    if matches!(reason, RevertReason::Cancelled { .. }) || !change.status(false).is_final() {
        return None;
    }
    let name = &change.name;
    let step = &state.record_of(entry).step.name;
    let message = format!("change {name} was reverted at step {step}: {reason}");
    let remedy = format!("mend that, then: lockstep change retry {name}");
    Some(warning("reverted", &message, &remedy))
}

fn clock(whose: &str, text: &str) -> Warning {
    let remedy = "set the machine's clock right (NTP); stamps go on by the monotonic clock meanwhile";
    warning("clock", &format!("{whose}: {text}"), remedy)
}

/// Agents of several releases side by side: fine during an upgrade, a nuisance if it stays so.
fn version_skew(around: &Surroundings, members: &[Member]) -> Option<Warning> {
    let release_of = |member: &Member| {
        let release = &around.heard.get(&member.node.id)?.told.program_version;
        (!release.is_empty()).then(|| (member.node.name.clone(), release.clone()))
    };
    let releases: Vec<(String, String)> = members.iter().filter_map(release_of).collect();
    let (_, first) = releases.first()?;
    if releases.iter().all(|(_, release)| release == first) {
        return None;
    }
    let list: Vec<String> = releases.iter().map(|(name, release)| format!("{name} {release}")).collect();
    let message = format!("agents run different releases: {}", list.join(", "));
    Some(warning("version_skew", &message, "finish the upgrade: one agent after the other"))
}

fn warning(kind: &str, message: &str, remedy: &str) -> Warning {
    Warning { kind: kind.to_owned(), message: message.to_owned(), remedy: remedy.to_owned() }
}
