//! Calls over several agents: who is asked next, under which request id, and what an error says.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod support;

use lockstep_client::{Client, Kind, Options, Outcome};
use lockstep_core::change::{Change, Spec, Status};
use lockstep_core::{ChangeId, Engine, LogIndex, Refusal, Timestamp};
use lockstep_proto::{status, view};
use std::time::Duration;
use support::{Fake, FrozenTime, options};
use tokio::net::TcpListener;

fn spec() -> Spec {
    let (name, description) = ("0042".to_owned(), String::new());
    Spec {
        name,
        engine: Engine::Sqlite,
        description,
        steps: Vec::new(),
        block_deadline_ms: 1,
        retention_ms: None,
        source: None,
        limits: Default::default(),
    }
}

/// Gives up soon, for calls that are to fail.
fn impatient(agents: &[&Fake]) -> Options {
    Options { retry_timeout: Duration::from_millis(200), ..options(agents) }
}

/// An address where nobody listens.
async fn deserted() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn dead_endpoint_is_passed_over() {
    let agent = Fake::start().await;
    let endpoints = [deserted().await, format!("http://{}/", agent.address())];
    let client = Client::connect(Options::new(endpoints, "tester")).await.unwrap();
    let submitted = client.submit(spec()).await.unwrap();
    assert_eq!((submitted.change, submitted.revision), (ChangeId(7), LogIndex(8)));
}

#[tokio::test]
async fn agent_that_hangs_is_passed_over() {
    let (hanging, agent) = (Fake::start().await, Fake::start().await);
    hanging.silence("submit_change");
    let options = Options { call_timeout: Duration::from_millis(100), ..options(&[&hanging, &agent]) };
    Client::connect(options).await.unwrap().submit(spec()).await.unwrap();
    let ids =
        [hanging.calls("submit_change"), agent.calls("submit_change")].map(|calls| calls[0].request_id.clone());
    assert_eq!(ids[0], ids[1], "the agent that hangs may have done it: only the same id is safe");
}

#[tokio::test]
async fn leader_hint_is_followed_and_remembered() {
    let (follower, bystander, leader) = (Fake::start().await, Fake::start().await, Fake::start().await);
    follower.refuse("submit_change", status::not_leader(Some(&leader.address())));
    // The leader is not among the endpoints: it is only known from the hint.
    let client = Client::connect(options(&[&follower, &bystander])).await.unwrap();
    client.submit(spec()).await.unwrap();
    client.approve("0042").await.unwrap();
    assert_eq!(leader.methods(), ["submit_change", "approve_change"]);
    assert_eq!((follower.methods().len(), bystander.methods().len()), (1, 0));
}

#[tokio::test]
async fn agents_that_point_at_each_other_do_not_loop_for_ever() {
    let (first, second) = (Fake::start().await, Fake::start().await);
    for _ in 0..1_000 {
        first.refuse("submit_change", status::not_leader(Some(&second.address())));
        second.refuse("submit_change", status::not_leader(Some(&first.address())));
    }
    let error = Client::connect(impatient(&[&first, &second])).await.unwrap().submit(spec()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.retryable()), (Kind::NotLeader, Outcome::Failed, true));
}

#[tokio::test(start_paused = true)]
async fn agents_that_point_at_each_other_are_asked_again_only_after_a_pause() {
    let _time = FrozenTime::new();
    let (first, second) = (Fake::start().await, Fake::start().await);
    for _ in 0..1_000 {
        first.refuse("submit_change", status::not_leader(Some(&second.address())));
        second.refuse("submit_change", status::not_leader(Some(&first.address())));
    }
    let client = Client::connect(options(&[&first, &second])).await.unwrap();
    tokio::spawn(async move { client.submit(spec()).await });
    first.called("submit_change", 1).await;
    // While this goes on, a client that does not pause calls again and again; for one that does, time stands still.
    let other = Client::connect(options(&[&second])).await.unwrap();
    for _ in 0..200 {
        other.approve("0042").await.unwrap();
    }
    assert!(first.calls("submit_change").len() <= 5, "{:?}", first.methods());
}

#[tokio::test]
async fn retries_reuse_the_request_id_and_calls_do_not() {
    let agent = Fake::start().await;
    agent.refuse("submit_change", status::outcome_unknown("leadership was lost"));
    agent.refuse("submit_change", status::no_quorum("no leader"));
    let client = Client::connect(options(&[&agent])).await.unwrap();
    client.submit(spec()).await.unwrap();
    client.submit(spec()).await.unwrap();
    let ids: Vec<String> = agent.calls("submit_change").into_iter().map(|call| call.request_id).collect();
    assert_eq!(ids.len(), 4);
    assert!(ids[0] == ids[1] && ids[1] == ids[2], "{ids:?}");
    assert_ne!(ids[2], ids[3]);
    assert_eq!(ids[0].chars().nth(14), Some('7'), "a version 7 UUID: {}", ids[0]);
}

