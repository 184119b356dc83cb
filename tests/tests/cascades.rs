//! What foreign keys write by themselves reaches the second form of a column, and the copy of a table, at every point of a change:
//! parents go and get other keys between any two steps, forward, back and forward again, and beside it on a database that stays as it is.

use anyhow::{Context as _, Result, ensure};
use lockstep_core::step::Action;
use lockstep_core::{Engine, Step};
use lockstep_database::plain::{Connection, Value};
use lockstep_planner::Target;
use lockstep_tests::golden::{Golden, Ground};

/// Parents enough for two at each point.
const PARENTS: usize = 150;

/// A change, the name of the child's column after it, and what the foreign key does.
struct Story {
    change: &'static str,
    column_after: &'static str,
    rules: &'static str,
}

const CASCADE: &str = "ON DELETE CASCADE ON UPDATE CASCADE";
const SET_NULL: &str = "ON DELETE SET NULL ON UPDATE CASCADE";
const RENAMED: &str = "ALTER TABLE users RENAME COLUMN team TO team_id;";

/// On MariaDB other rules are refused, as its triggers do not see what they write.
const MARIADB: [Story; 1] = [Story { change: RENAMED, column_after: "team_id", rules: "ON DELETE CASCADE" }];

const POSTGRES: [Story; 3] = [
    Story { change: RENAMED, column_after: "team_id", rules: CASCADE },
    Story { change: RENAMED, column_after: "team_id", rules: SET_NULL },
    Story { change: "ALTER TABLE users ALTER COLUMN team TYPE bigint;", column_after: "team", rules: SET_NULL },
];

const SQLITE: [Story; 4] = [
    Story { change: RENAMED, column_after: "team_id", rules: CASCADE },
    Story { change: RENAMED, column_after: "team_id", rules: SET_NULL },
    Story {
        change: "CREATE TABLE new_users (id integer PRIMARY KEY, team integer REFERENCES teams (id) ON DELETE CASCADE ON UPDATE \
                 CASCADE, age integer, place text DEFAULT 'here');
                 INSERT INTO new_users (id, team, age) SELECT id, team, age FROM users;
                 DROP TABLE users;
                 ALTER TABLE new_users RENAME TO users;",
        column_after: "team",
        rules: CASCADE,
    },
    // The parent's copy takes its place, and its rows are no rows that go.
    Story {
        change: "CREATE TABLE new_teams (id integer PRIMARY KEY, name varchar(20), place text DEFAULT 'here');
                 INSERT INTO new_teams (id, name) SELECT id, name FROM teams;
                 DROP TABLE teams;
                 ALTER TABLE new_teams RENAME TO teams;",
        column_after: "team",
        rules: CASCADE,
    },
];

impl Story {
    fn before(&self) -> String {
        let rows = |row: fn(usize) -> String| (1..=PARENTS).map(row).collect::<Vec<_>>().join(", ");
        format!(
            "CREATE TABLE teams (id integer PRIMARY KEY, name varchar(20));
             CREATE TABLE users (id integer PRIMARY KEY, team integer, age integer, \
             CONSTRAINT of_team FOREIGN KEY (team) REFERENCES teams (id) {});
             INSERT INTO teams (id, name) VALUES {};
             INSERT INTO users (id, team, age) VALUES {};",
            self.rules,
            rows(|id| format!("({id}, 'team {id}')")),
            rows(|id| format!("({id}, {id}, 30), ({}, {id}, 40)", id + PARENTS)),
        )
    }

    /// At one point: a parent goes, and another gets a new key, where the foreign key has a rule for it.
    fn writes(&self, point: usize) -> Vec<String> {
        let (gone, moved) = (2 * point + 1, 2 * point + 2);
        let mut writes = vec![format!("DELETE FROM teams WHERE id = {gone}")];
        if self.rules.contains("ON UPDATE") {
            writes.push(format!("UPDATE teams SET id = {} WHERE id = {moved}", moved + 10 * PARENTS));
        }
        writes
    }
}

async fn children(connection: &Connection, column: &str) -> Result<Vec<Vec<Value>>> {
    Ok(connection.query(&format!("SELECT id, {column} FROM users ORDER BY id"), &[]).await?)
}

async fn play(ground: &Ground, target: Target, number: usize, story: &Story) -> Result<()> {
    let golden = Golden::of(&format!("cascades_{number}"), &story.before(), story.change);
    let (mut stand, plan) = golden.stand(ground, &format!("cascades_{number}")).await?;
    let (_, _) = golden.stand(ground, &format!("cascades_{number}_still")).await?;
    let client = stand.client(ground, &format!("cascades_{number}")).await?;
    let still = stand.client(ground, &format!("cascades_{number}_still")).await?;
    if target.engine == Engine::Sqlite {
        for connection in [&client, &still] {
            connection.execute("PRAGMA foreign_keys = ON", &[]).await?;
        }
    }
    let at_first = children(&still, "team").await?;
    let steps = plan.change.steps;
    let back_until = steps.iter().position(|step| step.revert.is_none()).unwrap_or(steps.len());
    let forward = |until: usize| steps[..until].iter().map(|step: &Step| (&step.name, step.forward.clone()));
    let back =
        steps[..back_until].iter().rev().map(|step| (&step.name, step.revert.clone().unwrap_or(Action::Nothing)));
    for (point, (name, action)) in forward(back_until).chain(back).chain(forward(steps.len())).enumerate() {
        stand.execute(name, &action).await.with_context(|| format!("`{name}`"))?;
        ensure!(2 * point + 2 <= PARENTS, "there are too few parents");
        for sql in story.writes(point) {
            for connection in [&client, &still] {
                connection.execute(&sql, &[]).await.with_context(|| format!("{sql} after `{name}`"))?;
            }
        }
    }
    let (found, wanted) = (children(&client, story.column_after).await?, children(&still, "team").await?);
    ensure!(found == wanted, "found {found:?}\nwanted {wanted:?}");
    let untouched = wanted.iter().filter(|row| at_first.contains(row)).count();
    ensure!(untouched > 0 && untouched < at_first.len(), "the foreign key left {untouched} rows as they were");
    Ok(())
}

async fn play_all(target: Target, stories: &[Story]) {
    let ground = tokio::task::spawn_blocking(move || Ground::start(target)).await.expect("the server starts");
    let ground = ground.of_own_version().await.expect("the server says its version");
    for (number, story) in stories.iter().enumerate() {
        let played = play(&ground, target, number, story).await;
        played.unwrap_or_else(|error| panic!("{} with {}: {error:?}", story.change, story.rules));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    play_all(Target { engine: Engine::Postgres, version: 15 }, &POSTGRES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    play_all(Target { engine: Engine::Sqlite, version: 3 }, &SQLITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb() {
    play_all(Target { engine: Engine::Mariadb, version: 1011 }, &MARIADB).await;
}
