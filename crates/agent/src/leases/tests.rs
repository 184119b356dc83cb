//! Leases on a stopped clock, over a real state.

use super::cluster::{Facts, facts_of, sessions_of};
use super::{Cluster, Granted, Leases, NotRenewed};
use async_trait::async_trait;
use lockstep_consensus::{Committed, Error, Events, Leadership};
use lockstep_core::command::{Actor, Command, Reply, Role, Stamped};
use lockstep_core::node::{Addresses, Candidate, Fingerprint};
use lockstep_core::session::Compatibility;
use lockstep_core::{Engine, LogIndex, NodeId, Refusal, SessionId, State, Timestamp, Version};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{advance, sleep};

const TTL: Duration = Duration::from_secs(10);
/// When a lease that is not renewed is proposed to end: TTL and margin.
const RUN_OUT: Duration = Duration::from_secs(11);

/// A cluster of one process: applies at once what it is told, unless an expiry is held back.
struct World {
    state: Mutex<State>,
    leadership: watch::Sender<Leadership>,
    events: broadcast::Sender<Events>,
    /// False: a round of heartbeats does not reach a majority.
    is_confirmed: watch::Sender<bool>,
    /// Expiries wait until it is true.
    may_expire: watch::Sender<bool>,
    expiry_proposed: Notify,
}

impl World {
    fn new() -> Arc<Self> {
        let world = Arc::new(Self {
            state: Mutex::default(),
            leadership: watch::Sender::new(None),
            events: broadcast::Sender::new(64),
            is_confirmed: watch::Sender::new(true),
            may_expire: watch::Sender::new(true),
            expiry_proposed: Notify::new(),
        });
        let bootstrap = Command::Bootstrap { cluster_id: "c".to_owned(), node: NodeId(1), candidate: candidate() };
        world.apply(Role::Agent, bootstrap).result.unwrap();
        world
    }

    fn apply(&self, role: Role, command: Command) -> Committed {
        let mut state = self.state.lock().unwrap();
        let index = LogIndex(state.applied().0 + 1);
        let actor = Actor { name: "test".to_owned(), role };
        let applied = state.apply(index, &Stamped { at: Timestamp(1), actor, request: None, command });
        let events: Arc<[_]> = applied.events.clone().into();
        // Nobody listens while nobody leads.
        let _ = self.events.send((index, events));
        Committed { index, result: applied.result, events: applied.events }
    }

    fn open_session(&self) -> SessionId {
        let command = Command::OpenSession {
            app: "shop".to_owned(),
            instance: "a".to_owned(),
            compatibility: Compatibility::default(),
            ttl_ms: u64::try_from(TTL.as_millis()).unwrap(),
        };
        match self.apply(Role::Client, command).result {
            Ok(Reply::Opened { session, .. }) => session,
            other => panic!("{other:?}"),
        }
    }

    fn is_live(&self, session: SessionId) -> bool {
        self.session(session).is_some()
    }
}

#[async_trait]
impl Cluster for World {
    fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.subscribe()
    }

    fn events(&self) -> broadcast::Receiver<Events> {
        self.events.subscribe()
    }

    fn sessions(&self) -> Vec<(SessionId, u64)> {
        sessions_of(&self.state.lock().unwrap())
    }

    fn session(&self, session: SessionId) -> Option<Facts> {
        facts_of(&self.state.lock().unwrap(), session)
    }

    async fn confirm_leadership(&self) -> Result<(), Error> {
        if *self.is_confirmed.borrow() { Ok(()) } else { Err(Error::NotLeader { leader: None }) }
    }

    async fn expire(&self, term: u64, session: SessionId, renew_counter: u64) -> Result<Committed, Error> {
        self.expiry_proposed.notify_one();
        let _ = self.may_expire.subscribe().wait_for(|may| *may).await;
        if *self.leadership.borrow() != Some(term) {
            return Err(Error::NotLeader { leader: None });
        }
        Ok(self.apply(Role::Agent, Command::ExpireSession { session, renew_counter }))
    }
}

fn candidate() -> Candidate {
    Candidate {
        name: "n1".to_owned(),
        engine: Engine::Sqlite,
        role: Default::default(),
        addresses: Addresses { peer: "p".to_owned(), client: "c".to_owned() },
        database_id: "d".to_owned(),
        version: Version::BASELINE,
        version_hash: String::new(),
        fingerprint: Fingerprint("f".to_owned()),
        command_format: 1,
    }
}

/// A leader with one session, and its lease keeper at work.
async fn leader() -> (Arc<World>, Leases, SessionId) {
    let world = World::new();
    let session = world.open_session();
    let leases = keeper(&world);
    lead(&world, &leases, 1, session).await;
    (world, leases, session)
}

/// A leader whose one session ran out, while the cluster has not decided yet on its expiry.
async fn leader_with_an_expiry_under_way() -> (Arc<World>, Leases, SessionId) {
    let (world, leases, session) = leader().await;
    world.may_expire.send_replace(false);
    advance(RUN_OUT).await;
    world.expiry_proposed.notified().await;
    (world, leases, session)
}

/// A renewal that is being waited for.
async fn renewal_under_way(
    leases: &Leases,
    session: SessionId,
) -> tokio::task::JoinHandle<Result<Granted, NotRenewed>> {
    let renewal = tokio::spawn({
        let leases = leases.clone();
        async move { leases.renew(session, 0).await }
    });
    settle().await;
    renewal
}

