//! What a person sees: the output of the program, without what differs from run to run.

use lockstep_client::view;
use lockstep_core::Engine;
use lockstep_tests::cluster::{Cluster, node};

/// What differs from run to run, and what stands for it.
const VARYING: [(&str, &str); 25] = [
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"127\.0\.0\.1 port \d+", "ADDRESS"),
    (r"port=\d+", "port=PORT"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"\b[0-9a-f]{16,64}\b", "HASH"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+\b", "UUID"),
    (r"(pg_terminate_backend\(|process |pid |PID )\d+", "${1}PID"),
    (r"(log index|term|session|session evict|id) +\d+", "$1 N"),
    (r"#\d+", "#N"),
    (r"\(limit 5 s\)", "(limit of five seconds)"),
    (r"\b\d+(\.\d+)? ?(ms|s|min|h|m)( \d+(s|m|h))?\b", "AGE"),
    (r"answered by shard-\d", "answered by NODE"),
    (r"not the leader \(shard-\d\), so a moment behind", "TRUST"),
    (r"the leader, with a majority; \d of \d voters heard lately", "TRUST"),
    (r"\b(leader|voter|learner)\b", "MEMBER"),
    (r"\d+ attempts?\b", "N attempts"),
    (r"attempt \d+", "attempt N"),
    (r"pg_tblspc/\S+", "FILE"),
    // Which node took longest, where one has told already.
    (r"AGE on shard-\d", ""),
    // Columns are as wide as what stands in them.
    (r"[ ─-]{2,}", "  "),
    // What a node does, and how it says it does, in this very moment.
    (r"(?m)^(shard-\d(?:-copy)?  .*  MEMBER)  .*$", "$1"),
    (r"log known up to +\d+", "log known up to  N"),
    (r"\n(?:at work: [^\n]*\n)+", ""),
    (r"(?m): (preflight|reporting|executing)$", ""),
    (r"\nat work  [\w ]+", ""),
];

/// Three nodes, one after the other: holdouts are listed in the order in which nodes joined.
pub(crate) async fn three(prepare: impl FnOnce(&mut Cluster)) -> Cluster {
    let mut cluster = Cluster::start(Engine::Postgres, 1).await;
    prepare(&mut cluster);
    for number in [2, 3] {
        cluster.join(&node(number)).await;
        cluster
            .wait_status("the node is active and a voter", |status| {
                let voters =
                    status.members.iter().filter(|member| member.raft_role == Some(view::RaftRole::Voter));
                voters.filter(|member| member.node.is_active()).count() == number
            })
            .await;
    }
    cluster
}

/// What the program writes to its standard output.
pub(crate) async fn screen(cluster: &Cluster, arguments: &[&str]) -> String {
    cluster.program(arguments).await.1
}

/// Submits a file of SQL as an operator does.
pub(crate) async fn apply(cluster: &Cluster, name: &str, sql: &str) {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let file = folder.path().join(format!("{name}.sql"));
    std::fs::write(&file, sql).expect("the folder is ours");
    let (exit, said) =
        cluster.program(&["change", "apply", "--yes", "--detach", &file.display().to_string()]).await;
    assert_eq!(exit, Some(0), "{said}");
}

/// Waits until the gate waits for these alone, in this order, each for a reason that has this text in it; then takes the screens.
pub(crate) async fn wait_and_look(cluster: &Cluster, situation: &str, change: &str, holdouts: &[(&str, &str)]) {
    wait_and_look_closer(cluster, situation, change, holdouts, &[]).await;
}

/// As [`wait_and_look`], with more screens.
pub(crate) async fn wait_and_look_closer(
    cluster: &Cluster,
    situation: &str,
    change: &str,
    holdouts: &[(&str, &str)],
    more: &[&[&str]],
) {
    let is_so = |status: &view::ClusterStatus| {
        status.gate.as_ref().is_some_and(|gate| {
            let found = &gate.gate.holdouts;
            gate.gate.change_name == change
                && found.len() == holdouts.len()
                && found
                    .iter()
                    .zip(holdouts)
                    .all(|(is, (name, reason))| is.name == *name && says(&is.reason, reason))
        })
    };
    cluster.wait_status(situation, is_so).await;
    look_closer(cluster, situation, change, more).await;
}

/// By the node's own report, not by what is guessed until that comes.
fn says(reason: &str, wanted: &str) -> bool {
    reason.contains(wanted) && !reason.contains("its database does not answer")
}

/// Takes the three screens.
pub(crate) async fn look(cluster: &Cluster, situation: &str, change: &str) {
    look_closer(cluster, situation, change, &[]).await;
}

async fn look_closer(cluster: &Cluster, situation: &str, change: &str, more: &[&[&str]]) {
    let three: [&[&str]; 3] = [&["cluster", "why"], &["change", "show", change], &["cluster", "status"]];
    let mut text = String::new();
    for arguments in three.iter().chain(more) {
        let shown = screen(cluster, arguments).await;
        let separator = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{separator}$ lockstep {}\n{shown}", arguments.join(" ")));
    }
    insta::with_settings!({ filters => VARYING.to_vec(), prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(situation, text);
    });
}

/// Cancels a change and waits until it is undone.
pub(crate) async fn give_up(cluster: &Cluster, change: &str) {
    cluster.client().await.cancel(change, "not tonight").await.expect("an operator may cancel");
    cluster.wait_for(change, lockstep_core::change::Status::Reverted).await;
}
