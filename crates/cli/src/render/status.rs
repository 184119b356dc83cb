//! `cluster status`: the cluster in one screen.

use super::look::{Look, Tone, cell, finish};
use super::{answered, gate, time};
use crate::view::{Status, schema_groups};
use comfy_table::Cell;
use lockstep_core::node;
use lockstep_proto::view::{ClusterStatus, Health, Member, Warning};

/// Characters of a node's health in a table of nodes; more would push the rest off the screen.
const HEALTH_CHARS_MAX: usize = 50;

/// The whole screen.
pub(crate) fn status(view: &Status, look: Look) -> String {
    let cluster = &view.status;
    let mut parts: Vec<String> = answered::banner(view, look).into_iter().collect();
    parts.extend([headline(cluster, look), answered::line(view, look)]);
    parts.extend(answered::silent(view, look));
    parts.push(String::new());
    parts.push(table(&cluster.members, |member| view.is_silent(member), look));
    parts.push(String::new());
    parts.push(agreement(cluster, look));
    parts.push(format!("sessions: {}; versions in use differ by {}", cluster.sessions, spread(cluster, look)));
    parts.push(in_flight(view, look));
    let warnings: Vec<&Warning> = view.findings.iter().chain(&cluster.warnings).collect();
    if !warnings.is_empty() {
        parts.push(String::new());
        parts.extend(warnings.into_iter().map(|warning| warning_line(warning, look)));
    }
    parts.join("\n")
}

fn headline(cluster: &ClusterStatus, look: Look) -> String {
    let told = if cluster.announced_version == cluster.settled_version {
        String::new()
    } else {
        format!(", clients are told to use version {}", cluster.announced_version)
    };
    format!(
        "cluster {} ({}): version {} settled{told}",
        look.paint(Tone::Strong, &cluster.cluster_id),
        cluster.engine,
        cluster.settled_version
    )
}

/// The table of members, as the answering agent knows them.
pub(crate) fn members(members: &[Member], look: Look) -> String {
    table(members, |_| false, look)
}

fn table(members: &[Member], is_silent: impl Fn(&Member) -> bool, look: Look) -> String {
    let mut table =
        look.table(&["NODE", "STATE", "VERSION", "SCHEMA", "RAFT", "HEALTH", "SEEN", "CLIENT ADDRESS", "DOING"]);
    for member in members {
        // What was just tried counts for more than what the answering agent heard some seconds ago.
        let health = if is_silent(member) { (Tone::Bad, "NO ANSWER".to_owned()) } else { short(health(member)) };
        table.add_row(row(member, health));
    }
    finish(table)
}

fn row(member: &Member, (health_tone, health): (Tone, String)) -> Vec<Cell> {
    let node = &member.node;
    let (state_tone, state) = state(&node.status);
    let seen = member.last_seen_age_ms.map_or("-".to_owned(), |ms| format!("{} ago", time::duration(ms)));
    let doing: Vec<String> =
        member.progress.as_ref().map(ToString::to_string).into_iter().chain(lag(member)).collect();
    let doing = if doing.is_empty() { "-".to_owned() } else { doing.join(", ") };
    vec![
        cell(Tone::Strong, &node.name),
        cell(state_tone, state),
        cell(Tone::Plain, node.version),
        cell(Tone::Faint, &node.fingerprint),
        cell(Tone::Plain, raft(member)),
        cell(health_tone, health),
        cell(Tone::Plain, seen),
        cell(Tone::Plain, &node.addresses.client),
        cell(Tone::Plain, doing),
    ]
}

/// `node show` has all of it.
fn short((tone, text): (Tone, String)) -> (Tone, String) {
    match text.char_indices().nth(HEALTH_CHARS_MAX) {
        Some((end, _)) => (tone, format!("{}...", &text[..end])),
        None => (tone, text),
    }
}

/// Whether the node counts.
pub(crate) fn state(status: &node::Status) -> (Tone, &'static str) {
    match status {
        node::Status::Active => (Tone::Good, "active"),
        node::Status::CatchingUp { .. } => (Tone::Care, "catching up"),
        node::Status::Quarantined { .. } => (Tone::Bad, "QUARANTINED"),
    }
}

/// What the member is in Raft.
pub(crate) fn raft(member: &Member) -> &'static str {
    match member.raft_role {
        _ if member.is_leader => "leader",
        Some(role) => role.name(),
        None => "unknown",
    }
}

/// How the member is doing, with why if not well.
pub(crate) fn health(member: &Member) -> (Tone, String) {
    let tone = match member.health {
        Health::Healthy => Tone::Good,
        Health::Degraded => Tone::Care,
        Health::Unreachable => Tone::Bad,
        Health::Unknown => Tone::Faint,
    };
    let text = match member.health_message.as_str() {
        "" => member.health.name().to_owned(),
        message => format!("{}: {message}", member.health.name()),
    };
    (tone, text)
}

/// How far a database is behind the one that it follows; `None` for one that follows none.
pub(crate) fn lag(member: &Member) -> Option<String> {
    match member.replication_lag_ms {
        Some(lag_ms) => Some(format!("{} behind its primary", time::duration(lag_ms))),
        None if member.node.role == node::Role::Replica => {
            Some("does not tell how far it is behind its primary".to_owned())
        }
        None => None,
    }
}

/// Whether nodes at the same version have the same schema.
fn agreement(cluster: &ClusterStatus, look: Look) -> String {
    let groups = schema_groups(cluster);
    if groups.is_empty() {
        return look.paint(Tone::Bad, "schemas: no node is active");
    }
    let versions = groups.iter().map(|(version, schemas)| {
        let count: usize = schemas.values().map(Vec::len).sum();
        match schemas.len() {
            1 => format!("{count} at version {version} agree"),
            different => {
                look.paint(Tone::Bad, &format!("{count} at version {version} have {different} DIFFERENT schemas"))
            }
        }
    });
    format!("schemas: {}", versions.collect::<Vec<_>>().join(", "))
}

/// More than one version apart must never be: clients of both could not live side by side.
fn spread(cluster: &ClusterStatus, look: Look) -> String {
    let tone = if cluster.version_spread > 1 { Tone::Bad } else { Tone::Plain };
    look.paint(tone, &cluster.version_spread.to_string())
}

fn in_flight(view: &Status, look: Look) -> String {
    let Some(waiting) = view.gate() else {
        return look.paint(Tone::Good, "nothing is waiting");
    };
    let count = waiting.gate.holdouts.len();
    let names: Vec<String> = waiting.gate.holdouts.iter().take(3).map(gate::who).collect();
    let more = if count > names.len() { format!(" and {} more", count - names.len()) } else { String::new() };
    format!(
        "{}\n  waits for {}{more} (lockstep cluster why)",
        gate::headline(waiting, look, view.asked_at),
        names.join(", ")
    )
}

pub(super) fn warning_line(warning: &Warning, look: Look) -> String {
    format!("{} {}: {}\n  -> {}", look.paint(Tone::Bad, "warning"), warning.kind, warning.message, warning.remedy)
}
