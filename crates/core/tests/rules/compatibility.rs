//! Which clients can run at which versions.

use crate::table::check;

#[test]
fn a_version_that_requires_understanding() {
    check(
        r#"
        cluster 1                         | shard-1 v0
        open shop/plain                   | ok
        submit users expand switch_reads+ | ok; v1 -> preparing
        pass v1                           | ok; v1 -> settled; v2 -> preparing
        all ready v2                      | ok
        why                               | users/switch_reads preparing: shop/plain: cannot go on: version 2 requires clients that understand change users
        remedies                          | users/switch_reads preparing: shop/plain: deploy a release that can run at versions 1 and 2, or: lockstep session evict 3 --reason ...
        open shop/knows knows users       | ok
        open shop/other knows orders      | ok
        close shop/other                  | ok; session gone
        close shop/plain                  | ok; session gone; v2 -> executing
        all executed v2                   | ok; v2 -> settling; clients are told v2
        open shop/plain                   | no: client shop/plain cannot run at version 2: version 2 requires clients that understand change users
        open shop/newer min v2            | no: client shop/newer cannot run at version 1: it needs version 2 or newer
        ack shop/knows v2                 | ok; v2 -> settled
        open shop/plain                   | no: client shop/plain cannot run at version 2: version 2 requires clients that understand change users
        open shop/newer min v2            | ok
        open shop/newest min v3           | no: client shop/newest cannot run at version 2: it needs version 3 or newer
        "#,
    );
}

#[test]
fn a_client_says_from_where_to_where_it_can_run() {
    check(
        r#"
        cluster 1                    | shard-1 v0
        open shop/a min v1           | no: client shop/a cannot run at version 0: it needs version 1 or newer
        open shop/b max v0           | ok
        open shop/c min v0 max v1    | ok
        submit users expand backfill | ok; v1 -> preparing
        all ready v1                 | ok
        why                          | users/expand preparing: shop/b: cannot go on: it runs up to version 0 only
        close shop/b                 | ok; session gone; v1 -> executing
        all executed v1              | ok; v1 -> settling; clients are told v1
        ack shop/c v1                | ok; v1 -> settled; v2 -> preparing
        all ready v2                 | ok
        why                          | users/backfill preparing: shop/c: cannot go on: it runs up to version 1 only
        "#,
    );
}

#[test]
fn after_a_rollback_nobody_needs_to_understand() {
    check(
        r#"
        cluster 1                   | shard-1 v0
        open shop/knows knows users | ok
        submit users switch_reads+  | ok; v1 -> preparing
        pass v1                     | ok; v1 -> settled
        open shop/plain             | no: client shop/plain cannot run at version 1: version 1 requires clients that understand change users
        rollback users              | ok; v2 -> preparing
        all ready v2                | ok; v2 -> executing
        open shop/plain             | no: client shop/plain cannot run at version 1: version 1 requires clients that understand change users
        all executed v2             | ok; v2 -> settling; clients are told v2
        open shop/plain             | no: client shop/plain cannot run at version 1: version 1 requires clients that understand change users
        ack shop/knows v2           | ok; v2 -> settled
        open shop/plain             | ok
        open shop/needs min v1      | no: client shop/needs cannot run at version 2: version 2 undoes version 1 of change users, which it needs
        open shop/newer min v2      | ok
        "#,
    );
}

#[test]
fn a_rollback_that_is_reverted_leaves_the_requirement() {
    check(
        r#"
        cluster 1                   | shard-1 v0
        open shop/knows knows users | ok
        submit users switch_reads+  | ok; v1 -> preparing
        pass v1                     | ok; v1 -> settled
        rollback users              | ok; v2 -> preparing
        all ready v2                | ok; v2 -> executing
        failed shard-1 v2           | ok; v2 -> reverting
        reverted shard-1 v2         | ok; v2 -> reverted
        open shop/plain             | no: client shop/plain cannot run at version 1: version 1 requires clients that understand change users
        submit orders expand        | ok; v3 -> preparing
        open shop/plain             | no: client shop/plain cannot run at version 1: version 1 requires clients that understand change users
        pass v3                     | ok; v3 -> settled
        "#,
    );
}

#[test]
fn a_reverted_version_asks_nothing_of_clients() {
    check(
        r#"
        cluster 1                  | shard-1 v0
        submit users switch_reads+ | ok; v1 -> preparing
        all ready v1               | ok; v1 -> executing
        failed shard-1 v1          | ok; v1 -> reverting
        reverted shard-1 v1        | ok; v1 -> reverted
        open shop/plain            | ok
        submit orders expand       | ok; v2 -> preparing
        pass v2                    | ok; v2 -> settled
        running                    | announced v2; spread 0; shop/plain v2
        "#,
    );
}

#[test]
fn phases_follow_the_version_that_a_client_runs() {
    check(
        r#"
        cluster 1                                               | shard-1 v0
        submit users expand backfill switch_writes switch_reads | ok; v1 -> preparing
        pass v1                                                 | ok; v1 -> settling; clients are told v1; v1 -> settled; v2 -> preparing
        pass v2                                                 | ok; v2 -> settling; clients are told v2; v2 -> settled; v3 -> preparing
        pass v3                                                 | ok; v3 -> settling; clients are told v3; v3 -> settled; v4 -> preparing
        phase users v0                                          | none
        phase users v1                                          | expand
        phase users v3                                          | switch_writes
        phase users v4                                          | switch_reads
        phase other v1                                          | none
        cancel users                                            | ok; v4 -> reverting; v4 -> reverted
        phase users v4                                          | switch_writes
        "#,
    );
}
