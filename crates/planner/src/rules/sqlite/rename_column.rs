//! ALTER TABLE RENAME COLUMN: for a while the table has both.
//!
//! A table with both columns, each optional, stands under the table's name while releases of both kinds are at work; triggers keep
//! the two columns equal. The table itself waits aside, kept equal too. When all know the new name it comes back, and is renamed
//! as it stands: what SQLite then has is what the plain statement gives.

use super::copy::{Copy, copied_indexes, key_for_copy, plain_values, rename_silently, same_sequence};
use super::definition::{foreign_parts, write_default, write_table};
use super::scope::{BLOCKS, Found, LOCK, Scope, cost, drafts, on, users_of, without_orphans};
use super::text::{mentions, renamed, render, tokens};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts, INSERT_FAILS, two_forms};
use crate::name::{own, quote};
use crate::plan::Refusal;
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Table};
use lockstep_core::step::{Action, Phase};

/// `ALTER TABLE table RENAME [COLUMN] from TO to`.
pub(super) fn plan(scope: Scope, from: &str, to: &str, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    let found = scope.known("a rename needs its columns and its key")?;
    let column = found.column(from)?.clone();
    if !column.name.eq_ignore_ascii_case(to) && found.column(to).is_ok() {
        return Err(Refusal::new(format!("`{}` has a column `{to}`", found.name), "choose another name"));
    }
    let scope = Scope::There(found.clone());
    let rename = Rename::of(&found, &column, to);
    let touches = vec![found.name.clone()];
    // Only the spelling changes, which SQLite does not tell apart; or nobody uses the table.
    if found.is_new || column.name.eq_ignore_ascii_case(to) {
        let (forward, revert) = (vec![rename.statement(from, to)], vec![rename.statement(to, &column.name)]);
        let step = format!("rename {}.{from}", found.name);
        let draft = on(&scope, &step, Phase::Expand, forward, Some(revert)).why("Only the definition is written.");
        move_on(catalog, &found.name, &column.name, to);
        return Ok(drafts(vec![draft], touches));
    }
    check(catalog, &found, &column)?;
    let steps = rename.steps()?;
    move_on(catalog, &found.name, &column.name, to);
    let told = format!(
        "until `{}` is gone, RETURNING tells of the other column what it was before the triggers ran",
        column.name
    );
    let hazards = vec![told, two_forms(&format!("{}.{to}", found.name), INSERT_FAILS)];
    Ok(Drafts { hazards, as_written: cost(&scope, false, false), ..drafts(steps, touches) })
}

fn check(catalog: &Catalog, found: &Found, column: &Column) -> Result<(), Refusal> {
    let name = format!("`{}.{}`", found.name, column.name);
    let is_key = |constraint: &Constraint| {
        constraint.kind == ConstraintKind::PrimaryKey
            && constraint.columns.iter().any(|other| other.eq_ignore_ascii_case(&column.name))
    };
    if found.table.constraints.values().any(is_key) {
        return Err(Refusal::new(
            format!("{name} is part of the primary key: a row has one, under one name"),
            "keep the name, or make a new table with the other key and move to that",
        ));
    }
    if column.generated.is_some() {
        return Err(Refusal::new(
            format!("{name} is computed: it cannot be kept under two names by triggers"),
            "add a generated column of the new name, and drop the old one in a later change",
        ));
    }
    if let Some(trigger) = found.table.triggers.keys().next() {
        return Err(Refusal::new(
            format!("trigger `{trigger}` would fire for the copy that stands in for `{}` meanwhile", found.name),
            "drop the triggers of the table before it and create them after it, each in a change of its own",
        ));
    }
    let views = users_of(catalog, &[&found.name, &column.name], None);
    if let Some(view) = views.iter().find(|user| user.starts_with("view")) {
        return Err(Refusal::new(
            format!("{view} shows {name}: its own column would change its name in one moment for all"),
            "drop the view before it and create it after it, each in a change of its own",
        ));
    }
    let default = column.default.as_deref().unwrap_or("NULL");
    if !super::definition::is_constant(default) && !default.to_lowercase().starts_with("current_") {
        return Err(Refusal::new(
            format!("the default of {name} is another one for each row: which column was given could not be told"),
            "rebuild the table with a constant default first, in a change of its own",
        ));
    }
    Ok(())
}

/// A rename, and the names of what it needs.
struct Rename<'a> {
    found: &'a Found,
    column: &'a Column,
    to: &'a str,
    /// The table with both columns, before it stands in.
    both: String,
    /// The table itself, while it stands aside.
    aside: String,
}

impl<'a> Rename<'a> {
    fn of(found: &'a Found, column: &'a Column, to: &'a str) -> Self {
        let name = |purpose| own(purpose, &[&found.name, &column.name, to]);
        Self { found, column, to, both: name("both"), aside: name("aside") }
    }

