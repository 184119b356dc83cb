//! Agents that are killed, at stages and at exact points.

use lockstep_core::Engine;
use lockstep_core::change::Status;
use lockstep_tests::cluster::Cluster;
use lockstep_tests::plan::{ALL_PHASES, add_column, all_phases};
use lockstep_tests::traffic::Release;

pub(crate) async fn leader_killed_in_each_stage_resumes(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 3, 20_000, Default::default()).await;
    let old = cluster.traffic("old", Release::Old);
    let new = cluster.traffic("new", Release::New);
    cluster.submit(all_phases(engine, 50)).await;
    for (step, stage) in [("fill email", "executing"), ("check email", "executing"), ("write email", "settling")] {
        // The cluster moves fast: a stage that is over by the time the leader is killed is killed after, not missed.
        cluster
            .wait_change(ALL_PHASES, &format!("{step} has come to {stage}"), |view| {
                view.change.steps.iter().any(|record| {
                    record.step.name == step && !matches!(record.status, lockstep_core::change::StepStatus::Queued)
                })
            })
            .await;
        let leader = cluster.leader().await;
        cluster.kill(&leader);
        cluster.start_agent(&leader, &[]);
    }
    cluster.wait_for(ALL_PHASES, Status::AwaitingApproval).await;
    old.finish();
    cluster.client().await.approve(ALL_PHASES).await.expect("an operator may approve");
    let leader = cluster.leader().await;
    cluster.kill(&leader);
    cluster.start_agent(&leader, &[]);
    cluster.wait_for(ALL_PHASES, Status::Settled).await;
    new.finish();
    cluster.finish().await;
}

pub(crate) async fn follower_killed_between_ddl_and_report_executes_once(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    let follower = cluster.follower().await;
    cluster.kill(&follower);
    cluster.start_agent(&follower, &[("LOCKSTEP_FAILPOINT", "after_execute_before_report")]);
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster.wait_end(&follower).await;
    // The column is there, the cluster does not know; adding it again would fail.
    let shard = cluster.shards.connect(&follower).await;
    shard.query("SELECT phone FROM users LIMIT 1", &[]).await.expect("the statement had its effect");
    cluster.start_agent(&follower, &[]);
    cluster.wait_for("0001_phone", Status::Settled).await;
    traffic.finish();
    cluster.finish().await;
}

pub(crate) async fn follower_killed_in_backfill_resumes(engine: Engine) {
    let mut cluster = Cluster::start_with(engine, 3, 5_000, Default::default()).await;
    let traffic = cluster.traffic("new", Release::New);
    let follower = cluster.follower().await;
    cluster.kill(&follower);
    cluster.start_agent(&follower, &[("LOCKSTEP_FAILPOINT", "after_backfill_batch")]);
    cluster.submit(all_phases(engine, 100)).await;
    cluster.wait_end(&follower).await;
    cluster.start_agent(&follower, &[]);
    cluster.wait_for(ALL_PHASES, Status::AwaitingApproval).await;
    traffic.finish();
    cluster.finish().await;
}
