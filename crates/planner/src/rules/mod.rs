//! The rule book: one folder an engine, one file a kind of DDL.

mod postgres;
mod sqlite;

use crate::catalog::Catalog;
use crate::draft::Drafts;
use crate::plan::{Refusal, Target};
use crate::script::Statement;
use lockstep_core::Engine;

/// What to do for a statement, and the catalog moved on to after it.
pub(crate) fn plan(target: Target, statement: &Statement, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    match target.engine {
        Engine::Postgres => postgres::plan(target, statement, catalog),
        Engine::Sqlite => sqlite::plan(target, statement, catalog),
    }
}
