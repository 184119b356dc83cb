//! Nodes whose schema is not what it should be.

use crate::table::check;

#[test]
fn a_quarantined_node_stops_every_move_forward() {
    check(
        r#"
        cluster 2                     | shard-1 v0, shard-2 v0
        as client: drift shard-2      | no: client may not report for a node: its role does not allow that (operators decide, agents report)
        drift shard-9                 | no: there is no node named `#999`; `lockstep node list` shows those there are
        drift shard-2                 | ok; shard-2 quarantined
        submit users expand           | ok
        why                           | users/expand queued: shard-2: quarantined: index x is extra
        caughtup shard-2 v0 schema s9 | ok; shard-2 quarantined
        caughtup shard-2 v0           | ok; shard-2 active; v1 -> preparing
        all ready v1                  | ok; v1 -> executing
        drift shard-2                 | ok; shard-2 quarantined
        all executed v1               | ok
        why                           | users/expand executing: shard-2: quarantined: index x is extra
        caughtup shard-2 v1           | ok; shard-2 active; v1 -> settling; clients are told v1; v1 -> settled
        submit orders expand          | ok; v2 -> preparing
        "#,
    );
}

#[test]
fn preflight_that_finds_another_schema_quarantines() {
    check(
        r#"
        cluster 2                                                 | shard-1 v0, shard-2 v0
        submit users expand                                       | ok; v1 -> preparing
        ready shard-2 v1 schema s9                                | ok; shard-2 quarantined
        ready shard-1 v1                                          | ok
        why                                                       | users/expand preparing: shard-2: quarantined: at version 0 its schema is s9, and must be s0
        caughtup shard-2 v0                                       | ok; shard-2 active
        ready shard-2 v1                                          | ok; v1 -> executing
        # Too late to say so, and no reason to distrust the node.
        ready shard-2 v1 schema s9                                | no: the report of node `shard-2` on version 1 is out of date: the step is not being prepared
        "#,
    );
}

#[test]
fn a_node_that_comes_back_says_again_whether_it_is_ready() {
    check(
        r#"
        cluster 2           | shard-1 v0, shard-2 v0
        submit users expand | ok; v1 -> preparing
        ready shard-2 v1    | ok
        drift shard-2       | ok; shard-2 quarantined
        caughtup shard-2 v0 | ok; shard-2 active
        ready shard-1 v1    | ok
        why                 | users/expand preparing: shard-2: has not said whether it is ready
        ready shard-2 v1    | ok; v1 -> executing
        "#,
    );
}

#[test]
fn a_node_that_was_restored_must_execute_again() {
    check(
        r#"
        cluster 2           | shard-1 v0, shard-2 v0
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        executed shard-1 v1 | ok
        drift shard-1       | ok; shard-1 quarantined
        caughtup shard-1 v0 | ok; shard-1 active
        executed shard-2 v1 | ok
        why                 | users/expand executing: shard-1: has not executed yet
        nodes               | shard-1 v0, shard-2 v1
        executed shard-1 v1 | ok; v1 -> settling; clients are told v1; v1 -> settled
        "#,
    );
}

#[test]
fn another_schema_while_settling_quarantines() {
    check(
        r#"
        cluster 2                     | shard-1 v0, shard-2 v0
        open shop/a                   | ok
        submit users expand           | ok; v1 -> preparing
        all ready v1                  | ok; v1 -> executing
        all executed v1               | ok; v1 -> settling; clients are told v1
        executed shard-2 v1 schema s9 | ok; shard-2 quarantined
        ack shop/a v1                 | ok
        why                           | users/expand settling: shard-2: quarantined: shard-2 got schema s9 where the others have s1
        caughtup shard-2 v1           | ok; shard-2 active; v1 -> settled
        "#,
    );
}

#[test]
fn the_only_node_comes_back_with_the_schema_that_it_had() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        open shop/a                   | ok
        submit users expand           | ok; v1 -> preparing
        all ready v1                  | ok; v1 -> executing
        executed shard-1 v1           | ok; v1 -> settling; clients are told v1
        drift shard-1                 | ok; shard-1 quarantined
        caughtup shard-1 v1 schema s9 | ok; shard-1 quarantined
        caughtup shard-1 v1 schema s1 | ok; shard-1 active
        ack shop/a v1                 | ok; v1 -> settled
        "#,
    );
}

#[test]
fn the_last_node_that_counts_stays_even_when_quarantined() {
    check(
        r#"
        cluster 2            | shard-1 v0, shard-2 v0
        open shop/a          | ok
        submit users expand  | ok; v1 -> preparing
        all ready v1         | ok; v1 -> executing
        all executed v1      | ok; v1 -> settling; clients are told v1
        drift shard-1        | ok; shard-1 quarantined
        remove shard-2 force | no: cannot remove node `shard-2`: nobody would be left to go on; let another node join and become active first
        drift shard-2        | ok; shard-2 quarantined
        remove shard-2 force | ok; shard-2 removed
        remove shard-1 force | no: cannot remove node `shard-1`: nobody would be left to go on; let another node join and become active first
        ack shop/a v1        | ok
        why                  | users/expand settling: cluster: it has no active node; shard-1: quarantined: index x is extra
        caughtup shard-1 v1  | ok; shard-1 active; v1 -> settled
        "#,
    );
}

