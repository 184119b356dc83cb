//! Views and triggers: definitions only, no data.

use super::create_table::surely;
use super::scope::{BLOCKS, LOCK, Scope, drafts, find, must_be_directed, object, on, tell, touched};
use super::text::{Reader, definition_of, find_word, tokens};
use crate::catalog::Catalog;
use crate::draft::{Draft, Drafts};
use crate::name::quote;
use crate::plan::Refusal;
use crate::script::Statement;
use lockstep_core::step::Phase;

/// `CREATE VIEW [IF NOT EXISTS] name [(...)] AS ...`.
pub(super) fn create_view(
    statement: &Statement,
    mut reader: Reader<'_>,
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let name = reader.object()?;
    let _ = reader.group();
    reader.word("as").then_some(())?;
    let is_view = object(catalog, "view", &name).is_some();
    if is_view && if_not_exists {
        return Some(Ok(there_already(&format!("view `{name}`"))));
    }
    if is_view || matches!(find(catalog, &name), Some(Scope::There(_))) {
        return Some(Err(taken(&name)));
    }
    let mut touches = touched(catalog, &tokens(&statement.sql));
    touches.push(name.clone());
    let sql = surely(&statement.sql, if_not_exists);
    catalog.schema.objects.entry("view".to_owned()).or_default().insert(name.clone(), sql.clone());
    let revert = Some(vec![format!("DROP VIEW {}", quote(&name))]);
    let draft = Draft::statements(&format!("create view {name}"), Phase::Expand, vec![sql], revert)
        .why("A view is a definition only; nobody uses it yet.");
    Some(Ok(drafts(vec![draft], touches)))
}

fn there_already(what: &str) -> Drafts {
    let hazards = vec![format!("{what} is there already: nothing is done, whatever its text")];
    Drafts { hazards, ..Drafts::default() }
}

fn taken(name: &str) -> Refusal {
    Refusal::new(format!("the name `{name}` is taken"), "choose another name, or drop what has it first")
}

/// `DROP VIEW [IF EXISTS] name`.
pub(super) fn drop_view(
    statement: &Statement,
    name: &str,
    if_exists: bool,
    catalog: &mut Catalog,
) -> Result<Drafts, Refusal> {
    let found = object(catalog, "view", name).map(|(name, definition)| (name.clone(), definition.clone()));
    let revert = match &found {
        Some((known, definition)) => Some(view_with_triggers(catalog, known, definition)),
        None => return not_found(statement, "view", name, if_exists, catalog),
    };
    let users = super::scope::users_of(catalog, &[name], None);
    let others: Vec<&String> = users.iter().filter(|user| !is_own(catalog, name, user)).collect();
    if let Some(user) = others.first() {
        return Err(Refusal::new(format!("{user} names view `{name}`"), "drop that one first"));
    }
    let mut touches = found.iter().flat_map(|(_, text)| touched(catalog, &tokens(text))).collect::<Vec<_>>();
    touches.push(name.to_owned());
    forget(catalog, "view", name);
    let of_view: Vec<String> = triggers_of(catalog, name).into_iter().map(|(trigger, _)| trigger).collect();
    of_view.iter().for_each(|trigger| forget(catalog, "trigger", trigger));
    let tell = tell(
        &format!("do without view {name}"),
        Phase::SwitchReads,
        "Clients stop using the view before it goes.",
    );
    let forward = vec![format!("DROP VIEW {}", quote(name))];
    let draft = Draft::statements(&format!("drop view {name}"), Phase::Contract, forward, revert)
        .why("Nobody uses it any more; its text is kept to make it again.");
    Ok(drafts(vec![tell, draft], touches))
}

fn is_own(catalog: &Catalog, view: &str, user: &str) -> bool {
    user.eq_ignore_ascii_case(&format!("view `{view}`"))
        || triggers_of(catalog, view).iter().any(|(trigger, _)| *user == format!("trigger `{trigger}`"))
}

fn view_with_triggers(catalog: &Catalog, name: &str, definition: &str) -> Vec<String> {
    let triggers = triggers_of(catalog, name).into_iter().map(|(name, text)| definition_of(&name, &text));
    std::iter::once(definition_of(name, definition)).chain(triggers).collect()
}

/// Triggers on a view, with their texts.
fn triggers_of(catalog: &Catalog, view: &str) -> Vec<(String, String)> {
    let on_view =
        |definition: &str| trigger_table(definition).is_some_and(|table| table.eq_ignore_ascii_case(view));
    let triggers = catalog.schema.objects.get("trigger").into_iter().flatten();
    triggers.filter(|(_, text)| on_view(text)).map(|(name, text)| (name.clone(), text.clone())).collect()
}

fn trigger_table(definition: &str) -> Option<String> {
    let tokens = tokens(definition);
    let position = find_word(&tokens, &["on"])?;
    Reader::new(&tokens[position + 1..]).object()
}

