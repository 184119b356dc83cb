//! What a careful person writes for this table, who knows that its ids have no gaps.

use super::value;
use crate::ground::Place;
use anyhow::Result;
use lockstep_core::Engine;
use lockstep_database::plain::Value;
use std::time::{Duration, Instant};

const BATCH_ROWS: u64 = 10_000;

/// What the loop took.
pub(super) async fn run(place: &Place, rows: u64) -> Result<Duration> {
    let value = value(place.engine);
    let begin: &[String] = &match place.engine {
        Engine::Postgres => vec![
            "ALTER TABLE accounts ADD COLUMN score int".to_owned(),
            format!("ALTER TABLE accounts ALTER COLUMN score SET DEFAULT {value}"),
        ],
        _ => vec!["ALTER TABLE accounts ADD COLUMN score int, ALGORITHM=INSTANT".to_owned()],
    };
    all(place, begin).await?;
    let started = Instant::now();
    let batch = format!("UPDATE accounts SET score = {value} WHERE id > $1 AND id <= $2 AND score IS NULL");
    for first in (0..rows).step_by(usize::try_from(BATCH_ROWS)?) {
        let bounds = [Value::Integer(i64::try_from(first)?), Value::Integer(i64::try_from(first + BATCH_ROWS)?)];
        place.connection.execute(&batch, &bounds).await?;
    }
    let took = started.elapsed();
    let end: &[String] = &match place.engine {
        Engine::Postgres => vec![
            "ALTER TABLE accounts ADD CONSTRAINT scored CHECK (score IS NOT NULL) NOT VALID".to_owned(),
            "ALTER TABLE accounts VALIDATE CONSTRAINT scored".to_owned(),
            "ALTER TABLE accounts ALTER COLUMN score SET NOT NULL".to_owned(),
            "ALTER TABLE accounts DROP CONSTRAINT scored".to_owned(),
        ],
        _ => vec![format!("ALTER TABLE accounts MODIFY score int NOT NULL DEFAULT ({value}), LOCK=NONE")],
    };
    all(place, end).await?;
    Ok(took)
}

async fn all(place: &Place, statements: &[String]) -> Result<()> {
    for statement in statements {
        place.connection.batch(statement).await?;
    }
    Ok(())
}
