//! Appends from a leader to one member: a call that is a stream, and both of its ends.
//!
//! Requests are sent ahead of the answers to earlier ones, and only so many of them. What goes wrong ends the stream; openraft
//! then begins another one where the last answer left off.

use crate::consensus::Running;
use crate::format;
use crate::network::{self, Connection, RpcError};
use crate::peers::CallError;
use crate::raft::{LogId, TypeConfig, Vote};
use crate::service::{self, Service};
use bytes::Bytes;
use futures_util::future::ready;
use futures_util::{Stream, StreamExt, TryFutureExt, stream};
use lockstep_proto::v1;
use openraft::RPCTypes;
use openraft::base::BoxStream;
use openraft::errors::NetworkError;
use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

/// Requests without an answer. Each carries up to 1 MiB of entries.
const IN_FLIGHT_MAX: usize = 16;

type Request = AppendEntriesRequest<TypeConfig>;
type Answer = Result<StreamAppendResult<TypeConfig>, RpcError>;

/// What the sending end gives to openraft.
pub(crate) type AppendAnswers<'connection> = BoxStream<'connection, Answer>;
/// What the receiving end gives to the caller.
pub(crate) type Answers = BoxStream<'static, Result<v1::AppendEntriesResponse, Status>>;

/// A request but for its entries, which travel as they are stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) vote: Vote,
    pub(crate) prev_log_id: Option<LogId>,
    pub(crate) leader_commit: Option<LogId>,
}

/// The sending end.
struct Sender<'connection, Requests> {
    connection: &'connection Connection,
    /// Of the called agent.
    address: String,
    requests: Requests,
    /// Into the call; `None` once there are no more requests.
    call: Option<mpsc::Sender<v1::AppendEntriesRequest>>,
    answers: Answers,
    /// For the first message.
    header: Option<v1::PeerHeader>,
    /// How long to wait for a request without entries. It is a heartbeat, or as good as one: worthless when late.
    heartbeat_timeout: Duration,
    /// How long each answer to come, and the end of the stream after the last one, may take once it is the next.
    timeouts: VecDeque<Duration>,
    /// When the first of them became the next.
    waiting_since: Instant,
}

/// Sends the requests as they come. The call is made when the first answer is asked for, and ends with the returned stream.
pub(crate) fn send<Requests>(
    connection: &Connection,
    requests: Requests,
    heartbeat_timeout: Duration,
) -> Result<AppendAnswers<'_>, RpcError>
where
    Requests: Stream<Item = Request> + Send + Unpin + 'static,
{
    let address = connection.address();
    let client = connection.network.peers.client(&address);
    let mut client = client.map_err(|error| connection.error(error, RPCTypes::AppendEntries))?;
    // Holds all that may be in flight, so that nobody has to wait for room in it.
    let (call, messages) = mpsc::channel(IN_FLIGHT_MAX);
    let answers =
        async move { client.append_entries(ReceiverStream::new(messages)).await.map(Response::into_inner) };
    let sender = Sender {
        connection,
        address,
        requests,
        call: Some(call),
        answers: answers.try_flatten_stream().boxed(),
        header: Some(connection.header()),
        heartbeat_timeout,
        timeouts: VecDeque::new(),
        waiting_since: Instant::now(),
    };
    Ok(sender.into_answers())
}

