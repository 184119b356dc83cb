//! ALTER TABLE ADD COLUMN.

use super::copy::{Value, plain_values};
use super::definition::{ColumnRead, is_constant, read_column, write_column, write_table};
use super::redefine::{Redefinition, copy_name};
use super::scope::{Found, Scope, backfill_of, cost, drafts, on};
use super::text::Reader;
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::name::quote;
use crate::plan::Refusal;
use crate::script::Statement;
use lockstep_core::schema::{Column, ConstraintKind};
use lockstep_core::step::{Action, Backfill, Phase};

/// Rows in a batch; the executor makes batches smaller when they take long.
pub(super) const BATCH_ROWS_MAX: u32 = 1_000;

/// The statement that adds a column as it is.
pub(super) fn statement(found: &Found, column: &Column) -> Result<String, Refusal> {
    Ok(format!("ALTER TABLE {} ADD COLUMN {}", quote(&found.name), write_column(column, false, &[])?))
}

/// `ALTER TABLE table ADD [COLUMN] ...`. `None`: not understood.
pub(super) fn plan(
    statement: &Statement,
    scope: Scope,
    reader: Reader<'_>,
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    let read = read_column(reader.rest)?;
    Some(check(&scope, &read, statement).and_then(|()| planned(statement, &scope, read, catalog)))
}

fn planned(
    statement: &Statement,
    scope: &Scope,
    read: ColumnRead,
    catalog: &mut Catalog,
) -> Result<Drafts, Refusal> {
    let is_volatile = read.column.default.as_deref().is_some_and(|default| !is_constant(default));
    if !scope.is_new() && (is_volatile || is_mandatory(&read.column)) {
        return through_a_copy(statement, scope.clone(), read, catalog);
    }
    let name = read.column.name.clone();
    let step = format!("add {}.{name}", scope.name());
    let table = quote(scope.name());
    let revert = vec![format!("ALTER TABLE {table} DROP COLUMN {}", quote(&name))];
    let add = on(scope, &step, Phase::Expand, vec![statement.sql.clone()], Some(revert));
    let is_tested = read.has(ConstraintKind::Check) || (read.column.generated.is_some() && !read.column.nullable);
    let add = if is_tested && !scope.is_new() {
        add.scans(scope.rows()).why("SQLite tests every row against the new condition while writes wait.")
    } else {
        add.why("Only the definition is written; rows that are there get the default when they are read.")
    };
    let mut steps = vec![add];
    let mut hazards = Vec::new();
    if let Some(expression) = backfill_of(statement, &name) {
        steps.push(fill(scope, &read.column, expression)?);
        hazards
            .push(format!("rows that clients insert without `{name}` get its default, not the backfill's value"));
    }
    if let Some(known) = catalog.schema.tables.get_mut(scope.name()) {
        known.columns.push(read.column);
        known.constraints.extend(read.constraints.into_iter().map(|c| (c.describe(), c)));
    }
    catalog.create_column(scope.name(), &name.to_lowercase());
    let as_written = if is_tested { cost(scope, true, false) } else { None };
    Ok(Drafts { hazards, as_written, ..drafts(steps, vec![scope.name().to_owned()]) })
}

/// Batches that give rows which are there another value than the default.
fn fill(scope: &Scope, column: &Column, expression: &str) -> Result<Draft, Refusal> {
    let Scope::There(found) = scope else {
        return Err(super::scope::unknown(&format!("table `{}`", scope.name()), "a backfill needs its key"));
    };
    let default = column.default.as_deref().map_or("NULL".to_owned(), |default| format!("({default})"));
    let name = quote(&column.name);
    let forward = Backfill {
        table: quote(&found.name),
        key: key_or_number(found)?,
        set: format!("{name} = {expression}"),
        only_where: Some(format!("{name} IS {default}")),
        batch_rows_max: BATCH_ROWS_MAX,
    };
    let mut draft = Draft::new(
        &format!("fill {}.{}", found.name, column.name),
        Phase::Backfill,
        Action::Backfill(forward),
        Some(Action::Nothing),
    );
    draft.impact.rows_estimate = found.rows;
    Ok(draft.why("Rows that are there get their value in small batches, between which others write."))
}

/// As [`key_of`], for rows that show whether they still need it: their numbers are key enough.
fn key_or_number(found: &Found) -> Result<Vec<String>, Refusal> {
    const NUMBER: &str = "rowid";
    let is_hidden = found.table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(NUMBER));
    key_of(found).or_else(|refusal| if is_hidden { Err(refusal) } else { Ok(vec![NUMBER.to_owned()]) })
}

