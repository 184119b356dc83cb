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