#[tokio::test]
async fn refusal_is_final() {
    let agent = Fake::start().await;
    let refusal = Refusal::InvalidChange { name: "0042".into(), problem: "it has no steps".into() };
    agent.refuse("submit_change", status::from_refusal(&refusal));
    let error = Client::connect(options(&[&agent])).await.unwrap().submit(spec()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), error.retryable()), (Kind::Invalid, Outcome::Failed, false));
    assert!(error.to_string().contains("it has no steps"));
    assert_eq!(agent.methods().len(), 1);
}

#[tokio::test]
async fn giving_up_tells_that_an_earlier_attempt_may_have_worked() {
    let agent = Fake::start().await;
    agent.refuse("submit_change", status::outcome_unknown("leadership was lost"));
    (0..1_000).for_each(|_| agent.refuse("submit_change", status::no_quorum("no leader")));
    let error = Client::connect(impatient(&[&agent])).await.unwrap().submit(spec()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (Kind::NoQuorum, Outcome::Unknown));
    let id = agent.calls("submit_change")[0].request_id.clone();
    assert_eq!(error.request_id(), Some(id.as_str()));
    assert!(error.to_string().contains(&id), "the text says how to find out");
}

#[tokio::test]
async fn a_call_can_be_repeated_under_its_id_later() {
    let agent = Fake::start().await;
    let client = Client::connect(options(&[&agent])).await.unwrap();
    let id = lockstep_core::RequestId("the-same".into());
    client.with_request_id(id.clone()).submit(spec()).await.unwrap();
    client.with_request_id(id).submit(spec()).await.unwrap();
    assert!(agent.calls("submit_change").iter().all(|call| call.request_id == "the-same"));
}

#[tokio::test]
async fn caller_names_and_proves_itself() {
    let agent = Fake::start().await;
    let options = Options { operator_token: Some("secret".into()), ..options(&[&agent]) };
    assert!(!format!("{options:?}").contains("secret"));
    Client::connect(options).await.unwrap().approve("0042").await.unwrap();
    let call = &agent.calls("approve_change")[0];
    assert_eq!((call.actor.as_str(), call.operator_token.as_str()), ("tester", "secret"));
}

#[tokio::test]
async fn options_that_cannot_work_are_refused() {
    let cases = [
        (Options::new(Vec::<String>::new(), "tester"), "no endpoint"),
        (Options::new(["https://a:1"], "tester"), "https://a:1"),
        (Options::new(["a b"], "tester"), "a b"),
        (Options::new(["a:1"], ""), "actor"),
        (Options::new(["a:1"], "z\n"), "actor"),
    ];
    for (options, named) in cases {
        let error = Client::connect(options).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains(named), "{error}");
    }
}

fn change(revision: u64, status: Status) -> view::Change {
    let change = Change {
        id: ChangeId(7),
        name: "0042".into(),
        description: String::new(),
        block_deadline_ms: 1,
        retention_ms: 0,
        source: None,
        limits: Default::default(),
        submitted_by: "tester".into(),
        submitted_at: Timestamp(1),
        steps: Vec::new(),
        holds: [].into(),
    };
    view::Change {
        change,
        status,
        in_flight: None,
        gate: None,
        progress: Vec::new(),
        node_names: [].into(),
        session_titles: [].into(),
        revision: LogIndex(revision),
    }
}

#[tokio::test]
async fn broken_watch_resumes_after_what_it_saw() {
    let (first, second) = (Fake::start().await, Fake::start().await);
    let client = Client::connect(options(&[&first, &second])).await.unwrap();
    let watching = tokio::spawn(async move {
        let mut watch = client.watch_change("0042", LogIndex(0));
        let mut seen = Vec::new();
        while let Some(change) = watch.next().await {
            seen.push(change.unwrap().revision.0);
        }
        seen
    });
    first.called("watch_change", 1).await;
    first.send_change(change(5, Status::Running));
    first.end_change_watch();
    assert_eq!(second.called("watch_change", 1).await[0].number, 5);
    // The second agent lags: what it sends first is older than what was seen.
    second.send_change(change(4, Status::Running));
    second.send_change(change(9, Status::Settled));
    second.end_change_watch();
    assert_eq!(watching.await.unwrap(), [5, 9]);
}

#[tokio::test]
async fn watch_of_an_unknown_change_ends_with_the_refusal() {
    let agent = Fake::start().await;
    agent.refuse("watch_change", status::from_refusal(&Refusal::UnknownChange { name: "0042".into() }));
    let client = Client::connect(options(&[&agent])).await.unwrap();
    let mut watch = client.watch_change("0042", LogIndex(0));
    assert_eq!(watch.next().await.unwrap().unwrap_err().kind(), Kind::NotFound);
    assert!(watch.next().await.is_none());
}
