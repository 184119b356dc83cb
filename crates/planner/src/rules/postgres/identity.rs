//! GENERATED AS IDENTITY on a table in use: numbered by a sequence of our own first, which then hands over.

use super::column::{Identity, New};
use super::lock::{ACCESS_EXCLUSIVE, Locks};
use super::{Found, Rule, add_column, column, fill, literal, not_null, q};
use crate::draft::Draft;
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::Phase;

/// The column, numbers for rows to come, numbers for the rows that are there, NOT NULL, and then the identity in the place of the
/// default.
pub(super) fn steps(
    rule: &Rule<'_>,
    found: &Found,
    new: &New,
    identity: &Identity,
) -> Result<Vec<Draft>, Refusal> {
    let rows = rule.rows(&found.name);
    let own = found.name.beside(&name::own("numbers", &[&found.name.schema, &found.name.name, &new.name]));
    let options = if identity.options.is_empty() { String::new() } else { format!(" {}", identity.options) };
    let (forward, next) = add_column::numbering(&own, found, new, &options);
    Ok(vec![
        add_column::expand(found, new, forward)
            .why("First without numbers, so that no row is written; rows to come get theirs from a sequence."),
        fill::backfill(rule, found, &new.name, &next)?,
        not_null::step(&found.name, &new.name, rows),
        handed_over(found, new, identity, &own, &options),
    ])
}

fn handed_over(
    found: &Found,
    new: &New,
    identity: &Identity,
    own: &super::table_name::Name,
    options: &str,
) -> Draft {
    let alter = |change: &str| format!("ALTER TABLE {} ALTER COLUMN {} {change}", found.name.sql(), q(&new.name));
    let (create, next, owned) = column::numbers(own, found, new, options);
    let theirs = format!(
        "pg_catalog.pg_get_serial_sequence({}, {})::regclass",
        literal(&found.name.sql()),
        literal(&new.name)
    );
    let forward = vec![
        alter("DROP DEFAULT"),
        alter(&format!("ADD {}", identity.sql())),
        format!("SELECT pg_catalog.setval({theirs}, {next}, false)"),
        format!("DROP SEQUENCE {}", own.sql()),
    ];
    let revert = vec![
        create,
        format!("SELECT pg_catalog.setval({}::regclass, nextval({theirs}), false)", literal(&own.sql())),
        alter("DROP IDENTITY"),
        alter(&format!("SET DEFAULT {next}")),
        owned,
    ];
    let shown = column::shown(&found.name, &new.name);
    Draft::statements(&format!("identity {shown}"), Phase::Validate, forward, Some(revert))
        .holds(&found.name, ACCESS_EXCLUSIVE)
        .why("The sequence of the identity goes on where the first one stopped: the server changes its catalog only.")
}
