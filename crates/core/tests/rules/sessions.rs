//! Leases of clients: opening in each stage, acknowledging, and the three ways to leave.

use crate::table::check;

#[test]
fn a_lease_needs_names_and_a_sane_length() {
    check(
        r#"
        open shop/a             | no: the cluster has not been bootstrapped; start its first agent with `bootstrap = true`
        cluster 1               | shard-1 v0
        open /a                 | no: client /a is not valid: app and instance must have a name
        open shop/              | no: client shop/ is not valid: app and instance must have a name
        open shop/a ttl 999     | no: client shop/a is not valid: a lease of 999 ms is not within 1000 ms and 3600000 ms
        open shop/a ttl 3600001 | no: client shop/a is not valid: a lease of 3600001 ms is not within 1000 ms and 3600000 ms
        open shop/a ttl 1000    | ok
        running                 | announced v0; spread 0; shop/a v0
        "#,
    );
}

#[test]
fn opening_in_each_stage() {
    check(
        r#"
        cluster 2                         | shard-1 v0, shard-2 v0
        submit users expand               | ok; v1 -> preparing
        # Preparing: it must run at the base; if it cannot run at the next one, the gate waits for it.
        open shop/preparing               | ok
        ready shard-1 v1                  | ok
        open shop/old max v0              | ok
        ready shard-2 v1                  | ok
        why                               | users/expand preparing: shop/old: cannot go on: it runs up to version 0 only
        close shop/old                    | ok; session gone; v1 -> executing
        # Executing: it must run at both.
        open shop/older max v0            | no: client shop/older cannot run at version 1: it runs up to version 0 only
        open shop/newer min v1            | no: client shop/newer cannot run at version 0: it needs version 1 or newer
        open shop/executing               | ok
        all executed v1                   | ok; v1 -> settling; clients are told v1
        running                           | announced v1; spread 1; shop/preparing v0 owes, shop/executing v0 owes
        # Settling: it gets the new version, and must run at both as long as the step may be undone.
        open shop/settling                | ok
        open shop/late min v1             | no: client shop/late cannot run at version 0: it needs version 1 or newer
        running                           | announced v1; spread 1; shop/preparing v0 owes, shop/executing v0 owes, shop/settling v1
        cancel users                      | ok; v1 -> reverting; clients are told v0
        # Reverting: it gets the base.
        open shop/reverting               | ok
        running                           | announced v0; spread 1; shop/preparing v0 owes, shop/executing v0 owes, shop/settling v1 owes, shop/reverting v0
        ack shop/preparing v0             | ok
        ack shop/executing v0             | ok
        ack shop/settling v0              | ok
        running                           | announced v0; spread 1; shop/preparing v0, shop/executing v0, shop/settling v0, shop/reverting v0
        "#,
    );
}

#[test]
fn acknowledging() {
    check(
        r#"
        cluster 1           | shard-1 v0
        open shop/a         | ok
        ack shop/a v0       | ok
        ack shop/a v1       | no: session 3 cannot acknowledge version 1: version 0 is announced
        ack shop/nobody v0  | no: session 999 is not (any more) a live session; open a new one
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        ack shop/a v1       | no: session 3 cannot acknowledge version 1: version 0 is announced
        all executed v1     | ok; v1 -> settling; clients are told v1
        ack shop/a v0       | no: session 3 cannot acknowledge version 0: version 1 is announced
        ack shop/a v1       | ok; v1 -> settled
        ack shop/a v1       | ok
        close shop/a        | ok; session gone
        ack shop/a v1       | no: session 3 is not (any more) a live session; open a new one
        close shop/a        | no: session 3 is not (any more) a live session; open a new one
        "#,
    );
}

