use super::harness::{CLUSTER, Cluster, config, operator};
use crate::{Config, Error};
use lockstep_core::Command;
use lockstep_proto::v1::peer_service_client::PeerServiceClient;
use lockstep_proto::v1::{ListMembersRequest, PeerHeader};
use tonic::{Code, Status};

async fn knock(address: &str, cluster_id: &str, sender: u64, target: u64) -> Result<usize, Status> {
    let mut client = PeerServiceClient::connect(format!("http://{address}")).await.expect("connected");
    let header = PeerHeader {
        cluster_id: cluster_id.to_owned(),
        sender_node_id: sender,
        target_node_id: target,
        format: crate::peers::FORMAT,
    };
    let answer = client.list_members(ListMembersRequest { header: Some(header) }).await?;
    Ok(answer.into_inner().members.len())
}

#[tokio::test]
async fn calls_for_another_cluster_or_node_are_refused() {
    let cluster = Cluster::of(1).await;
    let address = &cluster.agents[0].address;
    assert_eq!(knock(address, CLUSTER, 1, 1).await.expect("admitted"), 1);
    let refused = knock(address, "another", 1, 1).await.expect_err("another cluster");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("belongs to cluster cluster-under-test"), "{refused}");
    let refused = knock(address, CLUSTER, 1, 99).await.expect_err("another node");
    assert!(refused.message().contains("the call is for node 99"), "{refused}");
}

#[tokio::test]
async fn an_agent_without_an_id_answers_no_calls() {
    let mut cluster = Cluster::of(1).await;
    let address = cluster.add_agent().await.address.clone();
    let refused = knock(&address, CLUSTER, 1, 2).await.expect_err("not a member");
    assert!(refused.message().contains("not yet a member"), "{refused}");
}

#[tokio::test]
async fn an_oversized_command_is_refused_with_its_size_and_the_limit() {
    let cluster = Cluster::of(1).await;
    let before = cluster.agents[0].status().last_log;
    let reason = "x".repeat(300 * 1024);
    let command = Command::CancelChange { change: "change".to_owned(), reason };
    let error = cluster.agents[0].propose(operator(command)).await.expect_err("too large");
    let Error::TooLarge { size_bytes, limit_bytes } = error else { panic!("{error}") };
    assert!(size_bytes > 300 * 1024);
    assert_eq!(limit_bytes, 256 * 1024);
    assert_eq!(cluster.agents[0].status().last_log, before);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let wrong = [
        Config { voters_target: 4, ..config() },
        Config { heartbeat_interval: config().election_timeout_min, ..config() },
        Config { election_timeout_max: config().election_timeout_min, ..config() },
        Config { command_bytes_max: 10 << 20, ..config() },
        Config { snapshot_every_entries: 0, ..config() },
    ];
    for wrong in wrong {
        assert!(matches!(wrong.check(), Err(Error::Config { .. })), "{wrong:?}");
    }
    assert!(Config::default().check().is_ok());
}
