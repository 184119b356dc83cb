//! Two releases at work while a planned change goes forward and back: one knows only the old form, one writes the new one. No
//! statement fails, and what one writes the other reads.

use lockstep_core::Engine;
use lockstep_core::step::Phase;
use lockstep_database::plain::{Connection, Value};
use lockstep_planner::Target;
use lockstep_tests::golden::{Golden, Ground};
use std::collections::BTreeMap;

/// How a release says what it does with a row. `{id}` and `{value}` are put in.
struct Release {
    insert: &'static str,
    /// Leaves the value out.
    insert_nothing: &'static str,
    update: &'static str,
    /// Writes something else of the row.
    touch: &'static str,
    read: &'static str,
}

struct Case {
    golden: &'static str,
    old: Release,
    new: Release,
    /// The same values as the old and as the new release write them; what they read is the same text.
    values: &'static [(&'static str, &'static str)],
    /// What a row has whose value was left out.
    initial: (&'static str, &'static str),
}

const TARGET: Target = Target { engine: Engine::Postgres, version: 15 };

fn cases() -> Vec<Case> {
    vec![
        Case {
            golden: "rename_column_of_key",
            old: Release {
                insert: "INSERT INTO users (id, name, mail) VALUES ({id}, 'n', {value})",
                insert_nothing: "INSERT INTO users (id, name) VALUES ({id}, 'n')",
                update: "UPDATE users SET mail = {value} WHERE id = {id}",
                touch: "INSERT INTO notes (id, user_id) VALUES ({id}, {id}) ON CONFLICT (id) DO UPDATE SET user_id = {id}",
                read: "SELECT mail FROM users WHERE id = {id}",
            },
            new: Release {
                insert: "INSERT INTO users (number, name, mail) VALUES ({id}, 'n', {value})",
                insert_nothing: "INSERT INTO users (number, name) VALUES ({id}, 'n')",
                update: "UPDATE users SET mail = {value} WHERE number = {id}",
                touch: "INSERT INTO notes (id, user_id) VALUES ({id}, {id}) ON CONFLICT (id) DO UPDATE SET user_id = {id}",
                read: "SELECT mail FROM users WHERE number = {id}",
            },
            values: &[("'aa'", "'aa'"), ("'bb'", "'bb'"), ("NULL", "NULL")],
            initial: ("NULL", "NULL"),
        },
        Case {
            golden: "alter_type_primary_key",
            old: Release {
                insert: "INSERT INTO users (id, name) VALUES ({id}, {value})",
                insert_nothing: "INSERT INTO users (id, name, boss) VALUES ({id}, 'x', {id})",
                update: "UPDATE users SET name = {value} WHERE id = {id}",
                touch: "INSERT INTO notes (id, user_id) VALUES ({id}, {id}) ON CONFLICT (id) DO UPDATE SET user_id = {id}",
                read: "SELECT name FROM users WHERE id = {id}",
            },
            new: Release {
                insert: "INSERT INTO users (id, name) VALUES ({id}, {value})",
                insert_nothing: "INSERT INTO users (id, name, boss) VALUES ({id}, 'x', {id})",
                update: "UPDATE users SET name = {value} WHERE id = {id}",
                touch: "INSERT INTO notes (id, user_id) VALUES ({id}, {id}) ON CONFLICT (id) DO UPDATE SET user_id = {id}",
                read: "SELECT name FROM users WHERE id = {id}",
            },
            values: &[("'aa'", "'aa'"), ("'bb'", "'bb'")],
            initial: ("'x'", "'x'"),
        },
    ]
}

/// Small, and the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % end
    }
}

/// What the two releases believe to be in the table.
struct Clients<'a> {
    case: &'a Case,
    connection: Connection,
    random: Random,
    next_id: i64,
    /// Rows that the clients made, and which value each has; one beyond the last is the initial one.
    rows: BTreeMap<i64, usize>,
}

