//! A table gets another definition: a copy that has it is filled beside it, and takes its place in one transaction.

use super::copy::{Copy, Value, key_for_copy, plain_values, rename_silently, same_sequence};
use super::definition::{write_default, write_table};
use super::scope::{BLOCKS, Found, LOCK, tell, without_orphans};
use super::text::definition_of;
use crate::draft::Draft;
use crate::name::{own, quote};
use crate::plan::Refusal;
use lockstep_core::schema::{Column, Constraint, Table};
use lockstep_core::step::{ClientRequirement, Phase};

/// What a table becomes.
pub(super) struct Redefinition<'a> {
    pub(super) found: &'a Found,
    /// The table that takes its place, with its indexes and triggers.
    pub(super) becomes: Table,
    /// What its rows are made of.
    pub(super) values: Vec<Value>,
    /// The names of clients' doing, for steps.
    pub(super) purpose: String,
}

/// The name of the copy.
pub(super) fn copy_name(table: &str) -> String {
    own("new", &[table])
}

impl Redefinition<'_> {
    /// The steps; `create` makes the copy under [`copy_name`].
    pub(super) fn steps(&self, create: String) -> Result<Vec<Draft>, Refusal> {
        let copy = self.copy()?;
        let name = &self.found.name;
        let mut steps = Vec::new();
        let tighter = self.tighter();
        if !tighter.is_empty() {
            let why = format!("Clients write only what the new definition takes: {}.", tighter.join(", "));
            steps.push(tell(&format!("write {name} as it will be"), Phase::SwitchWrites, &why));
        }
        let mut made = copy.steps(self.found, vec![create.clone()]);
        for (column, expression) in self.must_be_filled() {
            let key = copy.key.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
            let query = format!("SELECT {key} FROM {} WHERE ({expression}) IS NULL", quote(name));
            let first = made.remove(0).only_if(&format!("no row of {name} would have NULL in {column}"), query);
            made.insert(0, first);
        }
        steps.extend(made);
        if !self.is_harmless() {
            let why = "Clients must be at home with both definitions when the one takes the other's place.";
            steps.push(tell(&format!("be ready: {}", self.purpose), Phase::SwitchReads, why));
        }
        steps.push(self.swap(&copy, create)?);
        Ok(steps)
    }

    fn copy(&self) -> Result<Copy, Refusal> {
        let key = key_for_copy(self.found)?;
        let is_kept = |column: &String| {
            self.values.iter().any(|value| value.column.eq_ignore_ascii_case(column) && is_plain(value, column))
        };
        if !key.iter().all(is_kept) {
            return Err(Refusal::new(
                format!("the key of `{}` ({}) would not be the key of its copy", self.found.name, key.join(", ")),
                "make a new table with the other key, move clients to it, and drop this one later",
            ));
        }
        let (from, to) = (self.found.name.clone(), copy_name(&self.found.name));
        Ok(Copy { from, to, key, values: self.values.clone(), purpose: "forth" })
    }

    fn swap(&self, copy: &Copy, create: String) -> Result<Draft, Refusal> {
        let name = &self.found.name;
        let mut forward = vec![copy.drop_view()];
        forward.extend(copy.drop_triggers());
        forward.extend(same_sequence(&self.becomes, name, &copy.to));
        forward.push(format!("DROP TABLE {}", quote(name)));
        forward.extend(rename_silently(&[(&copy.to, name)]));
        forward.extend(belongings(&self.becomes));
        let revert = self.back(copy, create);
        let has_revert = revert.is_some();
        let draft = Draft::statements(&self.purpose, Phase::Contract, forward, revert);
        let mut draft = without_orphans(draft)
            .locks(name, LOCK, BLOCKS)
            .why("The copy takes the table's place in one transaction; readers see the one or the other.");
        draft.step.needs_approval = !has_revert || !self.is_harmless();
        if self.is_harmless() {
            draft.step.requires = ClientRequirement::Nothing;
        }
        if !self.becomes.indexes.is_empty() {
            draft = draft
                .scans(self.found.rows)
                .why("The copy takes the table's place in one transaction. Its indexes are built in it, under their names.");
        }
        Ok(draft)
    }

    /// The way back from the new definition to the old one; `None` when rows could stand in its way.
    fn back(&self, copy: &Copy, create_copy: String) -> Option<Vec<String>> {
        let old = &self.found.table;
        let is_kept = |column: &&Column| column.generated.is_some() || self.kept(column).is_some();
        let is_filled = |column: &Column| {
            let now = self.becomes.columns.iter().find(|other| other.name.eq_ignore_ascii_case(&column.name));
            column.nullable || now.is_some_and(|now| !now.nullable)
        };
        let is_looser = old.columns.iter().all(is_filled)
            && new_constraints(&self.becomes, old).is_empty()
            && old.options.keys().all(|option| self.becomes.options.contains_key(option));
        if !is_looser || !old.columns.iter().all(|column| is_kept(&column)) {
            return None;
        }
        let Ok(create) = write_table(&copy.to, old) else { return None };
        let again = Copy {
            from: self.found.name.clone(),
            to: copy.to.clone(),
            key: copy.key.clone(),
            values: plain_values(old),
            purpose: "back",
        };
        let mut statements = vec![create, again.insert("")];
        statements.extend(same_sequence(old, &again.from, &again.to));
        statements.push(format!("DROP TABLE {}", quote(&again.from)));
        statements.extend(rename_silently(&[(&again.to, &again.from)]));
        statements.extend(belongings(old));
        // The copy of before is there again, too.
        statements.push(create_copy);
        statements.push(copy.insert(""));
        statements.extend(copy.triggers());
        statements.extend(copy.view());
        Some(statements)
    }

    /// The value that is the column as it is.
    fn kept(&self, column: &Column) -> Option<&Value> {
        self.values
            .iter()
            .find(|value| value.column.eq_ignore_ascii_case(&column.name) && is_plain(value, &column.name))
    }

    /// True when a release that knows the old definition only lives with the new one.
    fn is_harmless(&self) -> bool {
        let is_same = |column: &Column| {
            let now = self.becomes.columns.iter().find(|other| other.name.eq_ignore_ascii_case(&column.name));
            now.is_some_and(|now| {
                now.data_type == column.data_type && now.generated.is_some() == column.generated.is_some()
            }) && (column.generated.is_some() || self.kept(column).is_some())
        };
        let is_optional = |column: &Column| {
            let is_old = self.found.table.columns.iter().any(|old| old.name.eq_ignore_ascii_case(&column.name));
            is_old || column.nullable || column.default.is_some() || column.generated.is_some()
        };
        self.tighter().is_empty()
            && self.found.table.columns.iter().all(is_same)
            && self.becomes.columns.iter().all(is_optional)
    }

    /// What old releases may write and the new definition does not take.
    fn tighter(&self) -> Vec<String> {
        let mut tighter: Vec<String> = new_constraints(&self.found.table, &self.becomes);
        tighter.extend(self.must_be_filled().into_iter().map(|(column, _)| format!("{column} NOT NULL")));
        let options = self.becomes.options.keys().filter(|option| option.as_str() == "strict");
        tighter.extend(options.filter(|option| !self.found.table.options.contains_key(*option)).cloned());
        tighter
    }

    /// Columns that must have a value, and whose value may be NULL now.
    fn must_be_filled(&self) -> Vec<(String, String)> {
        let may_be_null = |value: &Value| {
            let source = self.found.table.columns.iter().find(|column| is_plain(value, &column.name));
            source.is_none_or(|column| column.nullable && !self.is_row_id(column))
        };
        let must = self.becomes.columns.iter().filter(|column| !column.nullable && column.generated.is_none());
        must.filter_map(|column| {
            let value = self.values.iter().find(|value| value.column.eq_ignore_ascii_case(&column.name))?;
            let is_default = column.default.as_deref().map(|text| format!("({})", write_default(text)));
            if is_default.as_ref() == Some(&value.expression) {
                return None;
            }
            may_be_null(value).then(|| (column.name.clone(), value.expression.clone()))
        })
        .collect()
    }

    /// An `INTEGER PRIMARY KEY` is never NULL.
    fn is_row_id(&self, column: &Column) -> bool {
        column.data_type == "integer"
            && super::definition::key(&self.found.table).is_some_and(|key| key.len() == 1 && key[0] == column.name)
    }
}

/// Constraints of `after` that `before` has not, as people read them.
fn new_constraints(before: &Table, after: &Table) -> Vec<String> {
    let form = |constraint: &Constraint| super::text::executable(&constraint.describe()).to_lowercase();
    let known: Vec<String> = before.constraints.values().map(form).collect();
    let added = after.constraints.values().filter(|constraint| !known.contains(&form(constraint)));
    added.map(|constraint| constraint.describe()).collect()
}

/// True when the value is this column as it is.
fn is_plain(value: &Value, column: &str) -> bool {
    matches!(super::text::tokens(&value.expression).as_slice(), [token] if token.names(column))
}

/// What makes a table's indexes and triggers.
pub(super) fn belongings(table: &Table) -> Vec<String> {
    let indexes = table.indexes.iter().map(|(name, index)| definition_of(name, &index.definition));
    indexes.chain(table.triggers.iter().map(|(name, trigger)| definition_of(name, trigger))).collect()
}
