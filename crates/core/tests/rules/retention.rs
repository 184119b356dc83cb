//! Retention: the old form is kept for a while after clients have left it.

use crate::table::check;

#[test]
fn a_contract_waits_until_the_old_form_has_been_kept_long_enough() {
    check(
        r#"
        cluster 1       | shard-1 v0
        submit users expand switch_reads contract? retention 600 deadline 60 | ok; v1 -> preparing
        pass v1         | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        pass v2         | ok; v2 -> settling; clients are told v2; v2 -> settled
        why             | users/contract awaiting_approval: users: step contract needs an operator's approval; users: the old form is kept for 10 min after clients left it
        remedies        | users/contract awaiting_approval: users: lockstep change approve users; users: wait, or: lockstep change approve users --now --reason ...
        approve users   | ok
        why             | users/contract awaiting_approval: users: the old form is kept for 10 min after clients left it
        remedies        | users/contract awaiting_approval: users: wait, or: lockstep change approve users --now --reason ...
        as client: wake | no: client may not say that a time has come: its role does not allow that (operators decide, agents report)
        wake            | no: no time has come that the cluster waits for
        wait 590        | 
        ages            | awaiting_approval 599 s: users 599 s
        wake            | ok; v3 -> preparing
        wait 10         | 
        wake            | no: no time has come that the cluster waits for
        wake            | no: no time has come that the cluster waits for
        "#,
    );
}

#[test]
fn any_command_that_comes_late_enough_moves_it() {
    check(
        r#"
        cluster 1                                      | shard-1 v0
        submit users switch_reads contract retention 5 | ok; v1 -> preparing
        pass v1                                        | ok; v1 -> settling; clients are told v1; v1 -> settled
        wait 10                                        | 
        submit orders expand                           | ok; v2 -> preparing
        status users                                   | running: switch_reads settled v1, contract in_flight v2
        "#,
    );
}

#[test]
fn an_operator_with_a_reason_passes_it_early() {
    check(
        r#"
        cluster 1                                            | shard-1 v0
        submit users switch_writes+ contract? retention 7200 | ok; v1 -> preparing
        pass v1                                              | ok; v1 -> settling; clients are told v1; v1 -> settled
        approve users now no-reason                          | no: to approve a step of change users before its time, give a reason: it goes into the audit trail
        approve users                                        | ok
        approve users now                                    | ok; v2 -> preparing
        audit                                                | operator: approve step contract of change users before its time [because] overrode [the old form is kept for 2 h after clients left it]
        approve users now                                    | as it was: step contract was approved by operator
        status users                                         | running: switch_writes settled v1, contract in_flight v2
        "#,
    );
}

#[test]
fn a_contract_without_approval_can_be_hurried_too() {
    check(
        r#"
        cluster 1                                       | shard-1 v0
        submit users switch_reads contract retention 90 | ok; v1 -> preparing
        pass v1                                         | ok; v1 -> settling; clients are told v1; v1 -> settled
        why                                             | users/contract queued: users: the old form is kept for 90 s after clients left it
        approve users                                   | as it was: none of its steps needs an approval
        approve users now                               | ok; v2 -> preparing
        "#,
    );
}

#[test]
fn where_no_client_had_to_leave_anything_nothing_is_kept() {
    check(
        r#"
        cluster 1                           | shard-1 v0
        submit users contract retention 600 | ok; v1 -> preparing
        "#,
    );
}

/// Or the leader would say it again each second for as long as somebody else is waited for.
#[test]
fn a_time_that_has_come_is_not_named_beside_others() {
    check(
        r#"
        cluster 1                                       | shard-1 v0
        submit users switch_reads contract? retention 5 | ok; v1 -> preparing
        pass v1                                         | ok; v1 -> settling; clients are told v1; v1 -> settled
        why                                             | users/contract awaiting_approval: users: step contract needs an operator's approval; users: the old form is kept for 5 s after clients left it
        wait 10                                         | 
        wake                                            | ok
        why                                             | users/contract awaiting_approval: users: step contract needs an operator's approval
        approve users                                   | ok; v2 -> preparing
        "#,
    );
}
