//! What only the comparison of several agents' answers shows, or of several nodes' reports.

use super::observation::{this_name, voters_heard};
use lockstep_proto::view::{ClusterStatus, Warning};
use std::collections::{BTreeMap, BTreeSet};

/// What does not fit together. `all` are the answers, `best` the most trustworthy of them.
pub(super) fn compare(best: &ClusterStatus, all: &[&ClusterStatus]) -> Vec<Warning> {
    [foreign(best, all), split(best, all), programs(all), schemas(best), unheard(best)]
        .into_iter()
        .flatten()
        .collect()
}

fn warning(kind: &str, message: String, remedy: &str) -> Warning {
    Warning { kind: kind.to_owned(), message, remedy: remedy.to_owned() }
}

/// Endpoints of another cluster in the list.
fn foreign(best: &ClusterStatus, all: &[&ClusterStatus]) -> Option<Warning> {
    let others: BTreeSet<&str> = all.iter().map(|status| status.cluster_id.as_str()).collect();
    (others.len() > 1).then(|| {
        warning(
            "foreign_cluster",
            format!(
                "the endpoints belong to {} clusters: {}; shown is {}",
                others.len(),
                list(others),
                best.cluster_id
            ),
            "name the agents of one cluster only in --endpoint or LOCKSTEP_ENDPOINTS",
        )
    })
}

/// Two agents of the cluster that have applied the same log and hold different states.
fn split(best: &ClusterStatus, all: &[&ClusterStatus]) -> Option<Warning> {
    let mut digests = BTreeMap::<_, BTreeMap<&str, Vec<&str>>>::new();
    for status in all.iter().filter(|status| status.cluster_id == best.cluster_id) {
        let names = digests.entry(status.revision).or_default().entry(&status.state_digest).or_default();
        names.push(this_name(status).unwrap_or("?"));
    }
    let (revision, sides) = digests.into_iter().find(|(_, sides)| sides.len() > 1)?;
    let sides: Vec<String> = sides.into_values().map(|names| names.join(", ")).collect();
    Some(warning(
        "state_split",
        format!("at log index {revision} these agents hold different states: {}", sides.join(" against ")),
        "submit nothing, stop the agents, keep their data directories, and report it as a bug",
    ))
}

fn programs(all: &[&ClusterStatus]) -> Option<Warning> {
    let versions: BTreeSet<&str> = all.iter().map(|status| status.this_program_version.as_str()).collect();
    (versions.len() > 1).then(|| {
        warning("version_skew", format!("agents run different releases: {}", list(versions)), "finish the upgrade")
    })
}

/// Active nodes at one version with different schemas.
fn schemas(best: &ClusterStatus) -> Option<Warning> {
    let (version, odd) = schema_groups(best).into_iter().find(|(_, groups)| groups.len() > 1)?;
    let groups: Vec<String> =
        odd.into_iter().map(|(schema, names)| format!("{schema} on {}", names.join(", "))).collect();
    Some(warning(
        "drift",
        format!("at version {version} nodes have different schemas: {}", groups.join("; ")),
        "compare the databases and undo what was changed by hand",
    ))
}

/// Names of active nodes by version and fingerprint.
pub(crate) fn schema_groups(status: &ClusterStatus) -> BTreeMap<u64, BTreeMap<String, Vec<String>>> {
    let mut groups = BTreeMap::<u64, BTreeMap<String, Vec<String>>>::new();
    for node in status.members.iter().map(|member| &member.node).filter(|node| node.is_active()) {
        let names = groups.entry(node.version.0).or_default().entry(node.fingerprint.to_string()).or_default();
        names.push(node.name.clone());
    }
    groups
}

/// One more lost voter and the cluster stands still.
fn unheard(best: &ClusterStatus) -> Option<Warning> {
    let (heard, voters) = voters_heard(best);
    let is_known = best.leader == Some(best.this_node);
    (is_known && voters > 2 && 2 * heard > voters && 2 * (heard - 1) <= voters).then(|| {
        warning(
            "quorum_at_risk",
            format!("only {heard} of {voters} voters are heard: one more lost and nothing can be decided"),
            "bring the missing agents back",
        )
    })
}

fn list(names: BTreeSet<&str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}
