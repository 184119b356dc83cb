//! `session list` and `session show`.

use super::look::{Look, Tone, cell, finish};
use super::{facts, time};
use lockstep_core::Timestamp;
use lockstep_core::session::Compatibility;
use lockstep_proto::view::Session;

/// Live sessions, one a line.
pub(crate) fn sessions(sessions: &[Session], look: Look, now: Timestamp) -> String {
    if sessions.is_empty() {
        return "no live sessions".to_owned();
    }
    let mut table =
        look.table(&["SESSION", "CLIENT", "USES VERSION", "OWES", "CAN RUN AT", "LEASE LEFT", "OPENED"]);
    for view in sessions {
        let session = &view.session;
        let (tone, owed) = owed(view);
        table.add_row([
            cell(Tone::Strong, session.id),
            cell(Tone::Plain, session.title()),
            cell(Tone::Plain, session.acknowledged),
            cell(tone, owed),
            cell(Tone::Plain, range(&session.compatibility)),
            cell(Tone::Plain, view.remaining_ms.map_or("-".to_owned(), time::duration)),
            cell(Tone::Plain, format!("{} ago", time::age(session.opened_at, now))),
        ]);
    }
    finish(table)
}

/// Everything that is known of one session.
pub(crate) fn session(view: &Session, look: Look, now: Timestamp) -> String {
    let session = &view.session;
    let (tone, owed) = owed(view);
    let understands = &session.compatibility.understands;
    let remaining = view
        .remaining_ms
        .map_or("known to the leader only".to_owned(), |ms| format!("{} left", time::duration(ms)));
    let mut lines = vec![
        ("session", look.paint(Tone::Strong, &session.id.to_string())),
        ("client", session.title()),
        ("uses version", session.acknowledged.to_string()),
        ("owes", look.paint(tone, &owed)),
        ("can run at", range(&session.compatibility)),
        ("lease", format!("{} after a renewal, {remaining}", time::duration(session.ttl_ms))),
        ("opened", format!("{} ago ({})", time::age(session.opened_at, now), time::point(session.opened_at))),
    ];
    if !understands.is_empty() {
        lines.push(("understands", understands.iter().cloned().collect::<Vec<_>>().join(", ")));
    }
    if let Some(eviction) = &session.eviction {
        let text = format!("by {}, {} ago: {}", eviction.by, time::age(eviction.at, now), eviction.reason);
        lines.push(("evicted", look.paint(Tone::Bad, &text)));
    }
    facts(&lines, look)
}

fn owed(view: &Session) -> (Tone, String) {
    match (&view.session.eviction, view.owed_version) {
        (Some(_), _) => (Tone::Bad, "evicted".to_owned()),
        (None, Some(version)) => (Tone::Care, format!("acknowledging {version}")),
        (None, None) => (Tone::Faint, "-".to_owned()),
    }
}

fn range(compatibility: &Compatibility) -> String {
    match compatibility.version_max {
        Some(version_max) => format!("{} to {version_max}", compatibility.version_min),
        None => format!("{} and newer", compatibility.version_min),
    }
}
