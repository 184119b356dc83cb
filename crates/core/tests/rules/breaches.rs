//! A reading beyond its threshold undoes the step in flight, in every stage in which it has an effect.

use crate::table::check;

#[test]
fn a_breach_while_executing_reverts_on_every_node_and_its_reason_stays() {
    check(
        r#"
        cluster 3                    | shard-1 v0, shard-2 v0, shard-3 v0
        submit users expand backfill | ok; v1 -> preparing
        breach shard-2 v1            | no: the report of node `shard-2` on version 1 is out of date: the step is not confirmed
        all ready v1                 | ok; v1 -> executing
        executed shard-1 v1          | ok
        as client: breach shard-2 v1 | no: client may not report for a node: its role does not allow that (operators decide, agents report)
        breach shard-2 v1            | ok; v1 -> reverting
        # Another node, and the same one that has had no answer.
        breach shard-3 v1            | no: the report of node `shard-3` on version 1 is out of date: the step is being reverted already
        breach shard-2 v1            | no: the report of node `shard-2` on version 1 is out of date: the step is being reverted already
        all reverted v1              | ok; v1 -> reverted
        status users                 | reverted: expand reverted v1, backfill cancelled
        reasons users                | expand: on shard-2, probe_p99 was 512 ms, over its threshold of 200 ms
        breach shard-2 v1            | no: the report of node `shard-2` on version 1 is out of date: no step is in flight
        "#,
    );
}

#[test]
fn a_breach_while_clients_switch_brings_them_back_to_the_old_form() {
    for phase in ["switch_writes", "switch_reads"] {
        check(&format!(
            r#"
            cluster 2              | shard-1 v0, shard-2 v0
            open shop/a            | ok
            open shop/b            | ok
            submit users {phase}   | ok; v1 -> preparing
            all ready v1           | ok; v1 -> executing
            all executed v1        | ok; v1 -> settling; clients are told v1
            ack shop/a v1          | ok
            breach shard-1 v1      | ok; v1 -> reverting; clients are told v0
            running                | announced v0; spread 1; shop/a v1 owes, shop/b v0 owes
            reverted shard-1 v1    | no: the report of node `shard-1` on version 1 is out of date: clients may still be using the version
            ack shop/a v0          | ok
            ack shop/b v0          | ok
            all reverted v1        | ok; v1 -> reverted
            running                | announced v0; spread 0; shop/a v0, shop/b v0
            reasons users          | {phase}: on shard-1, probe_p99 was 512 ms, over its threshold of 200 ms
            "#
        ));
    }
}

#[test]
fn only_a_node_that_counts_is_believed_and_only_on_the_version_in_flight() {
    check(
        r#"
        cluster 2           | shard-1 v0, shard-2 v0
        join shard-3        | ok
        submit users expand | ok; v1 -> preparing
        all ready v1        | ok; v1 -> executing
        breach shard-9 v1   | no: there is no node named `#999`; `lockstep node list` shows those there are
        breach shard-3 v1   | no: cannot take a report of node `shard-3`: it is catching up
        breach shard-1 v2   | no: the report of node `shard-1` on version 2 is out of date: version 1 is in flight
        drift shard-2       | ok; shard-2 quarantined
        breach shard-2 v1   | no: the report of node `shard-2` on version 1 is out of date: the node is not active
        "#,
    );
}

#[test]
fn a_step_without_revert_is_held_where_it_stands_until_an_operator_resumes_it() {
    check(
        r#"
        cluster 2                     | shard-1 v0, shard-2 v0
        submit users contract! expand | ok; v1 -> preparing
        all ready v1                  | ok; v1 -> executing
        executed shard-1 v1           | ok
        breach shard-2 v1             | ok
        audit                         | agent: hold change users (threshold) [on shard-2, probe_p99 was 512 ms, over its threshold of 200 ms; its step in flight has no revert] overrode []
        breach shard-1 v1             | ok
        why                           | users/contract executing: users: paused by agent (threshold): on shard-2, probe_p99 was 512 ms, over its threshold of 200 ms; its step in flight has no revert; shard-2: has not executed yet
        remedies                      | users/contract executing: users: lockstep change resume users --hold threshold; shard-2: lockstep node show shard-2
        resume users hold threshold   | ok
        why                           | users/contract executing: shard-2: has not executed yet
        breach shard-2 v1             | ok
        # What has executed meanwhile is announced, and the next step waits.
        executed shard-2 v1           | ok; v1 -> settling; clients are told v1; v1 -> settled
        why                           | users/expand queued: users: paused by agent (threshold): on shard-2, probe_p99 was 512 ms, over its threshold of 200 ms; its step in flight has no revert
        "#,
    );
}
