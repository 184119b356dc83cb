//! What programs read, and what the comparison of answers finds.

use super::sample::{self, NOW, cluster};
use super::{Answer, Freshness, Observation, Status, Why};
use lockstep_core::{LogIndex, NodeId};
use lockstep_proto::view::{ClusterStatus, Health};

/// The format that programs depend on: fields are added, never renamed or taken away.
#[test]
fn json_is_stable() {
    insta::assert_json_snapshot!("status", sample::blocked());
    insta::assert_json_snapshot!("why", Why::of(&sample::stale()));
    insta::assert_json_snapshot!("plan", sample::plan());
    insta::assert_json_snapshot!("plan_explained", sample::explained_plan());
    insta::assert_json_snapshot!("change", sample::change_view());
}

/// What all these answers say together, while there is a quorum.
fn observe(statuses: impl IntoIterator<Item = ClusterStatus>) -> Status {
    observation(statuses, None).status().unwrap()
}

fn observation(statuses: impl IntoIterator<Item = ClusterStatus>, quorum_problem: Option<String>) -> Observation {
    let answer =
        |status: ClusterStatus| Answer { endpoint: format!("agent-{}", status.this_node), result: Ok(status) };
    Observation { asked_at: NOW, answers: statuses.into_iter().map(answer).collect(), quorum_problem }
}

/// The view of another agent of the sample cluster.
fn seen_by(node: u64, leader: Option<u64>, term: u64, revision: u64) -> ClusterStatus {
    ClusterStatus {
        this_node: NodeId(node),
        leader: leader.map(NodeId),
        term,
        revision: LogIndex(revision),
        state_digest: format!("digest-of-{revision}"),
        ..cluster()
    }
}

/// The view of a leader that hears so many of the other two.
fn leading(node: u64, term: u64, heard: usize) -> ClusterStatus {
    let mut status = seen_by(node, Some(node), term, 1_000);
    let others = status.members.iter_mut().filter(|member| member.node.id != NodeId(node));
    others.skip(heard).for_each(|member| member.health = Health::Unreachable);
    status
}

#[test]
fn the_most_trustworthy_answer_is_shown() {
    for (statuses, expected_node, expected) in [
        (vec![seen_by(2, Some(1), 3, 1_300), leading(1, 3, 2)], "shard-a", Freshness::Leader),
        (vec![seen_by(2, Some(1), 3, 1_300), seen_by(3, Some(1), 3, 1_200)], "shard-b", Freshness::Follower),
        // During an election: the proof came after the answers.
        (vec![seen_by(2, None, 4, 1_300), seen_by(3, None, 4, 1_400)], "shard-c", Freshness::Follower),
        // Cut off from the others, a leader may not know yet that there is a new one.
        (vec![leading(1, 3, 0), leading(2, 4, 1)], "shard-b", Freshness::Leader),
        (vec![leading(1, 3, 0), seen_by(3, Some(2), 4, 900)], "shard-c", Freshness::Follower),
    ] {
        let status = observe(statuses);
        assert_eq!((status.answered_by_node(), status.freshness), (expected_node, expected));
    }
}

#[test]
fn without_the_proof_of_a_quorum_every_answer_is_stale() {
    for statuses in [vec![leading(1, 3, 2)], vec![seen_by(2, Some(1), 3, 1_300)], vec![seen_by(2, None, 4, 1_300)]]
    {
        let status = observation(statuses, Some("cut off".to_owned())).status().unwrap();
        assert_eq!((status.freshness, status.quorum_problem.as_deref()), (Freshness::Stale, Some("cut off")));
    }
}

#[test]
fn nobody_answers_nothing() {
    let silent = Answer { endpoint: "a:1".to_owned(), result: Err("refused".to_owned()) };
    let observation = Observation { asked_at: NOW, answers: vec![silent], quorum_problem: None };
    assert_eq!(observation.status(), None);
    assert_eq!(observation.silent().collect::<Vec<_>>(), [("a:1", "refused")]);
}

/// Kinds of the findings about these answers.
fn check(statuses: impl IntoIterator<Item = ClusterStatus>, expected: &[&str]) {
    let status = observe(statuses);
    let kinds: Vec<&str> = status.findings.iter().map(|finding| finding.kind.as_str()).collect();
    assert_eq!(kinds, expected, "{:?}", status.findings);
}

#[test]
fn answers_that_do_not_fit_together_are_found() {
    check([cluster(), seen_by(2, Some(1), 3, 1_234), seen_by(3, Some(1), 3, 1_200)], &[]);
    let split = ClusterStatus { state_digest: "another".to_owned(), ..seen_by(2, Some(1), 3, 1_234) };
    check([cluster(), split], &["state_split"]);
    let foreign = ClusterStatus { cluster_id: "c-other".to_owned(), ..seen_by(2, None, 1, 9) };
    check([cluster(), foreign], &["foreign_cluster"]);
    let old = ClusterStatus { this_program_version: "0.0.9".to_owned(), ..seen_by(2, Some(1), 3, 1_200) };
    check([cluster(), old], &["version_skew"]);
    check([leading(1, 3, 1)], &["quorum_at_risk"]);
    let mut drifted = cluster();
    drifted.members[2].node.fingerprint.0 = "another".to_owned();
    check([drifted], &["drift"]);
}
