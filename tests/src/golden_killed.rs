//! A node that dies between a statement that commits by itself and the record of it, at each such moment of a golden, forward and
//! back. PostgreSQL only: there such statements are few, and an exchange of keys is one of them.

use crate::golden::{Golden, Ground, run_script};
use crate::solo::Solo;
use anyhow::{Context as _, Result, bail, ensure};
use lockstep_database::plain::{self, Connection, Value};
use lockstep_planner::Catalog;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at what sessions wait for.
const INTERVAL: Duration = Duration::from_millis(10);

/// The record of a statement waits for a lock that the test has, once for each place that is not among those where the node died.
const HOLD: [&str; 3] = [
    "CREATE TABLE lockstep.deaths (version bigint, step_name text, place text, PRIMARY KEY (version, place))",
    "CREATE FUNCTION lockstep.hold() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       IF NOT EXISTS (SELECT FROM lockstep.deaths WHERE version = NEW.version AND place = NEW.state || coalesce(NEW.cursor, '')) THEN
         PERFORM set_config('application_name', format('held %s %s', NEW.version, NEW.state || coalesce(NEW.cursor, '')), true);
         PERFORM pg_advisory_xact_lock(7);
       END IF;
       RETURN NEW;
     END $$",
    "CREATE TRIGGER hold BEFORE UPDATE ON lockstep.ledger FOR EACH ROW WHEN (OLD.state = 'claimed') EXECUTE FUNCTION lockstep.hold()",
];

/// Who waits, and where. Whoever is to end may stay for a moment.
const HELD: &str = "SELECT pid::text, split_part(application_name, ' ', 2), split_part(application_name, ' ', 3) FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event = 'advisory' AND application_name LIKE 'held %' AND NOT EXISTS (
       SELECT FROM lockstep.deaths WHERE application_name = format('held %s %s', version, place))";

/// Plays a golden with a death at each record, and gives the names of the steps in which the node died.
///
/// # Errors
///
/// What did not hold.
pub async fn run(golden: &Golden, ground: &Ground) -> Result<BTreeSet<String>> {
    let database = format!("{}_killed", golden.name());
    let stand = ground.stand(&database).await?;
    run_script(&stand.connection, stand.engine, &golden.before).await.context("the part before the change")?;
    let before = stand.look().await?;
    let plan = golden.plan(ground.target, &mut Catalog::of(before.0.clone(), golden.sizes.clone()))?;
    let twin = ground.stand(&format!("{}_killed_plain", golden.name())).await?;
    run_script(&twin.connection, twin.engine, &golden.before).await?;
    run_script(&twin.connection, twin.engine, golden.plain.as_deref().unwrap_or(&golden.change)).await?;
    let wanted = twin.look().await?;

    let mut node = Solo::start(Arc::clone(&stand.database)).await?;
    let killer = plain::connect(stand.engine, &stand.dsn).await?;
    for statement in HOLD {
        killer.execute(statement, &[]).await?;
    }
    killer.query("SELECT pg_advisory_lock(7)::text", &[]).await?;
    let desk = node.desk();
    dying(&mut node, &killer, desk.apply(plan.change.clone())).await.context("forward")?;
    let after = stand.look().await?;
    golden.compare(&after.0, &wanted.0)?;
    ensure!(after.1 == wanted.1, "rows after the change: {:#?}\nplain: {:#?}", after.1, wanted.1);
    dying(&mut node, &killer, desk.roll_back(&plan.change.name)).await.context("back")?;
    let back = stand.look().await?;
    ensure!(back.0.diff(&before.0).is_empty(), "rolled back: {:#?}", back.0.diff(&before.0));
    ensure!(back.1 == before.1, "rows after going back: {:#?}\nbefore: {:#?}", back.1, before.1);
    let deaths = killer.query("SELECT DISTINCT step_name FROM lockstep.deaths", &[]).await?;
    deaths.iter().map(|row| text(&row[0])).collect()
}

/// Kills the node wherever it is held, and lets it start again, until what it is to do is done.
async fn dying(node: &mut Solo, killer: &Connection, done: impl Future<Output = Result<()>>) -> Result<()> {
    let mut done = std::pin::pin!(done);
    loop {
        tokio::select! {
            ended = &mut done => return ended,
            () = tokio::time::sleep(INTERVAL) => {}
        }
        for held in killer.query(HELD, &[]).await? {
            let [pid, version, place] = &held[..] else { bail!("{held:?}") };
            let (pid, version, place) = (text(pid)?, text(version)?, text(place)?);
            node.crash().await;
            killer
                .execute(
                    &format!(
                        "INSERT INTO lockstep.deaths SELECT version, step_name, '{place}' FROM lockstep.ledger WHERE version = {version}"
                    ),
                    &[],
                )
                .await?;
            killer.query(&format!("SELECT pg_terminate_backend({pid})::text"), &[]).await?;
            node.restart();
        }
    }
}

fn text(value: &Value) -> Result<String> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => bail!("no text: {other:?}"),
    }
}
