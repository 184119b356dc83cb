//! The cluster itself: bootstrap, join tokens, joining.

use super::Reply;
use crate::event::Event;
use crate::ids::{NodeId, Timestamp, Version};
use crate::node::{Candidate, Fingerprint, Node, Role, Status};
use crate::refusal::Refusal;
use crate::state::{Cluster, Context, State};

pub(super) fn bootstrap(
    state: &mut State,
    context: &mut Context<'_>,
    cluster_id: &str,
    node: NodeId,
    candidate: &Candidate,
) -> Result<Reply, Refusal> {
    context.require_agent("bootstrap a cluster")?;
    if let Some(cluster) = &state.cluster {
        return Err(Refusal::AlreadyBootstrapped { cluster_id: cluster.id.clone() });
    }
    if candidate.version != Version::BASELINE {
        return Err(foreign_ledger(candidate));
    }
    if candidate.role == Role::Replica {
        let reason = "a replica executes nothing, and the first node has nobody to follow";
        return Err(refuse(candidate, reason, "bootstrap the cluster with the agent of its primary"));
    }
    // Ids of later nodes are later log indexes: this one must be out of their way.
    if node.0 > context.index.0 {
        let reason = format!("its id {node} would be given again at log index {node}");
        return Err(refuse(candidate, &reason, "bootstrap with an id that is not above the log's present index"));
    }
    state.cluster = Some(Cluster {
        id: cluster_id.to_owned(),
        engine: candidate.engine,
        baseline: candidate.fingerprint.clone(),
        command_format: candidate.command_format,
        created_at: context.at,
    });
    add(state, context, node, candidate, Status::Active);
    context.record(state, format!("bootstrap cluster {cluster_id}"), "", Vec::new());
    context.events.push(Event::Bootstrapped);
    Ok(Reply::Joined { node, cluster_id: cluster_id.to_owned() })
}

pub(super) fn issue_join_token(
    state: &mut State,
    context: &mut Context<'_>,
    token_hash: &str,
    expires_at: Timestamp,
) -> Result<Reply, Refusal> {
    context.require_operator("issue a join token")?;
    let now = context.at;
    state.join_tokens.retain(|_, expiry| *expiry >= now);
    state.join_tokens.insert(token_hash.to_owned(), expires_at);
    context.record(state, "issue a join token".to_owned(), "", Vec::new());
    Ok(Reply::Done)
}

pub(super) fn join(
    state: &mut State,
    context: &mut Context<'_>,
    candidate: &Candidate,
    token_hash: &str,
    replace: bool,
) -> Result<Reply, Refusal> {
    require_token(state, context, candidate, token_hash)?;
    let cluster_id = require_fit(state, candidate)?;
    let replaced = require_free_name(state, candidate, replace)?;
    require_own_database(state, candidate, replaced)?;
    require_known_ledger(state, candidate)?;
    let holds_gates = replaced.and_then(|id| state.nodes.get(&id)).is_some_and(Node::counts);
    if let Some(replaced) = replaced {
        super::node::forget(state, context, replaced);
    }
    let node = NodeId(context.index.0);
    add(state, context, node, candidate, Status::CatchingUp { since: context.at, holds_gates });
    let place = replaced.map(|id| format!(" in place of #{id}")).unwrap_or_default();
    context.record(state, format!("node {} joins as #{node}{place}", candidate.name), "", Vec::new());
    Ok(Reply::Joined { node, cluster_id })
}

fn add(state: &mut State, context: &mut Context<'_>, id: NodeId, candidate: &Candidate, status: Status) {
    let node = Node {
        id,
        name: candidate.name.clone(),
        role: candidate.role,
        addresses: candidate.addresses.clone(),
        database_id: candidate.database_id.clone(),
        status,
        version: candidate.version,
        fingerprint: candidate.fingerprint.clone(),
        joined_at: context.at,
    };
    state.nodes.insert(id, node);
    context.events.push(Event::NodeJoined { node: id });
}

