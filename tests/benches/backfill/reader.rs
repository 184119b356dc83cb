//! Somebody holds the table in an open transaction while a column is added that no row needs a value for.

use crate::application::Application;
use crate::ground::{Ground, Place};
use crate::options::Options;
use crate::summary::{Rounds, milliseconds};
use crate::way::Agent;
use anyhow::Result;
use lockstep_core::Engine;
use lockstep_database::plain::{self, Connection};
use std::time::Duration;
use tokio::time::Instant;

const ROWS: u64 = 100_000;

/// From the reader's first statement to the change.
const HEAD_START: Duration = Duration::from_millis(500);

const DDL: &str = "ALTER TABLE accounts ADD COLUMN remark varchar(40)";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Lockstep,
    /// A lock timeout of half a second (on MariaDB one second: it counts in whole ones), and another try a second later.
    Retry,
    Plain,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Lockstep => "Lockstep",
            Self::Retry => "lock timeout and retry",
            Self::Plain => "the plain ALTER",
        }
    }
}

pub(crate) async fn run(engine: Engine, options: &Options) -> Result<()> {
    println!(
        "\n(c) a reader holds the table for {:?}, {} transactions/s beside it; {} rounds, min/median/max",
        options.holding, options.rate, options.rounds
    );
    println!(
        "{:<26} {:>28} {:>34} {:>6}",
        "way", "longest wait of another, ms", "done after the reader's end, ms", "failed"
    );
    let ground = Ground::start(engine)?;
    for way in [Way::Lockstep, Way::Retry, Way::Plain] {
        let (mut worst, mut after, mut failed) = (Rounds::default(), Rounds::default(), 0);
        for round in 0..options.rounds {
            let name = format!("reader_{}_{round}", way as u8);
            let place = ground.place(&name, ROWS).await?;
            let seen = one(&ground, &place, &name, way, options).await?;
            worst.push(seen.0);
            after.push(seen.1);
            failed += seen.2;
            ground.clear(&name, place).await?;
        }
        println!("{:<26} {:>28} {:>34} {:>6}", way.name(), worst, after, failed);
    }
    Ok(())
}

/// The longest wait, from the reader's end to the change's in milliseconds (negative: before it), failed transactions.
async fn one(
    ground: &Ground,
    place: &Place,
    name: &str,
    way: Way,
    options: &Options,
) -> Result<(f64, f64, usize)> {
    let agent = match way {
        Way::Lockstep => Some(Agent::start(ground, place, name).await?),
        _ => None,
    };
    let reader = plain::connect(place.engine, &place.dsn).await?;
    let application = Application::start(place.engine, &place.dsn, ROWS, options.rate).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let begin = Instant::now();
    reader.batch("BEGIN").await?;
    reader.query("SELECT count(*) FROM accounts WHERE id < 1000", &[]).await?;
    let holding = async {
        tokio::time::sleep_until(begin + options.holding).await;
        reader.batch("COMMIT").await?;
        anyhow::Ok(Instant::now())
    };
    let changing = async {
        tokio::time::sleep(HEAD_START).await;
        match &agent {
            Some(agent) => agent.apply("0001_remark", DDL).await?,
            None if way == Way::Retry => retry(&place.connection, place.engine).await?,
            None => place.connection.batch(DDL).await?,
        }
        anyhow::Ok(Instant::now())
    };
    let (ended, changed) = tokio::try_join!(holding, changing)?;
    let end = Instant::now();
    let seen = application.finish().await?.within(begin, end);
    for failure in &seen.failures {
        println!("    failed: {failure}");
    }
    let after = if changed >= ended { milliseconds(changed - ended) } else { -milliseconds(ended - changed) };
    Ok((seen.worst_ms, after, seen.failures.len()))
}

async fn retry(connection: &Connection, engine: Engine) -> Result<()> {
    let timeout =
        if engine == Engine::Postgres { "SET lock_timeout = '500ms'" } else { "SET lock_wait_timeout = 1" };
    connection.batch(timeout).await?;
    while let Err(error) = connection.batch(DDL).await {
        // Only a lock that was not to be had is worth another try.
        if !error.retryable() {
            return Err(error.into());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
