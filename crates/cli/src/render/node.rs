//! `node show`.

use super::look::{Look, Tone};
use super::{facts, status, time};
use lockstep_core::Timestamp;
use lockstep_core::node;
use lockstep_proto::view::Member;

/// Everything that is known of one member.
pub(crate) fn node(member: &Member, look: Look, now: Timestamp) -> String {
    let node = &member.node;
    let (health_tone, health) = status::health(member);
    let role = match node.role {
        node::Role::Primary => "primary",
        node::Role::Replica => "replica: executes nothing, reports what reached it",
    };
    let mut lines = vec![
        ("node", look.paint(Tone::Strong, &node.name)),
        ("id", node.id.to_string()),
        ("state", state(&node.status, look, now)),
        ("version", node.version.to_string()),
        ("schema", node.fingerprint.0.clone()),
        ("database", format!("{role}; database id {}", node.database_id)),
        ("raft", status::raft(member).to_owned()),
        ("health", look.paint(health_tone, &health)),
        ("agents reach it at", node.addresses.peer.clone()),
        ("clients reach it at", node.addresses.client.clone()),
        ("joined", format!("{} ago ({})", time::age(node.joined_at, now), time::point(node.joined_at))),
    ];
    lines.extend(differences(&node.status).into_iter().map(|line| ("differs", line)));
    if let node::Status::Quarantined { .. } = node.status {
        lines.push(("what to do", format!("lockstep node repair {}", node.name)));
    }
    lines.extend(status::lag(member).map(|lag| ("replication", lag)));
    if let Some(age_ms) = member.last_seen_age_ms {
        lines.push(("last heard from", format!("{} ago", time::duration(age_ms))));
    }
    if let Some(index) = member.matched_index {
        lines.push(("log known up to", index.to_string()));
    }
    if let Some(report) = &member.progress {
        lines.push(("at work", report.to_string()));
    }
    facts(&lines, look)
}

fn differences(status: &node::Status) -> Vec<String> {
    let node::Status::Quarantined { drift: Some(drift), .. } = status else { return Vec::new() };
    let more = (drift.left_out > 0).then(|| format!("and {} more", drift.left_out));
    drift.differences.iter().map(ToString::to_string).chain(more).collect()
}

fn state(status: &node::Status, look: Look, now: Timestamp) -> String {
    let (tone, name) = status::state(status);
    let rest = match status {
        node::Status::Active => String::new(),
        node::Status::CatchingUp { since, .. } => format!(" for {}", time::age(*since, now)),
        // Why, the health below says.
        node::Status::Quarantined { since, .. } => format!(" for {}", time::age(*since, now)),
    };
    format!("{}{rest}", look.paint(tone, name))
}
