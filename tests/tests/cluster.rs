//! Stories of a whole cluster, each on every engine. See `lockstep_tests` for what they are told with.

mod stories;

/// Makes a test of each story for each engine.
macro_rules! stories {
    ($($story:ident in $module:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                crate::stories::$module::$story(lockstep_core::Engine::Sqlite).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                crate::stories::$module::$story(lockstep_core::Engine::Postgres).await;
            })+
        }

        mod mariadb_or_mysql {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() {
                crate::stories::$module::$story(lockstep_database::local_mysql::chosen()).await;
            })+
        }
    };
}

// Where whoever waits for a table stands in a queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_in_the_way_is_named_on_postgres() {
    stories::locks::a_reader_in_the_way_is_named_and_nobody_queues_behind_the_step(
        lockstep_core::Engine::Postgres,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_in_the_way_is_named_on_mariadb_or_mysql() {
    stories::locks::a_reader_in_the_way_is_named_and_nobody_queues_behind_the_step(
        lockstep_database::local_mysql::chosen(),
    )
    .await;
}

stories! {
    three_nodes_two_releases_all_phases_settle in change,
    three_nodes_cancel_in_backfill_restores in change,
    three_nodes_settled_change_rolls_back in change,
    one_node_failing_reverts_all in change,
    leader_killed_in_each_stage_resumes in kill,
    follower_killed_between_ddl_and_report_executes_once in kill,
    follower_killed_in_backfill_resumes in kill,
    agents_killed_at_each_point_have_the_effect_once in kill,
    client_paused_past_its_lease_stops in client,
    client_that_never_acknowledges_blocks_until_evicted in client,
    incompatible_client_is_refused in client,
    drift_is_named_and_accepted_once_every_node_has_it in drift,
    node_joins_in_mid_change_and_catches_up in membership,
    wiped_node_rejoins_as_a_new_one in membership,
    seven_nodes_have_five_voters in membership,
    snapshot_installs_in_mid_change in membership,
    partitioned_leader_steps_back_and_the_change_goes_on in partition,
    a_folder_of_plain_sql_is_applied_in_order_and_once in migrations,
}

// What clients tell comes past the databases.
#[tokio::test(flavor = "multi_thread")]
async fn failures_of_clients_revert_the_step() {
    stories::client::failures_of_clients_revert_the_step(lockstep_core::Engine::Sqlite).await;
}

/// Stories of servers that follow others.
mod replicas {
    use crate::stories::replica;
    use lockstep_core::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_postgres_standby_is_waited_for() {
        replica::a_replica_reports_what_has_reached_it(Engine::Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_mariadb_or_mysql_replica_is_waited_for() {
        replica::a_replica_reports_what_has_reached_it(lockstep_database::local_mysql::chosen()).await;
    }
}

/// Stories of databases that lost what they had. Each is put back in the way of its engine.
mod restored {
    use crate::stories::restored;
    use lockstep_core::Engine;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_sqlite_backup_catches_up() {
        restored::a_backup_catches_up_before_it_counts(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_postgres_backup_catches_up() {
        restored::a_backup_catches_up_before_it_counts(Engine::Postgres).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_empty_sqlite_database_catches_up() {
        restored::an_empty_database_catches_up_before_it_counts(Engine::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_empty_postgres_database_catches_up() {
        restored::an_empty_database_catches_up_before_it_counts(Engine::Postgres).await;
    }
}

/// How a shard is put under strain is PostgreSQL's.
mod postgres_under_strain {
    #[tokio::test(flavor = "multi_thread")]
    async fn one_shard_under_strain_reverts_the_step_on_all() {
        crate::stories::load::one_shard_under_strain_reverts_the_step_on_all().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_shard_under_strain_stops_its_backfill_until_it_is_over() {
        crate::stories::load::one_shard_under_strain_stops_its_backfill_until_it_is_over().await;
    }
}
