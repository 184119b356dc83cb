//! The peer service: what this agent answers to other agents.

use crate::consensus::{Inner, Running};
use crate::format;
use crate::network::SnapshotHead;
use crate::peers::{MESSAGE_BYTES_MAX, REFUSED_KEY, Refused};
use crate::raft::Snapshot;
use crate::snapshot::Body;
use crate::{Error, Proposal, append, join, propose};
use bytes::Bytes;
use lockstep_core::{Command, NodeId};
use lockstep_proto::v1;
use lockstep_proto::v1::peer_service_server::{PeerService, PeerServiceServer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::metadata::MetadataValue;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

type Answer<Message> = Result<Response<Message>, Status>;

/// Calls that one peer may have in flight. A peer uses a handful; this bounds what a broken one can cost.
const STREAMS_MAX: u32 = 1_024;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) inner: Arc<Inner>,
}

/// Serves until consensus shuts down.
pub(crate) async fn serve(inner: Arc<Inner>, listener: TcpListener) {
    let stop = inner.stop.clone().cancelled_owned();
    let service = PeerServiceServer::new(Service { inner })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    // The server's own setting of it would not reach sockets that it did not accept itself.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder()
        .max_concurrent_streams(STREAMS_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .add_service(service);
    if let Err(error) = server.serve_with_incoming_shutdown(incoming, stop).await {
        tracing::error!(%error, "the peer port failed; other agents cannot reach this one until it is restarted");
    }
}

impl Service {
    /// Refuses calls that are meant for another cluster or node, and calls of removed nodes.
    pub(crate) fn admit(&self, header: Option<&v1::PeerHeader>) -> Result<&Running, Status> {
        let header = header.ok_or_else(|| Status::invalid_argument("the call has no header"))?;
        let running = self.running()?;
        let identity = &running.identity;
        if header.cluster_id != identity.cluster_id {
            let text = format!(
                "this agent belongs to cluster {}, the call is from cluster {}: correct the peer addresses",
                identity.cluster_id, header.cluster_id
            );
            return Err(refuse(Refused::WrongCluster, text));
        }
        if header.target_node_id != identity.node_id {
            let text = format!(
                "this agent is node {}, the call is for node {}: a node whose data was lost joins as a new one",
                identity.node_id, header.target_node_id
            );
            return Err(refuse(Refused::WrongNode, text));
        }
        if self.inner.is_removed(header.sender_node_id) {
            let text =
                format!("node {} has been removed from cluster {}", header.sender_node_id, identity.cluster_id);
            return Err(refuse(Refused::SenderRemoved, text));
        }
        Ok(running)
    }

    fn running(&self) -> Result<&Arc<Running>, Status> {
        self.check_reachable()?;
        let not_member = |_| refuse(Refused::NotMember, "this agent is not yet a member of a cluster".to_owned());
        self.inner.running().map_err(not_member)
    }

    fn check_reachable(&self) -> Result<(), Status> {
        self.inner.peers.check_reachable().map_err(|error| Status::unavailable(error.to_string()))
    }
}

fn refuse(refused: Refused, text: String) -> Status {
    let mut status = Status::failed_precondition(text);
    status.metadata_mut().insert(REFUSED_KEY, MetadataValue::from_static(refused.name()));
    status
}

#[tonic::async_trait]
impl PeerService for Service {
    type AppendEntriesStream = append::Answers;

    async fn append_entries(
        &self,
        request: Request<Streaming<v1::AppendEntriesRequest>>,
    ) -> Answer<Self::AppendEntriesStream> {
        let running = Arc::clone(self.running()?);
        Ok(Response::new(append::answers(self.clone(), running, request.into_inner())))
    }

    async fn request_vote(&self, request: Request<v1::RequestVoteRequest>) -> Answer<v1::RequestVoteResponse> {
        let request = request.into_inner();
        let raft = &self.admit(request.header.as_ref())?.raft;
        let payload = encode(&raft.vote(decode(&request.payload)?).await.map_err(failed)?)?;
        Ok(Response::new(v1::RequestVoteResponse { payload }))
    }

    async fn request_pre_vote(
        &self,
        request: Request<v1::RequestPreVoteRequest>,
    ) -> Answer<v1::RequestPreVoteResponse> {
        let request = request.into_inner();
        let raft = &self.admit(request.header.as_ref())?.raft;
        let payload = encode(&raft.pre_vote(decode(&request.payload)?).await.map_err(failed)?)?;
        Ok(Response::new(v1::RequestPreVoteResponse { payload }))
    }

    async fn transfer_leadership(
        &self,
        request: Request<v1::TransferLeadershipRequest>,
    ) -> Answer<v1::TransferLeadershipResponse> {
        let request = request.into_inner();
        let raft = &self.admit(request.header.as_ref())?.raft;
        let payload = encode(&raft.handle_transfer_leader(decode(&request.payload)?).await.map_err(failed)?)?;
        Ok(Response::new(v1::TransferLeadershipResponse { payload }))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<v1::InstallSnapshotRequest>>,
    ) -> Answer<v1::InstallSnapshotResponse> {
        let mut parts = request.into_inner();
        let Some(v1::install_snapshot_request::Part::Description(description)) = next_part(&mut parts).await?
        else {
            return Err(Status::invalid_argument("a snapshot begins with its description"));
        };
        let raft = &self.admit(description.header.as_ref())?.raft;
        let head: SnapshotHead = decode(&description.payload)?;
        let meta = format::decode_snapshot_meta(head.meta.as_bytes()).map_err(failed)?;
        let mut writer = self.inner.store.begin_snapshot(head.meta.into_bytes()).map_err(failed)?;
        let mut received = 0;
        while let Some(part) = next_part(&mut parts).await? {
            let v1::install_snapshot_request::Part::Chunk(chunk) = part else {
                return Err(Status::invalid_argument("a snapshot has one description"));
            };
            received += chunk.len() as u64;
            writer.write(&chunk).await.map_err(failed)?;
        }
        if received != description.size_bytes {
            let expected = description.size_bytes;
            return Err(Status::data_loss(format!("the snapshot has {received} bytes instead of {expected}")));
        }
        let snapshot = Snapshot { meta, snapshot: Body::Received(writer) };
        let payload = encode(&raft.install_full_snapshot(head.vote, snapshot).await.map_err(failed)?)?;
        Ok(Response::new(v1::InstallSnapshotResponse { payload }))
    }

    async fn forward_proposals(
        &self,
        request: Request<v1::ForwardProposalsRequest>,
    ) -> Answer<v1::ForwardProposalsResponse> {
        let request = request.into_inner();
        self.admit(request.header.as_ref())?;
        let sender = request.header.as_ref().map_or(0, |header| header.sender_node_id);
        let proposals =
            request.proposals.iter().map(|proposal| decode(proposal)).collect::<Result<Vec<Proposal>, _>>()?;
        for proposal in &proposals {
            if let Command::MoveNode { node, addresses } = &proposal.command
                && node.0 == sender
            {
                self.inner.hear_move(sender, &addresses.peer);
            }
        }
        let outcomes = propose::commit_here(&self.inner, proposals).await;
        let outcomes = outcomes.iter().map(encode).collect::<Result<_, _>>()?;
        Ok(Response::new(v1::ForwardProposalsResponse { outcomes }))
    }

    async fn join_cluster(&self, request: Request<v1::JoinClusterRequest>) -> Answer<v1::JoinClusterResponse> {
        self.check_reachable()?;
        let request = request.into_inner();
        let wanted = request.header.unwrap_or_default().cluster_id;
        let running = self.inner.running().map_err(|error| refuse(Refused::NotMember, error.to_string()))?;
        if !wanted.is_empty() && wanted != running.identity.cluster_id {
            let text = format!("this agent belongs to cluster {}, not to {wanted}", running.identity.cluster_id);
            return Err(refuse(Refused::WrongCluster, text));
        }
        let outcome = join::answer(&self.inner, decode(&request.payload)?, request.hops).await;
        Ok(Response::new(v1::JoinClusterResponse { payload: encode(&outcome)? }))
    }

    async fn read_index(&self, request: Request<v1::ReadIndexRequest>) -> Answer<v1::ReadIndexResponse> {
        self.admit(request.into_inner().header.as_ref())?;
        let index = self.inner.confirm().await.map_err(|error| match error {
            Error::NotLeader { .. } => Status::failed_precondition(error.to_string()),
            error => Status::unavailable(error.to_string()),
        })?;
        Ok(Response::new(v1::ReadIndexResponse { log_index: index.0 }))
    }

    async fn push_soft_state(
        &self,
        request: Request<v1::PushSoftStateRequest>,
    ) -> Answer<v1::PushSoftStateResponse> {
        let request = request.into_inner();
        let sender = NodeId(request.header.as_ref().map_or(0, |header| header.sender_node_id));
        self.admit(request.header.as_ref())?;
        self.inner.soft.received(sender, request.sequence, decode(&request.payload)?);
        Ok(Response::new(v1::PushSoftStateResponse {}))
    }

    async fn list_members(&self, request: Request<v1::ListMembersRequest>) -> Answer<v1::ListMembersResponse> {
        self.admit(request.into_inner().header.as_ref())?;
        let members = self.inner.replica.with_state(|state| {
            let member = |(id, node): (&NodeId, &lockstep_core::node::Node)| v1::PeerMember {
                node_id: id.0,
                peer_address: node.addresses.peer.clone(),
                client_address: node.addresses.client.clone(),
            };
            state.nodes().iter().map(member).collect()
        });
        let applied_log_index = self.inner.replica.applied().borrow().0;
        Ok(Response::new(v1::ListMembersResponse { applied_log_index, members }))
    }
}

async fn next_part(
    parts: &mut Streaming<v1::InstallSnapshotRequest>,
) -> Result<Option<v1::install_snapshot_request::Part>, Status> {
    match parts.message().await? {
        None => Ok(None),
        Some(message) => {
            message.part.map(Some).ok_or_else(|| Status::invalid_argument("an empty part of a snapshot"))
        }
    }
}

pub(crate) fn failed(error: impl std::fmt::Display) -> Status {
    Status::internal(error.to_string())
}

pub(crate) fn encode(value: &impl Serialize) -> Result<Bytes, Status> {
    serde_json::to_vec(value).map(Bytes::from).map_err(failed)
}

pub(crate) fn decode<Value: DeserializeOwned>(bytes: &[u8]) -> Result<Value, Status> {
    serde_json::from_slice(bytes).map_err(|error| Status::invalid_argument(format!("unreadable payload: {error}")))
}
