//! Undoing what had settled: reverting steps that are versions of their own.

use crate::table::check;

#[test]
fn settled_steps_are_undone_in_reverse_as_ordinary_versions() {
    check(
        r#"
        cluster 2                         | shard-1 v0, shard-2 v0
        open shop/a knows users           | ok
        submit users expand switch_reads+ | ok; v1 -> preparing
        pass v1                           | ok; v1 -> settled; v2 -> preparing
        pass v2                           | ok; v2 -> settled
        as client: rollback users         | no: client may not roll back change users: its role does not allow that (operators decide, agents report)
        rollback users no-reason          | no: to roll back change users, give a reason: it goes into the audit trail
        rollback users                    | ok; v3 -> preparing
        audit                             | operator: roll back change users [because] overrode []
        status users                      | running: expand settled v1, switch_reads settled v2, undo switch_reads in_flight v3, undo expand queued
        phase users v2                    | switch_reads
        phase users v3                    | expand
        pass v3                           | ok; v3 -> settled; v4 -> preparing
        phase users v3                    | expand
        status users                      | running: expand settled v1, switch_reads rolled_back v2, undo switch_reads settled v3, undo expand in_flight v4
        pass v4                           | ok; v4 -> settled
        status users                      | rolled_back: expand rolled_back v1, switch_reads rolled_back v2, undo switch_reads settled v3, undo expand settled v4
        nodes                             | shard-1 v4, shard-2 v4
        rollback users                    | as it was: it was rolled back
        rollback nothing                  | no: there is no change named `nothing`; `lockstep change list` shows those there are
        "#,
    );
}

#[test]
fn the_undone_schema_must_be_the_one_from_before() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        submit users expand           | ok; v1 -> preparing
        pass v1                       | ok; v1 -> settling; clients are told v1; v1 -> settled
        rollback users                | ok; v2 -> preparing
        all ready v2                  | ok; v2 -> executing
        executed shard-1 v2 schema s7 | ok; v2 -> reverting
        why                           | users/undo expand reverting: shard-1: has not reverted yet
        reverted shard-1 v2           | ok; v2 -> reverted
        status users                  | reverted: expand settled v1, undo expand reverted v2
        # It can be tried again.
        rollback users                | ok; v3 -> preparing
        pass v3                       | ok; v3 -> settling; clients are told v3; v3 -> settled
        status users                  | rolled_back: expand rolled_back v1, undo expand reverted v2, undo expand settled v3
        "#,
    );
}

#[test]
fn a_step_in_flight_is_reverted_first_and_the_rest_never_starts() {
    check(
        r#"
        cluster 1                             | shard-1 v0
        submit users expand backfill validate | ok; v1 -> preparing
        pass v1                               | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        all ready v2                          | ok; v2 -> executing
        rollback users                        | ok; v2 -> reverting
        status users                          | reverting: expand settled v1, backfill in_flight v2, validate cancelled, undo expand queued
        rollback users                        | as it was: it is being rolled back
        all reverted v2                       | ok; v2 -> reverted; v3 -> preparing
        status users                          | running: expand settled v1, backfill reverted v2, validate cancelled, undo expand in_flight v3
        pass v3                               | ok; v3 -> settling; clients are told v3; v3 -> settled
        status users                          | rolled_back: expand rolled_back v1, backfill reverted v2, validate cancelled, undo expand settled v3
        "#,
    );
}

#[test]
fn a_step_that_is_preparing_gives_way_at_once() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        submit users expand contract! | ok; v1 -> preparing
        pass v1                       | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        rollback users                | ok; v2 -> reverting; v2 -> reverted; v3 -> preparing
        pass v3                       | ok; v3 -> settling; clients are told v3; v3 -> settled
        status users                  | rolled_back: expand rolled_back v1, contract reverted v2, undo expand settled v3
        "#,
    );
}

#[test]
fn what_has_no_revert_cannot_be_rolled_back() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        submit users expand contract! | ok; v1 -> preparing
        pass v1                       | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        pass v2                       | ok; v2 -> settling; clients are told v2; v2 -> settled
        rollback users                | no: change `users` cannot be rolled back: step contract has no revert
        submit orders expand          | ok; v3 -> preparing
        rollback orders               | no: change `orders` cannot be rolled back: none of its steps has settled; lockstep change cancel orders --reason ... stops it
        "#,
    );
}