    fn statement(&self, from: &str, to: &str) -> String {
        format!("ALTER TABLE {} RENAME COLUMN {} TO {}", quote(&self.found.name), quote(from), quote(to))
    }

    fn default(&self) -> String {
        self.column.default.as_deref().map_or("NULL".to_owned(), write_default)
    }

    /// The table with both columns, each optional.
    fn both_columns(&self) -> Table {
        let mut table = self.found.table.clone();
        let optional = Column { nullable: true, ..self.column.clone() };
        for column in table.columns.iter_mut().filter(|column| column.name == self.column.name) {
            *column = optional.clone();
        }
        table.columns.push(Column { name: self.to.to_owned(), ..optional });
        if !self.column.nullable {
            let (from, to) = (quote(&self.column.name), quote(self.to));
            let filled = format!("({from} IS NOT NULL OR {to} IS NOT NULL)");
            let check = Constraint { kind: ConstraintKind::Check, columns: Vec::new(), definition: filled };
            table.constraints.insert(check.describe(), check);
        }
        table
    }

    /// From the table into the one with both columns.
    fn forth(&self, from: &str, to: &str, key: &[String]) -> Copy {
        let mut values = plain_values(&self.found.table);
        let expression = quote(&self.column.name);
        values.push(super::copy::Value { column: self.to.to_owned(), expression });
        Copy { from: from.to_owned(), to: to.to_owned(), key: key.to_vec(), values, purpose: "forth" }
    }

    /// From the one with both columns into the table, also for rows that triggers have not made equal yet.
    fn back(&self, from: &str, to: &str, key: &[String]) -> Copy {
        let mut values = plain_values(&self.found.table);
        let given = self.given("");
        let (old, new) = (quote(&self.column.name), quote(self.to));
        for value in values.iter_mut().filter(|value| value.column == self.column.name) {
            value.expression =
                if self.column.nullable { given.clone() } else { format!("coalesce({given}, {old}, {new})") };
        }
        Copy { from: from.to_owned(), to: to.to_owned(), key: key.to_vec(), values, purpose: "back" }
    }

    /// The one of the two that a client gave: the one that is not the default.
    fn given(&self, row: &str) -> String {
        let (old, new) = (format!("{row}{}", quote(&self.column.name)), format!("{row}{}", quote(self.to)));
        format!("CASE WHEN {old} COLLATE BINARY IS NOT {} THEN {old} ELSE {new} END", self.default())
    }

    /// Triggers that keep the two columns equal.
    fn equalizers(&self, key: &[String]) -> Vec<String> {
        let table = quote(&self.found.name);
        let (old, new) = (quote(&self.column.name), quote(self.to));
        let row: Vec<String> = key.iter().map(|column| format!("{0} IS NEW.{0}", quote(column))).collect();
        let row = row.join(" AND ");
        let differ = format!("WHEN NEW.{old} COLLATE BINARY IS NOT NEW.{new}");
        let given = self.given("NEW.");
        let update = |event: &str, set: String| {
            format!("AFTER {event} ON {table} {differ} BEGIN UPDATE {table} SET {set} WHERE {row}; END")
        };
        let texts = [
            update("INSERT", format!("{old} = {given}, {new} = {given}")),
            update(&format!("UPDATE OF {old}"), format!("{new} = NEW.{old}")),
            update(&format!("UPDATE OF {new}"), format!("{old} = NEW.{new}")),
        ];
        let names = self.equalizer_names();
        names.iter().zip(texts).map(|(name, text)| format!("CREATE TRIGGER {} {text}", quote(name))).collect()
    }

    fn equalizer_names(&self) -> [String; 3] {
        let parts = [self.found.name.as_str(), &self.column.name, self.to];
        ["equal_insert", "equal_old", "equal_new"].map(|purpose| own(purpose, &parts))
    }

    fn steps(&self) -> Result<Vec<Draft>, Refusal> {
        let name = &self.found.name;
        let key = key_for_copy(self.found)?;
        let before = self.forth(name, &self.both, &key);
        let mut steps = before.steps(self.found, self.make(&self.both)?);
        steps.push(self.stand_in(&before, &key));
        let tell = |phase, verb: &str, why: &str| {
            let step = format!("{verb} {name}.{}", self.to);
            Draft::new(&step, phase, Action::Nothing, Some(Action::Nothing)).why(why)
        };
        steps.push(tell(Phase::SwitchWrites, "write", "Clients may write the new name from here on."));
        steps.push(tell(Phase::SwitchReads, "read", "Clients may read the new name from here on."));
        steps.push(self.come_back(&key)?);
        Ok(steps)
    }