fn forget(catalog: &mut Catalog, kind: &str, name: &str) {
    if let Some(objects) = catalog.schema.objects.get_mut(kind) {
        objects.retain(|known, _| !known.eq_ignore_ascii_case(name));
    }
}

/// `CREATE TRIGGER [IF NOT EXISTS] name ... ON table ... BEGIN ... END`.
pub(super) fn create_trigger(
    statement: &Statement,
    mut reader: Reader<'_>,
    catalog: &mut Catalog,
) -> Option<Result<Drafts, Refusal>> {
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let name = reader.object()?;
    let position = find_word(reader.rest, &["on"])?;
    reader.rest = &reader.rest[position + 1..];
    let table = reader.object()?;
    if find_trigger(catalog, &name).is_some() {
        return Some(if if_not_exists {
            Ok(there_already(&format!("trigger `{name}`")))
        } else {
            Err(taken(&name))
        });
    }
    let sql = surely(&statement.sql, if_not_exists);
    let touches = touched(catalog, &tokens(&sql));
    let revert = Some(vec![format!("DROP TRIGGER {}", quote(&name))]);
    let step = format!("create trigger {name}");
    let draft = if object(catalog, "view", &table).is_some() {
        let triggers = catalog.schema.objects.entry("trigger".to_owned()).or_default();
        triggers.insert(name.clone(), sql.clone());
        Draft::statements(&step, Phase::Expand, vec![sql], revert)
    } else {
        let scope = match super::scope::table(catalog, &table) {
            Ok(scope) => scope,
            Err(refusal) => return Some(Err(refusal)),
        };
        if let Some(known) = catalog.schema.tables.get_mut(scope.name()) {
            known.triggers.insert(name.clone(), sql.clone());
        }
        on(&scope, &step, Phase::Expand, vec![sql], revert)
    };
    let hazards = vec![format!("from this step on, every client's writes to `{table}` fire the trigger")];
    Some(Ok(Drafts { hazards, ..drafts(vec![draft.why("A trigger is a definition only.")], touches) }))
}

/// Where a trigger is (a table, or a view), and its text.
fn find_trigger(catalog: &Catalog, name: &str) -> Option<(String, String)> {
    let of_table = catalog.schema.tables.iter().find_map(|(table, known)| {
        let (name, text) = known.triggers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some((table.clone(), definition_of(name, text)))
    });
    let of_view = || {
        let (name, text) = object(catalog, "trigger", name)?;
        Some((trigger_table(text)?, definition_of(name, text)))
    };
    of_table.or_else(of_view)
}

/// `DROP TRIGGER [IF EXISTS] name`.
pub(super) fn drop_trigger(
    statement: &Statement,
    name: &str,
    if_exists: bool,
    catalog: &mut Catalog,
) -> Result<Drafts, Refusal> {
    let Some((table, definition)) = find_trigger(catalog, name) else {
        return not_found(statement, "trigger", name, if_exists, catalog);
    };
    let touches = touched(catalog, &tokens(&definition));
    let is_new = catalog.is_created_here(&table);
    for known in catalog.schema.tables.values_mut() {
        known.triggers.retain(|known, _| !known.eq_ignore_ascii_case(name));
    }
    forget(catalog, "trigger", name);
    let revert = Some(vec![definition]);
    let forward = vec![format!("DROP TRIGGER {}", quote(name))];
    let step = format!("drop trigger {name}");
    if is_new {
        let draft = Draft::statements(&step, Phase::Expand, forward, revert).why("The table is new.");
        return Ok(drafts(vec![draft], touches));
    }
    let why = "Clients stop relying on what the trigger does before it goes.";
    let tell = tell(&format!("do without trigger {name}"), Phase::SwitchWrites, why);
    let draft = Draft::statements(&step, Phase::Contract, forward, revert)
        .locks(&table, LOCK, BLOCKS)
        .why("Nobody relies on it any more; its text is kept to make it again.");
    Ok(drafts(vec![tell, draft], touches))
}

fn not_found(
    statement: &Statement,
    kind: &str,
    name: &str,
    if_exists: bool,
    catalog: &Catalog,
) -> Result<Drafts, Refusal> {
    if catalog.is_complete && if_exists {
        return Ok(Drafts { hazards: vec![format!("there is no {kind} `{name}`")], ..Drafts::default() });
    }
    if catalog.is_complete {
        return Err(Refusal::new(format!("there is no {kind} `{name}`"), "correct the name"));
    }
    let what = format!("a {kind} of which nothing is known");
    let revert = must_be_directed(statement, &what)?;
    let word = kind.to_uppercase();
    let tell =
        tell(&format!("do without {kind} {name}"), Phase::SwitchReads, "Clients stop using it before it goes.");
    let forward = vec![format!("DROP {word} {}", quote(name))];
    let draft = Draft::statements(&format!("drop {kind} {name}"), Phase::Contract, forward, revert)
        .why("Nobody uses it any more.");
    Ok(drafts(vec![tell, draft], catalog.schema.tables.keys().cloned().collect()))
}
