use super::harness::{Cluster, eventually};
use serde_json::json;

#[tokio::test]
async fn soft_state_reaches_everybody_and_the_newest_wins() {
    let cluster = Cluster::of(3).await;
    let id = cluster.agents[1].id().expect("a member");
    for rows in 0..50 {
        cluster.agents[1].consensus().publish_soft(json!({ "rows": rows }));
    }
    let before = cluster.agents[0].status().last_log;
    for agent in &cluster.agents {
        eventually("the newest soft state is there", || {
            agent.consensus().soft_state().get(&id).is_some_and(|(_, value)| value["rows"] == 49)
        })
        .await;
    }
    assert_eq!(cluster.agents[0].status().last_log, before, "soft state is no log entry");
}
