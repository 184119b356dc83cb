//! ALTER TABLE RENAME TO: for a while there are both tables, kept equal.
//!
//! A view under one of the names would not do: an INSERT into it tells no row id, gives no default, and takes no upsert.

use super::copy::{Copy, copied_indexes, key_for_copy, plain_values, same_sequence};
use super::definition::{foreign_parts, write_table};
use super::scope::{
    BLOCKS, Found, LOCK, Scope, another_form, children, cost, drafts, find, object, on, without_orphans,
};
use super::text::{mentions, renamed, render, tokens};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::name::{own, quote};
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};

/// `ALTER TABLE table RENAME TO name`.
pub(super) fn plan(scope: Scope, name: &str, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    let found = scope.known("a rename needs its columns and its key")?;
    let is_same = found.name.eq_ignore_ascii_case(name);
    let is_taken = matches!(find(catalog, name), Some(Scope::There(_))) || object(catalog, "view", name).is_some();
    if is_taken && !is_same {
        return Err(Refusal::new(format!("the name `{name}` is taken"), "choose another name"));
    }
    if let Some(child) = children(catalog, name).first().filter(|_| !is_same) {
        return Err(Refusal::new(
            format!(
                "a foreign key of table `{child}` names `{name}`, which is not there: on the way back it would follow the rename"
            ),
            format!("drop `{child}` before and make it again after; {}", another_form(name)),
        ));
    }
    let scope = Scope::There(found.clone());
    let touches = vec![found.name.clone(), name.to_owned()];
    let rename = Rename { found: &found, to: name, copy: own("copy", &[&found.name, name]) };
    if found.is_new || is_same {
        let (forward, revert) = (vec![statement(&found.name, name)], vec![statement(name, &found.name)]);
        let step = format!("rename {}", found.name);
        let draft = on(&scope, &step, Phase::Expand, forward, Some(revert)).why("Only the definition is written.");
        move_on(catalog, &found, name);
        return Ok(drafts(vec![draft], touches));
    }
    let steps = rename.steps()?;
    move_on(catalog, &found, name);
    Ok(Drafts { as_written: cost(&scope, false, false), ..drafts(steps, touches) })
}

fn statement(from: &str, to: &str) -> String {
    format!("ALTER TABLE {} RENAME TO {}", quote(from), quote(to))
}

/// A rename, and the name of what it needs.
struct Rename<'a> {
    found: &'a Found,
    to: &'a str,
    /// The copy, before it gets the new name.
    copy: String,
}

impl Rename<'_> {
    fn between(&self, from: &str, to: &str, key: &[String], purpose: &'static str) -> Copy {
        let values = plain_values(&self.found.table);
        Copy { from: from.to_owned(), to: to.to_owned(), key: key.to_vec(), values, purpose }
    }

    fn make(&self) -> Result<Vec<String>, Refusal> {
        let mut statements = vec![write_table(&self.copy, &self.found.table)?];
        statements.extend(copied_indexes(self.found, &self.copy, None));
        Ok(statements)
    }

    fn steps(&self) -> Result<Vec<Draft>, Refusal> {
        let key = key_for_copy(self.found)?;
        let name = &self.found.name;
        let before = self.between(name, &self.copy, &key, "forth");
        let mut steps = before.steps(self.found, self.make()?);
        steps.push(self.show(&before, &key));
        let tell = |phase, verb: &str, why: &str| {
            Draft::new(&format!("{verb} {}", self.to), phase, Action::Nothing, Some(Action::Nothing)).why(why)
        };
        steps.push(tell(Phase::SwitchWrites, "write", "Clients may write to the new name from here on."));
        steps.push(tell(Phase::SwitchReads, "read", "Clients may read from the new name from here on."));
        steps.push(self.end(&key)?);
        Ok(steps)
    }

    fn both_ways(&self, key: &[String]) -> [Copy; 2] {
        let name = &self.found.name;
        [self.between(name, self.to, key, "mirror"), self.between(self.to, name, key, "mirror")]
    }

    /// The copy gets the new name; from now on each table brings its writes to the other.
    fn show(&self, before: &Copy, key: &[String]) -> Draft {
        let name = &self.found.name;
        let both = self.both_ways(key);
        let mut forward = vec![before.drop_view()];
        forward.extend(before.drop_triggers());
        forward.extend(same_sequence(&self.found.table, name, &self.copy));
        forward.push(statement(&self.copy, self.to));
        forward.extend(both.iter().flat_map(Copy::mutual_triggers));
        let mut revert: Vec<String> = both.iter().flat_map(Copy::drop_triggers).collect();
        revert.push(statement(self.to, &self.copy));
        revert.extend(before.triggers());
        revert.extend(before.view());
        Draft::statements(&format!("let {} have both names", name), Phase::Expand, forward, Some(revert))
            .locks(name, LOCK, BLOCKS)
            .why("Each of the two tables brings every write to the other: releases of both kinds find theirs.")
    }

    /// The copy goes, and the table itself gets the new name.
    fn end(&self, key: &[String]) -> Result<Draft, Refusal> {
        let name = &self.found.name;
        let [of_table, of_copy] = self.both_ways(key);
        let mut forward = of_table.drop_triggers();
        forward.push(format!("DROP TABLE {}", quote(self.to)));
        forward.push(statement(name, self.to));
        let mut revert = vec![statement(self.to, name)];
        revert.extend(self.make()?);
        revert.push(self.between(name, &self.copy, key, "forth").insert(""));
        revert.extend(same_sequence(&self.found.table, name, &self.copy));
        revert.push(statement(&self.copy, self.to));
        revert.extend(of_table.mutual_triggers());
        revert.extend(of_copy.mutual_triggers());
        let draft = Draft::statements(&format!("rename {name}"), Phase::Contract, forward, Some(revert));
        Ok(without_orphans(draft)
            .locks(name, LOCK, BLOCKS)
            .why("Nobody uses the old name any more: the copy goes, and the table itself is renamed."))
    }
}

/// The catalog after the rename.
fn move_on(catalog: &mut Catalog, found: &Found, to: &str) {
    let from = found.name.as_str();
    let text = |text: &str| render(&renamed(&tokens(text), from, to)).trim().to_owned();
    if let Some(table) = catalog.schema.tables.remove(from) {
        if found.is_new {
            catalog.create_table(to, table);
        } else {
            catalog.schema.tables.insert(to.to_owned(), table);
        }
    }
    if let Some(size) = catalog.sizes.remove(from) {
        catalog.sizes.insert(to.to_owned(), size);
    }
    for (name, table) in &mut catalog.schema.tables {
        for index in table.indexes.values_mut().filter(|_| name == to) {
            index.definition = text(&index.definition);
        }
        for trigger in table.triggers.values_mut().filter(|trigger| mentions(&tokens(trigger), from)) {
            *trigger = text(trigger);
        }
        let constraints = std::mem::take(&mut table.constraints);
        for mut constraint in constraints.into_values() {
            if let Some((parent, columns, actions)) = foreign_parts(&constraint.definition)
                && parent.eq_ignore_ascii_case(from)
            {
                constraint.definition = format!("references {to} ({columns}) on update {actions}");
            }
            table.constraints.insert(constraint.describe(), constraint);
        }
    }
    for definitions in catalog.schema.objects.values_mut() {
        for definition in definitions.values_mut().filter(|definition| mentions(&tokens(definition), from)) {
            *definition = text(definition);
        }
    }
}