fn keeper(world: &Arc<World>) -> Leases {
    let leases = Leases::new(Arc::clone(world) as Arc<dyn Cluster>);
    let keeper = leases.clone();
    tokio::spawn(async move { keeper.keep().await });
    leases
}

async fn lead(world: &World, leases: &Leases, term: u64, session: SessionId) {
    world.leadership.send_replace(Some(term));
    until(|| leases.remaining(session).is_some()).await;
}

/// Lets the other tasks run until a condition holds. The clock is stopped: no time passes but a microsecond a look.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        sleep(Duration::from_micros(1)).await;
    }
}

/// Lets everything that is due happen.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_renewed_expires() {
    let (world, _leases, session) = leader().await;
    advance(RUN_OUT - Duration::from_millis(10)).await;
    settle().await;
    assert!(world.is_live(session), "it expired before its TTL and the margin were over");
    advance(Duration::from_millis(20)).await;
    settle().await;
    assert!(!world.is_live(session));
}

#[tokio::test(start_paused = true)]
async fn a_renewed_session_lives_on() {
    let (world, leases, session) = leader().await;
    for _ in 0..10 {
        advance(Duration::from_secs(9)).await;
        leases.renew(session, 0).await.unwrap();
    }
    settle().await;
    assert!(world.is_live(session));
}

#[tokio::test(start_paused = true)]
async fn a_new_session_has_a_lease_at_once() {
    let (world, leases, _) = leader().await;
    advance(Duration::from_secs(3)).await;
    let second = world.open_session();
    until(|| leases.remaining(second).is_some()).await;
    assert!(leases.remaining(second).unwrap() > TTL);
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_grants_one_full_ttl() {
    let (world, leases, session) = leader().await;
    advance(Duration::from_secs(9)).await;
    world.leadership.send_replace(None);
    until(|| leases.remaining(session).is_none()).await;
    advance(Duration::from_secs(60)).await;
    settle().await;
    assert!(world.is_live(session), "an agent that does not lead lets nobody go");
    lead(&world, &leases, 2, session).await;
    assert!(leases.remaining(session).unwrap() > TTL);
    advance(RUN_OUT).await;
    settle().await;
    assert!(!world.is_live(session));
}

#[tokio::test(start_paused = true)]
async fn a_deposed_leader_does_not_renew() {
    let (world, leases, session) = leader().await;
    advance(Duration::from_secs(9)).await;
    // Its own leadership watch has not noticed yet; the round of heartbeats does.
    world.is_confirmed.send_replace(false);
    let before = leases.remaining(session).unwrap();
    let answer = leases.renew(session, 0).await;
    assert!(matches!(answer, Err(NotRenewed::Consensus(Error::NotLeader { .. }))), "{answer:?}");
    assert!(leases.remaining(session).unwrap() <= before);
}

#[tokio::test(start_paused = true)]
async fn an_evicted_session_is_not_renewed_and_expires() {
    let (world, leases, session) = leader().await;
    let evict = Command::EvictSession { session, reason: "old release".to_owned(), force: false };
    world.apply(Role::Operator, evict).result.unwrap();
    let answer = leases.renew(session, 0).await;
    let Err(NotRenewed::Refused(Refusal::SessionEvicting { reason, .. })) = answer else { panic!("{answer:?}") };
    assert_eq!(reason, "old release");
    advance(RUN_OUT).await;
    settle().await;
    assert!(!world.is_live(session));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_waits_for_the_expiry_that_is_under_way() {
    let (world, leases, session) = leader_with_an_expiry_under_way().await;
    let renewal = renewal_under_way(&leases, session).await;
    assert!(!renewal.is_finished(), "it was answered while the cluster may be forgetting the session");
    world.may_expire.send_replace(true);
    let answer = renewal.await.unwrap();
    assert!(matches!(answer, Err(NotRenewed::Refused(Refusal::UnknownSession { .. }))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_void_expiry_grants_another_ttl() {
    let (world, leases, session) = leader_with_an_expiry_under_way().await;
    // The client acknowledges while the expiry is on its way: the counter moves.
    world.apply(Role::Client, Command::Acknowledge { session, version: Version::BASELINE }).result.unwrap();
    world.may_expire.send_replace(true);
    let granted = leases.renew(session, 0).await.unwrap();
    assert!(granted.remaining > TTL && world.is_live(session));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_waits_is_told_when_the_term_ends() {
    let (world, leases, session) = leader_with_an_expiry_under_way().await;
    let renewal = renewal_under_way(&leases, session).await;
    world.leadership.send_replace(None);
    let answer = renewal.await.unwrap();
    assert!(matches!(answer, Err(NotRenewed::Consensus(Error::NotLeader { .. }))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_paused_and_deposed_ends_no_lease() {
    let (world, leases, session) = leader_with_an_expiry_under_way().await;
    // Another agent led meanwhile, and renewed; this one leads again before it has noticed anything.
    world.leadership.send_replace(Some(3));
    world.may_expire.send_replace(true);
    settle().await;
    assert!(world.is_live(session), "the expiry of an older term took effect");
    until(|| leases.remaining(session).is_some_and(|remaining| remaining > TTL)).await;
}
