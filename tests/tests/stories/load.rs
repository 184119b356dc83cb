//! Work that waits while a shard is under strain, and a step that is undone because of one.
//!
//! The probe sleeps for as long as the comment on the shard's database says: strain that touches no schema.

use lockstep_client::view::ClusterStatus;
use lockstep_core::Engine;
use lockstep_core::change::{Spec, Status, StepStatus};
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::plan::{ALL_PHASES, all_phases};
use lockstep_tests::traffic::Release;

const PROBE: &str = "SELECT pg_sleep(coalesce(shobj_description(oid, 'pg_database'), '0')::float)
    FROM pg_database WHERE datname = current_database()";

async fn cluster(rows: u32, limits: &str) -> Cluster {
    let tables = format!("[probe]\nsql = \"\"\"{PROBE}\"\"\"\n{limits}");
    let tables = tables.parse().expect("the tables are TOML");
    Cluster::start_configured(Engine::Postgres, 3, rows, tables).await
}

/// From now on a probe takes so many seconds on this shard.
async fn strain(cluster: &Cluster, name: &str, seconds: &str) {
    let connection = cluster.shards.connect(name).await;
    let comment = format!(
        "DO $$ BEGIN EXECUTE format('COMMENT ON DATABASE %I IS ''{seconds}''', current_database()); END $$"
    );
    connection.batch(&comment).await.unwrap_or_else(|error| panic!("shard {name}: {error}"));
}

pub(crate) async fn one_shard_under_strain_reverts_the_step_on_all() {
    let mut cluster = cluster(200_000, "[thresholds]\nprobe_p99 = \"200ms\"\n").await;
    let before = cluster.wait_status("a schema", |_| true).await.members[0].node.fingerprint.clone();
    let traffic = cluster.traffic("new", Release::New);
    cluster.submit(all_phases(Engine::Postgres, 20)).await;
    cluster.wait_stage(ALL_PHASES, "fill email", "executing").await;
    strain(&cluster, &node(2), "0.5").await;

    let view = cluster.wait_for(ALL_PHASES, Status::Reverted).await;
    let reason = view.change.steps.iter().find_map(|record| match &record.status {
        StepStatus::Reverted { reason, .. } => Some(reason.to_string()),
        _ => None,
    });
    let reason = reason.expect("a step was reverted");
    assert!(reason.starts_with("on shard-2, probe_p99 was 5"), "{reason}");
    assert!(reason.ends_with(" ms, over its threshold of 200 ms"), "{reason}");

    strain(&cluster, &node(2), "0").await;
    cluster.client().await.rollback(ALL_PHASES, "and all of it").await.expect("an operator may roll back");
    cluster
        .wait_status("the schemas are what they were", |status| {
            status.gate.is_none() && status.members.iter().all(|member| member.node.fingerprint == before)
        })
        .await;
    traffic.finish();
    cluster.finish().await;
}

pub(crate) async fn one_shard_under_strain_stops_its_backfill_until_it_is_over() {
    let mut cluster = cluster(20_000, "").await;
    let traffic = cluster.traffic("new", Release::New);
    cluster.submit(Spec { block_deadline_ms: 1_000, ..all_phases(Engine::Postgres, 20) }).await;
    cluster.wait_stage(ALL_PHASES, "fill email", "executing").await;
    strain(&cluster, &node(2), "0.3").await;
    let status = cluster
        .wait_status("shard-2 says why its work waits", |status| {
            let of_node = status.members.iter().filter(|member| member.node.name == node(2));
            let stops =
                of_node.filter_map(|member| member.progress.as_ref()).flat_map(|progress| &progress.stop_reasons);
            // A busy machine is slow by itself, for a while.
            stops.map(ToString::to_string).any(|stop| stop.starts_with("probe_p99 is 3"))
        })
        .await;
    let gate = status.gate.expect("the step waits");
    let said =
        gate.gate.holdouts.iter().find(|holdout| holdout.name == node(2)).map(|holdout| holdout.reason.clone());
    assert!(said.as_ref().is_some_and(|reason| reason.contains("waits: probe_p99 is 3")), "{said:?}");
    assert!(said.as_ref().is_some_and(|reason| reason.contains("(limit 100 ms)")), "{said:?}");
    let is_blocked = |status: &ClusterStatus| status.gate.as_ref().is_some_and(|gate| gate.is_blocked);
    cluster.wait_status("that is shown as blocked", is_blocked).await;
    let (exit, why) = cluster.program(&["cluster", "why"]).await;
    assert_eq!(exit, Some(4), "{why}");
    for wanted in
        ["BLOCKED", "node shard-2", "waits: probe_p99 is 3", "(limit 100 ms)", "see what makes the probe slow"]
    {
        assert!(why.contains(wanted), "{wanted} is missing: {why}");
    }

    strain(&cluster, &node(2), "0").await;
    cluster.wait_for(ALL_PHASES, Status::AwaitingApproval).await;
    cluster.client().await.approve(ALL_PHASES).await.expect("an operator may approve");
    cluster.wait_for(ALL_PHASES, Status::Settled).await;
    traffic.finish();
    cluster.finish().await;
}
