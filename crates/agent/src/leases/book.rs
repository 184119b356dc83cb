//! The leader's book of leases: who may go on until when. Pure: time comes in as an argument.

use lockstep_core::SessionId;
use lockstep_proto::limits;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// The leases of all sessions during one term of a leader.
///
/// A renewal is one look-up: the queue keeps the deadline that a lease had when it was queued, and a lease that turns out to
/// have been renewed is queued again when that deadline comes. So each session has one entry in either structure, whatever it
/// does.
#[derive(Debug)]
pub(super) struct Book {
    /// Times are milliseconds after it, to keep a lease small.
    epoch: Instant,
    leases: HashMap<SessionId, Lease>,
    /// One entry for each running lease: never later than its deadline.
    queue: BinaryHeap<Reverse<(u64, SessionId)>>,
    /// When, whose and how many units of work failed lately.
    failed: VecDeque<(u64, String, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    deadline_ms: u64,
    ttl_ms: u32,
    /// Units of work that have failed since the session was opened; `UNTOLD` until it tells this leader.
    failures: u32,
    is_expiring: bool,
}

const UNTOLD: u32 = u32::MAX;

/// For how long a failure counts.
const FAILURES_LENGTH_MS: u64 = 10_000;

/// What became of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renewal {
    /// The lease lasts longer.
    Renewed {
        /// What was left of it before.
        remaining: Duration,
        /// From the receipt of the renewal.
        ttl: Duration,
    },
    /// It ran out, and the cluster is being told; the outcome decides.
    Expiring,
    /// There is no such lease.
    Unknown,
}

impl Book {
    pub(super) fn new(now: Instant) -> Self {
        Self { epoch: now, leases: HashMap::new(), queue: BinaryHeap::new(), failed: VecDeque::new() }
    }

    /// Grants one full TTL, counted from `now`, to a session that has no lease here.
    pub(super) fn add(&mut self, now: Instant, session: SessionId, ttl_ms: u64) {
        let ttl_ms = u32::try_from(ttl_ms).unwrap_or(u32::MAX);
        let deadline_ms = self.at_ms(now) + until_gone_ms(ttl_ms);
        self.leases.entry(session).or_insert_with(|| {
            self.queue.push(Reverse((deadline_ms, session)));
            Lease { deadline_ms, ttl_ms, failures: UNTOLD, is_expiring: false }
        });
    }

    pub(super) fn remove(&mut self, session: SessionId) {
        self.leases.remove(&session);
    }

    /// Forgets every lease whose session is not live any more.
    pub(super) fn retain(&mut self, is_live: impl Fn(SessionId) -> bool) {
        self.leases.retain(|session, _| is_live(*session));
    }

    /// Makes a lease last for one TTL and the margin from `received` on.
    pub(super) fn renew(&mut self, now: Instant, received: Instant, session: SessionId) -> Renewal {
        let (now_ms, received_ms) = (self.at_ms(now), self.at_ms(received));
        let Some(lease) = self.leases.get_mut(&session) else { return Renewal::Unknown };
        if lease.is_expiring {
            return Renewal::Expiring;
        }
        let remaining = Duration::from_millis(lease.deadline_ms.saturating_sub(now_ms));
        lease.deadline_ms = lease.deadline_ms.max(received_ms + until_gone_ms(lease.ttl_ms));
        Renewal::Renewed { remaining, ttl: Duration::from_millis(u64::from(lease.ttl_ms)) }
    }

    /// Takes out the sessions whose lease has run out; until [`Book::grant_again`] they cannot be renewed.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<SessionId> {
        let now_ms = self.at_ms(now);
        let mut due = Vec::new();
        while let Some(Reverse((queued_ms, session))) = self.queue.peek().copied() {
            if queued_ms > now_ms {
                break;
            }
            self.queue.pop();
            match self.leases.get_mut(&session) {
                Some(lease) if lease.deadline_ms > now_ms => {
                    self.queue.push(Reverse((lease.deadline_ms, session)))
                }
                Some(lease) => {
                    lease.is_expiring = true;
                    due.push(session);
                }
                None => {}
            }
        }
        due
    }

    /// The expiry was void: the client is alive, and has one full TTL from `now`.
    pub(super) fn grant_again(&mut self, now: Instant, session: SessionId) {
        let now_ms = self.at_ms(now);
        let Some(lease) = self.leases.get_mut(&session).filter(|lease| lease.is_expiring) else { return };
        lease.is_expiring = false;
        lease.deadline_ms = now_ms + until_gone_ms(lease.ttl_ms);
        self.queue.push(Reverse((lease.deadline_ms, session)));
    }

    /// When [`Book::take_due`] may next have something. May be too early, never too late.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((queued_ms, _))| self.epoch + Duration::from_millis(*queued_ms))
    }

    /// What a session tells first, an earlier leader may have heard already: it is where counting begins.
    pub(super) fn note_failures(&mut self, now: Instant, session: SessionId, app: &str, failures: u32) {
        let now_ms = self.at_ms(now);
        let Some(lease) = self.leases.get_mut(&session) else { return };
        let before = std::mem::replace(&mut lease.failures, failures);
        let more = failures.saturating_sub(if before == UNTOLD { failures } else { before });
        if more > 0 {
            self.failed.push_back((now_ms, app.to_owned(), more));
        }
    }

    /// How many units of work have failed lately, by application.
    pub(super) fn failures(&mut self, now: Instant) -> BTreeMap<String, u64> {
        let since_ms = self.at_ms(now).saturating_sub(FAILURES_LENGTH_MS);
        while self.failed.front().is_some_and(|(at_ms, ..)| *at_ms < since_ms) {
            self.failed.pop_front();
        }
        let mut lately = BTreeMap::new();
        for (_, app, failed) in &self.failed {
            *lately.entry(app.clone()).or_default() += u64::from(*failed);
        }
        lately
    }

    /// What is left of a lease.
    pub(super) fn remaining(&self, now: Instant, session: SessionId) -> Option<Duration> {
        let lease = self.leases.get(&session)?;
        Some(Duration::from_millis(lease.deadline_ms.saturating_sub(self.at_ms(now))))
    }

    /// Milliseconds after the epoch, rounded up, so that no lease is cut short.
    fn at_ms(&self, time: Instant) -> u64 {
        let micros = time.saturating_duration_since(self.epoch).as_micros();
        u64::try_from(micros.div_ceil(1_000)).unwrap_or(u64::MAX / 2)
    }
}

