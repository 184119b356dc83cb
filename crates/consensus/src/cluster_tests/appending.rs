//! What a caller sees who sends appends to an agent.

use super::harness::{CLUSTER, Cluster, eventually, remove};
use crate::append::Head;
use crate::raft::Vote;
use lockstep_proto::v1::peer_service_client::PeerServiceClient;
use lockstep_proto::v1::{AppendEntriesRequest, AppendEntriesResponse, PeerHeader};
use openraft::impls::leader_id_adv::LeaderId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status, Streaming};

struct Appends {
    messages: mpsc::UnboundedSender<AppendEntriesRequest>,
    answers: Streaming<AppendEntriesResponse>,
}

impl Appends {
    async fn to(address: &str) -> Result<Self, Status> {
        let mut client = PeerServiceClient::connect(format!("http://{address}")).await.expect("connected");
        let (messages, sent) = mpsc::unbounded_channel();
        let answers = client.append_entries(UnboundedReceiverStream::new(sent)).await?.into_inner();
        Ok(Self { messages, answers })
    }

    async fn heartbeat(&mut self, header: Option<PeerHeader>, vote: Vote) -> Result<Option<String>, Status> {
        let head = serde_json::to_vec(&Head { vote, prev_log_id: None, leader_commit: None }).expect("encoded");
        let message = AppendEntriesRequest { header, payload: head.into(), entries: vec![] };
        self.messages.send(message).expect("the call is open");
        let answer = self.answers.message().await?;
        Ok(answer.map(|answer| String::from_utf8(answer.payload.to_vec()).expect("JSON")))
    }
}

fn header(cluster_id: &str, sender: u64, target: u64) -> Option<PeerHeader> {
    let cluster_id = cluster_id.to_owned();
    Some(PeerHeader { cluster_id, sender_node_id: sender, target_node_id: target, format: crate::peers::FORMAT })
}

/// As the leader of the cluster has it.
async fn vote(cluster: &Cluster) -> Vote {
    let leader = &cluster.agents[cluster.leader().await];
    let term = leader.consensus().leadership().borrow().expect("it leads");
    Vote { leader_id: LeaderId { term, node_id: leader.id().expect("a member").0 }, committed: true }
}

#[tokio::test]
async fn appends_for_another_cluster_or_node_are_refused() {
    let cluster = Cluster::of(1).await;
    let (address, vote) = (&cluster.agents[0].address, vote(&cluster).await);
    let refused = [(header("another", 1, 1), "belongs to cluster"), (header(CLUSTER, 1, 99), "is for node 99")];
    for (header, reason) in refused {
        let mut appends = Appends::to(address).await.expect("open");
        let refusal = appends.heartbeat(header, vote).await.expect_err("refused");
        assert_eq!(refusal.code(), Code::FailedPrecondition);
        assert!(refusal.message().contains(reason), "{refusal}");
    }
    let mut appends = Appends::to(address).await.expect("open");
    assert_eq!(appends.heartbeat(None, vote).await.expect_err("no header").code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_agent_without_an_id_takes_no_appends() {
    let mut cluster = Cluster::of(1).await;
    let address = cluster.add_agent().await.address.clone();
    let refusal = Appends::to(&address).await.err().expect("not a member");
    assert!(refusal.message().contains("not yet a member"), "{refusal}");
}

#[tokio::test]
async fn appends_of_an_earlier_leader_are_answered_and_end() {
    let cluster = Cluster::of(1).await;
    let earlier = Vote { leader_id: LeaderId { term: 0, node_id: 1 }, committed: true };
    let mut appends = Appends::to(&cluster.agents[0].address).await.expect("open");
    let answer = appends.heartbeat(header(CLUSTER, 1, 1), earlier).await.expect("answered").expect("an answer");
    assert!(answer.contains("HigherVote"), "{answer}");
    assert!(appends.answers.message().await.expect("a clean end").is_none());
}

#[tokio::test]
async fn appends_of_a_node_end_when_it_is_removed() {
    let cluster = Cluster::of(3).await;
    cluster.active().await;
    let (leader, follower, vote) = (cluster.leader().await, cluster.follower().await, vote(&cluster).await);
    let leaving = 3 - leader - follower;
    let (receiver, sender) = (&cluster.agents[follower], &cluster.agents[leaving]);
    let id = |agent: &super::harness::Agent| agent.id().expect("a member").0;
    let mut appends = Appends::to(&receiver.address).await.expect("open");
    let header = header(CLUSTER, id(sender), id(receiver));
    appends.heartbeat(header, vote).await.expect("admitted").expect("an answer");
    appends.heartbeat(None, vote).await.expect("admitted without a header").expect("an answer");
    let removal = cluster.agents[leader].propose(remove(&sender.name)).await;
    removal.expect("committed").result.expect("accepted");
    let gone = sender.id().expect("a member");
    // openraft commits the smaller group a moment after it uses it.
    eventually("the group is without it", || receiver.consensus().knows_as_removed(gone)).await;
    let refusal = appends.heartbeat(None, vote).await.expect_err("refused");
    assert!(refusal.message().contains("has been removed"), "{refusal}");
    assert!(refusal.metadata().contains_key(crate::peers::REFUSED_KEY));
}

#[tokio::test]
async fn an_open_stream_ends_when_the_called_agent_stops() {
    let mut cluster = Cluster::of(2).await;
    let (leader, follower, vote) = (cluster.leader().await, cluster.follower().await, vote(&cluster).await);
    let id = |position: usize| cluster.agents[position].id().expect("a member").0;
    let header = header(CLUSTER, id(leader), id(follower));
    let mut appends = Appends::to(&cluster.agents[follower].address).await.expect("open");
    appends.heartbeat(header, vote).await.expect("admitted").expect("an answer");
    cluster.agents[follower].stop().await;
    // By itself, and not because the connection was torn down with the process.
    assert!(appends.answers.message().await.expect("a clean end").is_none());
}
