//! openraft's network over the peer service.

use crate::append::{self, AppendAnswers};
use crate::format;
use crate::machine::Replica;
use crate::peers::{CallError, Peers};
use crate::raft::{Member, Snapshot, TypeConfig, Vote};
use crate::snapshot::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use lockstep_core::NodeId;
use lockstep_proto::v1;
use openraft::RPCTypes;
use openraft::base::BoxFuture;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption, RaftNetworkFactory,
};
use openraft::raft::{
    AppendEntriesRequest, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse, VoteRequest,
    VoteResponse,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

pub(crate) type RpcError = RPCError<TypeConfig>;

/// Pause before an unreachable member is called again; a member that comes back is found within this.
const UNREACHABLE_PAUSE: Duration = Duration::from_millis(200);
/// Chunks of a snapshot read ahead of the wire.
const CHUNKS_AHEAD: usize = 4;

/// Makes the connections to all members.
#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) peers: Arc<Peers>,
    pub(crate) replica: Arc<Replica>,
    pub(crate) transfer_timeout: Duration,
}

/// The connection to one member.
pub(crate) struct Connection {
    pub(crate) network: Network,
    target: u64,
    /// As the Raft membership has it; the state may know better.
    member: Member,
}

/// The head of a snapshot on the wire.
#[derive(Serialize, Deserialize)]
pub(crate) struct SnapshotHead {
    pub(crate) vote: Vote,
    /// As it is stored with the snapshot.
    pub(crate) meta: String,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, member: &Member) -> Connection {
        Connection { network: self.clone(), target, member: member.clone() }
    }
}

impl Connection {
    pub(crate) fn address(&self) -> String {
        let moved = |state: &lockstep_core::State| {
            state.nodes().get(&NodeId(self.target)).map(|node| node.addresses.peer.clone())
        };
        let agreed = self.network.replica.with_state(moved).unwrap_or_else(|| self.member.peer.clone());
        self.network.peers.address_of(self.target, agreed)
    }

    /// What openraft is told of a call that failed.
    pub(crate) fn error(&self, error: CallError, action: RPCTypes) -> RpcError {
        match error {
            CallError::Deadline(timeout) => {
                let id = self.network.peers.identity().map_or(0, |identity| identity.node_id);
                RPCError::Timeout(Timeout { action, id, target: self.target, timeout })
            }
            error => RPCError::Unreachable(Unreachable::new(&error)),
        }
    }

    async fn call<Answer: DeserializeOwned, Calling>(
        &self,
        action: RPCTypes,
        deadline: Duration,
        call: impl FnOnce(crate::peers::Client) -> Calling,
    ) -> Result<Answer, RpcError>
    where
        Calling: Future<Output = Result<Bytes, tonic::Status>>,
    {
        let address = self.address();
        let call = async |client| call(client).await.map(tonic::Response::new);
        let payload = self.network.peers.call(&address, deadline, call).await;
        decode(&payload.map_err(|error| self.error(error, action))?)
    }
}

impl NetStreamAppend<TypeConfig> for Connection {
    fn stream_append<'connection, Requests>(
        &'connection mut self,
        requests: Requests,
        option: RPCOption,
    ) -> BoxFuture<'connection, Result<AppendAnswers<'connection>, RpcError>>
    where
        Requests: Stream<Item = AppendEntriesRequest<TypeConfig>> + Send + Unpin + 'static,
    {
        Box::pin(ready(append::send(self, requests, option.soft_ttl())))
    }
}

impl NetVote<TypeConfig> for Connection {
    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let request = v1::RequestVoteRequest { header: Some(self.header()), payload: encode(&rpc)? };
        let call = |mut client: crate::peers::Client| async move {
            Ok(client.request_vote(request).await?.into_inner().payload)
        };
        self.call(RPCTypes::Vote, option.soft_ttl(), call).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let request = v1::RequestPreVoteRequest { header: Some(self.header()), payload: encode(&rpc)? };
        let call = |mut client: crate::peers::Client| async move {
            Ok(client.request_pre_vote(request).await?.into_inner().payload)
        };
        self.call(RPCTypes::Vote, option.soft_ttl(), call).await
    }
}

impl NetSnapshot<TypeConfig> for Connection {
    type SnapshotData = Body;

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let sending = self.send_snapshot(vote, snapshot);
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = sending => sent.map_err(Into::into),
        }
    }
}

impl NetTransferLeader<TypeConfig> for Connection {
    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        let request = v1::TransferLeadershipRequest { header: Some(self.header()), payload: encode(&rpc)? };
        let call = |mut client: crate::peers::Client| async move {
            Ok(client.transfer_leadership(request).await?.into_inner().payload)
        };
        self.call(RPCTypes::TransferLeader, option.soft_ttl(), call).await
    }
}

impl NetBackoff<TypeConfig> for Connection {
    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(UNREACHABLE_PAUSE)))
    }
}

impl Connection {
    pub(crate) fn header(&self) -> v1::PeerHeader {
        self.network.peers.header(self.target)
    }

    /// The deadline grows with the size: each chunk may take as long as a call with entries.
    async fn send_snapshot(
        &self,
        vote: Vote,
        snapshot: Snapshot,
    ) -> Result<SnapshotResponse<TypeConfig>, RpcError> {
        let Body::Stored(reader) = snapshot.snapshot else {
            return Err(NetworkError::from_string("only a stored snapshot can be sent").into());
        };
        let meta = format::encode_snapshot_meta(&snapshot.meta).map_err(|error| NetworkError::new(&error))?;
        let meta = String::from_utf8(meta).map_err(|error| NetworkError::new(&error))?;
        let payload = encode(&SnapshotHead { vote, meta })?;
        let description =
            v1::SnapshotDescription { header: Some(self.header()), payload, size_bytes: reader.bytes() };
        let deadline = self.network.transfer_timeout * (reader.chunk_count() + 1);
        let (parts, to_send) = mpsc::channel(CHUNKS_AHEAD);
        let reading = tokio::task::spawn_blocking(move || read_chunks(&reader, &parts));
        let first = v1::install_snapshot_request::Part::Description(description);
        let all = futures_util::stream::iter([first]).chain(ReceiverStream::new(to_send));
        let all = all.map(|part| v1::InstallSnapshotRequest { part: Some(part) });
        let call = |mut client: crate::peers::Client| async move {
            Ok(client.install_snapshot(all).await?.into_inner().payload)
        };
        let answer = self.call(RPCTypes::InstallSnapshot, deadline, call).await;
        reading.abort();
        answer
    }
}

/// A chunk that cannot be read ends the stream early; the receiver then misses bytes and refuses the snapshot.
fn read_chunks(
    reader: &lockstep_storage::SnapshotReader,
    parts: &mpsc::Sender<v1::install_snapshot_request::Part>,
) {
    for chunk in reader.chunks() {
        match chunk {
            Ok(chunk) => {
                if parts.blocking_send(v1::install_snapshot_request::Part::Chunk(chunk.into())).is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(%error, "cannot read the snapshot that another member needs");
                return;
            }
        }
    }
}

pub(crate) fn encode(value: &impl Serialize) -> Result<Bytes, RpcError> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| NetworkError::new(&error).into())
}

pub(crate) fn decode<Value: DeserializeOwned>(bytes: &[u8]) -> Result<Value, RpcError> {
    serde_json::from_slice(bytes).map_err(|error| NetworkError::new(&error).into())
}
