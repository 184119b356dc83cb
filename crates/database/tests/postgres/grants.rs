//! An agent's role with exactly the grants that docs/grants.md lists, and with each of them left out.

use crate::conformance::locks::step;
use crate::conformance::{Stand, execute, forward, owner, revert, statements};
use crate::{alone, stand};
use lockstep_core::step::{Action, Backfill};
use lockstep_core::{Engine, Fence};
use lockstep_database::{Database, Error, Job, Limits, plain};
use std::sync::Arc;
use std::time::Duration;

/// A database whose table belongs to a role of its own, and an agent's role with the grants.
struct Granted {
    stand: Stand,
    administrator: plain::Connection,
    agent: String,
    owner: String,
}

impl Granted {
    async fn new() -> Self {
        let stand = stand().await;
        let administrator = stand.users(3).await;
        let name = stand.dsn.rsplit('=').next().unwrap().to_owned();
        let (agent, owner) = (format!("agent_{name}"), format!("owner_{name}"));
        administrator
            .batch(&format!(
                // What only servers before 15 give to everybody would make up for a grant that is left out.
                "REVOKE CREATE ON SCHEMA public FROM PUBLIC;
                 CREATE ROLE {owner}; ALTER TABLE users OWNER TO {owner}; GRANT USAGE, CREATE ON SCHEMA public TO {owner};
                 CREATE ROLE {agent} LOGIN"
            ))
            .await
            .unwrap();
        let granted = Self { stand, administrator, agent, owner };
        granted.run(&granted.grants().join(";")).await;
        granted
    }

    /// As the document has them.
    fn grants(&self) -> Vec<String> {
        let Self { agent, owner, .. } = self;
        vec![
            format!("GRANT {owner} TO {agent}"),
            format!("CREATE SCHEMA lockstep AUTHORIZATION {agent}"),
            format!("GRANT pg_read_all_stats TO {agent}"),
        ]
    }

    async fn run(&self, sql: &str) {
        self.administrator.batch(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn database(&self) -> Arc<dyn Database> {
        let dsn = self.stand.dsn.replace("user=postgres", &format!("user={}", self.agent));
        lockstep_database::connect(Engine::Postgres, &dsn).unwrap()
    }

    /// What preflight says is missing, as `remedies`.
    async fn missing(&self) -> Vec<String> {
        let obstacles = self.database().preflight(&step(Vec::new()), &Limits::default()).await;
        obstacles.into_iter().map(|obstacle| obstacle.remedy).collect()
    }
}

#[tokio::test]
async fn the_listed_grants_are_enough() {
    let granted = Granted::new().await;
    let database = granted.database();
    database.claim(&owner("alpha")).await.unwrap();
    assert_eq!(granted.missing().await, [""; 0]);
    assert_eq!(database.missing_rights().await.unwrap(), []);

    let holder = granted.stand.plain().await;
    holder.batch(granted.stand.hold_users).await.unwrap();
    let limits = Limits { transaction_age_max: Duration::ZERO, ..Limits::default() };
    let obstacles = database.preflight(&step(Vec::new()), &limits).await;
    assert_eq!(obstacles.iter().map(|obstacle| obstacle.kind.as_str()).collect::<Vec<_>>(), ["lock_held"]);
    assert!(obstacles[0].message.contains("SELECT count(*) FROM users"), "{obstacles:?}");
    holder.batch("ROLLBACK").await.unwrap();

    let before = database.schema().await.unwrap();
    assert_eq!(before, granted.stand.database().schema().await.unwrap());
    let trigger = "CREATE FUNCTION keep_email() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.email := NEW.name; RETURN NEW; END'";
    let on = "CREATE TRIGGER keep BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION keep_email()";
    let fill = Backfill {
        table: "users".to_owned(),
        key: vec!["id".to_owned()],
        set: "email = name".to_owned(),
        only_where: None,
        batch_rows_max: 2,
    };
    let jobs = [
        (
            statements(&["ALTER TABLE users ADD email text", trigger, on]),
            vec!["ALTER TABLE users DROP email", "DROP FUNCTION keep_email CASCADE"],
        ),
        (Action::Backfill(fill), vec![]),
        (alone(&["CREATE INDEX CONCURRENTLY by_email ON users (email)"]), vec!["DROP INDEX by_email"]),
        (
            statements(&["CREATE TABLE orders (id integer PRIMARY KEY, of integer REFERENCES users (id))"]),
            vec!["DROP TABLE orders"],
        ),
    ];
    for ((action, _), version) in jobs.iter().zip(1..) {
        execute(&database, &forward(version, action.clone()))
            .await
            .unwrap_or_else(|error| panic!("{version}: {error}"));
    }
    for ((_, undo), version) in jobs.iter().zip(1..).collect::<Vec<_>>().into_iter().rev() {
        let undo = Job { fence: Fence(100 - version), ..revert(version, statements(undo)) };
        execute(&database, &undo).await.unwrap_or_else(|error| panic!("{version}: {error}"));
    }
    assert_eq!(database.schema().await.unwrap().diff(&before), Vec::<String>::new());
    assert!(database.health().await.reachable);
}

#[tokio::test]
async fn each_grant_that_is_left_out_is_named() {
    let granted = Granted::new().await;
    let Granted { agent, owner: holder, .. } = &granted;
    for (withdraw, grant) in [
        (format!("REVOKE pg_read_all_stats FROM {agent}"), format!("GRANT pg_read_all_stats TO {agent}")),
        (
            format!("REVOKE {holder} FROM {agent}; GRANT CREATE ON SCHEMA public TO {agent}"),
            format!("GRANT {holder} TO {agent}"),
        ),
        (
            format!("REVOKE CREATE ON SCHEMA public FROM {holder}, {agent}"),
            format!("GRANT CREATE ON SCHEMA public TO {agent}"),
        ),
    ] {
        granted.run(&withdraw).await;
        assert_eq!(granted.missing().await, [format!("let an administrator run {grant}")]);
        granted.run(&grant).await;
        assert_eq!(granted.missing().await, [""; 0]);
    }
    granted.run("DROP SCHEMA lockstep CASCADE").await;
    let error = granted.database().claim(&owner("alpha")).await.unwrap_err();
    assert!(matches!(error, Error::NoPermission { .. }), "{error}");
    assert!(error.to_string().contains(&format!("CREATE SCHEMA lockstep AUTHORIZATION \"{agent}\"")), "{error}");
}

/// Whose sessions are not seen may be at work.
#[tokio::test]
async fn who_may_not_see_others_takes_them_for_being_at_work() {
    let granted = Granted::new().await;
    let database = granted.database();
    database.claim(&owner("alpha")).await.unwrap();
    crate::conformance::health::health(&database, |health| health.sessions_lately == Some(0)).await;
    granted.run(&format!("REVOKE pg_read_all_stats FROM {}", granted.agent)).await;
    crate::conformance::health::health(&database, |health| health.sessions_lately.is_some_and(|count| count > 0))
        .await;
}
