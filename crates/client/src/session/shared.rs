//! What the parts of one session share: how it stands, until when its lease is believed, what it uses, and how many guards are out.

use super::lease::LeaseOver;
use crate::view::Announcement;
use lockstep_core::session::Eviction;
use lockstep_core::step::Phase;
use lockstep_core::{SessionId, Version};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// A version with the phases that changes have there.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) version: Version,
    pub(super) phases: BTreeMap<String, Phase>,
}

/// Whether units of work may begin, and whether those under way may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Both.
    Live,
    /// None may begin; those under way may finish before the deadline.
    Leaving(LeaseOver),
    /// Neither.
    Over(LeaseOver),
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) standing: Standing,
    /// The lease is believed until then.
    pub(super) deadline: Instant,
    pub(super) terms: Arc<Terms>,
    /// How many guards are out, by the version that they use.
    pub(super) guards: BTreeMap<Version, usize>,
    pub(super) acknowledged: Version,
    /// Why the announced version is not adopted yet; for operators of the application.
    pub(super) problem: Option<String>,
    /// Units of work that failed.
    pub(super) failures: u32,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) id: SessionId,
    state: watch::Sender<State>,
}

impl Terms {
    pub(super) fn of(announcement: &Announcement) -> Arc<Self> {
        Arc::new(Self { version: announcement.version, phases: announcement.phases.clone() })
    }
}

impl State {
    /// Why no unit of work may begin; `None` if one may.
    pub(super) fn refusal(&self, now: Instant) -> Option<LeaseOver> {
        match &self.standing {
            Standing::Leaving(reason) | Standing::Over(reason) => Some(reason.clone()),
            Standing::Live => (now >= self.deadline).then_some(LeaseOver::Expired),
        }
    }

    /// Why a unit of work under way must stop; `None` if it may go on.
    pub(super) fn interruption(&self, now: Instant) -> Option<LeaseOver> {
        match &self.standing {
            Standing::Over(reason) => Some(reason.clone()),
            Standing::Leaving(reason) => (now >= self.deadline).then(|| reason.clone()),
            Standing::Live => (now >= self.deadline).then_some(LeaseOver::Expired),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.standing, Standing::Over(_))
    }

    /// True while renewals make sense: a session that is closing still protects the work under way.
    pub(super) fn is_renewed(&self) -> bool {
        matches!(self.standing, Standing::Live | Standing::Leaving(LeaseOver::Closed))
    }

    fn only_uses(&self, version: Version) -> bool {
        self.guards.keys().all(|used| *used == version)
    }
}

