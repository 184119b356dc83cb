//! What a person must say before a step moves: approvals and holds.

use crate::table::check;

#[test]
fn a_step_waits_for_approval_when_its_turn_comes() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        submit users expand contract? | ok; v1 -> preparing
        status users                  | running: expand in_flight v1, contract queued
        pass v1                       | ok; v1 -> settling; clients are told v1; v1 -> settled
        status users                  | awaiting_approval: expand settled v1, contract awaiting_approval
        why                           | users/contract awaiting_approval: users: step contract needs an operator's approval
        remedies                      | users/contract awaiting_approval: users: lockstep change approve users
        as client: approve users      | no: client may not approve a step of change users: its role does not allow that (operators decide, agents report)
        as agent: approve users       | no: agent may not approve a step of change users: its role does not allow that (operators decide, agents report)
        approve users                 | ok; v2 -> preparing
        audit                         | operator: approve step contract of change users [] overrode []
        approve users                 | as it was: step contract was approved by operator
        status users                  | running: expand settled v1, contract in_flight v2
        pass v2                       | ok; v2 -> settling; clients are told v2; v2 -> settled
        "#,
    );
}

#[test]
fn approval_may_come_before_its_turn() {
    check(
        r#"
        cluster 1                     | shard-1 v0
        submit users expand contract? | ok; v1 -> preparing
        approve users                 | ok
        pass v1                       | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        pass v2                       | ok; v2 -> settling; clients are told v2; v2 -> settled
        status users                  | settled: expand settled v1, contract settled v2
        approve users                 | as it was: step contract was approved by operator
        approve nothing               | no: there is no change named `nothing`; `lockstep change list` shows those there are
        "#,
    );
}

#[test]
fn each_step_has_its_own_approval() {
    check(
        r#"
        cluster 1                                | shard-1 v0
        submit users one=contract? two=contract? | ok
        approve users                            | ok; v1 -> preparing
        pass v1                                  | ok; v1 -> settling; clients are told v1; v1 -> settled
        why                                      | users/two awaiting_approval: users: step two needs an operator's approval
        approve users                            | ok; v2 -> preparing
        pass v2                                  | ok; v2 -> settling; clients are told v2; v2 -> settled
        "#,
    );
}

#[test]
fn a_hold_stops_a_queued_step() {
    check(
        r#"
        cluster 1                    | shard-1 v0
        submit users expand backfill | ok; v1 -> preparing
        all ready v1                 | ok; v1 -> executing
        pause users                  | ok
        audit                        | operator: hold change users [because] overrode []
        executed shard-1 v1          | ok; v1 -> settling; clients are told v1; v1 -> settled
        why                          | users/backfill queued: users: paused by operator (operator): because
        remedies                     | users/backfill queued: users: lockstep change resume users
        status users                 | running: expand settled v1, backfill queued
        resume users                 | ok; v2 -> preparing
        audit                        | operator: release change users [] overrode []
        pass v2                      | ok; v2 -> settling; clients are told v2; v2 -> settled
        "#,
    );
}

#[test]
fn a_hold_stops_a_step_that_prepares() {
    check(
        r#"
        cluster 1           | shard-1 v0
        submit users expand | ok; v1 -> preparing
        pause users         | ok
        ready shard-1 v1    | ok
        why                 | users/expand preparing: users: paused by operator (operator): because
        resume users        | ok; v1 -> executing
        "#,
    );
}

#[test]
fn every_hold_counts_and_a_hold_is_placed_once() {
    check(
        r#"
        cluster 1                | shard-1 v0
        submit users expand      | ok; v1 -> preparing
        pause users hold night   | ok
        pause users hold review  | ok
        pause users hold night   | as it was: it was paused by operator (night): because
        ready shard-1 v1         | ok
        resume users hold night  | ok
        why                      | users/expand preparing: users: paused by operator (review): because
        resume users hold night  | as it was: it has no hold named night, but is paused by operator (review: lockstep change resume users --hold review): because
        resume users hold review | ok; v1 -> executing
        "#,
    );
}

#[test]
fn a_hold_does_not_stop_a_revert() {
    check(
        r#"
        cluster 1           | shard-1 v0
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        pause users         | ok
        failed shard-1 v1   | ok; v1 -> reverting
        reverted shard-1 v1 | ok; v1 -> reverted
        "#,
    );
}

#[test]
fn holds_are_for_operators_with_a_reason() {
    check(
        r#"
        cluster 1              | shard-1 v0
        submit users expand    | ok; v1 -> preparing
        as client: pause users | no: client may not hold change users: its role does not allow that (operators decide, agents report)
        pause users no-reason  | no: to hold change users, give a reason: it goes into the audit trail
        as agent: resume users | no: agent may not release change users: its role does not allow that (operators decide, agents report)
        pause nothing          | no: there is no change named `nothing`; `lockstep change list` shows those there are
        resume nothing         | no: there is no change named `nothing`; `lockstep change list` shows those there are
        "#,
    );
}

#[test]
fn a_held_change_holds_those_behind_it() {
    check(
        r#"
        cluster 1            | shard-1 v0
        submit users expand  | ok; v1 -> preparing
        pause users          | ok
        submit orders expand | ok
        ready shard-1 v1     | ok
        why                  | users/expand preparing: users: paused by operator (operator): because
        cancel users         | ok; v1 -> reverting; v1 -> reverted; v2 -> preparing
        why                  | orders/expand preparing: shard-1: has not said whether it is ready
        "#,
    );
}
