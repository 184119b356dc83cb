use super::*;
use crate::Config;
use crate::machine::Replica;
use crate::network::Network;
use crate::peers::Peers;
use crate::raft::Member;
use futures_util::poll;
use openraft::EntryPayload;
use openraft::errors::RPCError;
use openraft::impls::leader_id_adv::LeaderId;
use openraft::network::RaftNetworkFactory;
use std::task::Poll;

const HEARTBEAT_TIMEOUT: Duration = Duration::from_millis(75);
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(5);
const LEADER: LeaderId<u64, u64> = LeaderId { term: 1, node_id: 1 };

async fn connection() -> Connection {
    let config = Config { transfer_timeout: TRANSFER_TIMEOUT, ..Config::default() };
    let (peers, replica) = (Arc::new(Peers::new(&config)), Arc::<Replica>::default());
    Network { peers, replica, transfer_timeout: config.transfer_timeout }.new_client(2, &Member::default()).await
}

/// The other end of the call.
struct Called {
    messages: mpsc::Receiver<v1::AppendEntriesRequest>,
    answers: mpsc::UnboundedSender<Result<v1::AppendEntriesResponse, Status>>,
}

impl Called {
    fn succeeds(&self) {
        let payload = service::encode(&StreamAppendResult::<TypeConfig>::Ok(None)).expect("encoded");
        self.answers.send(Ok(v1::AppendEntriesResponse { payload })).expect("still open");
    }
}

fn begin<Requests>(connection: &Connection, requests: Requests) -> (AppendAnswers<'_>, Called)
where
    Requests: Stream<Item = Request> + Send + Unpin + 'static,
{
    let (call, messages) = mpsc::channel(IN_FLIGHT_MAX);
    let (answers, received) = mpsc::unbounded_channel();
    let sender = Sender {
        connection,
        address: connection.address(),
        requests,
        call: Some(call),
        answers: tokio_stream::wrappers::UnboundedReceiverStream::new(received).boxed(),
        header: Some(connection.header()),
        heartbeat_timeout: HEARTBEAT_TIMEOUT,
        timeouts: VecDeque::new(),
        waiting_since: Instant::now(),
    };
    (sender.into_answers(), Called { messages, answers })
}

fn request(entries: u64) -> Request {
    let entry =
        |index| crate::raft::Entry { log_id: LogId { leader_id: LEADER, index }, payload: EntryPayload::Blank };
    let vote = Vote { leader_id: LEADER, committed: true };
    let entries = (1..=entries).map(entry).collect();
    AppendEntriesRequest { vote, prev_log_id: None, entries, leader_commit: None }
}

fn endless(requests: impl IntoIterator<Item = Request>) -> impl Stream<Item = Request> + Unpin {
    stream::iter(requests.into_iter().collect::<Vec<_>>()).chain(stream::pending())
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_late_by_what_was_asked() {
    let cases: [(&[u64], Duration); 4] = [
        (&[0], HEARTBEAT_TIMEOUT),
        (&[1], TRANSFER_TIMEOUT),
        (&[1, 0], TRANSFER_TIMEOUT),
        (&[0, 1], HEARTBEAT_TIMEOUT),
    ];
    for (entries, expected) in cases {
        let connection = connection().await;
        let (mut answers, _called) = begin(&connection, endless(entries.iter().map(|count| request(*count))));
        let answer = answers.next().await;
        let Some(Err(RPCError::Timeout(late))) = answer else { panic!("{entries:?}: {answer:?}") };
        assert_eq!(late.timeout, expected, "{entries:?}");
        assert!(answers.next().await.is_none(), "an error ends the stream");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_begins_with_the_answer_before() {
    let connection = connection().await;
    let (mut answers, called) = begin(&connection, endless([request(1), request(1), request(0)]));
    for _ in 0..2 {
        assert!(tokio::time::timeout(TRANSFER_TIMEOUT * 3 / 4, answers.next()).await.is_err(), "not late yet");
        called.succeeds();
        assert!(matches!(answers.next().await, Some(Ok(Ok(None)))));
    }
    let answer = answers.next().await;
    assert!(
        matches!(&answer, Some(Err(RPCError::Timeout(late))) if late.timeout == HEARTBEAT_TIMEOUT),
        "{answer:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_is_not_late() {
    let connection = connection().await;
    let (mut answers, called) = begin(&connection, endless([request(0)]));
    called.succeeds();
    assert!(matches!(answers.next().await, Some(Ok(Ok(None)))));
    assert!(tokio::time::timeout(TRANSFER_TIMEOUT * 10, answers.next()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn requests_go_ahead_of_answers_only_so_far_and_one_has_the_header() {
    let connection = connection().await;
    let (mut answers, mut called) = begin(&connection, endless((0..IN_FLIGHT_MAX * 2).map(|_| request(1))));
    assert!(matches!(poll!(answers.next()), Poll::Pending));
    assert_eq!(called.messages.len(), IN_FLIGHT_MAX);
    assert!(called.messages.recv().await.expect("the first").header.is_some());
    assert!(called.messages.recv().await.expect("the second").header.is_none());
    called.succeeds();
    assert!(matches!(poll!(answers.next()), Poll::Ready(Some(Ok(Ok(None))))));
    assert!(matches!(poll!(answers.next()), Poll::Pending));
    assert_eq!(called.messages.len(), IN_FLIGHT_MAX - 1);
}

#[tokio::test(start_paused = true)]
async fn after_the_last_request_the_call_ends_and_so_does_the_stream() {
    let connection = connection().await;
    let (mut answers, mut called) = begin(&connection, stream::iter([request(0)]));
    called.succeeds();
    assert!(matches!(answers.next().await, Some(Ok(Ok(None)))));
    assert!(matches!(poll!(answers.next()), Poll::Pending), "the other end has not ended yet");
    assert!(called.messages.recv().await.is_some());
    assert!(called.messages.recv().await.is_none());
    drop(called);
    assert!(answers.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_by_itself_is_an_error() {
    let connection = connection().await;
    for requests in [vec![], vec![request(1)]] {
        let (mut answers, called) = begin(&connection, endless(requests));
        drop(called);
        assert!(matches!(answers.next().await, Some(Err(RPCError::Unreachable(_)))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_to_where_a_member_says_it_is_goes_to_where_it_was_next() {
    let connection = connection().await;
    let agreed = connection.address();
    connection.network.peers.moved(2, agreed.clone(), "elsewhere:1".to_owned());
    let (mut answers, called) = begin(&connection, endless([request(1)]));
    assert_eq!(connection.address(), "elsewhere:1");
    drop(called);
    assert!(matches!(answers.next().await, Some(Err(RPCError::Unreachable(_)))));
    assert_eq!(connection.address(), agreed);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_cut_off_sends_nothing() {
    let connection = connection().await;
    connection.network.peers.cut_off.store(true, std::sync::atomic::Ordering::SeqCst);
    let (mut answers, called) = begin(&connection, endless([request(1)]));
    assert!(matches!(answers.next().await, Some(Err(RPCError::Unreachable(_)))));
    assert_eq!(called.messages.len(), 0);
}
