//! Foreign tables. Where their rows are is a matter of each node: servers and mappings of users are made by hand.

use super::object;
use super::opaque::Words;
use super::rename_column::switch;
use super::table_name::Name;
use super::{Planned, Rule, create_table, on};
use crate::catalog::Known;
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use lockstep_core::schema::Table;
use lockstep_core::step::{Action, Phase};

/// `None`: it is about something else.
pub(super) fn plan(rule: &mut Rule<'_>, words: &Words) -> Option<Planned> {
    let mut words = words.clone();
    if words.skip(&["CREATE", "FOREIGN", "TABLE"]) {
        return Some(create(rule, words));
    }
    if words.skip(&["DROP", "FOREIGN", "TABLE"]) {
        return Some(drop(rule, words));
    }
    None
}

/// True for what the catalog knows as a foreign table.
pub(super) fn is_foreign(table: &Table) -> bool {
    table.options.get("definition").is_some_and(|definition| definition == "foreign")
}

/// What is not planned about one.
pub(super) fn refusal(name: &Name) -> Refusal {
    Refusal::new(
        format!(
            "{} is a foreign table: its rows are another server's, which no step can fill or prove",
            name.key()
        ),
        "drop it and make it anew, or accept the statement with `-- lockstep: opaque` and `-- lockstep: revert ...`",
    )
}

fn create(rule: &mut Rule<'_>, mut words: Words) -> Planned {
    let if_not_exists = words.skip(&["IF", "NOT", "EXISTS"]);
    let name = words.name()?;
    let key = name.key();
    if matches!(rule.catalog.table(&key), Known::Table(_)) {
        if if_not_exists {
            return Ok(create_table::nothing(&name, format!("there is a table {key} already: nothing is done")));
        }
        return Err(Refusal::new(format!("table {key} is there already"), "choose another name"));
    }
    let mut table = Table::default();
    table.options.insert("definition".to_owned(), "foreign".to_owned());
    rule.catalog.create_table(&key, table);
    let forward = vec![format!("CREATE FOREIGN TABLE {} {}", name.sql(), words.rest())];
    let revert = Some(vec![format!("DROP FOREIGN TABLE {}", name.sql())]);
    let why = "Nobody uses a table that was not there; no row is read.";
    let mut drafts = on(&name, vec![object::expand(&format!("create {key}"), forward, revert, why)]);
    drafts.hazards.push(
        "its server must be there on every node; whether the rows there are as the columns say shows when they are read"
            .to_owned(),
    );
    Ok(drafts)
}

fn drop(rule: &mut Rule<'_>, mut words: Words) -> Planned {
    let if_exists = words.skip(&["IF", "EXISTS"]);
    let mut all = Drafts::default();
    for part in words.rest_in_parts() {
        let mut words = Words::of(&part);
        let name = words.name()?;
        words.skip(&["RESTRICT"]);
        if !words.is_at_end() {
            return Err(Refusal::new(
                format!("CASCADE would drop what depends on {} without naming it", name.key()),
                "drop what depends on it before, by its name, and leave CASCADE out",
            ));
        }
        let drafts = if if_exists && rule.catalog.table(&name.key()) == Known::Absent {
            create_table::nothing(&name, format!("there is no table {}: nothing is done", name.key()))
        } else {
            dropped(rule, &name)
        };
        super::alter_table::append(&mut all, drafts);
    }
    Ok(all)
}

/// Its rows stay where they are: there is nothing to hide, only what the server notes of it is gone.
fn dropped(rule: &mut Rule<'_>, name: &Name) -> Drafts {
    let key = name.key();
    let is_new = rule.catalog.is_created_here(&key);
    rule.catalog.drop_table(&key);
    let forward = vec![format!("DROP FOREIGN TABLE {}", name.sql())];
    let what = format!("drop {key}");
    if is_new {
        let step = Draft::statements(&what, Phase::Expand, forward, None)
            .why("The table is new: nobody uses it.")
            .drops(&key);
        return on(name, vec![step]);
    }
    let reverts = rule.directed_revert();
    let is_lost = reverts.is_none();
    let mut step = Draft::statements(&what, Phase::Contract, forward, None)
        .why("No client is left that needs it. The rows stay on the other server.");
    step.step.revert = reverts.map(|statements| Action::Statements { statements, transactional: true });
    let mut drafts = on(name, vec![switch(Phase::SwitchReads, &format!("do without {key}")), step]);
    if is_lost {
        drafts.hazards.push(
            "the last step cannot be taken back; `-- lockstep: revert CREATE FOREIGN TABLE ...` says how"
                .to_owned(),
        );
    }
    drafts
}
