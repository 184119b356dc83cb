//! How far a node is with long work.

use super::time;
use lockstep_proto::view::Progress;

/// A progress report in one line.
pub(crate) fn line(progress: &Progress) -> String {
    format!("{}: {}", progress.node_name, work(progress))
}

/// What is done, how much of it, how fast, and for how long still.
pub(crate) fn work(progress: &Progress) -> String {
    let mut parts = vec![progress.activity.clone()];
    match progress.rows_total {
        Some(total) if total > 0 => parts.push(format!(
            "{}% ({} of {total} rows)",
            (progress.rows_done.min(total) * 100) / total,
            progress.rows_done
        )),
        _ if progress.rows_done > 0 => parts.push(format!("{} rows", progress.rows_done)),
        _ => {}
    }
    if progress.rows_per_second > 0 {
        parts.push(format!("{} rows/s", progress.rows_per_second));
    }
    if progress.helpers > 0 {
        parts.push(format!("{} sessions", progress.helpers + 1));
    }
    if let Some(remaining_ms) = progress.remaining_ms {
        parts.push(format!("{} left", time::duration(remaining_ms)));
    }
    if progress.attempts > 1 {
        parts.push(format!("attempt {}", progress.attempts));
    }
    if !progress.stop_reasons.is_empty() {
        let reasons: Vec<String> = progress.stop_reasons.iter().map(ToString::to_string).collect();
        parts.push(format!("waits: {}", reasons.join("; ")));
    }
    if let Some(blocker) = progress.blockers.first() {
        parts.push(format!("waits for {}", blocker.text));
    }
    parts.join(", ")
}
