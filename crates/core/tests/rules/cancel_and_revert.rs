//! Cancelling, failing, diverging: how a step is undone.

use crate::table::check;

#[test]
fn a_queued_change_is_cancelled_at_once() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        submit users expand           | ok; v1 -> preparing
        submit orders expand backfill | ok
        cancel orders                 | ok
        audit                         | operator: cancel change orders [because] overrode []
        status orders                 | cancelled: expand cancelled, backfill cancelled
        cancel orders                 | as it was: it was cancelled
        as client: cancel users       | no: client may not cancel change users: its role does not allow that (operators decide, agents report)
        cancel users no-reason        | no: to cancel change users, give a reason: it goes into the audit trail
        cancel nothing                | no: there is no change named `nothing`; `lockstep change list` shows those there are
        "#,
    );
}

#[test]
fn before_the_confirmation_there_is_nothing_to_undo() {
    check(
        r#"
        cluster 2                     | shard-1 v0, shard-2 v0
        submit users expand! backfill | ok; v1 -> preparing
        ready shard-1 v1              | ok
        cancel users                  | ok; v1 -> reverting; v1 -> reverted
        status users                  | reverted: expand reverted v1, backfill cancelled
        submit orders expand          | ok; v2 -> preparing
        ready shard-1 v2              | ok
        pass v2                       | ok; v2 -> settling; clients are told v2; v2 -> settled
        "#,
    );
}

#[test]
fn while_executing_every_node_reverts_also_one_that_did_not_execute() {
    check(
        r#"
        cluster 2                                               | shard-1 v0, shard-2 v0
        open shop/a                                             | ok
        submit users expand backfill                            | ok; v1 -> preparing
        all ready v1                                            | ok; v1 -> executing
        executed shard-1 v1                                     | ok
        cancel users                                            | ok; v1 -> reverting
        cancel users                                            | as it was: it is being reverted: cancelled by operator: because
        status users                                            | reverting: expand in_flight v1, backfill cancelled
        why                                                     | users/expand reverting: shard-1: has not reverted yet; shard-2: has not reverted yet
        # Its report was under way when the step was cancelled.
        executed shard-2 v1                                     | ok
        nodes                                                   | shard-1 v1, shard-2 v1
        failed shard-2 v1                                       | no: the report of node `shard-2` on version 1 is out of date: the step is not being executed
        reverted shard-1 v1                                     | ok
        executed shard-1 v1                                     | no: the report of node `shard-1` on version 1 is out of date: the node has reverted the step since
        reverted shard-2 v1                                     | ok; v1 -> reverted
        status users                                            | reverted: expand reverted v1, backfill cancelled
        nodes                                                   | shard-1 v0, shard-2 v0
        reverted shard-2 v1                                     | no: the report of node `shard-2` on version 1 is out of date: no step is in flight
        "#,
    );
}

#[test]
fn while_settling_clients_step_back_before_nodes_revert() {
    check(
        r#"
        cluster 2           | shard-1 v0, shard-2 v0
        open shop/a         | ok
        open shop/b         | ok
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        all executed v1     | ok; v1 -> settling; clients are told v1
        ack shop/a v1       | ok
        cancel users        | ok; v1 -> reverting; clients are told v0
        running             | announced v0; spread 1; shop/a v1 owes, shop/b v0 owes
        reverted shard-1 v1 | no: the report of node `shard-1` on version 1 is out of date: clients may still be using the version
        ack shop/a v1       | no: session 5 cannot acknowledge version 1: version 0 is announced
        ack shop/a v0       | ok
        open shop/c         | ok
        running             | announced v0; spread 1; shop/a v0, shop/b v0 owes, shop/c v0
        close shop/b        | ok; session gone
        why                 | users/expand reverting: shard-1: has not reverted yet; shard-2: has not reverted yet
        reverted shard-1 v1 | ok
        reverted shard-2 v1 | ok; v1 -> reverted
        running             | announced v0; spread 0; shop/a v0, shop/c v0
        "#,
    );
}

#[test]
fn clients_are_told_even_when_no_session_lives() {
    check(
        r#"
        cluster 1           | shard-1 v0
        open shop/a         | ok
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        all executed v1     | ok; v1 -> settling; clients are told v1
        cancel users        | ok; v1 -> reverting; clients are told v0
        expire shop/a       | ok; session gone
        reverted shard-1 v1 | ok; v1 -> reverted
        "#,
    );
}

