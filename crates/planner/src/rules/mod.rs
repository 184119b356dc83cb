//! The rule book: one folder an engine, one file a kind of DDL.

mod mysql;
mod postgres;
mod sqlite;

use crate::catalog::Catalog;
use crate::draft::Drafts;
use crate::plan::{Refusal, Target};
use crate::script::Statement;
use lockstep_core::Engine;

/// What to do for the first of the statements that are left, and how many it takes together: some engines write one thing in
/// several statements. The catalog is moved on to after them.
pub(crate) fn plan(target: Target, rest: &[Statement], catalog: &mut Catalog) -> (usize, Result<Drafts, Refusal>) {
    match target.engine {
        Engine::Postgres => (1, postgres::plan(target, &rest[0], catalog)),
        Engine::Sqlite => sqlite::plan(target, rest, catalog),
        Engine::Mariadb | Engine::Mysql => (1, mysql::plan(target, rest, catalog)),
    }
}
