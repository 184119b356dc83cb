//! The life of a step: Preparing, Executing, Settling, Settled; one in flight at a time.

use crate::table::check;

#[test]
fn one_step_goes_through_every_stage() {
    check(
        r#"
        cluster 2           | shard-1 v0, shard-2 v0
        open shop/a         | ok
        submit users expand | ok; v1 -> preparing
        executed shard-1 v1 | no: the report of node `shard-1` on version 1 is out of date: the step is not confirmed
        ready shard-1 v1    | ok
        ready shard-2 v2    | no: the report of node `shard-2` on version 2 is out of date: version 1 is in flight
        ready shard-2 v1    | ok; v1 -> executing
        ready shard-2 v1    | no: the report of node `shard-2` on version 1 is out of date: the step is not being prepared
        executed shard-1 v1 | ok
        running             | announced v0; spread 1; shop/a v0
        ack shop/a v1       | no: session 5 cannot acknowledge version 1: version 0 is announced
        executed shard-2 v1 | ok; v1 -> settling; clients are told v1
        running             | announced v1; spread 1; shop/a v0 owes
        reverted shard-1 v1 | no: the report of node `shard-1` on version 1 is out of date: the step is not being reverted
        ack shop/a v0       | no: session 5 cannot acknowledge version 0: version 1 is announced
        ack shop/a v1       | ok; v1 -> settled
        status users        | settled: expand settled v1
        nodes               | shard-1 v1, shard-2 v1
        "#,
    );
}

#[test]
fn every_node_must_be_ready_not_a_quorum() {
    check(
        r#"
        cluster 3                     | shard-1 v0, shard-2 v0, shard-3 v0
        submit users expand           | ok; v1 -> preparing
        ready shard-1 v1              | ok
        ready shard-2 v1              | ok
        notready shard-3 v1 lock_held | ok
        why                           | users/expand preparing: shard-3: lock_held on users
        ready shard-1 v1              | ok
        notready shard-1 v1 lag       | ok
        ready shard-3 v1              | ok
        why                           | users/expand preparing: shard-1: lag on users
        ready shard-1 v1              | ok; v1 -> executing
        "#,
    );
}

#[test]
fn all_phases_one_after_the_other() {
    check(
        r#"
        cluster 2               | shard-1 v0, shard-2 v0
        open shop/a knows users | ok
        submit users expand backfill validate switch_writes+ switch_reads+ contract? | ok; v1 -> preparing
        pass v1                 | ok; v1 -> settled; v2 -> preparing
        pass v2                 | ok; v2 -> settled; v3 -> preparing
        pass v3                 | ok; v3 -> settled; v4 -> preparing
        pass v4                 | ok; v4 -> settled; v5 -> preparing
        phase users v4          | switch_writes
        pass v5                 | ok; v5 -> settled
        status users            | awaiting_approval: expand settled v1, backfill settled v2, validate settled v3, switch_writes settled v4, switch_reads settled v5, contract awaiting_approval
        why                     | users/contract awaiting_approval: users: step contract needs an operator's approval
        approve users           | ok; v6 -> preparing
        pass v6                 | ok; v6 -> settled
        status users            | settled: expand settled v1, backfill settled v2, validate settled v3, switch_writes settled v4, switch_reads settled v5, contract settled v6
        phase users v6          | contract
        running                 | announced v6; spread 0; shop/a v6
        "#,
    );
}

#[test]
fn a_change_of_switches_only_has_nothing_to_execute_but_every_node_reports() {
    check(
        r#"
        cluster 2                     | shard-1 v0, shard-2 v0
        open shop/a                   | ok
        submit reads switch_reads     | ok; v1 -> preparing
        all ready v1                  | ok; v1 -> executing
        executed shard-1 v1           | ok
        executed shard-2 v1 schema s9 | ok; v1 -> reverting
        all reverted v1               | ok; v1 -> reverted
        ack shop/a v0                 | ok
        status reads                  | reverted: switch_reads reverted v1
        "#,
    );
}

