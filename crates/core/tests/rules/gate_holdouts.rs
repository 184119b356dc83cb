//! What an operator sees: nothing waits silently.

use crate::table::check;

#[test]
fn every_stage_names_whom_it_waits_for_and_what_to_do() {
    check(
        r#"
        why                           | nothing to do
        cluster 2                     | shard-1 v0, shard-2 v0
        why                           | nothing to do
        open shop/a                   | ok
        submit users expand?          | ok
        why                           | users/expand awaiting_approval: users: step expand needs an operator's approval
        remedies                      | users/expand awaiting_approval: users: lockstep change approve users
        approve users                 | ok; v1 -> preparing
        why                           | users/expand preparing: shard-1: has not said whether it is ready; shard-2: has not said whether it is ready
        remedies                      | users/expand preparing: shard-1: lockstep node show shard-1; shard-2: lockstep node show shard-2
        notready shard-1 v1 lock_held | ok
        notready shard-2 v1           | ok
        why                           | users/expand preparing: shard-1: lock_held on users; shard-2: is not ready, and does not say why
        remedies                      | users/expand preparing: shard-1: clear lock_held; shard-2: lockstep node show shard-2
        all ready v1                  | ok; v1 -> executing
        why                           | users/expand executing: shard-1: has not executed yet; shard-2: has not executed yet
        remedies                      | users/expand executing: shard-1: lockstep node show shard-1; shard-2: lockstep node show shard-2
        all executed v1               | ok; v1 -> settling; clients are told v1
        why                           | users/expand settling: shop/a: has not acknowledged version 1
        remedies                      | users/expand settling: shop/a: see the log of shop/a; if it will not move: lockstep session evict 5 --reason ...
        cancel users                  | ok; v1 -> reverting; clients are told v0
        why                           | users/expand reverting: shop/a: has not acknowledged version 0; shard-1: has not reverted yet; shard-2: has not reverted yet
        remedies                      | users/expand reverting: shop/a: see the log of shop/a; if it will not move: lockstep session evict 5 --reason ...; shard-1: lockstep node show shard-1; shard-2: lockstep node show shard-2
        evict shop/a                  | ok
        why                           | users/expand reverting: shop/a: being evicted by operator; gone when its lease has run out; shard-1: has not reverted yet; shard-2: has not reverted yet
        expire shop/a                 | ok; session gone
        why                           | users/expand reverting: shard-1: has not reverted yet; shard-2: has not reverted yet
        reverted shard-1 v1           | ok
        reverted shard-2 v1           | ok; v1 -> reverted
        why                           | nothing to do
        "#,
    );
}

#[test]
fn ages_count_from_when_it_began() {
    check(
        r#"
        cluster 2                                | shard-1 v0, shard-2 v0
        submit users expand backfill deadline 60 | ok; v1 -> preparing
        wait 10                                  | 
        notready shard-1 v1 lag                  | ok
        wait 10                                  | 
        notready shard-1 v1 lock_held            | ok
        ages                                     | preparing 25 s: shard-1 13 s; shard-2 25 s
        ready shard-1 v1                         | ok
        notready shard-1 v1 lag                  | ok
        ages                                     | preparing 28 s: shard-1 1 s; shard-2 28 s
        wait 60                                  | 
        ages                                     | preparing 90 s, BLOCKED: shard-1 63 s; shard-2 90 s
        all ready v1                             | ok; v1 -> executing
        ages                                     | executing 1 s: shard-1 1 s; shard-2 1 s
        drift shard-2                            | ok; shard-2 quarantined
        wait 5                                   | 
        drift shard-2                            | ok; shard-2 quarantined
        ages                                     | executing 10 s: shard-2 8 s; shard-1 10 s
        all executed v1                          | ok
        caughtup shard-2 v1                      | ok; shard-2 active; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        # The next step has just begun to wait: it is not blocked because its change is old.
        ages                                     | preparing 1 s: shard-1 1 s; shard-2 1 s
        "#,
    );
}

#[test]
fn an_approval_has_an_age_and_a_queued_step_is_not_older_than_its_turn() {
    check(
        r#"
        cluster 1                                 | shard-1 v0
        submit users expand contract? deadline 60 | ok; v1 -> preparing
        wait 100                                  | 
        pass v1                                   | ok; v1 -> settling; clients are told v1; v1 -> settled
        wait 20                                   | 
        ages                                      | awaiting_approval 22 s: users 22 s
        wait 60                                   | 
        ages                                      | awaiting_approval 84 s, BLOCKED: users 84 s
        cancel users                              | ok
        submit orders expand deadline 60          | ok; v2 -> preparing
        drift shard-1                             | ok; shard-1 quarantined
        cancel orders                             | ok; v2 -> reverting; v2 -> reverted
        submit items expand                       | ok
        wait 7                                    | 
        ages                                      | queued 9 s: cluster 9 s; shard-1 11 s
        "#,
    );
}

#[test]
fn an_obstacle_of_each_kind_is_shown_at_once() {
    check(
        r#"
        cluster 3               | shard-1 v0, shard-2 v0, shard-3 v0
        open shop/old max v0    | ok
        submit users expand     | ok; v1 -> preparing
        pause users             | ok
        drift shard-3           | ok; shard-3 quarantined
        notready shard-1 v1 lag | ok
        why                     | users/expand preparing: users: paused by operator (operator): because; shard-3: quarantined: index x is extra; shard-1: lag on users; shard-2: has not said whether it is ready; shop/old: cannot go on: it runs up to version 0 only
        join shard-3 replace    | ok; #5 removed
        why                     | users/expand preparing: users: paused by operator (operator): because; shard-3: took the place of a node, and catches up; shard-1: lag on users; shard-2: has not said whether it is ready; shop/old: cannot go on: it runs up to version 0 only
        "#,
    );
}

#[test]
fn a_change_behind_another_one_says_which_that_is() {
    check(
        r#"
        cluster 1              | shard-1 v0
        submit users expand    | ok; v1 -> preparing
        submit orders expand   | ok
        why                    | users/expand preparing: shard-1: has not said whether it is ready
        why users              | users/expand preparing: shard-1: has not said whether it is ready
        why orders             | orders/expand queued: users: is before it: step expand is preparing
        remedies orders        | orders/expand queued: users: lockstep cluster why
        cancel users           | ok; v1 -> reverting; v1 -> reverted; v2 -> preparing
        why users              | nothing to do
        "#,
    );
}
