//! The replicated state in memory: applying entries, snapshots, and telling watchers.

use crate::raft::{LogId, Response, Snapshot, SnapshotMeta, StoredMembership, TypeConfig};
use crate::snapshot::{self, Body, Builder};
use crate::{Committed, Events};
use futures_util::{Stream, StreamExt};
use lockstep_core::LogIndex;
use lockstep_core::state::State;
use lockstep_storage::Store;
use openraft::EntryPayload;
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use std::io;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::{broadcast, watch};

/// Entries applied under one lock.
const APPLY_BATCH: usize = 256;
/// Events that a slow watcher may be behind before it is told that it missed some.
const EVENTS_KEPT: usize = 4096;

/// The state as all parts of this process see it.
pub(crate) struct Replica {
    held: RwLock<Held>,
    applied: watch::Sender<LogIndex>,
    events: broadcast::Sender<Events>,
}

#[derive(Default)]
struct Held {
    /// Shared with a snapshot that is being written; copied only when it changes meanwhile.
    state: Arc<State>,
    last_applied: Option<LogId>,
    membership: StoredMembership,
}

/// openraft's handle on the replica.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) store: Store,
    pub(crate) replica: Arc<Replica>,
}

impl Default for Replica {
    fn default() -> Self {
        let (applied, _) = watch::channel(LogIndex(0));
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        Self { held: RwLock::default(), applied, events }
    }
}

impl Replica {
    /// Looks at the state; whoever holds it holds up apply, so be quick.
    pub(crate) fn with_state<Value>(&self, look: impl FnOnce(&State) -> Value) -> Value {
        look(&self.read().state)
    }

    pub(crate) fn applied(&self) -> watch::Receiver<LogIndex> {
        self.applied.subscribe()
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<Events> {
        self.events.subscribe()
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().expect(POISONED)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().expect(POISONED)
    }

    fn apply(
        &self,
        batch: Vec<EntryResponder<TypeConfig>>,
    ) -> Vec<(Option<ApplyResponder<TypeConfig>>, Response)> {
        let mut held = self.write();
        batch.into_iter().map(|(entry, responder)| (responder, held.apply(entry.log_id, entry.payload))).collect()
    }

    /// Tells watchers first, so that whoever gets the answer to a proposal finds its effect.
    fn announce(&self, responses: &[(Option<ApplyResponder<TypeConfig>>, Response)]) {
        let applied = self.read().last_applied.map_or(0, |id| id.index);
        self.applied.send_replace(LogIndex(applied));
        let committed = responses.iter().filter_map(|(_, response)| response.0.as_ref());
        for committed in committed.filter(|committed| !committed.events.is_empty()) {
            // Nobody watching is no error.
            let _ = self.events.send((committed.index, committed.events.as_slice().into()));
        }
    }

    fn replace(&self, meta: &SnapshotMeta, state: State) {
        let mut held = self.write();
        *held = Held {
            state: Arc::new(state),
            last_applied: meta.last_log_id,
            membership: meta.last_membership.clone(),
        };
        drop(held);
        self.announce(&[]);
    }
}

const POISONED: &str = "apply broke an invariant of the state; this process must not serve it any more";

impl Held {
    fn apply(&mut self, log_id: LogId, payload: crate::raft::Payload) -> Response {
        self.last_applied = Some(log_id);
        match payload {
            EntryPayload::Blank => Response(None),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                Response(None)
            }
            EntryPayload::Normal(proposed) => {
                let index = LogIndex(log_id.index);
                let applied = Arc::make_mut(&mut self.state).apply(index, &proposed.0);
                Response(Some(Committed { index, result: applied.result, events: applied.events }))
            }
        }
    }

    fn meta(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.last_applied, last_membership: self.membership.clone() }
    }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = Body;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let held = self.replica.read();
        Ok((held.last_applied, held.membership.clone()))
    }

    async fn apply<Entries>(&mut self, entries: Entries) -> io::Result<()>
    where
        Entries: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + Send,
    {
        let mut batches = entries.ready_chunks(APPLY_BATCH);
        while let Some(batch) = batches.next().await {
            let batch: Vec<_> = batch.into_iter().collect::<io::Result<_>>()?;
            let responses = self.replica.apply(batch);
            self.replica.announce(&responses);
            for (responder, response) in responses {
                if let Some(responder) = responder {
                    responder.send(response);
                }
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let held = self.replica.read();
        Builder { store: self.store.clone(), meta: held.meta(), state: Arc::clone(&held.state) }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, body: Body) -> io::Result<()> {
        let state = snapshot::load(&self.store, body).await?;
        self.replica.replace(meta, state);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        snapshot::current(&self.store)
    }
}