#[test]
fn a_quarantined_node_reverts_too() {
    check(
        r#"
        cluster 2           | shard-1 v0, shard-2 v0
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        executed shard-1 v1 | ok
        drift shard-1       | ok; shard-1 quarantined
        cancel users        | ok; v1 -> reverting
        reverted shard-2 v1 | ok
        why                 | users/expand reverting: shard-1: has not reverted yet
        reverted shard-1 v1 | ok; v1 -> reverted
        nodes               | shard-1 v0 (quarantined), shard-2 v0
        caughtup shard-1 v0 | ok; shard-1 active
        "#,
    );
}

#[test]
fn drift_of_a_node_that_catches_up() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        join shard-2                  | ok
        caughtup shard-2 v0 schema s9 | ok; shard-2 quarantined
        nodes                         | shard-1 v0, shard-2 v0 (quarantined)
        remove shard-2                | ok; shard-2 removed
        "#,
    );
}

#[test]
fn a_schema_is_accepted_once_every_node_has_it() {
    check(
        r#"
        cluster 2                     | shard-1 v0, shard-2 v0
        submit users expand           | ok; v1 -> preparing
        pass v1                       | ok; v1 -> settling; clients are told v1; v1 -> settled
        accept shard-1                | ok
        drift shard-1 schema s9       | ok; shard-1 quarantined
        as client: accept shard-1     | no: client may not accept the schema of node shard-1: its role does not allow that (operators decide, agents report)
        accept shard-1 no-reason      | no: to accept the schema of node shard-1, give a reason: it goes into the audit trail
        accept shard-7                | no: there is no node named `shard-7`; `lockstep node list` shows those there are
        accept shard-1                | no: cannot accept the schema of node `shard-1`: the nodes do not agree: shard-2 has schema s1 at version 1; make the same change there and let the agents look at once (lockstep change retry), or undo it on shard-1 (lockstep node repair shard-1)
        drift shard-2 schema s8       | ok; shard-2 quarantined
        accept shard-1                | no: cannot accept the schema of node `shard-1`: the nodes do not agree: shard-2 has schema s8 at version 1; make the same change there and let the agents look at once (lockstep change retry), or undo it on shard-1 (lockstep node repair shard-1)
        drift shard-2 schema s9       | ok; shard-2 quarantined
        submit orders expand          | ok
        accept shard-1                | ok; shard-1 active; shard-2 active; v2 -> preparing
        accept shard-1                | ok
        audit                         | operator: accept the schema of node shard-1 [because] overrode []
        # From now on that is what the version gives.
        ready shard-1 v2 schema s1    | ok; shard-1 quarantined
        caughtup shard-1 v1 schema s9 | ok; shard-1 active
        ready shard-1 v2 schema s9    | ok
        ready shard-2 v2 schema s9    | ok; v2 -> executing
        join shard-3 at v1 schema s1  | no: node `shard-3` may not join: at version 1 the cluster's schema is s9 and this database has s1; make its schema equal to that of the other nodes at that version, then start the agent again
        "#,
    );
}

#[test]
fn a_schema_is_not_accepted_in_the_middle_of_a_step() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        submit users expand           | ok; v1 -> preparing
        all ready v1                  | ok; v1 -> executing
        drift shard-1 schema s9       | ok; shard-1 quarantined
        accept shard-1                | no: cannot accept the schema of node `shard-1`: a step is half way; wait until it is settled or reverted
        caughtup shard-1 v0           | ok; shard-1 active
        executed shard-1 v1           | ok; v1 -> settling; clients are told v1; v1 -> settled
        drift shard-1 schema s9 at v0 | ok; shard-1 quarantined
        accept shard-1                | no: cannot accept the schema of node `shard-1`: its database is at version 0, and the cluster at version 1; it must catch up first
        drift shard-1                 | ok; shard-1 quarantined
        accept shard-1                | no: cannot accept the schema of node `shard-1`: its agent has not told what schema it has; `lockstep node show` says why
        drift shard-1 schema s9       | ok; shard-1 quarantined
        accept shard-1                | ok; shard-1 active
        "#,
    );
}

#[test]
fn a_rollback_keeps_what_was_accepted_since() {
    check(
        r#"
        cluster 2                     | shard-1 v0, shard-2 v0
        submit users expand           | ok; v1 -> preparing
        pass v1                       | ok; v1 -> settling; clients are told v1; v1 -> settled
        drift shard-1 schema s9       | ok; shard-1 quarantined
        drift shard-2 schema s9       | ok; shard-2 quarantined
        accept shard-2                | ok; shard-1 active; shard-2 active
        rollback users                | ok; v2 -> preparing
        ready shard-1 v2 schema s9    | ok
        ready shard-2 v2 schema s9    | ok; v2 -> executing
        executed shard-1 v2 schema s7 | ok
        executed shard-2 v2 schema s7 | ok; v2 -> settling; clients are told v2; v2 -> settled
        "#,
    );
}
