//! The ways in which the column can be added.

mod by_hand;
mod lockstep;
mod plain;

use crate::ground::{Ground, Place};
use anyhow::Result;
use lockstep_core::Engine;
use std::time::Duration;

pub(crate) use lockstep::Agent;

/// The new column, as somebody would type it: without NULLs, each row with a value of its own.
pub(crate) fn plain_ddl(engine: Engine) -> String {
    format!("ALTER TABLE accounts ADD COLUMN score int NOT NULL DEFAULT ({})", value(engine))
}

/// An expression that gives each row another value.
fn value(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "(random() * 100)::int",
        _ => "floor(rand() * 100)",
    }
}

/// A way to add the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The plain statement, handed to Lockstep.
    Lockstep,
    /// What a careful person writes: nullable, batches of 10,000 rows by the key, NOT NULL.
    ByHand,
    /// The plain statement, run as it stands.
    Plain,
    /// Nothing at all, for as long as Lockstep took: what the application sees without a change.
    Nothing,
}

/// A way that is ready to go.
pub(crate) enum Ready {
    Lockstep(Box<Agent>),
    Other(Way, Duration),
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Lockstep, Self::ByHand, Self::Plain, Self::Nothing];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lockstep => "Lockstep",
            Self::ByHand => "batches of 10,000 by hand",
            Self::Plain => "the plain ALTER",
            Self::Nothing => "no change",
        }
    }

    /// Prepares what has to be there before the change: an agent. `idle`: how long to do nothing, if that is the way.
    pub(crate) async fn prepare(
        self,
        ground: &Ground,
        place: &Place,
        name: &str,
        idle: Duration,
    ) -> Result<Ready> {
        Ok(match self {
            Self::Lockstep => Ready::Lockstep(Box::new(Agent::start(ground, place, name).await?)),
            other => Ready::Other(other, idle),
        })
    }
}

impl Ready {
    /// Adds the column; what filling its rows alone took, if that was done on its own.
    pub(crate) async fn run(&self, place: &Place, rows: u64) -> Result<Option<Duration>> {
        match self {
            Self::Lockstep(agent) => agent.fill(place.engine).await.map(Some),
            Self::Other(Way::ByHand, _) => by_hand::run(place, rows).await.map(Some),
            Self::Other(Way::Plain, _) => plain::run(place).await.map(|()| None),
            Self::Other(_, idle) => {
                tokio::time::sleep(*idle).await;
                Ok(None)
            }
        }
    }
}
