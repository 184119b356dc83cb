//! Waiting until nobody holds what a definition needs, before it is tried: everything that comes later queues behind one that waits.
//!
//! Only transactions that are older than a lock is waited for are waited out. Younger ones are expected to end within that time: on
//! a busy table there is always one, and waiting for a moment without any would be waiting for ever.

use crate::blocker::Blocker;
use crate::error::Error;
use crate::job::Patience;
use crate::retry::Attempts;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Between two looks.
const RHYTHM: Duration = Duration::from_millis(50);

/// How long transactions are waited for of which nobody knows what they hold. An attempt then finds out, at the price of one lock
/// timeout.
const SUSPICION: Duration = Duration::from_secs(15);

/// Ages grow all the time: they are told anew at this rhythm only.
const TOLD_AGAIN: Duration = Duration::from_secs(1);

/// Somebody who holds something, as a look found it.
pub(crate) struct Holder {
    pub(crate) blocker: Blocker,
    /// Which transaction it is: a session that has begun another one is not the same holder.
    pub(crate) transaction: String,
}

/// What an engine tells of holders.
#[async_trait::async_trait]
pub(crate) trait Lookout: Send {
    /// Everybody who holds something that the definition needs.
    async fn holders(&mut self) -> Result<Vec<Holder>, Error>;

    /// Ends the session of a blocker.
    async fn end(&mut self, process: u64) -> Result<(), Error>;
}

/// Returns once nobody is in the way any more.
pub(crate) async fn wait_out(
    attempts: &mut Attempts<'_>,
    patience: &Patience,
    database: &str,
    what: &str,
    lookout: &mut dyn Lookout,
) -> Result<(), Error> {
    let mut ages = Ages::default();
    let mut told = Told::default();
    let begun = Instant::now();
    loop {
        let found = lookout.holders().await?;
        // Whose age is not told shows it by still being there after a while.
        let is_early = begun.elapsed() < patience.lock_timeout * 2;
        let must_look_again = is_early && found.iter().any(|holder| holder.blocker.age_ms.is_none());
        let blockers = ages.older_than(patience.lock_timeout, found, Instant::now());
        let is_over = |blocker: &Blocker| !blocker.is_certain && begun.elapsed() >= SUSPICION;
        if blockers.iter().all(is_over) && !must_look_again {
            attempts.show_blockers(Vec::new());
            return Ok(());
        }
        if told.is_news(&blockers, Instant::now()) {
            attempts.show_blockers(blockers.clone());
        }
        end_those_too_old(patience, database, &blockers, lookout).await?;
        let first = blockers.first().map(ToString::to_string).unwrap_or_default();
        attempts.wait(RHYTHM, database, &format!("{what} ({first})")).await?;
    }
}

/// Never by default; and never somebody who may hold nothing of it.
async fn end_those_too_old(
    patience: &Patience,
    database: &str,
    blockers: &[Blocker],
    lookout: &mut dyn Lookout,
) -> Result<(), Error> {
    let Some(limit) = patience.end_blockers_after else { return Ok(()) };
    for blocker in blockers.iter().filter(|blocker| blocker.is_certain) {
        let is_too_old = blocker.age_ms.is_some_and(|age_ms| Duration::from_millis(age_ms) >= limit);
        if let (Some(process), true) = (blocker.process, is_too_old) {
            tracing::warn!(database, %blocker, "ends a session that stands in the way, as configured");
            lookout.end(process).await?;
        }
    }
    Ok(())
}

/// Since when each transaction has been seen: an agent without the right to see others' sessions is told no age.
#[derive(Default)]
struct Ages {
    first_seen: HashMap<String, Instant>,
}

impl Ages {
    fn older_than(&mut self, limit: Duration, found: Vec<Holder>, now: Instant) -> Vec<Blocker> {
        self.first_seen.retain(|transaction, _| found.iter().any(|holder| holder.transaction == *transaction));
        found.into_iter().filter(|holder| self.age(holder, now) >= limit).map(|holder| holder.blocker).collect()
    }

