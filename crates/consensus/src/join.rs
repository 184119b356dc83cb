//! Becoming a member: the first agent bootstraps, all others ask to be let in.

use crate::consensus::Inner;
use crate::peers::Client;
use crate::{Error, Proposal};
use lockstep_core::command::{Actor, Role};
use lockstep_core::node::Candidate;
use lockstep_core::{Command, NodeId, Refusal, Reply, RequestId};
use lockstep_proto::v1;
use lockstep_storage::Identity;
use serde::{Deserialize, Serialize};
use sha2::Digest;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The id under which the first agent initialises Raft. Entries 0 and 1 are Raft's own, so no join can ever get it.
pub(crate) const FIRST_NODE: NodeId = NodeId(1);
/// The store's name for the request that an agent has sent and not seen answered.
const PENDING: &str = "join_request";
/// How often a request is passed on before somebody has to be the leader.
const HOPS_MAX: u32 = 3;
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// What a new agent asks. Kept until it is answered, so that a repeat is the same request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JoinRequest {
    request: RequestId,
    candidate: Candidate,
    /// Only the leader turns it into the hash that the state holds.
    secret: String,
    replace: bool,
}

/// What it is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JoinAnswer {
    Joined {
        node: NodeId,
        cluster_id: String,
    },
    Refused(Refusal),
    /// Nobody decided; ask again.
    Later(String),
}

