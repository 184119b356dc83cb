//! gRPC health: serving while this agent is a member, knows a leader, and has not stopped.

use super::Context;
use lockstep_proto::v1::change_service_server::ChangeServiceServer;
use lockstep_proto::v1::cluster_service_server::ClusterServiceServer;
use lockstep_proto::v1::session_service_server::SessionServiceServer;
use std::time::Duration;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// Load balancers ask every few seconds; an election takes less than one.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// The names under which health can be asked; the empty one is the agent as a whole.
fn names() -> [&'static str; 4] {
    [
        "",
        ChangeServiceServer::<super::change::Changes>::NAME,
        ClusterServiceServer::<super::cluster::Clusters>::NAME,
        SessionServiceServer::<super::session::Sessions>::NAME,
    ]
}

/// Keeps the health up to date until the agent stops; then it is not serving.
pub(super) async fn report(context: &Context, reporter: &HealthReporter) {
    let mut shown = None;
    while !context.stop.is_cancelled() {
        let serves = serves(context);
        if shown != Some(serves) {
            show(reporter, serves).await;
            tracing::info!(serving = serves, "health");
            shown = Some(serves);
        }
        tokio::select! {
            () = context.stop.cancelled() => {}
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
    show(reporter, false).await;
}

async fn show(reporter: &HealthReporter, serves: bool) {
    let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
    for name in names() {
        reporter.set_service_status(name, status).await;
    }
}

fn serves(context: &Context) -> bool {
    let has_leader = |status: lockstep_consensus::Status| status.leader.is_some() && status.stopped.is_none();
    let is_member = context.consensus.with_state(|state| state.cluster().is_some());
    is_member && context.consensus.status().is_ok_and(has_leader)
}

/// The names of the public services.
pub(super) fn public_services() -> impl Iterator<Item = &'static str> {
    names().into_iter().filter(|name| !name.is_empty())
}