/// The key by which batches go through a table.
pub(super) fn key_of(found: &Found) -> Result<Vec<String>, Refusal> {
    super::definition::key(&found.table).ok_or_else(|| {
        Refusal::new(
            format!("table `{}` has no primary key, by which batches could go through it", found.name),
            "rebuild the table with a primary key first, or accept the statement with `-- lockstep: opaque`",
        )
    })
}

/// What SQLite does not take, or what old releases could not live with.
fn check(scope: &Scope, read: &ColumnRead, statement: &Statement) -> Result<(), Refusal> {
    let (table, column) = (scope.name(), &read.column);
    if let Scope::There(found) = scope
        && found.column(&column.name).is_ok()
    {
        return Err(Refusal::new(format!("`{table}` has a column `{}`", column.name), "choose another name"));
    }
    if read.has(ConstraintKind::Unique) || read.has(ConstraintKind::PrimaryKey) {
        return Err(Refusal::new(
            "SQLite cannot add a column that is UNIQUE or PRIMARY KEY",
            format!("add it without, and then `CREATE UNIQUE INDEX ... ON {table} ({})`", quote(&column.name)),
        ));
    }
    if scope.is_new() {
        return Ok(());
    }
    let is_stored = column.generated.as_ref().is_some_and(|text| text.ends_with(" stored"));
    if is_stored {
        return Err(Refusal::new(
            "SQLite cannot add a STORED generated column to a table with rows",
            "make it VIRTUAL (an index on it keeps its values), or rebuild the table",
        ));
    }
    if is_mandatory(column) && backfill_of(statement, &column.name).is_none() {
        return Err(mandatory(table, column));
    }
    Ok(())
}

fn is_mandatory(column: &Column) -> bool {
    !column.nullable && column.default.is_none() && column.generated.is_none()
}

fn mandatory(table: &str, column: &Column) -> Refusal {
    Refusal::new(
        format!(
            "`{table}.{}` is NOT NULL without a default: rows that are there have no value for it, and old releases insert none",
            column.name
        ),
        format!(
            "put `-- lockstep: backfill {} = EXPRESSION` above it, or give it a constant DEFAULT",
            quote(&column.name)
        ),
    )
}

/// The steps to a column that SQLite cannot add to a table with rows: one with a default that is another for each row, or one that
/// must be filled.
fn through_a_copy(
    statement: &Statement,
    scope: Scope,
    read: ColumnRead,
    catalog: &mut Catalog,
) -> Result<Drafts, Refusal> {
    let mut found = scope.known("the table must be written anew, with this column")?;
    let column = read.column;
    let name = column.name.clone();
    let mut becomes = found.table.clone();
    becomes.columns.push(column.clone());
    becomes.constraints.extend(read.constraints.into_iter().map(|constraint| (constraint.describe(), constraint)));
    let default = column.default.as_deref().map(super::definition::write_default);
    let filled = backfill_of(statement, &name).map(str::to_owned).or(default).unwrap_or_default();
    let mut values = plain_values(&found.table);
    let mut steps = Vec::new();
    if is_mandatory(&column) {
        // Releases that know the column must be able to write it before all others are gone.
        let optional = Column { nullable: true, ..column };
        let revert = vec![format!("ALTER TABLE {} DROP COLUMN {}", quote(&found.name), quote(&name))];
        let add = vec![self::statement(&found, &optional)?];
        let there = Scope::There(found.clone());
        steps.push(
            on(&there, &format!("add {}.{name}, optional", found.name), Phase::Expand, add, Some(revert))
                .why("Old releases insert rows without it, new ones with it: for a while it may be missing."),
        );
        found.table.columns.push(optional);
        values.push(Value { column: name.clone(), expression: format!("coalesce({}, {filled})", quote(&name)) });
    } else {
        values.push(Value { column: name.clone(), expression: format!("({filled})") });
    }
    let purpose = format!("add {}.{name}", found.name);
    let create = write_table(&copy_name(&found.name), &becomes)?;
    let redefinition = Redefinition { found: &found, becomes, values, purpose };
    steps.extend(redefinition.steps(create)?);
    let as_written = cost(&Scope::There(found.clone()), true, true);
    catalog.schema.tables.insert(found.name.clone(), redefinition.becomes);
    Ok(Drafts { as_written, ..drafts(steps, vec![found.name]) })
}
