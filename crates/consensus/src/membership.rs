//! Who ought to be in the Raft group, as a pure function: from what is, the next single change towards what should be.

use crate::raft::Member;
use std::collections::{BTreeMap, BTreeSet};

/// What the leader knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// The leader itself.
    pub(crate) me: u64,
    /// The nodes of the cluster, from the state: who ought to be in the group, and where each is reached.
    pub(crate) nodes: BTreeMap<u64, Member>,
    /// Who is in the group.
    pub(crate) members: BTreeMap<u64, Member>,
    /// Who votes.
    pub(crate) voters: BTreeSet<u64>,
    /// An earlier change was left half-way: two sets of voters are in force.
    pub(crate) joint: bool,
    /// Members that answer and lack next to nothing.
    pub(crate) caught_up: BTreeSet<u64>,
    /// Members that have not answered for long.
    pub(crate) dead: BTreeSet<u64>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Completes a change that was left half-way.
    Finish,
    /// A node joins the group, without a vote.
    AddLearner { node: u64, member: Member },
    /// A member is reached elsewhere.
    Move { node: u64, member: Member },
    /// A learner gets a vote.
    Promote { node: u64 },
    /// A voter loses its vote.
    Demote { node: u64 },
    /// A learner takes over the vote of a voter that is gone.
    Swap { dead: u64, by: u64 },
    /// A member leaves the group.
    Remove { node: u64 },
    /// The leader is to leave: another voter leads first.
    HandOver { to: u64 },
}

/// How many of `members` vote: `target` at most, and an odd number, since an even one tolerates no more failures than one less.
/// Two members both vote: then two disks hold what was acknowledged.
pub(crate) fn voters_wanted(members: usize, target: usize) -> usize {
    match members.min(target) {
        few @ 0..=2 => few,
        many => many - usize::from(many.is_multiple_of(2)),
    }
}

/// The next change, if anything is to change.
pub(crate) fn next_change(view: &View, target: usize) -> Option<Change> {
    if view.joint {
        return Some(Change::Finish);
    }
    add(view)
        .or_else(|| relocate(view))
        .or_else(|| promote(view, target))
        .or_else(|| remove(view))
        .or_else(|| swap(view))
        .or_else(|| demote(view, target))
}

impl View {
    fn staying(&self) -> impl Iterator<Item = u64> {
        self.members.keys().copied().filter(|node| self.nodes.contains_key(node))
    }

    fn staying_voters(&self) -> impl Iterator<Item = u64> {
        self.staying().filter(|node| self.voters.contains(node))
    }

    fn wanted(&self, target: usize) -> usize {
        voters_wanted(self.staying().count(), target)
    }

    fn ready_learner(&self) -> Option<u64> {
        self.staying().find(|node| !self.voters.contains(node) && self.caught_up.contains(node))
    }
}

fn add(view: &View) -> Option<Change> {
    let (node, member) = view.nodes.iter().find(|(node, _)| !view.members.contains_key(node))?;
    Some(Change::AddLearner { node: *node, member: member.clone() })
}

fn relocate(view: &View) -> Option<Change> {
    let moved = |(node, member): &(&u64, &Member)| view.members.get(node).is_some_and(|known| known != *member);
    let (node, member) = view.nodes.iter().find(moved)?;
    Some(Change::Move { node: *node, member: member.clone() })
}

fn promote(view: &View, target: usize) -> Option<Change> {
    let wants_more = view.staying_voters().count() < view.wanted(target);
    view.ready_learner().filter(|_| wants_more).map(|node| Change::Promote { node })
}

fn remove(view: &View) -> Option<Change> {
    let leaving = |node: &u64| !view.nodes.contains_key(node);
    if let Some(node) = view.members.keys().copied().find(|node| leaving(node) && *node != view.me) {
        return Some(Change::Remove { node });
    }
    let successor = view.staying_voters().find(|node| view.caught_up.contains(node))?;
    leaving(&view.me).then_some(Change::HandOver { to: successor })
}

fn swap(view: &View) -> Option<Change> {
    let dead = view.staying_voters().find(|node| view.dead.contains(node))?;
    view.ready_learner().map(|by| Change::Swap { dead, by })
}

