//! Retry: what came to nothing is tried again, as versions of its own.

use crate::table::check;

#[test]
fn a_reverted_change_runs_what_is_left_of_its_plan() {
    check(
        r#"
        cluster 1                              | shard-1 v0
        submit users expand backfill contract? | ok; v1 -> preparing
        pass v1                                | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        all ready v2                           | ok; v2 -> executing
        failed shard-1 v2                      | ok; v2 -> reverting
        all reverted v2                        | ok; v2 -> reverted
        status users                           | reverted: expand settled v1, backfill reverted v2, contract cancelled
        as client: retry users                 | no: client may not retry change users: its role does not allow that (operators decide, agents report)
        retry users                            | ok; v3 -> preparing
        audit                                  | operator: retry change users [] overrode []
        status users                           | running: expand settled v1, backfill reverted v2, contract cancelled, backfill in_flight v3, contract queued
        pass v3                                | ok; v3 -> settling; clients are told v3; v3 -> settled
        approve users                          | ok; v4 -> preparing
        pass v4                                | ok; v4 -> settling; clients are told v4; v4 -> settled
        status users                           | settled: expand settled v1, backfill reverted v2, contract cancelled, backfill settled v3, contract settled v4
        phase users v4                         | contract
        rollback users                         | ok; v5 -> preparing
        pass v5                                | ok; v5 -> settling; clients are told v5; v5 -> settled; v6 -> preparing
        pass v6                                | ok; v6 -> settling; clients are told v6; v6 -> settled; v7 -> preparing
        pass v7                                | ok; v7 -> settling; clients are told v7; v7 -> settled
        status users                           | rolled_back: expand rolled_back v1, backfill reverted v2, contract cancelled, backfill rolled_back v3, contract rolled_back v4, undo contract settled v5, undo backfill settled v6, undo expand settled v7
        retry users                            | ok; v8 -> preparing
        status users                           | running: expand rolled_back v1, backfill reverted v2, contract cancelled, backfill rolled_back v3, contract rolled_back v4, undo contract settled v5, undo backfill settled v6, undo expand settled v7, expand in_flight v8, backfill queued, contract queued
        "#,
    );
}

#[test]
fn a_cancelled_change_runs_from_its_beginning_and_asks_again_for_what_was_approved() {
    check(
        r#"
        cluster 1              | shard-1 v0
        submit first expand    | ok; v1 -> preparing
        submit users contract? | ok
        approve users          | ok
        cancel users           | ok
        retry users            | ok
        pass v1                | ok; v1 -> settling; clients are told v1; v1 -> settled
        why                    | users/contract awaiting_approval: users: step contract needs an operator's approval
        "#,
    );
}

#[test]
fn what_waits_for_its_next_attempt_is_tried_at_once() {
    check(
        r#"
        cluster 1               | shard-1 v0
        submit users expand     | ok; v1 -> preparing
        notready shard-1 v1 lag | ok
        retry users             | ok
        hurried                 | 5
        all ready v1            | ok; v1 -> executing
        retry users             | ok
        hurried                 | 7
        failed shard-1 v1       | ok; v1 -> reverting
        retry users             | ok
        hurried                 | 9
        status users            | reverting: expand in_flight v1
        "#,
    );
}

#[test]
fn a_rollback_that_failed_is_what_is_tried_again() {
    check(
        r#"
        cluster 1                    | shard-1 v0
        submit users expand backfill | ok; v1 -> preparing
        pass v1                      | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        pass v2                      | ok; v2 -> settling; clients are told v2; v2 -> settled
        rollback users               | ok; v3 -> preparing
        pass v3                      | ok; v3 -> settling; clients are told v3; v3 -> settled; v4 -> preparing
        all ready v4                 | ok; v4 -> executing
        failed shard-1 v4            | ok; v4 -> reverting
        all reverted v4              | ok; v4 -> reverted
        status users                 | reverted: expand settled v1, backfill rolled_back v2, undo backfill settled v3, undo expand reverted v4
        retry users                  | ok; v5 -> preparing
        pass v5                      | ok; v5 -> settling; clients are told v5; v5 -> settled
        status users                 | rolled_back: expand rolled_back v1, backfill rolled_back v2, undo backfill settled v3, undo expand reverted v4, undo expand settled v5
        "#,
    );
}

#[test]
fn a_change_that_has_begun_goes_on_before_an_older_one_that_is_tried_again() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        submit users expand backfill  | ok; v1 -> preparing
        cancel users                  | ok; v1 -> reverting; v1 -> reverted
        submit orders expand backfill | ok; v2 -> preparing
        submit items expand           | ok
        retry users                   | ok
        pass v2                       | ok; v2 -> settling; clients are told v2; v2 -> settled; v3 -> preparing
        pass v3                       | ok; v3 -> settling; clients are told v3; v3 -> settled; v4 -> preparing
        pass v4                       | ok; v4 -> settling; clients are told v4; v4 -> settled; v5 -> preparing
        pass v5                       | ok; v5 -> settling; clients are told v5; v5 -> settled; v6 -> preparing
        "#,
    );
}

#[test]
fn what_others_were_built_on_is_not_tried_again() {
    check(
        r#"
        cluster 1                    | shard-1 v0
        submit users expand backfill | ok; v1 -> preparing
        pass v1                      | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        cancel users                 | ok; v2 -> reverting; v2 -> reverted
        submit orders expand         | ok; v3 -> preparing
        retry users                  | no: cannot retry change `users`: change orders has been built on top of its settled steps; submit what is left of it as a change of its own
        cancel orders                | ok; v3 -> reverting; v3 -> reverted
        retry users                  | ok; v4 -> preparing
        "#,
    );
}

#[test]
fn what_a_quarantined_node_keeps_back_has_all_schemas_compared_at_once() {
    check(
        r#"
        cluster 2                   | shard-1 v0, shard-2 v0
        drift shard-2               | ok; shard-2 quarantined
        submit users expand         | ok
        hurried                     | 0
        retry users                 | ok
        hurried                     | 7
        pause users                 | ok
        retry users                 | as it was: it is paused; lockstep change resume users lets it go on
        resume users                | ok
        caughtup shard-2 v0         | ok; shard-2 active; v1 -> preparing
        hurried                     | 7
        open shop/a                 | ok
        all ready v1                | ok; v1 -> executing
        all executed v1             | ok; v1 -> settling; clients are told v1
        retry users                 | as it was: every node holds its version, only clients are waited for
        drift shard-1               | ok; shard-1 quarantined
        retry users                 | ok
        hurried                     | 19
        "#,
    );
}
