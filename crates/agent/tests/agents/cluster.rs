//! Agents of one cluster in one process.

use crate::common::{Node, changes, cluster, sessions, table_change, until_status};
use lockstep_agent::Agent;
use lockstep_proto::{Problem, problem, v1};
use lockstep_storage::{OpenOptions, Store};
use tonic::Code;

async fn three() -> (Vec<Node>, Vec<Agent>) {
    let first = Node::first();
    let agent = first.start().await;
    let (mut nodes, mut agents) = (vec![first], vec![agent]);
    for name in ["shard-2", "shard-3"] {
        let node = Node::new(name).join_through(&agents[0]).await;
        agents.push(node.start().await);
        nodes.push(node);
    }
    (nodes, agents)
}

async fn stop(agents: Vec<Agent>) {
    for agent in agents {
        agent.shutdown().await;
    }
}

fn all_active(status: &v1::ClusterStatus) -> bool {
    let is_active = |member: &v1::Member| member.node.as_ref().unwrap().state == i32::from(v1::NodeState::Active);
    status.members.len() == 3 && status.members.iter().all(is_active)
}

fn voters(status: &v1::ClusterStatus) -> usize {
    let is_voter = |member: &&v1::Member| member.raft_role == i32::from(v1::RaftRole::Voter);
    status.members.iter().filter(is_voter).count()
}

async fn submit(agent: &Agent, name: &str) -> u64 {
    let request = v1::SubmitChangeRequest { request_id: format!("submit-{name}"), spec: Some(table_change(name)) };
    changes(agent).await.submit_change(request).await.unwrap().into_inner().revision
}

