//! Sequences that belong to a column go with it when it is dropped. The old form of a column must not take along what belongs to the
//! column itself: statements after this one may name it.
//!
//! A column that is numbered by its sequence gets no second form, so what is left are sequences that number no column (any more).

use super::sync::dollar_quoted;
use super::table_name::Name;
use super::twin::Twin;
use super::{Rule, column, literal};
use crate::draft::Draft;
use lockstep_core::schema::Column;
use lockstep_core::step::Action;

/// `adding` makes the second column beside the first, and is going to be mirrored: its revert drops the second. The sequences of the
/// second go over to the first before, and come back with it.
pub(super) fn hand_over(rule: &Rule<'_>, twin: &Twin<'_>, adding: &mut Draft) {
    if !may_have_one(rule) {
        return;
    }
    let (going, staying) = (&twin.new.name, &twin.there.name);
    if let Action::Statements { statements, .. } = &mut adding.step.forward {
        statements.push(moved(twin, staying, going));
    }
    if let Some(Action::Statements { statements, .. }) = &mut adding.step.revert {
        statements.insert(0, moved(twin, going, staying));
    }
}

/// True when a sequence is known that numbers no column. Whose it is, the catalog does not say.
fn may_have_one(rule: &Rule<'_>) -> bool {
    let tables = &rule.catalog.schema.tables;
    let numbers = |key: &String| {
        let default = format!("nextval('{key}'::");
        tables.iter().any(|(table, known)| {
            let by_identity = |known: &Column| {
                let own = Name::from_key(table).map(|table| column::sequence_of(&table, &known.name));
                !known.options.is_empty() && own.is_some_and(|own| own.key() == *key)
            };
            let by_default = |known: &Column| known.default.as_ref().is_some_and(|text| text.contains(&default));
            known.columns.iter().any(|known| by_default(known) || by_identity(known))
        })
    };
    rule.catalog.schema.objects.get("sequence").is_some_and(|known| known.keys().any(|key| !numbers(key)))
}

/// What makes every sequence that belongs to `from` belong to `to`.
fn moved(twin: &Twin<'_>, from: &str, to: &str) -> String {
    let table = &twin.found.name;
    let body = format!(
        "\nDECLARE\n  owned record;\nBEGIN\n  FOR owned IN\n    SELECT link.objid::pg_catalog.regclass AS sequence\n    \
         FROM pg_catalog.pg_depend AS link, pg_catalog.pg_class AS known, pg_catalog.pg_attribute AS owner\n    \
         WHERE link.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND link.refclassid = link.classid AND link.deptype = 'a'\n      \
         AND known.oid = link.objid AND known.relkind = 'S' AND owner.attrelid = {regclass}::pg_catalog.regclass\n      \
         AND link.refobjid = owner.attrelid AND link.refobjsubid = owner.attnum AND owner.attname = {from}\n  LOOP\n    \
         EXECUTE pg_catalog.format('ALTER SEQUENCE %s OWNED BY %s.%I', owned.sequence, {regclass}, {to});\n  END LOOP;\nEND ",
        regclass = literal(&table.sql()),
        from = literal(from),
        to = literal(to),
    );
    format!("DO {}", dollar_quoted(&body))
}
