//! A table of MariaDB or MySQL is copied as a whole while clients write it as fast as they can: as far as there is a way back, back, and
//! through. No statement fails, no row is lost, doubled or altered.

use anyhow::{Context as _, Result, ensure};
use lockstep_core::Engine;
use lockstep_core::step::Action;
use lockstep_database::local_mysql::chosen;
use lockstep_database::plain::{Connection, Value};
use lockstep_planner::Target;
use lockstep_tests::golden::{Golden, Ground, Stand};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const WRITERS: u64 = 3;

/// Each writer has numbers of its own: more than this many times its own number.
const ROOM: u64 = 1_000;

/// Writes that must have been made between two steps.
const WRITES_BETWEEN_STEPS: u64 = 40;

/// A row as its writer knows it: name and mail.
type Row = (String, Option<String>);

struct Writer {
    connection: Connection,
    number: u64,
    rows: BTreeMap<u64, Row>,
    random: u64,
}

impl Writer {
    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % end
    }

    fn any_id(&mut self) -> u64 {
        self.number * ROOM + self.below(60)
    }

    fn any_row(&mut self, id: u64) -> Row {
        let mail = self.below(3);
        let mail = (mail > 0).then(|| format!("{id}.{mail}@example.org"));
        (format!("n{}", self.below(100)), mail)
    }

    async fn run(&mut self, sql: &str) -> Result<()> {
        self.connection.execute(sql, &[]).await.map(drop).with_context(|| sql.to_owned())
    }

    /// One statement of any kind.
    async fn write(&mut self) -> Result<()> {
        let id = self.any_id();
        let (name, mail) = self.any_row(id);
        let text = mail.as_ref().map_or_else(|| "NULL".to_owned(), |mail| format!("'{mail}'"));
        let is_there = self.rows.contains_key(&id);
        match self.below(7) {
            0 => {
                self.run(&format!("DELETE FROM users WHERE id = {id}")).await?;
                self.rows.remove(&id);
                return Ok(());
            }
            1 => self.run(&format!("REPLACE INTO users (id, name, mail) VALUES ({id}, '{name}', {text})")).await?,
            2 if is_there => {
                // Its key moves.
                let to = self.any_id();
                if self.rows.contains_key(&to) {
                    return Ok(());
                }
                let sql = format!("UPDATE users SET id = {to}, name = '{name}', mail = NULL WHERE id = {id}");
                self.run(&sql).await?;
                self.rows.remove(&id);
                self.rows.insert(to, (name, None));
                return Ok(());
            }
            3 if is_there => {
                let sql = format!("UPDATE users SET name = '{name}', mail = {text} WHERE id = {id}");
                self.run(&sql).await?;
            }
            5 if is_there => {
                // The second changes nothing, so the server leaves `seen` as it is.
                self.run(&format!("UPDATE users SET seen = '2020-01-01 00:00:00' WHERE id = {id}")).await?;
                self.run(&format!("UPDATE users SET name = name WHERE id = {id}")).await?;
                return Ok(());
            }
            4 if !is_there => {
                self.run(&format!("INSERT INTO users (id, name, mail) VALUES ({id}, '{name}', {text})")).await?;
            }
            _ => {
                let sql = format!(
                    "INSERT INTO users (id, name, mail) VALUES ({id}, '{name}', {text}) ON DUPLICATE KEY UPDATE name = '{name}', \
                     mail = {text}"
                );
                self.run(&sql).await?;
            }
        }
        self.rows.insert(id, (name, mail));
        Ok(())
    }
}

/// What all writers know is what the table holds.
async fn compare(connection: &Connection, writers: &[Writer]) -> Result<()> {
    let sql = format!("SELECT id, name, mail FROM users WHERE id >= {ROOM} ORDER BY id");
    let found = connection.query(&sql, &[]).await?;
    let mut rows = BTreeMap::new();
    for row in found {
        let id = u64::try_from(row[0].as_integer().context("a number")?)?;
        let text = |value: &Value| value.as_text().map(str::to_owned);
        ensure!(
            rows.insert(id, (text(&row[1]).unwrap_or_default(), text(&row[2]))).is_none(),
            "{id} is there twice"
        );
    }
    let known: BTreeMap<u64, Row> = writers.iter().flat_map(|writer| writer.rows.clone()).collect();
    let lost: Vec<_> = known.iter().filter(|(id, row)| rows.get(id) != Some(row)).collect();
    let unknown: Vec<_> = rows.iter().filter(|(id, _)| !known.contains_key(id)).collect();
    ensure!(
        lost.is_empty() && unknown.is_empty(),
        "lost or altered: {lost:?}\nnot written by anybody: {unknown:?}"
    );
    Ok(())
}

/// Runs an action while the writers write, and until each has written some more.
async fn among_writes(
    stand: &mut Stand,
    writers: Vec<Writer>,
    name: &str,
    action: &Action,
) -> Result<Vec<Writer>> {
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let at_work = writers.into_iter().map(|mut writer| {
        let (stop, written) = (Arc::clone(&stop), Arc::clone(&written));
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) || written.load(Ordering::SeqCst) < WRITES_BETWEEN_STEPS {
                writer.write().await?;
                written.fetch_add(1, Ordering::SeqCst);
            }
            Ok::<Writer, anyhow::Error>(writer)
        })
    });
    let at_work: Vec<_> = at_work.collect();
    let executed = stand.execute(name, action).await;
    stop.store(true, Ordering::SeqCst);
    let mut writers = Vec::new();
    for task in at_work {
        writers.push(task.await?.with_context(|| format!("a client, while `{name}` ran"))?);
    }
    executed.with_context(|| name.to_owned())?;
    Ok(writers)
}

async fn play(ground: &Ground, golden: &str) -> Result<()> {
    // MySQL's own of this name is about another table.
    let golden = Golden::named(Engine::Mariadb, golden)?;
    let database = format!("{}_writes", golden.name());
    let (mut stand, mut plan) = golden.stand(ground, &database).await?;
    for step in &mut plan.change.steps {
        for action in [Some(&mut step.forward), step.revert.as_mut()].into_iter().flatten() {
            if let Action::Backfill(backfill) = action {
                backfill.batch_rows_max = 3;
            }
        }
    }
    let mut writers = Vec::new();
    for number in 1..=WRITERS {
        let connection = stand.client(ground, &database).await?;
        writers.push(Writer { connection, number, rows: BTreeMap::new(), random: number });
    }
    let reader = stand.client(ground, &database).await?;
    let steps = plan.change.steps;
    let back_until = steps.iter().position(|step| step.revert.is_none()).unwrap_or(steps.len());
    let forward = |until: usize| steps[..until].iter().map(|step| (&step.name, step.forward.clone()));
    let back =
        steps[..back_until].iter().rev().map(|step| (&step.name, step.revert.clone().unwrap_or(Action::Nothing)));
    for (name, action) in forward(back_until).chain(back).chain(forward(steps.len())) {
        writers = among_writes(&mut stand, writers, name, &action).await?;
        compare(&reader, &writers).await.with_context(|| format!("after `{name}`"))?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gets_another_type() {
    let target = Target { engine: chosen(), version: 0 };
    let ground = tokio::task::spawn_blocking(move || Ground::start(target)).await.expect("the server starts");
    let ground = ground.of_own_version().await.expect("the server says its version");
    play(&ground, "copy_key_bigint").await.unwrap_or_else(|error| panic!("{error:?}"));
}
