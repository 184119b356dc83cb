//! `cluster audit`.

use super::look::{Look, Tone, cell, finish};
use super::time;
use lockstep_core::audit::Record;

/// Who did what, one act a line.
pub(crate) fn audit(records: &[Record], look: Look) -> String {
    if records.is_empty() {
        return "nothing in the audit trail".to_owned();
    }
    let mut table = look.table(&["WHEN", "WHO", "WHAT", "WHY", "OVERRODE", "LOG INDEX"]);
    for record in records {
        let is_forced = !record.overridden.is_empty();
        table.add_row([
            cell(Tone::Faint, time::point(record.at)),
            cell(Tone::Strong, &record.actor),
            cell(Tone::Plain, &record.action),
            cell(Tone::Plain, if record.reason.is_empty() { "-" } else { &record.reason }),
            cell(
                if is_forced { Tone::Bad } else { Tone::Faint },
                if is_forced { record.overridden.join(", ") } else { "-".to_owned() },
            ),
            cell(Tone::Faint, record.index),
        ]);
    }
    finish(table)
}