#[test]
fn a_failure_reverts_and_cancels_the_rest() {
    check(
        r#"
        cluster 2                             | shard-1 v0, shard-2 v0
        submit users expand backfill validate | ok; v1 -> preparing
        pass v1                               | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        all ready v2                          | ok; v2 -> executing
        executed shard-1 v2                   | ok
        failed shard-2 v2                     | ok; v2 -> reverting
        all reverted v2                       | ok; v2 -> reverted
        status users                          | reverted: expand settled v1, backfill reverted v2, validate cancelled
        why                                   | nothing to do
        "#,
    );
}

#[test]
fn a_failure_of_a_step_without_revert_waits_and_is_named() {
    check(
        r#"
        cluster 2              | shard-1 v0, shard-2 v0
        submit users contract! | ok; v1 -> preparing
        all ready v1           | ok; v1 -> executing
        executed shard-1 v1    | ok
        failed shard-1 v1      | no: the report of node `shard-1` on version 1 is out of date: the node has executed the step since
        failed shard-2 v1      | ok
        why                    | users/contract executing: shard-2: cannot execute, goes on trying: disk full
        remedies               | users/contract executing: shard-2: mend what it names; this step has no revert
        cancel users           | no: cannot cancel change `users`: its step in flight has no revert and will settle; lockstep change pause users --reason ... stops it after that
        rollback users         | no: change `users` cannot be rolled back: none of its steps has settled; lockstep change cancel users --reason ... stops it
        executed shard-2 v1    | ok; v1 -> settling; clients are told v1; v1 -> settled
        status users           | settled: contract settled v1
        "#,
    );
}

#[test]
fn a_node_that_gets_another_schema_reverts_the_step_everywhere() {
    check(
        r#"
        cluster 2                      | shard-1 v0, shard-2 v0
        submit users expand            | ok; v1 -> preparing
        all ready v1                   | ok; v1 -> executing
        executed shard-1 v1 schema s1  | ok
        executed shard-2 v1 schema s1b | ok; v1 -> reverting
        all reverted v1                | ok; v1 -> reverted
        status users                   | reverted: expand reverted v1
        "#,
    );
}

#[test]
fn a_node_that_gets_another_schema_of_a_step_without_revert_is_quarantined() {
    check(
        r#"
        cluster 2                      | shard-1 v0, shard-2 v0
        submit users contract!         | ok; v1 -> preparing
        all ready v1                   | ok; v1 -> executing
        executed shard-1 v1 schema s1  | ok
        executed shard-2 v1 schema s1b | ok; shard-2 quarantined
        why                            | users/contract executing: shard-2: quarantined: shard-2 got schema s1b where the others have s1
        caughtup shard-2 v1 schema s1b | ok; shard-2 quarantined
        caughtup shard-2 v1 schema s1  | ok; shard-2 active; v1 -> settling; clients are told v1; v1 -> settled
        status users                   | settled: contract settled v1
        "#,
    );
}

#[test]
fn reverted_means_the_schema_from_before() {
    check(
        r#"
        cluster 2                      | shard-1 v0, shard-2 v0
        submit users expand            | ok; v1 -> preparing
        all ready v1                   | ok; v1 -> executing
        failed shard-1 v1              | ok; v1 -> reverting
        reverted shard-1 v1 schema s0b | ok
        why                            | users/expand reverting: shard-1: cannot revert, goes on trying: after the revert its schema is s0b, and was s0 before; shard-2: has not reverted yet
        stuck shard-2 v1               | ok
        why                            | users/expand reverting: shard-1: cannot revert, goes on trying: after the revert its schema is s0b, and was s0 before; shard-2: cannot revert, goes on trying: disk full
        reverted shard-2 v1            | ok
        stuck shard-2 v1               | no: the report of node `shard-2` on version 1 is out of date: the node has reverted the step since
        # A second look finds another schema: it has not reverted after all.
        reverted shard-2 v1 schema s0b | ok
        reverted shard-1 v1            | ok
        reverted shard-2 v1            | ok; v1 -> reverted
        "#,
    );
}

#[test]
fn a_reverted_version_is_never_used_again() {
    check(
        r#"
        cluster 1            | shard-1 v0
        submit users expand  | ok; v1 -> preparing
        all ready v1         | ok; v1 -> executing
        failed shard-1 v1    | ok; v1 -> reverting
        reverted shard-1 v1  | ok; v1 -> reverted
        submit again expand  | ok; v2 -> preparing
        ready shard-1 v1     | no: the report of node `shard-1` on version 1 is out of date: version 2 is in flight
        pass v2              | ok; v2 -> settling; clients are told v2; v2 -> settled
        submit more backfill | ok; v3 -> preparing
        pass v3              | ok; v3 -> settling; clients are told v3; v3 -> settled
        running              | announced v3; spread 0; 
        nodes                | shard-1 v3
        "#,
    );
}