async fn open(agent: &Agent, request_id: &str, ttl_ms: u64) -> v1::OpenSessionResponse {
    let request = v1::OpenSessionRequest {
        request_id: request_id.to_owned(),
        app: "shop".to_owned(),
        instance: request_id.to_owned(),
        compatibility: Some(v1::Compatibility::default()),
        ttl_ms,
    };
    sessions(agent).await.open_session(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_agents_join_and_settle_a_change_that_a_session_acknowledges() {
    let (_nodes, agents) = three().await;
    until_status(&agents[2], all_active).await;
    let session = open(&agents[1], "open-1", 60_000).await;
    let mut client = sessions(&agents[2]).await;
    let request = v1::WatchSessionRequest { session_id: session.session_id, after_revision: 0 };
    let mut announcements = client.watch_session(request).await.unwrap().into_inner();
    let first = announcements.message().await.unwrap().unwrap().announcement.unwrap();
    assert_eq!((first.version, first.must_acknowledge), (0, false));

    submit(&agents[1], "0001_users").await;
    let mut watching = changes(&agents[2]).await;
    let request = v1::WatchChangeRequest { name: "0001_users".to_owned(), after_revision: 0 };
    let mut moves = watching.watch_change(request).await.unwrap().into_inner();
    let second = announcements.message().await.unwrap().unwrap().announcement.unwrap();
    assert_eq!((second.version, second.must_acknowledge), (1, true));
    assert!(second.revision > first.revision);
    let gate = cluster(&agents[0]).await.get_gate(v1::GetGateRequest::default()).await.unwrap().into_inner();
    let holdouts: Vec<String> = gate.gate.unwrap().holdouts.into_iter().map(|holdout| holdout.name).collect();
    assert_eq!(holdouts, ["shop/open-1"]);

    let acknowledge =
        v1::AcknowledgeRequest { request_id: "ack-1".to_owned(), session_id: session.session_id, version: 1 };
    sessions(&agents[0]).await.acknowledge(acknowledge).await.unwrap();
    let mut last = None;
    while let Some(moved) = moves.message().await.unwrap() {
        last = moved.change;
    }
    let last = last.unwrap();
    assert_eq!(last.status(), v1::ChangeStatus::Settled);
    assert_eq!(last.steps[0].measurements.len(), 3);
    stop(agents).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_comes_back_as_who_it_was() {
    let (nodes, mut agents) = three().await;
    // The other two have to agree on its new addresses without it.
    until_status(&agents[0], |status| voters(status) == 3).await;
    let before = agents[1].identity().clone();
    let old_peer = agents[1].addresses().peer.clone();
    agents.remove(1).shutdown().await;
    let again = nodes[1].start().await;
    assert_eq!(*again.identity(), before);
    // Port 0: it listens elsewhere now, and the cluster is told.
    let peer = again.addresses().peer.clone();
    assert_ne!(peer, old_peer);
    until_status(&agents[0], |status| has_peer(status, &peer)).await;
    until_status(&again, |status| status.leader_node_id.is_some()).await;
    again.shutdown().await;
    stop(agents).await;
}

/// A crash can leave an old commit point: what follows it is read back only when somebody calls, and nobody knows where to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_comes_back_elsewhere_with_an_empty_state_is_found() {
    let (nodes, mut agents) = three().await;
    until_status(&agents[0], |status| voters(status) == 3).await;
    agents.remove(1).shutdown().await;
    let store = Store::open(&nodes[1].data_directory(), OpenOptions::default()).unwrap();
    store.put_meta("raft_committed", br#"{"term":1,"leader":1,"index":1}"#.to_vec()).await.unwrap();
    drop(store);
    let again = nodes[1].start().await;
    let peer = again.addresses().peer.clone();
    until_status(&agents[0], |status| has_peer(status, &peer)).await;
    until_status(&again, |status| has_peer(status, &peer)).await;
    again.shutdown().await;
    stop(agents).await;
}

fn has_peer(status: &v1::ClusterStatus, address: &str) -> bool {
    let is_at = |member: &v1::Member| member.node.as_ref().is_some_and(|node| node.peer_address == address);
    status.members.iter().any(is_at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_tells_the_schema_of_its_own_database() {
    let node = Node::first();
    let agent = node.start().await;
    submit(&agent, "0001_users").await;
    until_status(&agent, |status| status.settled_version == 1).await;
    let answer = cluster(&agent).await.get_catalog(v1::GetCatalogRequest {}).await.unwrap().into_inner();
    let catalog = lockstep_proto::view::Catalog::try_from(answer.catalog.unwrap()).unwrap();
    assert_eq!((catalog.node_name.as_str(), catalog.version.0, catalog.engine_version), ("shard-1", 1, 3));
    assert_eq!(catalog.schema.tables.keys().collect::<Vec<_>>(), ["users"]);
    assert_eq!(catalog.sizes["users"].rows, 0);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_is_answered_by_the_leader_only() {
    let (_nodes, agents) = three().await;
    let session = open(&agents[0], "open-1", 60_000).await;
    let status = until_status(&agents[0], |status| status.leader_node_id.is_some()).await;
    let leader = status.leader_node_id.unwrap();
    for agent in &agents {
        let request = v1::RenewRequest { session_id: session.session_id, failures: 0 };
        let answer = sessions(agent).await.renew(request).await;
        if agent.identity().node_id == leader {
            let renewed = answer.unwrap().into_inner();
            assert_eq!((renewed.ttl_ms, renewed.announced_revision), (60_000, session.session_id));
            assert!(renewed.remaining_ms > 50_000);
        } else {
            let problem = Problem::from_status(&answer.unwrap_err());
            assert_eq!(problem.kind, problem::Kind::NotLeader);
            let leads = agents.iter().find(|agent| agent.identity().node_id == leader).unwrap();
            assert_eq!(problem.leader(), Some(leads.addresses().client.as_str()));
        }
    }
    stop(agents).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_silent_is_gone_and_its_watch_ends() {
    let agent = Node::first().start().await;
    let session = open(&agent, "open-1", 1_000).await;
    let mut client = sessions(&agent).await;
    let request = v1::WatchSessionRequest { session_id: session.session_id, after_revision: 0 };
    let mut announcements = client.watch_session(request).await.unwrap().into_inner();
    announcements.message().await.unwrap().unwrap();
    let end = announcements.message().await.unwrap_err();
    assert_eq!(end.code(), Code::NotFound);
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_agents_alone_says_that_there_is_no_quorum() {
    let mut first = Node::first();
    first.config.raft.request_timeout = std::time::Duration::from_millis(500);
    let agent = first.start().await;
    let second = Node::new("shard-2").join_through(&agent).await.start().await;
    until_status(&agent, |status| voters(status) == 2).await;
    second.shutdown().await;
    let request = v1::GetChangeRequest { name: "any".to_owned() };
    let error = changes(&agent).await.get_change(request).await.unwrap_err();
    let problem = Problem::from_status(&error);
    assert_eq!(problem.kind, problem::Kind::NoQuorum, "{problem}");
    assert!(problem.message.contains("shard-2"), "{problem}");
    // What it knows by itself it shows all the same.
    until_status(&agent, |status| status.leader_node_id.is_none()).await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_shows_the_token_is_an_operator() {
    let mut node = Node::first();
    let token = "correct-horse-battery";
    node.config.security.operator_token = Some(lockstep_agent::config::Secret::new(token));
    let agent = node.start().await;
    let ask = async |shown: Option<&str>| {
        let request = v1::IssueJoinTokenRequest {
            request_id: format!("token-{shown:?}"),
            secret: "s".repeat(32),
            expires_at_ms: u64::MAX,
        };
        let mut request = tonic::Request::new(request);
        lockstep_proto::metadata::Caller::new("somebody", shown).unwrap().attach(request.metadata_mut());
        cluster(&agent).await.issue_join_token(request).await.map(|_| ()).map_err(|status| status.code())
    };
    assert_eq!(ask(None).await, Err(Code::PermissionDenied));
    assert_eq!(ask(Some("wrong-horse-battery")).await, Err(Code::Unauthenticated));
    assert_eq!(ask(Some(token)).await, Ok(()));
    let audit = cluster(&agent).await.list_audit(v1::ListAuditRequest::default()).await.unwrap().into_inner();
    assert_eq!(audit.records[0].actor, "somebody");
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_requests_say_what_is_wrong() {
    let agent = Node::first().start().await;
    let mut client = changes(&agent).await;
    submit(&agent, "0001_users").await;
    let mut check = async |request_id: &str, spec: Option<v1::ChangeSpec>, code: Code, part: &str| {
        let request = v1::SubmitChangeRequest { request_id: request_id.to_owned(), spec };
        let error = client.submit_change(request).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(part), "{error}");
    };
    let spec = table_change;
    let postgres = v1::ChangeSpec { engine: v1::Engine::Postgres.into(), ..spec("b") };
    check("", Some(spec("b")), Code::InvalidArgument, "request_id").await;
    check("r1", None, Code::InvalidArgument, "spec").await;
    check("r2", Some(spec("0001_users")), Code::AlreadyExists, "`0001_users` is taken").await;
    check("submit-0001_users", Some(spec("b")), Code::AlreadyExists, "was used for another request").await;
    check("r3", Some(postgres), Code::InvalidArgument, "cluster of sqlite databases").await;
    agent.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_form_is_kept_as_long_as_the_agent_is_told_and_no_longer() {
    let mut node = Node::first();
    node.config.change.retention = std::time::Duration::from_secs(2);
    let agent = node.start().await;
    let mut spec = table_change("0001_users");
    let part = |name: &str, phase: v1::Phase| {
        let nothing = || Some(v1::Action { kind: Some(v1::action::Kind::Nothing(v1::NothingAction {})) });
        v1::Step {
            name: name.to_owned(),
            phase: phase.into(),
            forward: nothing(),
            revert: nothing(),
            client_requirement: v1::ClientRequirement::Nothing.into(),
            ..v1::Step::default()
        }
    };
    spec.steps.extend([part("read", v1::Phase::SwitchReads), part("drop", v1::Phase::Contract)]);
    let request = v1::SubmitChangeRequest { request_id: "submit".to_owned(), spec: Some(spec) };
    changes(&agent).await.submit_change(request).await.unwrap();
    let waiting = until_status(&agent, |status| {
        status.gate.as_ref().is_some_and(|gate| {
            gate.holdouts.iter().any(|holdout| {
                matches!(holdout.subject, Some(v1::holdout::Subject::TimeChangeId(_)))
                    && holdout.reason.starts_with("the old form is kept for 2 s after clients left it: ")
            })
        })
    })
    .await;
    assert_eq!(waiting.settled_version, 2);
    // Nobody says or does anything: the leader notices by itself that the time has come.
    let done = until_status(&agent, |status| status.settled_version == 3).await;
    assert!(done.gate.is_none());
    agent.shutdown().await;
}

async fn sql(node: &Node, text: &str) {
    let file = node.directory.path().join("shard.db").display().to_string();
    let connection = lockstep_database::plain::connect(lockstep_core::Engine::Sqlite, &file).await.unwrap();
    connection.batch(text).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_tables_is_adopted_once_its_schema_is_that_of_the_others() {
    let first = Node::first();
    let table = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT";
    let index = "CREATE INDEX by_email ON users (email)";
    sql(&first, &format!("{table}); {index}")).await;
    let agent = first.start().await;
    let second = Node::new("shard-2").join_through(&agent).await;
    sql(&second, &format!("{table}, fax TEXT)")).await;
    let refusal = second.refused().await;
    for part in [
        "may not join",
        "compared with that of node shard-1",
        "column users.fax is not expected",
        "index by_email of users is missing",
    ] {
        assert!(refusal.contains(part), "{part}: {refusal}");
    }
    sql(&second, &format!("ALTER TABLE users DROP COLUMN fax; {index}")).await;
    let joined = second.start().await;
    until_status(&agent, |status| status.members.len() == 2).await;
    joined.shutdown().await;
    agent.shutdown().await;
}