fn demote(view: &View, target: usize) -> Option<Change> {
    if view.staying_voters().count() <= view.wanted(target) {
        return None;
    }
    let others = || view.staying_voters().filter(|node| *node != view.me);
    let node = others().find(|node| view.dead.contains(node)).or_else(|| others().last())?;
    Some(Change::Demote { node })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u64) -> Member {
        Member { peer: format!("node-{node}:1"), client: format!("node-{node}:2") }
    }

    /// `1..=3` are in the state and in the group; `voters` of them vote; all have caught up; 1 leads.
    fn view(nodes: impl IntoIterator<Item = u64>, voters: impl IntoIterator<Item = u64>) -> View {
        let members: BTreeMap<u64, Member> = nodes.into_iter().map(|node| (node, member(node))).collect();
        let caught_up = members.keys().copied().collect();
        View {
            me: 1,
            nodes: members.clone(),
            members,
            voters: voters.into_iter().collect(),
            caught_up,
            ..View::default()
        }
    }

    #[track_caller]
    fn check(view: &View, expected: Option<Change>) {
        assert_eq!(next_change(view, 5), expected);
    }

    #[test]
    fn voters_are_odd_but_for_two() {
        let wanted: Vec<usize> = (0..=8).map(|members| voters_wanted(members, 5)).collect();
        assert_eq!(wanted, [0, 1, 2, 3, 3, 5, 5, 5, 5]);
    }

    #[test]
    fn nothing_to_do() {
        check(&view(1..=3, 1..=3), None);
        check(&view(1..=7, 1..=5), None);
        check(&view(1..=4, 1..=3), None);
    }

    #[test]
    fn a_half_done_change_is_finished_first() {
        check(&View { joint: true, ..view(1..=3, 1..=2) }, Some(Change::Finish));
    }

    #[test]
    fn a_new_node_becomes_a_learner() {
        let mut view = view(1..=2, 1..=2);
        view.nodes.insert(9, member(9));
        check(&view, Some(Change::AddLearner { node: 9, member: member(9) }));
    }

    #[test]
    fn a_moved_node_is_followed() {
        let mut view = view(1..=3, 1..=3);
        view.nodes.insert(2, member(20));
        check(&view, Some(Change::Move { node: 2, member: member(20) }));
    }

    #[test]
    fn a_learner_votes_once_it_has_caught_up() {
        let mut view = view(1..=3, 1..=2);
        check(&view, Some(Change::Promote { node: 3 }));
        view.caught_up.remove(&3);
        check(&view, None);
    }

    #[test]
    fn a_removed_node_leaves() {
        let mut view = view(1..=3, 1..=3);
        view.nodes.remove(&3);
        check(&view, Some(Change::Remove { node: 3 }));
    }

    #[test]
    fn a_removed_leader_hands_over_first() {
        let mut view = view(1..=3, 1..=3);
        view.nodes.remove(&1);
        check(&view, Some(Change::HandOver { to: 2 }));
        view.caught_up.clear();
        check(&view, None);
    }

    #[test]
    fn the_only_voter_gives_a_vote_away_before_it_leaves() {
        let mut view = view(1..=2, 1..=1);
        view.nodes.remove(&1);
        check(&view, Some(Change::Promote { node: 2 }));
    }

    #[test]
    fn a_dead_voter_is_swapped_for_a_live_learner() {
        let mut view = view(1..=7, 1..=5);
        view.dead.insert(3);
        check(&view, Some(Change::Swap { dead: 3, by: 6 }));
        view.caught_up.retain(|node| *node < 6);
        check(&view, None);
    }

    #[test]
    fn a_superfluous_voter_is_demoted_never_the_leader() {
        let view = View { me: 4, ..view(1..=4, 1..=4) };
        check(&view, Some(Change::Demote { node: 3 }));
        check(&View { dead: [2].into(), ..view }, Some(Change::Demote { node: 2 }));
    }

    /// From any start, as long as everybody answers, the changes come to an end, and at the end all is as it should be.
    #[test]
    fn changes_settle() {
        for (nodes, voters) in [
            (vec![1, 2, 3, 4, 5, 6, 7], vec![1]),
            (vec![2, 3], vec![1, 2, 3, 4, 5]),
            (vec![1, 2, 3, 4], vec![1, 2]),
        ] {
            let mut view = view(voters.clone(), voters);
            view.nodes = nodes.iter().map(|node| (*node, member(*node))).collect();
            let mut rounds = 0;
            while let Some(change) = next_change(&view, 5) {
                carry_out(&mut view, change);
                rounds += 1;
                assert!(rounds < 20, "{view:?}");
            }
            assert!(view.members.keys().eq(nodes.iter()), "{view:?}");
            assert_eq!(view.voters.len(), voters_wanted(nodes.len(), 5), "{view:?}");
        }
    }

    fn carry_out(view: &mut View, change: Change) {
        match change {
            Change::Finish => view.joint = false,
            Change::AddLearner { node, member } | Change::Move { node, member } => {
                view.members.insert(node, member);
                view.caught_up.insert(node);
            }
            Change::Promote { node } => drop(view.voters.insert(node)),
            Change::Demote { node } => drop(view.voters.remove(&node)),
            Change::Swap { dead, by } => {
                view.voters.remove(&dead);
                view.voters.insert(by);
            }
            Change::Remove { node } => {
                view.members.remove(&node);
                view.voters.remove(&node);
            }
            Change::HandOver { to } => view.me = to,
        }
    }
}