fn require_token(
    state: &State,
    context: &Context<'_>,
    candidate: &Candidate,
    token_hash: &str,
) -> Result<(), Refusal> {
    match state.join_tokens.get(token_hash) {
        Some(expires_at) if *expires_at >= context.at => Ok(()),
        Some(_) => Err(refuse(candidate, "its join token has expired", NEW_TOKEN)),
        None => Err(refuse(candidate, "the cluster has not issued its join token", NEW_TOKEN)),
    }
}

const NEW_TOKEN: &str = "get a new one with `lockstep cluster join-token`";

fn require_fit(state: &State, candidate: &Candidate) -> Result<String, Refusal> {
    let cluster = state.require_cluster()?;
    if candidate.engine != cluster.engine {
        return Err(Refusal::WrongEngine {
            subject: candidate.name.clone(),
            found: candidate.engine,
            expected: cluster.engine,
        });
    }
    if candidate.command_format < cluster.command_format {
        let reason = format!(
            "its program applies command format {} and the cluster writes {}",
            candidate.command_format, cluster.command_format
        );
        return Err(refuse(candidate, &reason, "install the release that the other agents run"));
    }
    Ok(cluster.id.clone())
}

fn require_free_name(state: &State, candidate: &Candidate, replace: bool) -> Result<Option<NodeId>, Refusal> {
    match (state.node_named(&candidate.name), replace) {
        (None, _) => Ok(None),
        (Some(node), true) => Ok(Some(node.id)),
        (Some(node), false) => Err(refuse(
            candidate,
            &format!("node #{} has that name", node.id),
            "choose another name, or join with `replace = true` if that node's data directory is lost for good",
        )),
    }
}

fn require_own_database(state: &State, candidate: &Candidate, replaced: Option<NodeId>) -> Result<(), Refusal> {
    let is_its = |node: &&Node| node.database_id == candidate.database_id && Some(node.id) != replaced;
    // Replicas have the ledger of their primary, and its id with it.
    let primary = state.nodes.values().filter(|node| node.role == Role::Primary).find(is_its);
    match (candidate.role, primary) {
        (Role::Primary, None) | (Role::Replica, Some(_)) => Ok(()),
        (Role::Replica, None) => Err(refuse(
            candidate,
            "the primary that it follows is no node of this cluster",
            "let the agent of its primary join first",
        )),
        (Role::Primary, Some(node)) => Err(refuse(
            candidate,
            &format!("its database is already served by node {}", node.name),
            "one database has one agent: give this one a database of its own, or remove that node first",
        )),
    }
}

fn require_known_ledger(state: &State, candidate: &Candidate) -> Result<(), Refusal> {
    if candidate.version != Version::BASELINE {
        match state.entry(candidate.version) {
            None => return Err(foreign_ledger(candidate)),
            Some(entry) if entry.hash != candidate.version_hash => return Err(foreign_ledger(candidate)),
            Some(_) => {}
        }
    }
    match state.expected_fingerprint(candidate.version) {
        Some(expected) if *expected != candidate.fingerprint => Err(Refusal::JoinRefused {
            node: candidate.name.clone(),
            reason: format!(
                "at version {} the cluster's schema is {expected} and this database has {}",
                candidate.version, candidate.fingerprint
            ),
            remedy: "make its schema equal to that of the other nodes at that version, then start the agent again"
                .to_owned(),
            compare_with: fitting(state, expected),
        }),
        _ => Ok(()),
    }
}

/// Where to see what the schema should be.
fn fitting(state: &State, expected: &Fingerprint) -> Option<String> {
    let node = state.nodes.values().find(|node| node.is_active() && node.fingerprint == *expected)?;
    Some(node.addresses.client.clone())
}

fn foreign_ledger(candidate: &Candidate) -> Refusal {
    refuse(
        candidate,
        &format!(
            "its database's ledger is at version {}, which is not in this cluster's version log",
            candidate.version
        ),
        "restore the database that belongs to this cluster, or point the agent at another one",
    )
}

fn refuse(candidate: &Candidate, reason: &str, remedy: &str) -> Refusal {
    Refusal::JoinRefused {
        node: candidate.name.clone(),
        reason: reason.to_owned(),
        remedy: remedy.to_owned(),
        compare_with: None,
    }
}