#[test]
fn the_next_change_waits_for_the_one_before() {
    check(
        r#"
        cluster 1                    | shard-1 v0
        submit users expand backfill | ok; v1 -> preparing
        submit orders expand         | ok
        pass v1                      | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        status orders                | queued: expand queued
        pass v2                      | ok; v2 -> settling; clients are told v2; v2 -> settled; v3 -> preparing
        status users                 | settled: expand settled v1, backfill settled v2
        pass v3                      | ok; v3 -> settling; clients are told v3; v3 -> settled
        status orders                | settled: expand settled v3
        "#,
    );
}

#[test]
fn a_cluster_without_sessions_settles_when_the_last_node_executed() {
    check(
        r#"
        cluster 2           | shard-1 v0, shard-2 v0
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        executed shard-2 v1 | ok
        executed shard-1 v1 | ok; v1 -> settling; clients are told v1; v1 -> settled
        "#,
    );
}

#[test]
fn reports_that_come_late_or_early_are_refused_and_change_nothing() {
    check(
        r#"
        cluster 2                        | shard-1 v0, shard-2 v0
        ready shard-1 v1                 | no: the report of node `shard-1` on version 1 is out of date: no step is in flight
        submit users expand              | ok; v1 -> preparing
        failed shard-1 v1                | no: the report of node `shard-1` on version 1 is out of date: the step is not being executed
        reverted shard-1 v1              | no: the report of node `shard-1` on version 1 is out of date: the step is not being reverted
        stuck shard-1 v1                 | no: the report of node `shard-1` on version 1 is out of date: the step is not being reverted
        all ready v1                     | ok; v1 -> executing
        ready shard-1 v1                 | no: the report of node `shard-1` on version 1 is out of date: the step is not being prepared
        notready shard-1 v1 lag          | no: the report of node `shard-1` on version 1 is out of date: the step is not being prepared
        executed shard-1 v1              | ok
        failed shard-1 v1                | no: the report of node `shard-1` on version 1 is out of date: the node has executed the step since
        executed shard-1 v1              | ok
        executed shard-2 v1              | ok; v1 -> settling; clients are told v1; v1 -> settled
        executed shard-2 v1              | no: the report of node `shard-2` on version 1 is out of date: no step is in flight
        ready shard-9 v1                 | no: there is no node named `#999`; `lockstep node list` shows those there are
        as client: ready shard-1 v1      | no: client may not report for a node: its role does not allow that (operators decide, agents report)
        as operator: executed shard-1 v1 | no: operator may not report for a node: its role does not allow that (operators decide, agents report)
        "#,
    );
}

#[test]
fn a_change_that_is_not_valid_is_refused() {
    check(
        r#"
        cluster 1                           | shard-1 v0
        submit unnamed expand               | no: change `` is not valid: a name has 1 to 200 letters, digits, `_`, `-` or `.`
        submit with/slash expand            | no: change `with/slash` is not valid: a name has 1 to 200 letters, digits, `_`, `-` or `.`
        submit empty                        | no: change `empty` is not valid: a change has 1 to 500 steps, this one has 0
        submit twice expand expand          | no: change `twice` is not valid: step 2 (`expand`): its name is taken
        submit users expand engine postgres | no: `users` is for postgres, but this is a cluster of sqlite databases
        submit users expand                 | ok; v1 -> preparing
        submit users expand                 | no: the name `users` is taken by another change; choose another one
        "#,
    );
}

#[test]
fn a_file_that_was_edited_after_it_was_submitted_is_a_conflict() {
    let refused = "no: users.sql (SHA-256 3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d) is not what change \
        `users` was made of: that was users.sql (SHA-256 ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb), and \
        no database would be told of the edit; put its old text back, and write what is still to be done into a new file";
    check(&format!(
        r#"
        cluster 1                           | shard-1 v0
        submit users expand holding a       | ok; v1 -> preparing
        submit users expand holding b       | {refused}
        submit users expand holding a       | no: the name `users` is taken by another change; choose another one
        submit users expand                 | no: the name `users` is taken by another change; choose another one
        "#
    ));
}
