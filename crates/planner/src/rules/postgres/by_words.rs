//! Statements that the parser does not know, of which the words say all that is needed: publications,
//! statistics, policies, rules, settings of indexes.

use super::lock::{ACCESS_EXCLUSIVE, Locks, SHARE_UPDATE_EXCLUSIVE};
use super::object::{self, anywhere, expand};
use super::opaque::Words;
use super::table_name::Name;
use super::{Planned, Rule, foreign, index, notes, partition_index, q, rewriting, rights};
use crate::draft::{Draft, Drafts};
use crate::plan::Refusal;
use crate::script::{Kind, Statement};

/// `None`: there is no rule for it here.
pub(super) fn plan(rule: &mut Rule<'_>, mut words: Words) -> Option<Planned> {
    if words.skip(&["ALTER", "DEFAULT", "PRIVILEGES"]) {
        return Some(rights::to_come(rule));
    }
    if let Some(planned) = rights::by_words(rule, &words).or_else(|| foreign::plan(rule, &words)) {
        return Some(planned);
    }
    if words.skip(&["CREATE", "RULE"]) || words.skip(&["CREATE", "OR", "REPLACE", "RULE"]) {
        return Some(rewriting::create(rule, words));
    }
    if words.skip(&["DROP", "RULE"]) {
        return Some(rewriting::drop(rule, words));
    }
    if words.skip(&["CREATE", "PUBLICATION"]) {
        return Some(create_publication(rule, words));
    }
    if words.skip(&["ALTER", "PUBLICATION"]) {
        return alter_publication(rule, words);
    }
    if words.skip(&["DROP", "PUBLICATION"]) {
        return Some(drop_publication(rule, words));
    }
    if words.skip(&["DROP", "STATISTICS"]) {
        return Some(drop_statistics(rule, words));
    }
    if words.skip(&["ALTER", "POLICY"]) {
        return Some(alter_policy(rule, words));
    }
    if words.skip(&["ALTER", "INDEX"]) {
        return index_settings(rule, words);
    }
    if words.skip(&["ANALYZE"]) {
        return analyze_each(rule, words);
    }
    None
}

/// ANALYZE of several tables, each in a statement of its own.
fn analyze_each(rule: &mut Rule<'_>, mut words: Words) -> Option<Planned> {
    words.skip(&["VERBOSE"]);
    let parts = words.rest_in_parts();
    if parts.len() < 2 || parts.iter().any(|part| Words::of(part).name().is_err()) {
        return None;
    }
    let mut all = Drafts::default();
    for part in parts {
        let sql = format!("ANALYZE {part}");
        let kind = Kind::Parsed(super::parsed(&sql)?.into());
        let statement = Statement { sql, kind, ..rule.statement.clone() };
        let mut within = Rule { target: rule.target, statement: &statement, catalog: rule.catalog };
        match super::of_statement(&mut within) {
            Ok(drafts) => all.append(drafts),
            Err(refusal) => return Some(Err(refusal)),
        }
    }
    Some(Ok(all))
}

/// The tables of a list, which may say TABLE before each.
fn tables(list: &str) -> Vec<Name> {
    let name = |part: &str| {
        let mut words = Words::of(part);
        words.skip(&["TABLE"]);
        words.skip(&["ONLY"]);
        words.name().ok()
    };
    list.split(',').filter_map(name).collect()
}

fn holding(step: Draft, tables: &[Name]) -> Draft {
    tables.iter().fold(step, |step, table| step.holds(table, SHARE_UPDATE_EXCLUSIVE))
}

fn create_publication(rule: &Rule<'_>, mut words: Words) -> Planned {
    let name = words.ident()?;
    let named = if words.skip(&["FOR", "TABLE"]) {
        let rest = words.rest();
        let end = rest.to_uppercase().find(" WITH (").unwrap_or(rest.len());
        tables(&rest[..end])
    } else {
        Vec::new()
    };
    let step = expand(
        &format!("publication {name}"),
        vec![rule.statement.sql.clone()],
        Some(vec![format!("DROP PUBLICATION {}", q(&name))]),
        "Nobody subscribes to what was not there.",
    );
    let mut drafts = anywhere(vec![holding(step, &named)]);
    drafts.hazards.push(
        "UPDATE and DELETE fail from here on in a published table that has neither a primary key nor a replica identity".to_owned(),
    );
    Ok(drafts)
}

