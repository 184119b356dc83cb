//! Sessions: until when a lease is believed, and when a version is acknowledged. The fake's leases last 3,000 ms, so they are
//! believed for 2,700 ms and renewed every 1,000 ms. Time stands still except where a test moves it.

#[allow(dead_code, reason = "shared by several test programs, each of which uses a part")]
mod support;

use lockstep_client::session::Acknowledge;
use lockstep_client::view::Announcement;
use lockstep_client::{Client, Kind, LeaseOver, Options, Session, SessionOptions};
use lockstep_core::session::{Compatibility, Eviction};
use lockstep_core::step::Phase;
use lockstep_core::{LogIndex, Refusal, SessionId, Timestamp, Version};
use lockstep_proto::status;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Fake, FrozenTime, options};
use tokio::sync::{Notify, mpsc};

struct Story {
    agent: Fake,
    client: Client,
    session: Session,
    time: FrozenTime,
}

impl Story {
    async fn begin() -> Self {
        Self::with(Acknowledge::Automatic, Compatibility::default()).await
    }

    async fn with(acknowledge: Acknowledge, compatibility: Compatibility) -> Self {
        let time = FrozenTime::new();
        let agent = Fake::start().await;
        let client = Client::connect(options(&[&agent])).await.unwrap();
        let options = SessionOptions { acknowledge, ..session_options(compatibility) };
        let session = Session::open(&client, options).await.unwrap();
        agent.called("watch_session", 1).await;
        Self { agent, client, session, time }
    }

    fn announce(&self, revision: u64, version: u64) {
        self.agent.announce(announcement(revision, version));
    }

    /// Waits until new units of work use a version.
    async fn adopted(&self, version: u64) {
        while self.session.guard().unwrap().version() != Version(version) {
            self.barrier().await;
        }
    }

    /// Whatever the client sent before has arrived when this returns: it has gone over the same connection.
    async fn barrier(&self) {
        self.client.session(SessionId(5)).await.unwrap();
    }

    /// Waits until the newest renewal is known to the session, to the millisecond.
    async fn remaining_ms(&self, expected: u64) {
        while self.session.snapshot().remaining != Duration::from_millis(expected) {
            self.barrier().await;
        }
    }

    fn acknowledged(&self) -> Vec<u64> {
        self.agent.calls("acknowledge").iter().map(|call| call.number).collect()
    }
}

fn session_options(compatibility: Compatibility) -> SessionOptions {
    SessionOptions { ttl: Duration::from_secs(3), ..SessionOptions::new("shop", "a", compatibility) }
}

fn announcement(revision: u64, version: u64) -> Announcement {
    Announcement {
        revision: LogIndex(revision),
        version: Version(version),
        phases: [("0042".to_owned(), Phase::SwitchWrites)].into(),
        must_acknowledge: true,
        eviction: None,
    }
}

fn eviction() -> Eviction {
    Eviction { reason: "stuck".into(), by: "operator".into(), at: Timestamp(3) }
}

