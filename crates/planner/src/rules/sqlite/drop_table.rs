//! DROP TABLE: clients leave it, it is hidden, and only then it goes.

use super::definition::write_table;
use super::scope::{BLOCKS, LOCK, Scope, another_form, children, cost, drafts, find, users_of};
use super::scope::{table, tell, without_orphans};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::name::{own, quote};
use crate::plan::Refusal;
use lockstep_core::step::Phase;

/// `DROP TABLE [IF EXISTS] name`.
pub(super) fn plan(name: &str, if_exists: bool, catalog: &mut Catalog) -> Result<Drafts, Refusal> {
    if if_exists && find(catalog, name).is_none() {
        return Ok(Drafts { hazards: vec![format!("there is no table `{name}`")], ..Drafts::default() });
    }
    let scope = table(catalog, name)?;
    let name = scope.name().to_owned();
    check_users(catalog, &name)?;
    let steps = match &scope {
        Scope::There(found) if found.is_new => {
            let mut revert = vec![write_table(&name, &found.table)?];
            revert.extend(super::redefine::belongings(&found.table));
            let forward = vec![format!("DROP TABLE {}", quote(&name))];
            vec![
                Draft::statements(&format!("drop {name}"), Phase::Expand, forward, Some(revert))
                    .why("The same change made it: nobody uses it."),
            ]
        }
        Scope::There(found) if found.table.options.contains_key("virtual") => {
            vec![leave(&name), gone(&name, &name)]
        }
        _ => {
            let hidden = own("hidden", &[&name]);
            vec![leave(&name), hide(&name, &hidden), gone(&name, &hidden)]
        }
    };
    let as_written = if scope.is_new() { None } else { cost(&scope, false, false) };
    let mut hazards = Vec::new();
    if !catalog.is_complete {
        hazards.push(format!("whether foreign keys, views or triggers name `{name}` is not known"));
    }
    catalog.schema.tables.remove(&name);
    Ok(Drafts { as_written, hazards, ..drafts(steps, vec![name]) })
}

fn check_users(catalog: &Catalog, name: &str) -> Result<(), Refusal> {
    let user = children(catalog, name).first().map(|child| format!("a foreign key of table `{child}`"));
    match user.or_else(|| users_of(catalog, &[name], Some(name)).into_iter().next()) {
        None => Ok(()),
        Some(user) => Err(Refusal::new(
            format!("{user} names `{name}`: its users would fail once `{name}` is gone"),
            format!("drop that one first, in the same file or in an earlier change; {}", another_form(name)),
        )),
    }
}

fn leave(name: &str) -> Draft {
    tell(&format!("do without {name}"), Phase::SwitchReads, "Clients stop reading and writing it before it goes.")
}

fn hide(name: &str, hidden: &str) -> Draft {
    let rename = |from: &str, to: &str| vec![format!("ALTER TABLE {} RENAME TO {}", quote(from), quote(to))];
    let mut draft = Draft::statements(
        &format!("hide {name}"),
        Phase::Contract,
        rename(name, hidden),
        Some(rename(hidden, name)),
    )
    .locks(name, LOCK, BLOCKS)
    .why("A client that still uses it fails now, while a rename brings everything back.");
    draft.step.needs_approval = false;
    draft
}

fn gone(name: &str, hidden: &str) -> Draft {
    let forward = vec![format!("DROP TABLE {}", quote(hidden))];
    without_orphans(Draft::statements(&format!("drop {name}"), Phase::Contract, forward, None))
        .locks(hidden, LOCK, BLOCKS)
        .why("Its rows are gone for good after this: approve it when nobody missed the table for long enough.")
}