#[test]
fn a_contract_with_a_revert_can_be_rolled_back() {
    check(
        r#"
        cluster 1             | shard-1 v0
        submit users contract | ok; v1 -> preparing
        pass v1               | ok; v1 -> settling; clients are told v1; v1 -> settled
        rollback users        | ok; v2 -> preparing
        pass v2               | ok; v2 -> settling; clients are told v2; v2 -> settled
        status users          | rolled_back: contract rolled_back v1, undo contract settled v2
        phase users v1        | contract
        phase users v2        | none
        "#,
    );
}

#[test]
fn a_change_under_another_one_stays() {
    check(
        r#"
        cluster 1            | shard-1 v0
        submit users expand  | ok; v1 -> preparing
        pass v1              | ok; v1 -> settling; clients are told v1; v1 -> settled
        submit orders expand | ok; v2 -> preparing
        rollback users       | no: change `users` cannot be rolled back: change orders is built on top of it; cancel or roll back that one first
        cancel orders        | ok; v2 -> reverting; v2 -> reverted
        rollback users       | ok; v3 -> preparing
        pass v3              | ok; v3 -> settling; clients are told v3; v3 -> settled
        "#,
    );
}

#[test]
fn the_one_on_top_goes_first() {
    check(
        r#"
        cluster 1            | shard-1 v0
        submit users expand  | ok; v1 -> preparing
        pass v1              | ok; v1 -> settling; clients are told v1; v1 -> settled
        submit orders expand | ok; v2 -> preparing
        pass v2              | ok; v2 -> settling; clients are told v2; v2 -> settled
        rollback users       | no: change `users` cannot be rolled back: change orders is built on top of it; cancel or roll back that one first
        rollback orders      | ok; v3 -> preparing
        rollback users       | no: change `users` cannot be rolled back: change orders is built on top of it; cancel or roll back that one first
        pass v3              | ok; v3 -> settling; clients are told v3; v3 -> settled
        rollback users       | ok; v4 -> preparing
        pass v4              | ok; v4 -> settling; clients are told v4; v4 -> settled
        status users         | rolled_back: expand rolled_back v1, undo expand settled v4
        nodes                | shard-1 v4
        "#,
    );
}

#[test]
fn a_rollback_can_be_cancelled_and_failed_and_tried_again() {
    check(
        r#"
        cluster 1                    | shard-1 v0
        submit users expand backfill | ok; v1 -> preparing
        pass v1                      | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        pass v2                      | ok; v2 -> settling; clients are told v2; v2 -> settled
        rollback users               | ok; v3 -> preparing
        cancel users                 | ok; v3 -> reverting; v3 -> reverted
        status users                 | reverted: expand settled v1, backfill settled v2, undo backfill reverted v3, undo expand cancelled
        rollback users               | ok; v4 -> preparing
        pass v4                      | ok; v4 -> settling; clients are told v4; v4 -> settled; v5 -> preparing
        all ready v5                 | ok; v5 -> executing
        failed shard-1 v5            | ok; v5 -> reverting
        reverted shard-1 v5          | ok; v5 -> reverted
        status users                 | reverted: expand settled v1, backfill rolled_back v2, undo backfill reverted v3, undo expand cancelled, undo backfill settled v4, undo expand reverted v5
        rollback users               | ok; v6 -> preparing
        pass v6                      | ok; v6 -> settling; clients are told v6; v6 -> settled
        status users                 | rolled_back: expand rolled_back v1, backfill rolled_back v2, undo backfill reverted v3, undo expand cancelled, undo backfill settled v4, undo expand reverted v5, undo expand settled v6
        "#,
    );
}

#[test]
fn a_client_that_needs_the_change_holds_its_rollback() {
    check(
        r#"
        cluster 1              | shard-1 v0
        submit users expand    | ok; v1 -> preparing
        pass v1                | ok; v1 -> settling; clients are told v1; v1 -> settled
        open shop/new min v1   | ok
        rollback users         | ok; v2 -> preparing
        all ready v2           | ok
        why                    | users/undo expand preparing: shop/new: cannot go on: version 2 undoes version 1 of change users, which it needs
        open shop/newer min v1 | ok
        evict shop/new force   | ok; session gone
        close shop/newer       | ok; session gone; v2 -> executing
        all executed v2        | ok; v2 -> settling; clients are told v2; v2 -> settled
        "#,
    );
}