#[test]
fn an_expiry_is_void_when_the_session_moved() {
    check(
        r#"
        cluster 1                            | shard-1 v0
        open shop/a                          | ok
        ack shop/a v0                        | ok
        expire shop/a counter 0              | no: session 3 moved since the lease keeper looked; it does not expire
        as client: expire shop/a counter 1   | no: client may not expire a session: its role does not allow that (operators decide, agents report)
        as operator: expire shop/a counter 1 | no: operator may not expire a session: its role does not allow that (operators decide, agents report)
        expire shop/a counter 1              | ok; session gone
        expire shop/a counter 1              | no: session 3 is not (any more) a live session; open a new one
        "#,
    );
}

#[test]
fn whoever_leaves_owes_nothing_any_more() {
    check(
        r#"
        cluster 1           | shard-1 v0
        open shop/a         | ok
        open shop/b         | ok
        open shop/c         | ok
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        all executed v1     | ok; v1 -> settling; clients are told v1
        close shop/a        | ok; session gone
        expire shop/b       | ok; session gone
        evict shop/c force  | ok; session gone; v1 -> settled
        "#,
    );
}

#[test]
fn evicting_waits_for_the_lease_unless_forced() {
    check(
        r#"
        cluster 1                    | shard-1 v0
        open shop/a                  | ok
        submit users expand          | ok; v1 -> preparing
        all ready v1                 | ok; v1 -> executing
        all executed v1              | ok; v1 -> settling; clients are told v1
        as client: evict shop/a      | no: client may not evict session 3: its role does not allow that (operators decide, agents report)
        as agent: evict shop/a force | no: agent may not evict session 3: its role does not allow that (operators decide, agents report)
        evict shop/a no-reason       | no: to evict session 3, give a reason: it goes into the audit trail
        evict shop/a force no-reason | no: to evict session 3, give a reason: it goes into the audit trail
        evict shop/nobody            | no: session 999 is not (any more) a live session; open a new one
        evict shop/a                 | ok
        audit                        | operator: evict session 3 (shop/a) [because] overrode []
        why                          | users/expand settling: shop/a: being evicted by operator; gone when its lease has run out
        running                      | announced v1; spread 1; shop/a v0 owes
        expire shop/a                | ok; session gone; v1 -> settled
        "#,
    );
}

#[test]
fn a_forced_eviction_stands_in_the_audit_trail() {
    check(
        r#"
        cluster 1           | shard-1 v0
        open shop/a         | ok
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        all executed v1     | ok; v1 -> settling; clients are told v1
        evict shop/a force  | ok; session gone; v1 -> settled
        audit               | operator: evict session 3 (shop/a) by force [because] overrode [shop/a]
        "#,
    );
}

#[test]
fn a_client_that_is_being_evicted_may_still_tell_the_truth() {
    check(
        r#"
        cluster 1               | shard-1 v0
        open shop/a             | ok
        submit users expand     | ok; v1 -> preparing
        all ready v1            | ok; v1 -> executing
        all executed v1         | ok; v1 -> settling; clients are told v1
        evict shop/a            | ok
        ack shop/a v1           | ok; v1 -> settled
        running                 | announced v1; spread 0; shop/a v1
        expire shop/a counter 0 | no: session 3 moved since the lease keeper looked; it does not expire
        expire shop/a counter 1 | ok; session gone
        "#,
    );
}

#[test]
fn a_contract_waits_for_every_client_of_the_old_form() {
    check(
        r#"
        cluster 1                           | shard-1 v0
        open shop/a knows users             | ok
        open shop/b knows users             | ok
        submit users switch_reads+ contract | ok; v1 -> preparing
        all ready v1                        | ok; v1 -> executing
        all executed v1                     | ok; v1 -> settling; clients are told v1
        ack shop/a v1                       | ok
        ready shard-1 v2                    | no: the report of node `shard-1` on version 2 is out of date: version 1 is in flight
        running                             | announced v1; spread 1; shop/a v1, shop/b v0 owes
        ack shop/b v1                       | ok; v1 -> settled; v2 -> preparing
        open shop/old                       | no: client shop/old cannot run at version 1: version 1 requires clients that understand change users
        ready shard-1 v2                    | ok; v2 -> executing
        executed shard-1 v2                 | ok; v2 -> settling; clients are told v2
        "#,
    );
}