impl<'connection, Requests: Stream<Item = Request> + Send + Unpin + 'static> Sender<'connection, Requests> {
    /// Ends with the first answer that is not a success.
    fn into_answers(self) -> AppendAnswers<'connection> {
        let next = async |sender: Option<Self>| {
            let mut sender = sender?;
            let answer = sender.next().await?;
            let goes_on = matches!(answer, Ok(Ok(_)));
            Some((answer, goes_on.then_some(sender)))
        };
        stream::unfold(Some(self), next).boxed()
    }

    async fn next(&mut self) -> Option<Answer> {
        loop {
            let takes_requests = self.call.is_some() && self.timeouts.len() < IN_FLIGHT_MAX;
            let (timeout, since) = (self.timeouts.front().copied(), self.waiting_since);
            tokio::select! {
                biased;
                request = self.requests.next(), if takes_requests => {
                    if let Err(error) = self.send(request) {
                        return Some(Err(error));
                    }
                }
                answer = self.answers.next() => return self.receive(answer),
                timeout = late(timeout, since) => return Some(Err(self.error(CallError::Deadline(timeout)))),
            }
        }
    }

    fn send(&mut self, request: Option<Request>) -> Result<(), RpcError> {
        self.connection.network.peers.check_reachable().map_err(|error| self.error(error))?;
        let Some((request, call)) = request.zip(self.call.as_ref()) else {
            self.call = None;
            self.await_within(self.heartbeat_timeout);
            return Ok(());
        };
        // Entries must not be sent again because of a slow disk.
        let is_heartbeat = request.entries.is_empty();
        let timeout = if is_heartbeat { self.heartbeat_timeout } else { self.connection.network.transfer_timeout };
        // Of a call that has ended the answers tell why.
        let _ = call.try_send(encode(self.header.take(), request)?);
        self.await_within(timeout);
        Ok(())
    }

    fn await_within(&mut self, timeout: Duration) {
        if self.timeouts.is_empty() {
            self.waiting_since = Instant::now();
        }
        self.timeouts.push_back(timeout);
    }

    fn receive(&mut self, answer: Option<Result<v1::AppendEntriesResponse, Status>>) -> Option<Answer> {
        self.timeouts.pop_front();
        self.waiting_since = Instant::now();
        match answer {
            Some(Ok(answer)) => Some(network::decode(&answer.payload)),
            Some(Err(status)) => Some(Err(self.error(self.connection.network.peers.classify(&status)))),
            None if self.call.is_none() && self.timeouts.is_empty() => None,
            None => Some(Err(self.error(CallError::Unknown("the called agent ended the stream".to_owned())))),
        }
    }

    fn error(&self, error: CallError) -> RpcError {
        self.connection.network.peers.call_failed(&self.address);
        self.connection.error(error, RPCTypes::AppendEntries)
    }
}

/// Returns the time-out when it is over; never, when nothing is awaited.
async fn late(timeout: Option<Duration>, since: Instant) -> Duration {
    let Some(timeout) = timeout else { return std::future::pending().await };
    tokio::time::sleep_until(since + timeout).await;
    timeout
}

fn encode(header: Option<v1::PeerHeader>, request: Request) -> Result<v1::AppendEntriesRequest, RpcError> {
    let AppendEntriesRequest { vote, prev_log_id, entries, leader_commit } = request;
    let payload = network::encode(&Head { vote, prev_log_id, leader_commit })?;
    let entries = entries.iter().map(|entry| format::encode_entry(entry).map(Bytes::from));
    let entries = entries.collect::<std::io::Result<_>>().map_err(|error| NetworkError::new(&error))?;
    Ok(v1::AppendEntriesRequest { header, payload, entries })
}

/// The receiving end.
struct Receiver {
    service: Service,
    /// Of the first message.
    header: Option<v1::PeerHeader>,
    messages: Streaming<v1::AppendEntriesRequest>,
    /// Why there are no more requests; openraft only takes requests.
    refuse: oneshot::Sender<Status>,
}

/// Answers the requests until the caller ends the stream, one of them is refused, or consensus stops.
pub(crate) fn answers(
    service: Service,
    running: Arc<Running>,
    messages: Streaming<v1::AppendEntriesRequest>,
) -> Answers {
    let stop = service.inner.stop.clone().cancelled_owned();
    let (refuse, mut refused) = oneshot::channel();
    let receiver = Receiver { service, header: None, messages, refuse };
    let requests = stream::unfold(receiver, Receiver::next).take_until(stop);
    let answers = running.raft.stream_append(requests).map(move |answer| {
        let answer = answer.map_err(service::failed)?;
        if !matches!(answer, Err(StreamAppendError::HigherVote(_))) {
            running.hear_leader();
        }
        Ok(v1::AppendEntriesResponse { payload: service::encode(&answer)? })
    });
    let refusal = stream::once(async move { refused.try_recv().ok().map(Err) }).filter_map(ready);
    answers.chain(refusal).boxed()
}

impl Receiver {
    async fn next(mut self) -> Option<(Request, Self)> {
        match self.receive().await {
            Ok(request) => Some((request?, self)),
            Err(status) => {
                // The caller may be gone.
                let _ = self.refuse.send(status);
                None
            }
        }
    }

    /// Each message passes the door: the sender may have been removed since the one before.
    async fn receive(&mut self) -> Result<Option<Request>, Status> {
        let Some(message) = self.messages.message().await? else { return Ok(None) };
        self.header = self.header.take().or(message.header);
        self.service.admit(self.header.as_ref())?;
        let Head { vote, prev_log_id, leader_commit } = service::decode(&message.payload)?;
        let entries = message.entries.iter().map(|entry| format::decode_entry(entry));
        let entries =
            entries.collect::<Result<_, _>>().map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Some(AppendEntriesRequest { vote, prev_log_id, entries, leader_commit }))
    }
}

#[cfg(test)]
mod tests;
