//! `node repair`: what to do so that a schema fits again.

use lockstep_core::node::{Node, Status};
use lockstep_core::{Difference, Drift};

/// What to do, object by object.
pub(crate) fn repair(node: &Node) -> String {
    let name = &node.name;
    let Status::Quarantined { reason, drift, .. } = &node.status else {
        return format!("{name} is not quarantined: there is nothing to repair");
    };
    let Some(drift) = drift else {
        return format!("{name} is quarantined: {reason}");
    };
    let mut lines = vec![format!("{name} is quarantined; in its database:")];
    lines.extend(drift.differences.iter().map(|difference| format!("  {}", undo(difference))));
    lines.extend(unnamed(drift, reason));
    lines.push(format!(
        "its agent looks again every second, and takes the node back once the schema fits. If the change is to stay: make it on \
         every node, then: lockstep node accept {name} --reason ..."
    ));
    lines.join("\n")
}

fn undo(difference: &Difference) -> String {
    let Difference { object, found, expected } = difference;
    let holds_data = object.starts_with("table ") || object.starts_with("column ");
    match (found, expected) {
        (Some(_), None) if holds_data => format!("drop {object} (what it holds is lost: look first)"),
        (Some(_), None) => format!("drop {object}"),
        (found, Some(expected)) => {
            let verb = if found.is_some() { "change" } else { "make" };
            let kind = object.split(' ').next().unwrap_or_default();
            let plain = |text: &str| text.strip_prefix(kind).unwrap_or(text).trim_start().to_owned();
            let before = found.as_ref().map(|found| format!(", it is {}", plain(found))).unwrap_or_default();
            format!("{verb} {object}: {}{before}", plain(expected))
        }
        (None, None) => object.clone(),
    }
}

fn unnamed(drift: &Drift, reason: &str) -> Option<String> {
    match (drift.differences.is_empty(), drift.left_out) {
        (true, _) => Some(format!(
            "  {reason}; its agent does not know the schema of that version by object: compare with another node's"
        )),
        (false, 0) => None,
        (false, more) => Some(format!("  and {more} more; they show once these are mended")),
    }
}