impl Clients<'_> {
    /// Statements of both releases in a random order, then every row read by both.
    async fn work(&mut self, new_is_there: bool, old_is_there: bool, moment: &str) {
        for _ in 0..12 {
            let release = match (old_is_there, new_is_there) {
                (true, true) => self.random.below(2),
                (true, false) => 0,
                (false, _) => 1,
            };
            self.one(release, moment).await;
        }
        for (id, value) in self.rows.clone() {
            let (old, new) = self.value(value);
            if old_is_there {
                self.reads(&self.case.old, id, old, moment).await;
            }
            if new_is_there {
                self.reads(&self.case.new, id, new, moment).await;
            }
        }
    }

    fn value(&self, index: usize) -> (&'static str, &'static str) {
        self.case.values.get(index).copied().unwrap_or(self.case.initial)
    }

    async fn one(&mut self, release: usize, moment: &str) {
        let speaks = if release == 0 { &self.case.old } else { &self.case.new };
        let index = self.random.below(self.case.values.len());
        let value = if release == 0 { self.value(index).0 } else { self.value(index).1 };
        let ids: Vec<i64> = self.rows.keys().copied().collect();
        match self.random.below(4) {
            1 if !ids.is_empty() => {
                let id = ids[self.random.below(ids.len())];
                self.run(speaks.update, id, value, moment).await;
                self.rows.insert(id, index);
            }
            2 if !ids.is_empty() => {
                let id = ids[self.random.below(ids.len())];
                self.run(speaks.touch, id, value, moment).await;
            }
            3 => {
                self.next_id += 1;
                self.run(speaks.insert_nothing, self.next_id, value, moment).await;
                self.rows.insert(self.next_id, self.case.values.len());
            }
            _ => {
                self.next_id += 1;
                self.run(speaks.insert, self.next_id, value, moment).await;
                self.rows.insert(self.next_id, index);
            }
        }
    }

    async fn run(&self, statement: &str, id: i64, value: &str, moment: &str) {
        let sql = statement.replace("{id}", &id.to_string()).replace("{value}", value);
        let result = self.connection.execute(&sql, &[]).await;
        result.unwrap_or_else(|error| panic!("{} {moment}: {sql}: {error}", self.case.golden));
    }

    async fn reads(&self, release: &Release, id: i64, expected: &str, moment: &str) {
        let sql = release.read.replace("{id}", &id.to_string());
        let rows = self.connection.query(&sql, &[]).await;
        let rows = rows.unwrap_or_else(|error| panic!("{} {moment}: {sql}: {error}", self.case.golden));
        let found = match &rows[0][0] {
            Value::Null => "NULL".to_owned(),
            Value::Text(text) if expected.starts_with('\'') => format!("'{text}'"),
            Value::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected, "{} {moment}: {sql}", self.case.golden);
    }
}

async fn tell(case: &Case, ground: &Ground, seed: u64) {
    let golden = Golden::named(Engine::Postgres, case.golden).unwrap();
    let database = format!("{}_clients_{seed}", case.golden);
    let (mut stand, plan) = golden.stand(ground, &database).await.unwrap();
    let connection = stand.client(ground, &database).await.unwrap();
    let mut clients = Clients { case, connection, random: Random(seed), next_id: 1_000, rows: BTreeMap::new() };
    let first_contract =
        plan.change.steps.iter().position(|step| step.phase == Phase::Contract).unwrap_or(plan.change.steps.len());
    clients.work(false, true, "before the change").await;
    for (index, step) in plan.change.steps.iter().enumerate() {
        stand.execute(&step.name, &step.forward).await.unwrap();
        // Until the backfill is through, the new form of an old row may be empty: no client reads it before it is told to.
        let is_filled = plan.change.steps[..=index].iter().any(|step| step.phase >= Phase::Backfill);
        clients.work(is_filled, index < first_contract, &format!("after `{}`", step.name)).await;
    }
    for (index, step) in plan.change.steps.iter().enumerate().rev() {
        stand.execute(&step.name, step.revert.as_ref().unwrap()).await.unwrap();
        if index == first_contract {
            // The old release was gone, and comes back with connections of its own.
            clients.connection = stand.client(ground, &database).await.unwrap();
        }
        let is_filled = plan.change.steps[..index].iter().any(|step| step.phase >= Phase::Backfill);
        clients.work(is_filled, index <= first_contract, &format!("after the revert of `{}`", step.name)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_at_every_step_forward_and_back() {
    let ground = tokio::task::spawn_blocking(|| Ground::start(TARGET)).await.unwrap();
    for case in &cases() {
        for seed in 1..=2 {
            tell(case, &ground, seed).await;
        }
    }
}
