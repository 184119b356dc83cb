//! Clients that stop, stay behind, or do not fit.

use lockstep_client::session::{Acknowledge, SessionOptions};
use lockstep_client::{Kind, LeaseOver, Session};
use lockstep_core::change::{Spec, Status, StepStatus};
use lockstep_core::limits::{Kind as Reading, Limits};
use lockstep_core::session::Compatibility;
use lockstep_core::{Engine, Version};
use lockstep_tests::cluster::{Cluster, node};
use lockstep_tests::plan::add_column;
use lockstep_tests::traffic::{Release, SHORT_TTL};
use std::time::Duration;

fn stubborn() -> SessionOptions {
    let never = Acknowledge::callback(|_| std::future::pending());
    SessionOptions {
        ttl: SHORT_TTL,
        acknowledge: never,
        ..SessionOptions::new("shop", "stubborn", Compatibility::default())
    }
}

pub(crate) async fn client_paused_past_its_lease_stops(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    let paused = cluster.short_lived_traffic("paused", Release::Old);
    paused.signal("STOP");
    // The step waits for the paused client until its lease has run out, then goes on without it.
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster.wait_for("0001_phone", Status::Settled).await;
    assert!(cluster.client().await.session(paused.session).await.is_err(), "the cluster has let it go");
    paused.signal("CONT");
    let report = paused.own_end();
    assert!(report.over.is_some(), "it knew by its own clock that it may not go on: {report:?}");
    traffic.finish();
    cluster.finish().await;
}

pub(crate) async fn client_that_never_acknowledges_blocks_until_evicted(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    let client = cluster.client().await;
    let session = Session::open(&client, stubborn()).await.expect("a session");
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    let waiting = cluster
        .wait_change("0001_phone", "it waits for the stubborn client alone", |view| {
            view.gate.as_ref().is_some_and(|gate| {
                let names: Vec<_> = gate.gate.holdouts.iter().map(|holdout| holdout.name.as_str()).collect();
                gate.gate.stage == "settling" && names == ["shop/stubborn"]
            })
        })
        .await;
    let holdout = &waiting.gate.expect("it waits").gate.holdouts[0];
    assert!(holdout.remedy.contains(&format!("session evict {}", session.id())), "{holdout:?}");

    let missing = client.evict_session(session.id(), "", false).await.expect_err("a reason is needed");
    assert_eq!(missing.kind(), Kind::Invalid);
    client.evict_session(session.id(), "it hangs since noon", false).await.expect("an operator may evict");
    let over = session.closed().await;
    assert!(matches!(&over, LeaseOver::Evicted { .. }), "the client is told: {over:?}");
    cluster.wait_for("0001_phone", Status::Settled).await;
    let audit = client.list_audit(&Default::default()).await.expect("the audit trail").items;
    assert!(audit.iter().any(|record| record.reason == "it hangs since noon"), "{audit:#?}");
    traffic.finish();
    cluster.finish().await;
}

/// The step has settled nowhere: one client does not acknowledge it, another one fails on it.
pub(crate) async fn failures_of_clients_revert_the_step(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let before = cluster.wait_status("a schema", |_| true).await.members[0].node.fingerprint.clone();
    let traffic = cluster.traffic("new", Release::New);
    let client = cluster.client().await;
    let held_by = Session::open(&client, stubborn()).await.expect("a session");
    let billing = SessionOptions::new("billing", "one", Compatibility::default());
    let billing = Session::open(&client, billing).await.expect("a session");
    let limits = Limits { thresholds: [(Reading::ClientFailures, Some(5))].into(), ..Limits::default() };
    cluster.submit(Spec { limits, ..add_column("0001_phone", engine, "phone") }).await;
    cluster.wait_stage("0001_phone", "add phone", "settling").await;

    let failing = async {
        loop {
            billing.guard().expect("its lease lasts").failed();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = cluster.wait_stage("0001_phone", "add phone", "reverting") => {}
        () = failing => unreachable!("it fails until the step is reverted"),
    }
    // Nobody knows which version it uses.
    client.evict_session(held_by.id(), "it does not step back", false).await.expect("an operator may evict");
    let view = cluster.wait_for("0001_phone", Status::Reverted).await;
    let reasons = view.change.steps.iter().filter_map(|record| match &record.status {
        StepStatus::Reverted { reason, .. } => Some(reason.to_string()),
        _ => None,
    });
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    assert!(reasons.contains("client_failures of application billing was "), "{reasons}");
    assert!(reasons.ends_with(", over its threshold of 5"), "{reasons}");
    cluster
        .wait_status("the schemas are what they were", |status| {
            status.members.iter().all(|member| member.node.fingerprint == before)
        })
        .await;
    traffic.finish();
    cluster.finish().await;
}

pub(crate) async fn incompatible_client_is_refused(engine: Engine) {
    let mut cluster = Cluster::start(engine, 3).await;
    let traffic = cluster.traffic("new", Release::New);
    cluster.submit(add_column("0001_phone", engine, "phone")).await;
    cluster.wait_for("0001_phone", Status::Settled).await;
    let open = async |version_min, version_max| {
        let compatibility = Compatibility { version_min, version_max, ..Compatibility::default() };
        let client = cluster.client_at(&node(2)).await;
        Session::open(&client, SessionOptions::new("shop", "other", compatibility)).await
    };
    let too_old = open(Version(0), Some(Version(0))).await.expect_err("version 1 is in use");
    assert_eq!((too_old.kind(), too_old.to_string().contains("version 1")), (Kind::NotNow, true), "{too_old}");
    let too_new = open(Version(2), None).await.expect_err("version 1 is in use");
    assert!(too_new.to_string().contains("it needs version 2"), "{too_new}");
    open(Version(1), None).await.expect("it fits").close().await.expect("an orderly end");
    traffic.finish();
    cluster.finish().await;
}
