//! Who answered, as of when, and who did not: what makes a status trustworthy or not.

use super::look::{Look, Tone};
use super::time;
use crate::view::{Freshness, Status, voters_heard};

/// What must be read before anything else; nothing while there is a quorum.
pub(crate) fn banner(status: &Status, look: Look) -> Option<String> {
    let problem = status.quorum_problem.as_ref()?;
    Some(look.paint(
        Tone::Bad,
        &format!(
            "NO QUORUM: nothing can be decided until a majority of the voters is back ({problem}). What follows is STALE."
        ),
    ))
}

/// Who answered, as of which log index, and how far that can be trusted.
pub(crate) fn line(status: &Status, look: Look) -> String {
    let leader = status.leader().unwrap_or("unknown");
    let trust = match status.freshness {
        Freshness::Leader => {
            let (heard, voters) = voters_heard(&status.status);
            look.paint(
                Tone::Good,
                &format!("the leader, with a majority; {heard} of {voters} voters heard lately"),
            )
        }
        Freshness::Follower => look.paint(Tone::Care, &format!("not the leader ({leader}), so a moment behind")),
        Freshness::Stale => look.paint(Tone::Bad, "STALE, what it knew last"),
    };
    format!(
        "answered by {} at {}: {trust}; as of log index {}, term {}, asked {}",
        status.answered_by_node(),
        status.answered_by,
        status.status.revision,
        status.status.term,
        time::point(status.asked_at),
    )
}

/// The agents that did not answer, a line each.
pub(crate) fn silent(status: &Status, look: Look) -> Vec<String> {
    let line =
        |endpoint: &str, error: &str| format!("{} {endpoint}: {error}", look.paint(Tone::Bad, "no answer from"));
    status
        .agents
        .iter()
        .filter_map(|agent| agent.error.as_ref().map(|error| line(&agent.endpoint, error)))
        .collect()
}