    fn age(&mut self, holder: &Holder, now: Instant) -> Duration {
        let seen = now.duration_since(*self.first_seen.entry(holder.transaction.clone()).or_insert(now));
        holder.blocker.age_ms.map_or(seen, |age_ms| seen.max(Duration::from_millis(age_ms)))
    }
}

/// What was shown last, and when.
#[derive(Default)]
struct Told {
    processes: Vec<Option<u64>>,
    at: Option<Instant>,
}

impl Told {
    fn is_news(&mut self, blockers: &[Blocker], now: Instant) -> bool {
        let processes: Vec<Option<u64>> = blockers.iter().map(|blocker| blocker.process).collect();
        let is_old = self.at.is_none_or(|at| now.duration_since(at) >= TOLD_AGAIN);
        let is_news = is_old || processes != self.processes;
        if is_news {
            *self = Self { processes, at: Some(now) };
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(transaction: &str, age_ms: Option<u64>) -> Holder {
        let blocker = Blocker { application: transaction.to_owned(), age_ms, ..Blocker::default() };
        Holder { blocker, transaction: transaction.to_owned() }
    }

    #[test]
    fn the_young_are_not_waited_for_until_they_have_been_there_for_long() {
        let (limit, now, mut ages) = (Duration::from_millis(100), Instant::now(), Ages::default());
        let found = || vec![holder("old", Some(500)), holder("young", Some(3)), holder("unseen", None)];
        let names =
            |blockers: Vec<Blocker>| blockers.into_iter().map(|found| found.application).collect::<Vec<_>>();
        assert_eq!(names(ages.older_than(limit, found(), now)), ["old"]);
        let later = now + Duration::from_millis(150);
        assert_eq!(names(ages.older_than(limit, vec![holder("unseen", None)], later)), ["unseen"]);
        // Somebody else's transaction is counted from when it was seen first.
        assert_eq!(names(ages.older_than(limit, found(), later)), ["old", "unseen"]);
    }

    /// Notes whom it was told to end.
    #[derive(Default)]
    struct Ended(Vec<u64>);

    #[async_trait::async_trait]
    impl Lookout for Ended {
        async fn holders(&mut self) -> Result<Vec<Holder>, Error> {
            Ok(Vec::new())
        }

        async fn end(&mut self, process: u64) -> Result<(), Error> {
            self.0.push(process);
            Ok(())
        }
    }

    #[tokio::test]
    async fn only_who_certainly_holds_it_for_too_long_is_ended_and_nobody_by_default() {
        let blocker = |process, is_certain, age_ms| Blocker {
            process: Some(process),
            is_certain,
            age_ms,
            ..Blocker::default()
        };
        let blockers = [
            blocker(1, true, Some(2_000)),
            blocker(2, true, Some(900)),
            blocker(3, false, Some(2_000)),
            blocker(4, true, None),
        ];
        for (limit, wanted) in [(None, vec![]), (Some(Duration::from_secs(1)), vec![1])] {
            let patience = Patience { end_blockers_after: limit, ..Patience::default() };
            let mut ended = Ended::default();
            end_those_too_old(&patience, "shop", &blockers, &mut ended).await.unwrap();
            assert_eq!(ended.0, wanted, "{limit:?}");
        }
        assert_eq!(Patience::default().end_blockers_after, None);
    }

    #[test]
    fn the_same_blockers_are_told_once_a_second() {
        let (now, mut told) = (Instant::now(), Told::default());
        let blockers = [Blocker { process: Some(1), ..Blocker::default() }];
        assert!(told.is_news(&blockers, now));
        assert!(!told.is_news(&blockers, now + Duration::from_millis(50)));
        assert!(told.is_news(&[], now + Duration::from_millis(100)));
        assert!(told.is_news(&[], now + Duration::from_millis(1_200)));
    }
}
