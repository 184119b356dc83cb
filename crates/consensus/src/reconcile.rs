//! Brings the Raft group to what the state says: on the leader, level-triggered, one change at a time.

use crate::consensus::{Inner, Running};
use crate::membership::{Change, View, next_change};
use crate::raft::{Member, Metrics};
use openraft::{ChangeMembers, Instant as _};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A member that lacks no more entries than this has caught up.
const CAUGHT_UP_ENTRIES: u64 = 256;
/// Pause after a change, and between two looks when nothing has told of news: silence is news too.
const PAUSE: Duration = Duration::from_millis(100);
/// Longest that one change may take; a member that is needed for it may have died meanwhile.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs until consensus stops.
pub(crate) async fn run(inner: Arc<Inner>, running: Arc<Running>) {
    let mut leadership = inner.leadership.subscribe();
    let mut led: Option<(u64, Instant)> = None;
    loop {
        let term = *leadership.borrow_and_update();
        led = term.map(|term| led.filter(|led| led.0 == term).unwrap_or((term, Instant::now())));
        if let Some((_, since)) = led {
            step(&inner, &running, since).await;
        }
        tokio::select! {
            () = inner.stop.cancelled() => return,
            changed = leadership.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(PAUSE), if led.is_some() => {}
        }
    }
}

async fn step(inner: &Inner, running: &Running, leader_since: Instant) {
    let view = view(inner, running, leader_since);
    let Some(change) = next_change(&view, inner.config.voters_target) else { return };
    match tokio::time::timeout(CHANGE_TIMEOUT, carry_out(running, &view, &change)).await {
        Ok(Ok(())) => tracing::info!(?change, "raft group changed"),
        Ok(Err(error)) => tracing::debug!(?change, %error, "raft group not changed yet"),
        Err(_) => {
            tracing::warn!(?change, "changing the raft group takes long; a member that it needs does not answer")
        }
    }
}

fn view(inner: &Inner, running: &Running, leader_since: Instant) -> View {
    let nodes = inner.replica.with_state(|state| {
        // Before the bootstrap command is applied there is nothing to go by.
        state.cluster().map(|_| state.nodes().values().map(|node| (node.id.0, (&node.addresses).into())).collect())
    });
    running.look(|metrics| view_of(inner, metrics, nodes, leader_since))
}

fn view_of(inner: &Inner, metrics: &Metrics, nodes: Option<BTreeMap<u64, Member>>, leader_since: Instant) -> View {
    let membership = metrics.membership_config.membership();
    let members: BTreeMap<u64, _> = membership.nodes().map(|(id, member)| (*id, member.clone())).collect();
    let silent: BTreeMap<u64, Duration> =
        members.keys().map(|id| (*id, silence(metrics, *id, leader_since))).collect();
    let answers = |id: &u64| silent[id] < inner.config.election_timeout_max;
    View {
        me: metrics.id,
        nodes: nodes.unwrap_or_else(|| members.clone()),
        voters: membership.voter_ids().collect(),
        joint: membership.get_joint_config().len() > 1,
        caught_up: members
            .keys()
            .copied()
            .filter(|id| answers(id) && lag(metrics, *id) <= CAUGHT_UP_ENTRIES)
            .collect(),
        dead: members.keys().copied().filter(|id| silent[id] > inner.config.dead_voter_after).collect(),
        members,
    }
}

/// How long the member has not answered this leader.
fn silence(metrics: &Metrics, id: u64, leader_since: Instant) -> Duration {
    if id == metrics.id {
        return Duration::ZERO;
    }
    let heard =
        metrics.heartbeat.as_ref().and_then(|heard| heard.get(&id).copied().flatten()).map(|at| at.elapsed());
    heard.unwrap_or(Duration::MAX).min(leader_since.elapsed())
}

/// How many entries the member lacks.
fn lag(metrics: &Metrics, id: u64) -> u64 {
    if id == metrics.id {
        return 0;
    }
    let matched = metrics.replication.as_ref().and_then(|matched| matched.get(&id).copied().flatten());
    match matched {
        Some(matched) => metrics.last_log_index.unwrap_or(0).saturating_sub(matched.index),
        None => u64::MAX,
    }
}

async fn carry_out(running: &Running, view: &View, change: &Change) -> Result<(), String> {
    let raft = &running.raft;
    let one = |node: &u64| BTreeSet::from([*node]);
    let (changes, keep) = match change {
        // Asking for the voters that the later of the two sets names ends the joint phase.
        Change::Finish => (ChangeMembers::ReplaceAllVoters(later_voters(running)), true),
        Change::AddLearner { node, member } => {
            // Not blocking: whether it has caught up is asked of the replication progress, each round anew.
            return raft
                .add_learner(*node, member.clone(), false)
                .await
                .map(drop)
                .map_err(|error| error.to_string());
        }
        Change::HandOver { to } => {
            return raft.trigger().transfer_leader(*to).await.map_err(|error| error.to_string());
        }
        Change::Move { node, member } => {
            (ChangeMembers::SetNodes(BTreeMap::from([(*node, member.clone())])), true)
        }
        Change::Promote { node } => (ChangeMembers::AddVoterIds(one(node)), true),
        Change::Demote { node } => (ChangeMembers::RemoveVoters(one(node)), true),
        Change::Swap { dead, by } => {
            let both = vec![ChangeMembers::AddVoterIds(one(by)), ChangeMembers::RemoveVoters(one(dead))];
            (ChangeMembers::Batch(both), true)
        }
        Change::Remove { node } if view.voters.contains(node) => (ChangeMembers::RemoveVoters(one(node)), false),
        Change::Remove { node } => (ChangeMembers::RemoveNodes(one(node)), false),
    };
    raft.change_membership(changes, keep).await.map(drop).map_err(|error| error.to_string())
}

fn later_voters(running: &Running) -> BTreeSet<u64> {
    let last = |metrics: &Metrics| metrics.membership_config.membership().get_joint_config().last().cloned();
    running.look(last).unwrap_or_default()
}