/// The TTL and the margin for a client whose clock is slower than this one.
fn until_gone_ms(ttl_ms: u32) -> u64 {
    let ttl = Duration::from_millis(u64::from(ttl_ms));
    u64::try_from((ttl + limits::lease_drift_margin(ttl)).as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL_MS: u64 = 10_000;
    const A: SessionId = SessionId(7);

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    fn book() -> (Instant, Book) {
        let start = Instant::now();
        let mut book = Book::new(start);
        book.add(start, A, TTL_MS);
        (start, book)
    }

    #[test]
    fn a_lease_lasts_for_its_ttl_and_the_margin() {
        let (start, mut book) = book();
        assert_eq!(book.take_due(after(start, 10_999)), []);
        assert_eq!(book.take_due(after(start, 11_000)), [A]);
        assert_eq!(book.take_due(after(start, 20_000)), [], "it is taken once");
    }

    #[test]
    fn a_renewal_counts_from_its_receipt() {
        let (start, mut book) = book();
        let renewal = book.renew(after(start, 5_000), after(start, 4_000), A);
        let remaining = Duration::from_millis(6_000);
        assert_eq!(renewal, Renewal::Renewed { remaining, ttl: Duration::from_millis(TTL_MS) });
        assert_eq!(book.take_due(after(start, 14_999)), []);
        assert_eq!(book.take_due(after(start, 15_000)), [A]);
    }

    #[test]
    fn an_old_receipt_does_not_shorten_a_lease() {
        let (start, mut book) = book();
        book.renew(after(start, 5_000), after(start, 5_000), A);
        book.renew(after(start, 5_001), after(start, 1_000), A);
        assert_eq!(book.take_due(after(start, 15_999)), []);
    }

    #[test]
    fn what_runs_out_is_not_renewed_until_it_is_granted_again() {
        let (start, mut book) = book();
        let out = after(start, 11_000);
        assert_eq!(book.take_due(out), [A]);
        assert_eq!(book.renew(out, out, A), Renewal::Expiring);
        book.grant_again(out, A);
        assert!(matches!(book.renew(out, out, A), Renewal::Renewed { .. }));
        assert_eq!(book.take_due(after(start, 22_000)), [A]);
    }

    #[test]
    fn a_session_that_is_gone_has_no_lease() {
        let (start, mut book) = book();
        book.remove(A);
        assert_eq!(book.renew(start, start, A), Renewal::Unknown);
        assert_eq!(book.take_due(after(start, 60_000)), []);
    }

    #[test]
    fn many_renewals_leave_one_entry_a_session() {
        let (start, mut book) = book();
        for ms in 0..5_000 {
            book.renew(after(start, ms), after(start, ms), A);
            book.take_due(after(start, ms));
        }
        assert_eq!((book.leases.len(), book.queue.len()), (1, 1));
    }

    #[test]
    fn failures_count_from_what_was_told_first_and_for_a_while() {
        let (start, mut book) = book();
        let lately = |book: &mut Book, ms| book.failures(after(start, ms)).get("shop").copied();
        book.note_failures(start, A, "shop", 5);
        assert_eq!(lately(&mut book, 0), None);
        book.note_failures(after(start, 1_000), A, "shop", 7);
        book.note_failures(after(start, 2_000), A, "shop", 7);
        book.note_failures(after(start, 3_000), A, "shop", 8);
        assert_eq!(lately(&mut book, 3_000), Some(3));
        assert_eq!(lately(&mut book, 11_001), Some(1));
        assert_eq!(lately(&mut book, 13_001), None);
    }

    #[test]
    fn a_lease_is_small() {
        let bytes = size_of::<(SessionId, Lease)>() + size_of::<Reverse<(u64, SessionId)>>();
        assert!(bytes <= 48, "{bytes} bytes a session before the slack of the two containers");
    }
}