impl Shared {
    pub(super) fn new(id: SessionId, announcement: &Announcement, deadline: Instant) -> Self {
        let state = State {
            standing: Standing::Live,
            deadline,
            terms: Terms::of(announcement),
            guards: BTreeMap::new(),
            acknowledged: announcement.version,
            problem: None,
            failures: 0,
        };
        Self { id, state: watch::Sender::new(state) }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.borrow())
    }

    /// Waits until something is true of the state.
    pub(super) async fn until(&self, condition: impl FnMut(&State) -> bool) {
        // The sender lives in `self`, so waiting cannot fail; if it could, nothing would be left to wait for.
        let _ = self.state.subscribe().wait_for(condition).await;
    }

    /// Waits until no unit of work on another version than `version` is under way.
    pub(super) async fn until_only_uses(&self, version: Version) {
        self.until(|state| state.only_uses(version)).await;
    }

    /// Waits until no unit of work is under way.
    pub(super) async fn until_idle(&self) {
        self.until(|state| state.guards.is_empty()).await;
    }

    /// Begins a unit of work, under the terms that hold now.
    pub(super) fn begin(&self) -> Result<Arc<Terms>, LeaseOver> {
        let mut begun = Err(LeaseOver::Expired);
        self.state.send_if_modified(|state| {
            begun = match state.refusal(Instant::now()) {
                Some(reason) => Err(reason),
                None => Ok(Arc::clone(&state.terms)),
            };
            match &begun {
                Ok(terms) => *state.guards.entry(terms.version).or_default() += 1,
                // A lease that was once taken for over stays so, whatever a late answer says.
                Err(LeaseOver::Expired) => return state.end(LeaseOver::Expired),
                Err(_) => {}
            }
            // Nobody waits for there to be more guards.
            false
        });
        begun
    }

    /// A unit of work is done.
    pub(super) fn finish(&self, version: Version) {
        self.state.send_if_modified(|state| {
            let Some(count) = state.guards.get_mut(&version) else {
                unreachable!("a guard is counted until it is dropped");
            };
            *count -= 1;
            let was_last = *count == 0;
            if was_last {
                state.guards.remove(&version);
            }
            was_last
        });
    }

    /// A unit of work failed.
    pub(super) fn count_failure(&self) {
        self.state.send_modify(|state| state.failures = state.failures.saturating_add(1));
    }

    /// The lease was renewed.
    pub(super) fn extend(&self, deadline: Instant) {
        self.state.send_if_modified(|state| {
            let is_later = deadline > state.deadline;
            state.deadline = state.deadline.max(deadline);
            is_later
        });
    }

    /// New units of work use these terms from now on.
    pub(super) fn adopt(&self, announcement: &Announcement) {
        self.state.send_modify(|state| {
            state.terms = Terms::of(announcement);
            state.problem = None;
        });
    }

    pub(super) fn acknowledged(&self, version: Version) {
        self.state.send_modify(|state| state.acknowledged = version);
    }

    pub(super) fn set_problem(&self, problem: String) {
        self.state.send_modify(|state| state.problem = Some(problem));
    }

    /// No unit of work may begin from now on; false if that was so already.
    pub(super) fn leave(&self, reason: LeaseOver) -> bool {
        self.state.send_if_modified(|state| {
            let was_live = state.standing == Standing::Live;
            if was_live {
                state.standing = Standing::Leaving(reason);
            }
            was_live
        })
    }

    pub(super) fn evict(&self, eviction: Eviction) -> bool {
        self.leave(LeaseOver::Evicted(eviction))
    }

    /// No unit of work may go on. A session that was leaving keeps the reason for that.
    pub(super) fn end(&self, reason: LeaseOver) {
        self.state.send_if_modified(|state| state.end(reason));
    }
}

impl State {
    fn end(&mut self, reason: LeaseOver) -> bool {
        let reason = match &self.standing {
            Standing::Over(_) => return false,
            Standing::Leaving(reason) => reason.clone(),
            Standing::Live => reason,
        };
        self.standing = Standing::Over(reason);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn shared() -> Shared {
        let deadline = Instant::now() + Duration::from_millis(2_700);
        Shared::new(SessionId(5), &Announcement::default(), deadline)
    }

    /// A process that was paused: its time moved on, and nothing of it ran meanwhile.
    async fn pause_process(milliseconds: u64) {
        tokio::time::advance(Duration::from_millis(milliseconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn paused_process_begins_nothing_although_nobody_told_it() {
        let shared = shared();
        pause_process(2_699).await;
        let terms = shared.begin().unwrap();
        pause_process(1).await;
        assert_eq!(shared.read(|state| state.interruption(Instant::now())), Some(LeaseOver::Expired));
        assert_eq!(shared.begin().unwrap_err(), LeaseOver::Expired);
        shared.finish(terms.version);
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_comes_late_does_not_revive_a_lease() {
        let shared = shared();
        pause_process(2_700).await;
        shared.begin().unwrap_err();
        shared.extend(Instant::now() + Duration::from_secs(1));
        assert_eq!(shared.begin().unwrap_err(), LeaseOver::Expired);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_out_of_order_do_not_shorten_a_lease() {
        let shared = shared();
        shared.extend(Instant::now() + Duration::from_secs(1));
        assert_eq!(shared.read(|state| state.deadline) - Instant::now(), Duration::from_millis(2_700));
    }

    #[tokio::test(start_paused = true)]
    async fn first_reason_is_kept() {
        let shared = shared();
        shared.leave(LeaseOver::Closed);
        shared.end(LeaseOver::Expired);
        shared.end(LeaseOver::Gone("unknown".into()));
        assert_eq!(shared.begin().unwrap_err(), LeaseOver::Closed);
    }
}