    /// Makes the table with both columns, and its indexes.
    fn make(&self, both: &str) -> Result<Vec<String>, Refusal> {
        let mut statements = vec![write_table(both, &self.both_columns())?];
        statements.extend(copied_indexes(self.found, both, None));
        statements.extend(copied_indexes(self.found, both, Some((&self.column.name, self.to))));
        Ok(statements)
    }

    /// The table goes aside, and the one with both columns gets its name.
    fn stand_in(&self, before: &Copy, key: &[String]) -> Draft {
        let name = &self.found.name;
        let after = self.back(name, &self.aside, key);
        let mut forward = vec![before.drop_view()];
        forward.extend(before.drop_triggers());
        forward.extend(same_sequence(&self.found.table, name, &self.both));
        forward.extend(rename_silently(&[(name, &self.aside), (&self.both, name)]));
        forward.extend(after.triggers());
        forward.extend(self.equalizers(key));
        let mut revert: Vec<String> =
            self.equalizer_names().iter().map(|name| format!("DROP TRIGGER {}", quote(name))).collect();
        revert.extend(after.drop_triggers());
        revert.extend(rename_silently(&[(name, &self.both), (&self.aside, name)]));
        revert.extend(before.triggers());
        revert.extend(before.view());
        Draft::statements(&format!("let {name} have both columns"), Phase::Expand, forward, Some(revert))
            .locks(name, LOCK, BLOCKS)
            .why("The copy has both columns, which triggers keep equal: releases of both kinds find theirs.")
    }

    /// The table comes back, and is renamed as it stands.
    fn come_back(&self, key: &[String]) -> Result<Draft, Refusal> {
        let name = &self.found.name;
        let mut forward = vec![format!("DROP TABLE {}", quote(name))];
        forward.extend(rename_silently(&[(&self.aside, name)]));
        forward.push(self.statement(&self.column.name, self.to));
        let mut revert = vec![self.statement(self.to, &self.column.name)];
        revert.extend(rename_silently(&[(name, &self.aside)]));
        revert.extend(self.make(&self.both)?);
        revert.push(self.forth(&self.aside, &self.both, key).insert(""));
        revert.extend(same_sequence(&self.found.table, &self.aside, &self.both));
        revert.extend(rename_silently(&[(&self.both, name)]));
        revert.extend(self.back(name, &self.aside, key).triggers());
        revert.extend(self.equalizers(key));
        let step = format!("rename {name}.{}", self.column.name);
        Ok(without_orphans(Draft::statements(&step, Phase::Contract, forward, Some(revert))).locks(name, LOCK, BLOCKS).why(
            "Nobody uses the old name any more: the table itself comes back, which held every write meanwhile, and is renamed.",
        ))
    }
}

/// The catalog after the rename.
fn move_on(catalog: &mut Catalog, name: &str, from: &str, to: &str) {
    for (other, table) in &mut catalog.schema.tables {
        let is_it = other == name;
        let constraints = std::mem::take(&mut table.constraints);
        table.constraints = constraints
            .into_values()
            .map(|constraint| renamed_constraint(constraint, is_it, name, from, to))
            .map(|constraint| (constraint.describe(), constraint))
            .collect();
        for trigger in table.triggers.values_mut().filter(|text| is_it || mentions(&tokens(text), name)) {
            *trigger = render(&renamed(&tokens(trigger), from, to)).trim().to_owned();
        }
        if is_it {
            for index in table.indexes.values_mut() {
                index.definition = render(&renamed(&tokens(&index.definition), from, to)).trim().to_owned();
            }
            for column in &mut table.columns {
                if column.name == from {
                    to.clone_into(&mut column.name);
                }
                if let Some(text) = &mut column.generated {
                    *text = render(&renamed(&tokens(text), from, to)).trim().to_owned();
                }
            }
        }
    }
}

fn renamed_constraint(mut constraint: Constraint, is_it: bool, name: &str, from: &str, to: &str) -> Constraint {
    if is_it {
        for column in constraint.columns.iter_mut().filter(|column| column.eq_ignore_ascii_case(from)) {
            to.clone_into(column);
        }
        if constraint.kind == ConstraintKind::Check {
            constraint.definition = render(&renamed(&tokens(&constraint.definition), from, to)).trim().to_owned();
        }
    }
    if let Some((parent, columns, actions)) = foreign_parts(&constraint.definition)
        && parent.eq_ignore_ascii_case(name)
    {
        let columns =
            columns.split(", ").map(|column| if column.eq_ignore_ascii_case(from) { to } else { column });
        let columns = columns.collect::<Vec<_>>().join(", ");
        constraint.definition = format!("references {parent} ({columns}) on update {actions}");
    }
    constraint
}