fn alter_publication(rule: &Rule<'_>, mut words: Words) -> Option<Planned> {
    let name = words.ident().ok()?;
    let (verb, back) = if words.skip(&["ADD", "TABLE"]) {
        ("ADD", "DROP")
    } else if words.skip(&["DROP", "TABLE"]) {
        ("DROP", "ADD")
    } else {
        return None;
    };
    let list = words.rest();
    // Which rows and columns of a table were published is not known.
    let is_plain = !list.contains('(');
    let change = |verb: &str| format!("ALTER PUBLICATION {} {verb} TABLE {list}", q(&name));
    let revert = match rule.directed_revert() {
        Some(reverts) => Some(reverts),
        None => is_plain.then(|| vec![change(back)]),
    };
    let step = expand(
        &format!("publication {name}"),
        vec![change(verb)],
        revert,
        "Subscribers see it at their next refresh.",
    );
    let mut drafts = anywhere(vec![holding(step, &tables(&list))]);
    if verb == "DROP" {
        drafts.hazards.push("rows that are written until a rollback do not reach subscribers".to_owned());
    }
    Some(Ok(drafts))
}

fn drop_publication(rule: &Rule<'_>, mut words: Words) -> Planned {
    let if_exists = words.skip(&["IF", "EXISTS"]);
    let name = words.ident()?;
    let reverts = rule.revert_by_directive("nothing is known of what the publication has")?;
    let condition = if if_exists { "IF EXISTS " } else { "" };
    let forward = format!("DROP PUBLICATION {condition}{}", q(&name));
    Ok(object::dropping(rule, &format!("publication {name}"), forward, reverts))
}

/// Nobody says the name of statistics; queries may be planned in another way.
fn drop_statistics(rule: &mut Rule<'_>, mut words: Words) -> Planned {
    let if_exists = words.skip(&["IF", "EXISTS"]);
    let name = words.name()?;
    let known = object::known(rule, "statistics", &name.key());
    if known.is_none() && if_exists && rule.catalog.is_complete {
        return object::nothing(format!("there are no statistics {}: nothing is done", name.key()));
    }
    let back = known.filter(|definition| !definition.is_empty()).map(|definition| vec![definition]);
    let back = match rule.directed_revert().or(back) {
        Some(back) => Some(back),
        None => rule.revert_by_directive("nothing is known of what the statistics are")?,
    };
    object::forget(rule, "statistics", &name.key());
    let step = expand(
        &format!("drop statistics {}", name.key()),
        vec![format!("DROP STATISTICS {}", name.sql())],
        back,
        "The server plans queries without them from here on; after a rollback ANALYZE fills them again.",
    );
    Ok(anywhere(vec![step]))
}

fn alter_policy(rule: &mut Rule<'_>, mut words: Words) -> Planned {
    let policy = words.ident()?;
    if !words.skip(&["ON"]) {
        return Err(Refusal::new("the policy's table is missing", "write ALTER POLICY ... ON ..."));
    }
    let found = rule.found_named(words.name()?)?;
    let options = &mut rule.table_mut(&found.name).options;
    let alter =
        |policy: &str, change: &str| format!("ALTER POLICY {} ON {} {change}", q(policy), found.name.sql());
    let (forward, revert) = if words.skip(&["RENAME", "TO"]) {
        let to = words.ident()?;
        if let Some(definition) = options.remove(&format!("policy {policy}")) {
            options.insert(format!("policy {to}"), definition);
        }
        let rename = |to: &str| format!("RENAME TO {}", q(to));
        (alter(&policy, &rename(&to)), Some(vec![alter(&to, &rename(&policy))]))
    } else {
        let revert = rule.revert_by_directive("nothing is known of how the policy was written before")?;
        (alter(&policy, &words.rest()), revert)
    };
    let why = "The server notes it in its catalog.";
    let step = expand(&format!("policy {policy} of {}", found.name.key()), vec![forward], revert, why)
        .holds(&found.name, ACCESS_EXCLUSIVE);
    let mut drafts = anywhere(vec![step]);
    drafts.hazards.push("where row security is on, other rows may be seen from here on".to_owned());
    Ok(drafts)
}

/// SET and RESET of what an index is kept with, and indexes of partitions.
fn index_settings(rule: &mut Rule<'_>, mut words: Words) -> Option<Planned> {
    words.skip(&["IF", "EXISTS"]);
    let name = words.name().ok()?;
    let change = words.rest();
    if words.skip(&["ATTACH", "PARTITION"]) {
        return Some(words.name().and_then(|part| partition_index::attach(rule, &name, &part)));
    }
    if !(words.skip(&["SET"]) || words.skip(&["RESET"])) || words.bracketed().is_none() {
        return None;
    }
    Some(settings(rule, &name, &change))
}

fn settings(rule: &mut Rule<'_>, name: &Name, change: &str) -> Planned {
    let (forward, revert) = notes::settings(rule, &format!("ALTER INDEX {}", name.sql()), name, change);
    let why = "It counts for what is written from here on.";
    let step = expand(&format!("settings of index {}", name.key()), forward, Some(revert), why);
    let table = index::find(rule, name).map(|(table, _)| table);
    let step = table.iter().fold(step, |step, table| step.holds(table, SHARE_UPDATE_EXCLUSIVE));
    Ok(Drafts { ..anywhere(vec![step]) })
}
