//! Joining, replacing, catching up, moving and leaving, in each stage of a step.

use crate::table::check;

#[test]
fn joining_takes_a_token() {
    check(
        r#"
        cluster 1                | shard-1 v0
        join shard-2 token other | no: node `shard-2` may not join: the cluster has not issued its join token; get a new one with `lockstep cluster join-token`
        as client: token t2      | no: client may not issue a join token: its role does not allow that (operators decide, agents report)
        as agent: token t2       | no: agent may not issue a join token: its role does not allow that (operators decide, agents report)
        token t2 for 10          | ok
        join shard-2 token t2    | ok
        wait 10                  | 
        join shard-3 token t2    | no: node `shard-3` may not join: its join token has expired; get a new one with `lockstep cluster join-token`
        audit                    | agent: node shard-2 joins as #7 [] overrode []
        nodes                    | shard-1 v0, shard-2 v0 (catching up)
        "#,
    );
}

#[test]
fn a_node_that_does_not_fit_is_refused() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        submit users expand           | ok; v1 -> preparing
        pass v1                       | ok; v1 -> settling; clients are told v1; v1 -> settled
        join shard-1                  | no: node `shard-1` may not join: node #1 has that name; choose another name, or join with `replace = true` if that node's data directory is lost for good
        join shard-2 engine postgres  | no: `shard-2` is for postgres, but this is a cluster of sqlite databases
        join shard-2 format 0         | no: node `shard-2` may not join: its program applies command format 0 and the cluster writes 2; install the release that the other agents run
        join shard-2 database shard-1 | no: node `shard-2` may not join: its database is already served by node shard-1; one database has one agent: give this one a database of its own, or remove that node first
        join shard-2 schema s9        | no: node `shard-2` may not join: at version 0 the cluster's schema is s0 and this database has s9; make its schema equal to that of the other nodes at that version, then start the agent again
        join shard-2 at v9            | no: node `shard-2` may not join: its database's ledger is at version 9, which is not in this cluster's version log; restore the database that belongs to this cluster, or point the agent at another one
        join shard-2 at v1 hash abc   | no: node `shard-2` may not join: its database's ledger is at version 1, which is not in this cluster's version log; restore the database that belongs to this cluster, or point the agent at another one
        join shard-2 at v1 schema s9  | no: node `shard-2` may not join: at version 1 the cluster's schema is s1 and this database has s9; make its schema equal to that of the other nodes at that version, then start the agent again
        join shard-2 at v1            | ok
        join shard-3                  | ok
        nodes                         | shard-1 v1, shard-2 v1 (catching up), shard-3 v0 (catching up)
        "#,
    );
}

#[test]
fn a_node_counts_once_it_has_caught_up() {
    check(
        r#"
        cluster 1                      | shard-1 v0
        submit users expand backfill   | ok; v1 -> preparing
        pass v1                        | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        join shard-2                   | ok
        ready shard-2 v2               | no: cannot take a report of node `shard-2`: it is catching up
        executed shard-2 v2            | no: cannot take a report of node `shard-2`: it is catching up
        caughtup shard-2 v0            | no: the report of node `shard-2` on version 0 is out of date: nodes become active at version 1 now
        as client: caughtup shard-2 v1 | no: client may not report for a node: its role does not allow that (operators decide, agents report)
        caughtup shard-9 v1            | no: there is no node named `#999`; `lockstep node list` shows those there are
        caughtup shard-2 v1            | ok; shard-2 active
        caughtup shard-2 v1            | ok
        ready shard-1 v2               | ok
        why                            | users/backfill preparing: shard-2: has not said whether it is ready
        "#,
    );
}

#[test]
fn becoming_active_in_each_stage() {
    check(
        r#"
        cluster 1                                                | shard-1 v0
        open shop/a                                              | ok
        join shard-2                                             | ok
        join shard-3                                             | ok
        join shard-4                                             | ok
        join shard-5                                             | ok
        submit users expand                                      | ok; v1 -> preparing
        # Preparing: at the base; then it must be ready too.
        caughtup shard-2 v1                                      | no: the report of node `shard-2` on version 1 is out of date: nodes become active at version 0 now
        caughtup shard-2 v0                                      | ok; shard-2 active
        all ready v1                                             | ok; v1 -> executing
        # Executing: at either; at the base it must execute too.
        caughtup shard-3 v0                                      | ok; shard-3 active
        executed shard-1 v1                                      | ok
        executed shard-2 v1                                      | ok
        caughtup shard-4 v1                                      | ok; shard-4 active
        why                                                      | users/expand executing: shard-3: has not executed yet
        executed shard-3 v1                                      | ok; v1 -> settling; clients are told v1
        # Settling: at the new version only.
        caughtup shard-5 v0                                      | no: the report of node `shard-5` on version 0 is out of date: nodes become active at version 1 now
        caughtup shard-5 v1                                      | ok; shard-5 active
        running                                                  | announced v1; spread 1; shop/a v0 owes
        ack shop/a v1                                            | ok; v1 -> settled
        nodes                                                    | shard-1 v1, shard-2 v1, shard-3 v1, shard-4 v1, shard-5 v1
        "#,
    );
}