#[tokio::test(start_paused = true)]
async fn guard_tells_version_and_phases() {
    let story = Story::begin().await;
    let guard = story.session.guard().unwrap();
    assert_eq!(
        (guard.version(), guard.phase("0042"), guard.phase("0043")),
        (Version(1), Some(Phase::Expand), None)
    );
    assert_eq!(guard.check(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn renewals_keep_the_lease() {
    let story = Story::begin().await;
    for round in 1..=5 {
        story.time.advance_ms(1_000).await;
        story.agent.called("renew", round).await;
        story.remaining_ms(2_700).await;
    }
    assert!(story.session.guard().is_ok());
}

#[tokio::test(start_paused = true)]
async fn deadline_counts_from_when_the_renewal_was_sent() {
    let story = Story::begin().await;
    let answer = story.agent.hold("renew");
    story.time.advance_ms(1_000).await;
    story.agent.called("renew", 1).await;
    story.time.advance_ms(500).await;
    drop(answer);
    // Sent at 1,000 and answered at 1,500: believed until 3,700.
    story.remaining_ms(2_200).await;
}

#[tokio::test(start_paused = true)]
async fn deadline_of_a_repeated_open_counts_from_its_first_attempt() {
    let time = FrozenTime::new();
    let (first, second) = (Fake::start().await, Fake::start().await);
    first.silence("open_session");
    let held = second.hold("open_session");
    let options = Options { call_timeout: Duration::from_millis(500), ..options(&[&first, &second]) };
    let client = Client::connect(options).await.unwrap();
    let opening = {
        let client = client.clone();
        tokio::spawn(async move { Session::open(&client, session_options(Compatibility::default())).await })
    };
    first.called("open_session", 1).await;
    time.advance_ms(500).await;
    let repeated = second.called("open_session", 1).await;
    assert_eq!(repeated[0].request_id, first.calls("open_session")[0].request_id);
    time.advance_ms(200).await;
    drop(held);
    let session = opening.await.unwrap().unwrap();
    // The first attempt, sent at 0, may have opened it: believed until 2,700.
    assert_eq!(session.snapshot().remaining, Duration::from_millis(2_000));
}

#[tokio::test(start_paused = true)]
async fn lease_is_over_when_renewals_are_not_answered() {
    let story = Story::begin().await;
    story.agent.silence("renew");
    let guard = story.session.guard().unwrap();
    story.time.advance_ms(2_699).await;
    assert!(story.session.guard().is_ok() && guard.check().is_ok());
    story.time.advance_ms(1).await;
    assert_eq!(guard.check(), Err(LeaseOver::Expired));
    assert_eq!(story.session.guard().unwrap_err(), LeaseOver::Expired);
    assert_eq!(story.session.closed().await, LeaseOver::Expired);
}

#[tokio::test(start_paused = true)]
async fn lease_that_was_over_stays_over_until_reopened() {
    let story = Story::begin().await;
    let answer = story.agent.hold("renew");
    story.time.advance_ms(1_000).await;
    story.agent.called("renew", 1).await;
    story.time.advance_ms(1_700).await;
    drop(answer);
    assert_eq!(story.session.guard().unwrap_err(), LeaseOver::Expired);
    story.barrier().await;
    assert_eq!(story.session.guard().unwrap_err(), LeaseOver::Expired);
    assert_eq!(story.agent.calls("open_session").len(), 1, "nothing is reopened silently");
    let again = story.session.reopen().await.unwrap();
    assert!(again.guard().is_ok());
}

#[tokio::test(start_paused = true)]
async fn announced_version_is_adopted_and_acknowledged() {
    let story = Story::begin().await;
    story.announce(8, 2);
    assert_eq!(story.agent.called("acknowledge", 1).await[0].number, 2);
    let guard = story.session.guard().unwrap();
    assert_eq!((guard.version(), guard.phase("0042")), (Version(2), Some(Phase::SwitchWrites)));
}

#[tokio::test(start_paused = true)]
async fn guard_on_the_old_version_delays_the_acknowledgement() {
    let story = Story::begin().await;
    let old = story.session.guard().unwrap();
    story.announce(8, 2);
    story.adopted(2).await;
    story.barrier().await;
    assert_eq!((old.version(), story.acknowledged()), (Version(1), vec![]));
    drop(old);
    assert_eq!(story.agent.called("acknowledge", 1).await[0].number, 2);
}

#[tokio::test(start_paused = true)]
async fn version_that_is_taken_back_is_left_before_that_is_acknowledged() {
    let story = Story::begin().await;
    let oldest = story.session.guard().unwrap();
    story.announce(8, 2);
    story.adopted(2).await;
    let newer = story.session.guard().unwrap();
    // The step is reverted: version 1 again, while work on version 2 is under way.
    story.announce(9, 1);
    story.adopted(1).await;
    story.barrier().await;
    assert!(story.acknowledged().is_empty(), "not 2, which is past, and not 1, while 2 is in use");
    drop(newer);
    assert_eq!(story.agent.called("acknowledge", 1).await[0].number, 1);
    assert_eq!(oldest.version(), Version(1), "work on version 1 does not stand in the way of version 1");
}

#[tokio::test(start_paused = true)]
async fn callbacks_come_in_order_and_before_acknowledgements() {
    let (called, mut calls) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let callback = Acknowledge::callback({
        let release = Arc::clone(&release);
        move |announcement: Announcement| {
            called.send(announcement.version.0).unwrap();
            let release = Arc::clone(&release);
            async move {
                release.notified().await;
                Ok(())
            }
        }
    });
    let story = Story::with(callback, Compatibility::default()).await;
    for version in 2..=4 {
        story.announce(6 + version, version);
        assert_eq!(calls.recv().await, Some(version));
        story.barrier().await;
        assert_eq!(story.acknowledged(), (2..version).collect::<Vec<_>>(), "not before the callback is done");
        assert_eq!(story.session.guard().unwrap().version(), Version(version - 1));
        release.notify_one();
        story.agent.called("acknowledge", usize::try_from(version - 1).unwrap()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn callback_is_not_cut_short_by_a_newer_announcement() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (started, mut starts) = mpsc::unbounded_channel();
    let release = Arc::new(Notify::new());
    let callback = Acknowledge::callback({
        let (log, release) = (Arc::clone(&log), Arc::clone(&release));
        move |announcement: Announcement| {
            let (log, release, version) = (Arc::clone(&log), Arc::clone(&release), announcement.version.0);
            started.send(version).unwrap();
            async move {
                release.notified().await;
                log.lock().unwrap().push(version);
                Ok(())
            }
        }
    });
    let story = Story::with(callback, Compatibility::default()).await;
    story.announce(8, 2);
    assert_eq!(starts.recv().await, Some(2));
    story.announce(9, 1);
    story.barrier().await;
    release.notify_one();
    assert_eq!(starts.recv().await, Some(1));
    release.notify_one();
    assert_eq!(story.agent.called("acknowledge", 1).await.last().unwrap().number, 1);
    assert_eq!(*log.lock().unwrap(), [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn failed_callback_is_called_again_and_nothing_is_acknowledged() {
    let (called, mut calls) = mpsc::unbounded_channel();
    let callback = Acknowledge::callback(move |announcement: Announcement| {
        called.send(announcement.version).unwrap();
        async { Err("the cache is cold".into()) }
    });
    let story = Story::with(callback, Compatibility::default()).await;
    story.announce(8, 2);
    calls.recv().await.unwrap();
    story.barrier().await;
    assert!(story.session.snapshot().problem.unwrap().contains("the cache is cold"));
    story.time.advance_ms(500).await;
    calls.recv().await.unwrap();
    story.barrier().await;
    assert_eq!((story.acknowledged(), story.session.guard().unwrap().version()), (vec![], Version(1)));
}

#[tokio::test(start_paused = true)]
async fn version_that_this_release_cannot_run_is_never_acknowledged() {
    let compatibility = Compatibility { version_max: Some(Version(1)), ..Compatibility::default() };
    let story = Story::with(Acknowledge::Automatic, compatibility).await;
    story.announce(8, 2);
    while story.session.snapshot().problem.is_none() {
        story.barrier().await;
    }
    story.barrier().await;
    assert_eq!((story.acknowledged(), story.session.guard().unwrap().version()), (vec![], Version(1)));
    assert!(story.session.snapshot().problem.unwrap().contains("up to 1 only"));
}

#[tokio::test(start_paused = true)]
async fn announcement_of_an_agent_that_lags_is_ignored() {
    let story = Story::begin().await;
    story.announce(9, 3);
    story.agent.called("acknowledge", 1).await;
    story.announce(8, 2);
    story.barrier().await;
    story.barrier().await;
    story.announce(10, 4);
    story.agent.called("acknowledge", 2).await;
    assert_eq!(story.acknowledged(), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn acknowledgement_is_repeated_under_its_id() {
    let story = Story::begin().await;
    story.agent.refuse("acknowledge", status::outcome_unknown("leadership was lost"));
    story.announce(8, 2);
    story.agent.called("acknowledge", 1).await;
    story.barrier().await;
    story.time.advance_ms(200).await;
    let calls = story.agent.called("acknowledge", 2).await;
    assert_eq!(calls[0].request_id, calls[1].request_id);
}

#[tokio::test(start_paused = true)]
async fn evicted_session_begins_nothing_finishes_its_work_and_is_closed() {
    let story = Story::begin().await;
    let working = story.session.guard().unwrap();
    let announcement = Announcement { eviction: Some(eviction()), ..announcement(8, 1) };
    story.agent.announce(announcement);
    assert_eq!(story.session.closed().await, LeaseOver::Evicted(eviction()));
    assert_eq!(story.session.guard().unwrap_err(), LeaseOver::Evicted(eviction()));
    assert_eq!(working.check(), Ok(()), "work under way may finish");
    story.barrier().await;
    assert_eq!(story.agent.calls("close_session").len(), 0);
    drop(working);
    story.agent.called("close_session", 1).await;
}

#[tokio::test(start_paused = true)]
async fn work_of_an_evicted_session_must_stop_at_the_deadline() {
    let story = Story::begin().await;
    let refusal =
        Refusal::SessionEvicting { session: SessionId(5), by: "operator".into(), reason: "stuck".into() };
    story.agent.refuse("renew", status::from_refusal(&refusal));
    let working = story.session.guard().unwrap();
    story.time.advance_ms(1_000).await;
    let LeaseOver::Evicted(eviction) = story.session.closed().await else { panic!("it was evicted") };
    assert_eq!((eviction.by.as_str(), eviction.reason.as_str()), ("operator", "stuck"));
    assert_eq!(working.check(), Ok(()));
    story.time.advance_ms(1_700).await;
    assert!(matches!(working.check(), Err(LeaseOver::Evicted(_))));
    assert_eq!(story.agent.calls("renew").len(), 1, "an evicted session is not renewed");
}

#[tokio::test(start_paused = true)]
async fn session_that_the_cluster_does_not_know_is_over_at_once() {
    let story = Story::begin().await;
    let guard = story.session.guard().unwrap();
    let refusal = Refusal::UnknownSession { session: SessionId(5) };
    story.agent.refuse("renew", status::from_refusal(&refusal));
    story.time.advance_ms(1_000).await;
    assert_eq!(story.session.closed().await, LeaseOver::Gone(refusal.to_string()));
    assert!(guard.check().is_err());
}

#[tokio::test(start_paused = true)]
async fn close_waits_for_work_under_way_and_renews_meanwhile() {
    let story = Story::begin().await;
    let working = story.session.guard().unwrap();
    let closing = {
        let session = story.session.clone();
        tokio::spawn(async move { session.close().await })
    };
    assert_eq!(story.session.closed().await, LeaseOver::Closed);
    assert_eq!(story.session.guard().unwrap_err(), LeaseOver::Closed);
    story.time.advance_ms(1_000).await;
    story.agent.called("renew", 1).await;
    story.remaining_ms(2_700).await;
    assert_eq!((story.agent.calls("close_session").len(), working.check()), (0, Ok(())));
    drop(working);
    closing.await.unwrap().unwrap();
    assert_eq!(story.agent.calls("close_session").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn stuck_watch_is_begun_anew() {
    let story = Story::begin().await;
    story.agent.set_announced_revision(8);
    for round in 1..=2 {
        story.time.advance_ms(1_000).await;
        story.agent.called("renew", round).await;
        story.remaining_ms(2_700).await;
    }
    story.time.advance_ms(200).await;
    assert_eq!(story.agent.called("watch_session", 2).await[1].number, 5);
}

#[tokio::test(start_paused = true)]
async fn incompatible_client_gets_no_session() {
    let _time = FrozenTime::new();
    let agent = Fake::start().await;
    let client = Client::connect(options(&[&agent])).await.unwrap();
    let (name, reason) = ("shop/a".to_owned(), "it runs up to version 0 only".to_owned());
    let refusal = Refusal::ClientIncompatible { client: name, version: Version(1), reason };
    agent.refuse("open_session", status::from_refusal(&refusal));
    let error = Session::open(&client, session_options(Compatibility::default())).await.unwrap_err();
    assert_eq!((error.kind(), error.problem().reason.as_str()), (Kind::NotNow, "CLIENT_INCOMPATIBLE"));
    let bad = SessionOptions { ttl: Duration::from_millis(10), ..session_options(Compatibility::default()) };
    assert_eq!(Session::open(&client, bad).await.unwrap_err().kind(), Kind::Invalid);
}
