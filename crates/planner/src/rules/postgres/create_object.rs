//! CREATE of objects that the parser does not know, and whose names say all that undoes it.

use super::object::{self, anywhere, expand};
use super::opaque::Words;
use super::table_name::Name;
use super::{Planned, Rule, create_table};
use crate::catalog::Known;
use crate::plan::Refusal;

/// How an object is named behind what it is.
#[derive(Clone, Copy)]
enum Naming {
    /// By its name, within a schema.
    Plain,
    /// By its name and the types of its arguments.
    WithArguments,
    /// By what stands in brackets.
    Bracketed,
}

const KINDS: [(&[&str], Naming); 9] = [
    (&["COLLATION"], Naming::Plain),
    (&["TEXT", "SEARCH", "CONFIGURATION"], Naming::Plain),
    (&["TEXT", "SEARCH", "DICTIONARY"], Naming::Plain),
    (&["TEXT", "SEARCH", "PARSER"], Naming::Plain),
    (&["TEXT", "SEARCH", "TEMPLATE"], Naming::Plain),
    (&["AGGREGATE"], Naming::WithArguments),
    (&["PROCEDURE"], Naming::WithArguments),
    (&["CAST"], Naming::Bracketed),
    (&["FUNCTION"], Naming::WithArguments),
];

/// The words behind CREATE. `None`: there is no rule for it.
pub(super) fn plan(rule: &mut Rule<'_>, mut words: Words) -> Option<Planned> {
    let replaces = words.skip(&["OR", "REPLACE"]);
    words.skip(&["UNLOGGED"]);
    if words.skip(&["TABLE"]) {
        return table(rule, words);
    }
    let (keyword, naming) = KINDS.into_iter().find(|(keyword, _)| words.skip(keyword))?;
    let if_not_exists = words.skip(&["IF", "NOT", "EXISTS"]);
    if if_not_exists && !rule.catalog.is_complete {
        return None;
    }
    named(rule, &keyword.join(" "), naming, words, replaces).transpose()
}

fn named(
    rule: &mut Rule<'_>,
    keyword: &str,
    naming: Naming,
    mut words: Words,
    replaces: bool,
) -> Result<Option<super::Drafts>, Refusal> {
    let shown = match naming {
        Naming::Bracketed => words.bracketed().unwrap_or_default(),
        _ => words.name()?.sql(),
    };
    let of_type = match naming {
        Naming::WithArguments => words.bracketed().unwrap_or_default(),
        _ => String::new(),
    };
    // What was there before is not known, and neither is what a default of an argument says.
    if replaces || of_type.to_uppercase().contains(" DEFAULT ") || of_type.contains('=') {
        return Ok(None);
    }
    let revert = vec![format!("DROP {keyword} {shown}{of_type}")];
    let name = format!("{} {shown}", keyword.to_lowercase());
    let step = expand(&name, vec![rule.statement.sql.clone()], Some(revert), "Nobody uses what was not there.");
    object::put(rule, &keyword.to_lowercase(), &shown, String::new());
    Ok(Some(anywhere(vec![step])))
}

/// A table in a form that the parser does not know: nothing is known of its columns.
fn table(rule: &mut Rule<'_>, mut words: Words) -> Option<Planned> {
    let if_not_exists = words.skip(&["IF", "NOT", "EXISTS"]);
    let name: Name = words.name().ok()?;
    let rest = words.rest().to_uppercase();
    // What it points at, or belongs to, would be locked.
    if rest.contains("REFERENCES") || rest.starts_with("PARTITION OF") || rest.contains("INHERITS") {
        return None;
    }
    if if_not_exists && matches!(rule.catalog.table(&name.key()), Known::Table(_)) {
        return Some(object::nothing(format!("table {} is there already: nothing is done", name.key())));
    }
    Some(create_table::formless(rule, &name, false))
}