/// Lower-case hex SHA-256 of a join token's secret, as [`Command::IssueJoinToken`] wants it.
#[must_use]
pub fn token_hash(secret: &str) -> String {
    sha2::Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a cluster with this agent as its first member; goes on where an interrupted call left off.
pub(crate) async fn bootstrap(
    inner: &Arc<Inner>,
    cluster_id: &str,
    candidate: Candidate,
) -> Result<NodeId, Error> {
    let identity =
        Identity { cluster_id: cluster_id.to_owned(), node_id: FIRST_NODE.0, name: candidate.name.clone() };
    check_unused(inner, &identity)?;
    inner.store.set_identity(&identity).await?;
    let running = inner.run_as(identity).await?;
    let member = (&candidate.addresses).into();
    if !running.raft.is_initialized().await.map_err(Error::stopped)? {
        let members = std::collections::BTreeMap::from([(FIRST_NODE.0, member)]);
        running.raft.initialize(members).await.map_err(Error::stopped)?;
    }
    let command =
        Command::Bootstrap { cluster_id: cluster_id.to_owned(), node: FIRST_NODE, candidate: candidate.clone() };
    let request = Some(RequestId(format!("bootstrap-{cluster_id}")));
    let committed = inner.propose(Proposal { request, actor: agent(&candidate), command }).await?;
    match committed.result {
        Ok(_) => Ok(FIRST_NODE),
        Err(Refusal::AlreadyBootstrapped { cluster_id: found }) if found == cluster_id => Ok(FIRST_NODE),
        Err(refusal) => Err(refusal.into()),
    }
}

fn check_unused(inner: &Inner, wanted: &Identity) -> Result<(), Error> {
    match inner.store.identity() {
        Some(found) if found != *wanted => {
            Err(Error::OtherCluster { found: found.cluster_id, wanted: wanted.cluster_id.clone() })
        }
        _ => Ok(()),
    }
}

fn agent(candidate: &Candidate) -> Actor {
    Actor { name: format!("node {}", candidate.name), role: Role::Agent }
}

/// Asks the members at `via`, one after the other, until one gives an answer.
pub(crate) async fn join(
    inner: &Arc<Inner>,
    via: &[String],
    candidate: Candidate,
    secret: &str,
    replace: bool,
) -> Result<NodeId, Error> {
    if let Some(identity) = inner.store.identity() {
        let node = NodeId(identity.node_id);
        inner.run_as(identity).await?;
        return Ok(node);
    }
    let name = candidate.name.clone();
    let (node, cluster_id) = ask_to_join(inner, via, candidate, secret, replace).await?;
    let identity = Identity { cluster_id, node_id: node.0, name };
    // Durable before the first Raft call: this id must never be lost or used twice.
    inner.store.set_identity(&identity).await?;
    inner.store.put_meta(PENDING, Vec::new()).await?;
    inner.run_as(identity).await?;
    Ok(node)
}

/// An answer to an earlier request may have been lost: that one is repeated first, or this agent could become two nodes.
async fn ask_to_join(
    inner: &Inner,
    via: &[String],
    candidate: Candidate,
    secret: &str,
    replace: bool,
) -> Result<(NodeId, String), Error> {
    let stored = inner.store.meta(PENDING).filter(|stored| !stored.is_empty());
    if let Some(pending) = stored.and_then(|stored| serde_json::from_slice::<JoinRequest>(&stored).ok()) {
        let same = pending.candidate == candidate && pending.secret == secret && pending.replace == replace;
        match ask_until_answered(inner, via, &pending).await? {
            Err(refusal) if same => return forget_pending(inner, refusal).await,
            Err(_) => {}
            Ok(joined) => return Ok(joined),
        }
    }
    let request = RequestId(format!("join-{}", uuid::Uuid::new_v4()));
    let request = JoinRequest { request, candidate, secret: secret.to_owned(), replace };
    let bytes = serde_json::to_vec(&request).map_err(Error::stopped)?;
    inner.store.put_meta(PENDING, bytes).await?;
    match ask_until_answered(inner, via, &request).await? {
        Ok(joined) => Ok(joined),
        Err(refusal) => forget_pending(inner, refusal).await,
    }
}

/// What was refused may be mended: the next request is a new one.
async fn forget_pending<Never>(inner: &Inner, refusal: Refusal) -> Result<Never, Error> {
    inner.store.put_meta(PENDING, Vec::new()).await?;
    Err(refusal.into())
}

async fn ask_until_answered(
    inner: &Inner,
    via: &[String],
    request: &JoinRequest,
) -> Result<Result<(NodeId, String), Refusal>, Error> {
    let deadline = Instant::now() + inner.config.join_timeout;
    loop {
        let mut last = Error::Config { problem: "no member to join through is given".to_owned() };
        for address in via {
            match ask(inner, address, 0, request, 0).await {
                Ok(JoinAnswer::Later(reason)) => last = Error::Peer { address: address.clone(), reason },
                Ok(JoinAnswer::Joined { node, cluster_id }) => return Ok(Ok((node, cluster_id))),
                Ok(JoinAnswer::Refused(refusal)) => return Ok(Err(refusal)),
                Err(error) => last = error,
            }
        }
        if Instant::now() >= deadline || via.is_empty() {
            return Err(last);
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

async fn ask(
    inner: &Inner,
    address: &str,
    target: u64,
    request: &JoinRequest,
    hops: u32,
) -> Result<JoinAnswer, Error> {
    let peer = |reason: String| Error::Peer { address: address.to_owned(), reason };
    let payload = serde_json::to_vec(request).map_err(Error::stopped)?.into();
    let message = v1::JoinClusterRequest { header: Some(inner.peers.header(target)), payload, hops };
    let call = |mut client: Client| async move { client.join_cluster(message).await };
    // The member called proposes with its own time-out; this one must not be shorter.
    let deadline = inner.config.request_timeout * 2;
    let answer = inner.peers.call(address, deadline, call).await.map_err(|error| peer(error.to_string()))?;
    serde_json::from_slice(&answer.payload).map_err(|error| peer(error.to_string()))
}

/// The member's side: decides when it leads, else passes the request on to the leader.
pub(crate) async fn answer(inner: &Arc<Inner>, request: JoinRequest, hops: u32) -> JoinAnswer {
    let Ok(running) = inner.running() else { return JoinAnswer::Later("not a member".to_owned()) };
    let leader = running.leader();
    match leader {
        None => JoinAnswer::Later("no leader is known".to_owned()),
        Some(leader) if leader == running.identity.node_id => decide(inner, request).await,
        Some(_) if hops >= HOPS_MAX => JoinAnswer::Later("the leader is changing".to_owned()),
        Some(leader) => match inner.peer_address(leader) {
            None => JoinAnswer::Later(format!("the address of the leader, node {leader}, is unknown")),
            Some(address) => match ask(inner, &address, leader, &request, hops + 1).await {
                Ok(answer) => answer,
                Err(error) => JoinAnswer::Later(error.to_string()),
            },
        },
    }
}

async fn decide(inner: &Arc<Inner>, request: JoinRequest) -> JoinAnswer {
    let JoinRequest { request, candidate, secret, replace } = request;
    let actor = agent(&candidate);
    let command = Command::JoinNode { candidate, token_hash: token_hash(&secret), replace };
    let committed = match inner.propose(Proposal { request: Some(request), actor, command }).await {
        Ok(committed) => committed,
        Err(error) => return JoinAnswer::Later(error.to_string()),
    };
    match committed.result {
        Ok(Reply::Joined { node, cluster_id }) => JoinAnswer::Joined { node, cluster_id },
        Ok(other) => JoinAnswer::Later(format!("unexpected reply {other:?}")),
        Err(refusal) => JoinAnswer::Refused(refusal),
    }
}
