//! The first command of a cluster.

use crate::table::check;

#[test]
fn nothing_works_before_the_cluster_is_there() {
    check(
        r#"
        submit users expand  | no: the cluster has not been bootstrapped; start its first agent with `bootstrap = true`
        open shop/a          | no: the cluster has not been bootstrapped; start its first agent with `bootstrap = true`
        join shard-1         | no: the cluster has not been bootstrapped; start its first agent with `bootstrap = true`
        token t1             | no: the cluster has not been bootstrapped; start its first agent with `bootstrap = true`
        ready shard-1 v1     | no: the cluster has not been bootstrapped; start its first agent with `bootstrap = true`
        remove shard-1 force | no: the cluster has not been bootstrapped; start its first agent with `bootstrap = true`
        why                  | nothing to do
        "#,
    );
}

#[test]
fn a_cluster_is_made_once_by_an_agent_with_an_untouched_database() {
    check(
        r#"
        as client: bootstrap shard-1   | no: client may not bootstrap a cluster: its role does not allow that (operators decide, agents report)
        as operator: bootstrap shard-1 | no: operator may not bootstrap a cluster: its role does not allow that (operators decide, agents report)
        bootstrap shard-1 at v1        | no: node `shard-1` may not join: its database's ledger is at version 1, which is not in this cluster's version log; restore the database that belongs to this cluster, or point the agent at another one
        bootstrap shard-1 id 5         | no: node `shard-1` may not join: its id 5 would be given again at log index 5; bootstrap with an id that is not above the log's present index
        bootstrap shard-1              | ok
        nodes                          | shard-1 v0
        audit                          | agent: bootstrap cluster c1 [] overrode []
        bootstrap shard-1              | no: this is already cluster c1; start the agent with a join token instead of `bootstrap`
        bootstrap shard-2              | no: this is already cluster c1; start the agent with a join token instead of `bootstrap`
        nodes                          | shard-1 v0
        "#,
    );
}

#[test]
fn the_first_schema_is_the_baseline_of_all() {
    check(
        r#"
        bootstrap shard-1 schema b0 | ok
        token token                 | ok
        join shard-2 schema s0      | no: node `shard-2` may not join: at version 0 the cluster's schema is b0 and this database has s0; make its schema equal to that of the other nodes at that version, then start the agent again
        join shard-2 schema b0      | ok
        caughtup shard-2 v0         | ok; shard-2 active
        "#,
    );
}
