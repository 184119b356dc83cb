//! Text for people, made of views. Pure: what is rendered depends on the view, the look and the time given, on nothing else.

mod answered;
mod audit;
mod change;
mod gate;
mod impact;
mod look;
mod node;
mod plan;
mod repair;
mod session;
mod status;
mod step;
mod text;
pub(crate) mod time;
mod version;
mod why;

pub(crate) use audit::audit;
pub(crate) use change::{change, changes, standing};
pub(crate) use gate::who;
pub(crate) use look::{Look, Tone};
pub(crate) use node::node;
pub(crate) use plan::plan;
pub(crate) use repair::repair;
pub(crate) use session::{session, sessions};
pub(crate) use status::{members, status};
pub(crate) use version::{version, versions};
pub(crate) use why::why;

#[cfg(test)]
mod tests;

/// Who is at work, and how far.
fn at_work(report: &lockstep_proto::view::Progress) -> String {
    format!("at work: {}: {report}", report.node_name)
}

/// Labels and values, one pair a line, values below each other.
fn facts(facts: &[(&str, String)], look: Look) -> String {
    let width = facts.iter().map(|(label, _)| label.len()).max().unwrap_or_default();
    let line = |(label, value): &(&str, String)| {
        format!("{}  {value}", look.paint(Tone::Faint, &format!("{label:width$}")))
    };
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}
