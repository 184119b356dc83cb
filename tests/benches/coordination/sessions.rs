//! Sessions through the raw service: as many in this one process as there are client programs elsewhere.

use crate::load::Commits;
use anyhow::{Context, Result};
use lockstep_core::command::{Actor, Role};
use lockstep_core::session::Compatibility;
use lockstep_core::{Command, RequestId, SessionId, Stamped, Timestamp};
use lockstep_proto::metadata::Caller;
use lockstep_proto::v1;
use lockstep_proto::v1::session_service_client::SessionServiceClient;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// Bytes of the command of each measured commit, as it stands in the log.
pub(crate) const ENTRY_BYTES: usize = 256;

/// The longest lease: nothing has to be renewed while something else is measured.
pub(crate) const TTL_MS: u64 = lockstep_core::session::TTL_MAX_MS;

/// Long enough that a request id, which has 128 bytes at most, can fill up even the shortest command.
const ACTOR: &str = "coordination";
const APP: &str = "bench";

/// Makes request ids unique within a run.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// A connection that many sessions may share.
#[derive(Clone)]
pub(crate) struct Service {
    client: SessionServiceClient<Channel>,
    caller: Arc<Caller>,
}

impl Service {
    pub(crate) fn connect(address: &str) -> Result<Self> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect_lazy();
        let caller = Arc::new(Caller::new(ACTOR, None)?);
        Ok(Self { client: SessionServiceClient::new(channel), caller })
    }

    fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        self.caller.attach(request.metadata_mut());
        request
    }

    /// One log entry of [`ENTRY_BYTES`].
    pub(crate) async fn open(&mut self) -> Result<u64> {
        let compatibility = Compatibility::default();
        let instance = format!("p-{:08}", REQUESTS.fetch_add(1, Ordering::Relaxed));
        let command = Command::OpenSession {
            app: APP.to_owned(),
            instance: instance.clone(),
            compatibility: compatibility.clone(),
            ttl_ms: TTL_MS,
        };
        let message = v1::OpenSessionRequest {
            request_id: padded_request_id(command)?,
            app: APP.to_owned(),
            instance,
            compatibility: Some(compatibility.into()),
            ttl_ms: TTL_MS,
        };
        let request = self.request(message);
        Ok(self.client.open_session(request).await?.into_inner().session_id)
    }

    /// One log entry of [`ENTRY_BYTES`].
    pub(crate) async fn close(&mut self, session_id: u64) -> Result<()> {
        let request_id = padded_request_id(Command::CloseSession { session: SessionId(session_id) })?;
        let request = self.request(v1::CloseSessionRequest { request_id, session_id });
        self.client.close_session(request).await?;
        Ok(())
    }

    pub(crate) async fn renew(&mut self, session_id: u64) -> Result<()> {
        let request = self.request(v1::RenewRequest { session_id, failures: 0 });
        self.client.renew(request).await?;
        Ok(())
    }

    pub(crate) async fn acknowledge(&mut self, session_id: u64, version: u64) -> Result<()> {
        let request_id = format!("acknowledge-{session_id}-{version}");
        let request = self.request(v1::AcknowledgeRequest { request_id, session_id, version });
        self.client.acknowledge(request).await?;
        Ok(())
    }

    pub(crate) async fn watch(&mut self, session_id: u64) -> Result<tonic::Streaming<v1::WatchSessionResponse>> {
        let request = self.request(v1::WatchSessionRequest { session_id, after_revision: 0 });
        Ok(self.client.watch_session(request).await?.into_inner())
    }
}

/// A fresh request id of such a length that the whole stamped command has [`ENTRY_BYTES`].
fn padded_request_id(command: Command) -> Result<String> {
    let unique = format!("{:010}-", REQUESTS.fetch_add(1, Ordering::Relaxed));
    let stamped = Stamped {
        at: Timestamp(1_000_000_000_000),
        actor: Actor { name: ACTOR.to_owned(), role: Role::Operator },
        request: Some(RequestId(unique.clone())),
        command,
    };
    let missing = ENTRY_BYTES.checked_sub(serde_json::to_vec(&stamped)?.len());
    Ok(unique + &"x".repeat(missing.context("the command is larger than an entry should be")?))
}

/// A client that opens a session and closes it again, in turns: the state does not grow.
pub(crate) struct OpenAndClose {
    service: Service,
    open: Option<u64>,
}

impl OpenAndClose {
    /// So many clients, each with a connection of its own.
    pub(crate) fn many(address: &str, count: usize) -> Result<Vec<Self>> {
        (0..count).map(|_| Ok(Self { service: Service::connect(address)?, open: None })).collect()
    }

    /// Leaves nothing open.
    pub(crate) async fn finish(mut self) -> Result<()> {
        match self.open.take() {
            Some(session) => self.service.close(session).await,
            None => Ok(()),
        }
    }
}

impl Commits for OpenAndClose {
    async fn commit(&mut self) -> Result<()> {
        match self.open.take() {
            Some(session) => self.service.close(session).await,
            None => {
                self.open = Some(self.service.open().await?);
                Ok(())
            }
        }
    }
}
