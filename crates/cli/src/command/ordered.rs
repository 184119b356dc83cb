//! What came of an order about a change: it took effect, or was so already.

use super::took_effect;
use crate::context::{Context, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render;
use lockstep_client::Ordered;
use lockstep_core::LogIndex;
use lockstep_core::Timestamp;
use serde::Serialize;

/// An order that changed nothing.
#[derive(Serialize)]
struct Unchanged<'a> {
    /// Always `unchanged`.
    done: &'static str,
    /// Which change.
    subject: &'a str,
    /// How it is.
    state: &'a str,
    /// Since when, if that is known.
    since: Option<Timestamp>,
    /// Log index of the order.
    revision: LogIndex,
}

/// Prints what came of it: as data for programs, as talk for people.
pub(super) fn tell(
    context: &Context,
    done: &str,
    name: &str,
    ordered: &Ordered,
    next: &str,
) -> Result<Exit, Failure> {
    let Some(unchanged) = &ordered.unchanged else {
        return took_effect(context, done, name, ordered.revision, next);
    };
    let (state, since) = (unchanged.state.as_str(), unchanged.since);
    if context.output.is_table() {
        context.output.say(&format!("{name} is as it was: {}", render::standing(state, since, now())));
    } else {
        let revision = ordered.revision;
        let unchanged = Unchanged { done: "unchanged", subject: name, state, since, revision };
        context.output.print(&unchanged, |_| String::new())?;
    }
    Ok(Exit::Ok)
}