#[test]
fn becoming_active_while_reverting() {
    check(
        r#"
        cluster 1                                                   | shard-1 v0
        open shop/a                                                 | ok
        open shop/b                                                 | ok
        join shard-2                                                | ok
        submit users expand                                         | ok; v1 -> preparing
        all ready v1                                                | ok; v1 -> executing
        all executed v1                                             | ok; v1 -> settling; clients are told v1
        ack shop/a v1                                               | ok
        cancel users                                                | ok; v1 -> reverting; clients are told v0
        # Clients still use v1: a node without it would break them.
        caughtup shard-2 v0                                         | no: the report of node `shard-2` on version 0 is out of date: no node can become active until clients have stepped back from the version in flight
        caughtup shard-2 v1                                         | no: the report of node `shard-2` on version 1 is out of date: no node can become active until clients have stepped back from the version in flight
        ack shop/a v0                                               | ok
        close shop/b                                                | ok; session gone
        caughtup shard-2 v0                                         | ok; shard-2 active
        why                                                         | users/expand reverting: shard-1: has not reverted yet
        reverted shard-1 v1                                         | ok; v1 -> reverted
        "#,
    );
}

#[test]
fn a_replaced_node_holds_every_gate() {
    check(
        r#"
        cluster 2            | shard-1 v0, shard-2 v0
        open shop/a          | ok
        submit users expand  | ok; v1 -> preparing
        join shard-2 replace | ok; #3 removed
        audit                | agent: node shard-2 joins as #7 in place of #3 [] overrode []
        nodes                | shard-1 v0, shard-2 v0 (replaces)
        ready shard-1 v1     | ok
        why                  | users/expand preparing: shard-2: took the place of a node, and catches up
        caughtup shard-2 v0  | ok; shard-2 active
        ready shard-2 v1     | ok; v1 -> executing
        executed shard-1 v1  | ok
        join shard-2 replace | ok; #7 removed
        why                  | users/expand executing: shard-2: took the place of a node, and catches up
        caughtup shard-2 v1  | ok; shard-2 active; v1 -> settling; clients are told v1
        join shard-2 replace | ok; #12 removed
        ack shop/a v1        | ok
        why                  | users/expand settling: shard-2: took the place of a node, and catches up
        caughtup shard-2 v1  | ok; shard-2 active; v1 -> settled
        "#,
    );
}

#[test]
fn a_replaced_node_is_waited_for_while_reverting() {
    check(
        r#"
        cluster 2                     | shard-1 v0, shard-2 v0
        submit users expand           | ok; v1 -> preparing
        all ready v1                  | ok; v1 -> executing
        all executed v1               | ok; v1 -> settling; clients are told v1; v1 -> settled
        status users                  | settled: expand settled v1
        submit orders expand          | ok; v2 -> preparing
        all ready v2                  | ok; v2 -> executing
        executed shard-1 v2           | ok
        executed shard-2 v2 schema s9 | ok; v2 -> reverting
        reverted shard-2 v2           | ok
        join shard-2 replace at v2    | ok; #3 removed
        reverted shard-1 v2           | ok
        why                           | orders/expand reverting: shard-2: took the place of a node, and has not reverted yet
        reverted shard-2 v2           | no: cannot take a report of node `shard-2`: it is catching up
        remove shard-2                | no: to remove node shard-2 would pass a gate that waits for shard-2 (took the place of a node, and has not reverted yet); repeat with force to override
        caughtup shard-2 v1           | ok; shard-2 active; v2 -> reverted
        status orders                 | reverted: expand reverted v2
        "#,
    );
}

#[test]
fn in_place_of_a_node_that_never_counted() {
    check(
        r#"
        cluster 1            | shard-1 v0
        join shard-2         | ok
        join shard-2         | no: node `shard-2` may not join: node #3 has that name; choose another name, or join with `replace = true` if that node's data directory is lost for good
        join shard-2 replace | ok; #3 removed
        nodes                | shard-1 v0, shard-2 v0 (catching up)
        join shard-1 replace | ok; #1 removed
        nodes                | shard-2 v0 (catching up), shard-1 v0 (replaces)
        "#,
    );
}

#[test]
fn the_last_node_can_be_replaced_and_nothing_moves_meanwhile() {
    check(
        r#"
        cluster 1            | shard-1 v0
        submit users expand  | ok; v1 -> preparing
        all ready v1         | ok; v1 -> executing
        join shard-1 replace | ok; #1 removed
        why                  | users/expand executing: cluster: it has no active node; shard-1: took the place of a node, and catches up
        executed shard-1 v1  | no: cannot take a report of node `shard-1`: it is catching up
        caughtup shard-1 v0  | ok; shard-1 active
        executed shard-1 v1  | ok; v1 -> settling; clients are told v1; v1 -> settled
        "#,
    );
}

#[test]
fn removing_takes_an_operator_a_reason_and_force_when_a_gate_waits() {
    check(
        r#"
        cluster 2                      | shard-1 v0, shard-2 v0
        as client: remove shard-2      | no: client may not remove node shard-2: its role does not allow that (operators decide, agents report)
        as agent: remove shard-2       | no: agent may not remove node shard-2: its role does not allow that (operators decide, agents report)
        remove shard-2 no-reason       | no: to remove node shard-2, give a reason: it goes into the audit trail
        remove shard-9                 | no: there is no node named `shard-9`; `lockstep node list` shows those there are
        submit users expand            | ok; v1 -> preparing
        ready shard-1 v1               | ok
        remove shard-2                 | no: to remove node shard-2 would pass a gate that waits for shard-2 (has not said whether it is ready); repeat with force to override
        remove shard-2 force no-reason | no: to remove node shard-2, give a reason: it goes into the audit trail
        remove shard-2 force           | ok; shard-2 removed; v1 -> executing
        audit                          | operator: remove node shard-2 [because] overrode [shard-2 (has not said whether it is ready)]
        remove shard-1 force           | no: cannot remove node `shard-1`: nobody would be left to go on; let another node join and become active first
        "#,
    );
}

#[test]
fn removing_an_idle_node_needs_no_force() {
    check(
        r#"
        cluster 3           | shard-1 v0, shard-2 v0, shard-3 v0
        remove shard-3      | ok; shard-3 removed
        audit               | operator: remove node shard-3 [because] overrode []
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        executed shard-1 v1 | ok
        remove shard-1      | ok; shard-1 removed
        why                 | users/expand executing: shard-2: has not executed yet
        executed shard-2 v1 | ok; v1 -> settling; clients are told v1; v1 -> settled
        "#,
    );
}

#[test]
fn removing_the_last_holdout_of_each_stage() {
    check(
        r#"
        cluster 4            | shard-1 v0, shard-2 v0, shard-3 v0, shard-4 v0
        submit users expand  | ok; v1 -> preparing
        ready shard-1 v1     | ok
        ready shard-2 v1     | ok
        ready shard-3 v1     | ok
        remove shard-4 force | ok; shard-4 removed; v1 -> executing
        executed shard-1 v1  | ok
        executed shard-2 v1  | ok
        remove shard-3 force | ok; shard-3 removed; v1 -> settling; clients are told v1; v1 -> settled
        submit orders expand | ok; v2 -> preparing
        all ready v2         | ok; v2 -> executing
        failed shard-1 v2    | ok; v2 -> reverting
        reverted shard-1 v2  | ok
        remove shard-2 force | ok; shard-2 removed; v2 -> reverted
        nodes                | shard-1 v1
        "#,
    );
}

#[test]
fn an_agent_may_move() {
    check(
        r#"
        cluster 1                 | shard-1 v0
        move shard-1              | ok
        as operator: move shard-1 | no: operator may not move a node: its role does not allow that (operators decide, agents report)
        move shard-9              | no: there is no node named `#999`; `lockstep node list` shows those there are
        "#,
    );
}

#[test]
fn a_replica_follows_a_primary_of_the_cluster() {
    check(
        r#"
        bootstrap shard-1 replica                       | no: node `shard-1` may not join: a replica executes nothing, and the first node has nobody to follow; bootstrap the cluster with the agent of its primary
        cluster 2                                       | shard-1 v0, shard-2 v0
        join copy-9 replica database shard-9            | no: node `copy-9` may not join: the primary that it follows is no node of this cluster; let the agent of its primary join first
        join copy-1 replica database shard-1            | ok
        join copy-2 replica database shard-1            | ok
        caughtup copy-1 v0                              | ok; copy-1 active
        remove copy-2                                   | ok; copy-2 removed
        submit users expand                             | ok; v1 -> preparing
        all ready v1                                    | ok; v1 -> executing
        executed shard-1 v1                             | ok
        executed shard-2 v1                             | ok
        why                                             | users/expand executing: copy-1: the version has not reached this replica by replication yet
        executed copy-1 v1                              | ok; v1 -> settling; clients are told v1; v1 -> settled
        remove shard-1                                  | no: to remove node shard-1 would pass a gate that waits for copy-1 (its replica); repeat with force to override
        join shard-1 replace                            | ok; #1 removed
        remove copy-1                                   | ok; copy-1 removed
        remove shard-1                                  | ok; shard-1 removed
        "#,
    );
}

#[test]
fn a_replica_is_waited_for_while_reverting() {
    check(
        r#"
        cluster 1                            | shard-1 v0
        join copy-1 replica database shard-1 | ok
        caughtup copy-1 v0                   | ok; copy-1 active
        submit users expand                  | ok; v1 -> preparing
        all ready v1                         | ok; v1 -> executing
        cancel users                         | ok; v1 -> reverting
        reverted shard-1 v1                  | ok
        why                                  | users/expand reverting: copy-1: the revert has not reached this replica by replication yet
        reverted copy-1 v1                   | ok; v1 -> reverted
        "#,
    );
}
