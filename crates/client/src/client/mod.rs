//! The client: one method for each call, in core's types.

mod change;
mod cluster;
mod session;

use crate::call::Call;
use crate::endpoints::Endpoints;
use crate::{Error, Options};
use lockstep_core::{ChangeId, LogIndex, RequestId};
use lockstep_proto::limits::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use lockstep_proto::metadata::Caller;
use lockstep_proto::v1::change_service_client::ChangeServiceClient;
use lockstep_proto::v1::cluster_service_client::ClusterServiceClient;
use lockstep_proto::v1::session_service_client::SessionServiceClient;
use std::sync::Arc;
use tokio::time::Instant;
use tonic::Request;
use tonic::transport::Channel;
use uuid::Uuid;

/// Talks to a cluster through any of its agents. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// For the next mutating call; `None`: a new one each time.
    request_id: Option<RequestId>,
}

struct Shared {
    endpoints: Endpoints,
    caller: Caller,
    options: Options,
}

/// Which page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Items at most; 0: what the agent thinks right (100).
    pub size: u32,
    /// [`crate::view::Page::next_page_token`] of the page before; `None` for the first.
    pub token: Option<String>,
}

/// A change that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its id.
    pub change: ChangeId,
    /// Log index of the submission.
    pub revision: LogIndex,
}

/// What came of an operator's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// Log index at which it took effect.
    pub revision: LogIndex,
    /// Set: nothing was to do, because it is so already.
    pub unchanged: Option<crate::view::Unchanged>,
}

/// A secret with which an agent may join.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedJoinToken {
    /// What the new agent's configuration takes. Secret.
    pub join_token: String,
    /// Not accepted later.
    pub expires_at: lockstep_core::Timestamp,
}

impl Client {
    /// A client for the cluster that these endpoints belong to. Connections are made when they are needed.
    ///
    /// # Errors
    ///
    /// When the options cannot be used: no endpoint, an address that is none, an actor that cannot be sent. Not retryable.
    #[allow(clippy::unused_async, reason = "channels must be made within a runtime; being async makes sure of it")]
    pub async fn connect(options: Options) -> Result<Self, Error> {
        let caller = Caller::new(&options.actor, options.operator_token.as_deref())
            .map_err(|error| Error::options(error.to_string()))?;
        let endpoints = Endpoints::new(options.clone())?;
        Ok(Self { shared: Arc::new(Shared { endpoints, caller, options }), request_id: None })
    }

    /// The same client, which makes its next mutating call under this request id: to repeat a call whose outcome is unknown, or
    /// to make a call at most once over restarts of the program. Use it for one call only.
    #[must_use]
    pub fn with_request_id(&self, request_id: RequestId) -> Self {
        Self { shared: Arc::clone(&self.shared), request_id: Some(request_id) }
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.shared.endpoints
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }

    pub(crate) fn request<Q>(&self, message: Q) -> Request<Q> {
        let mut request = Request::new(message);
        self.shared.caller.attach(request.metadata_mut());
        request
    }

    /// A fresh id, or the one that was asked for. Version 7: ids made one after the other sort that way.
    pub(crate) fn next_request_id(&self) -> String {
        self.request_id.as_ref().map_or_else(|| Uuid::now_v7().to_string(), |id| id.0.clone())
    }

    pub(crate) fn reading(&self, operation: &'static str) -> Call {
        Call {
            operation,
            request_id: None,
            timeout: self.options().call_timeout,
            give_up_at: Instant::now() + self.options().retry_timeout,
        }
    }

    pub(crate) fn writing(&self, operation: &'static str, request_id: &str) -> Call {
        Call { request_id: Some(request_id.to_owned()), ..self.reading(operation) }
    }
}

impl PageRequest {
    pub(crate) fn token(&self) -> String {
        self.token.clone().unwrap_or_default()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Client").field("options", self.options()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for IssuedJoinToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("IssuedJoinToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

pub(crate) fn changes(channel: Channel) -> ChangeServiceClient<Channel> {
    ChangeServiceClient::new(channel)
        .max_encoding_message_size(REQUEST_BYTES_MAX)
        .max_decoding_message_size(RESPONSE_BYTES_MAX)
}

pub(crate) fn cluster(channel: Channel) -> ClusterServiceClient<Channel> {
    ClusterServiceClient::new(channel)
        .max_encoding_message_size(REQUEST_BYTES_MAX)
        .max_decoding_message_size(RESPONSE_BYTES_MAX)
}

pub(crate) fn sessions(channel: Channel) -> SessionServiceClient<Channel> {
    SessionServiceClient::new(channel)
        .max_encoding_message_size(REQUEST_BYTES_MAX)
        .max_decoding_message_size(RESPONSE_BYTES_MAX)
}

/// Calls a method of a generated client: `send!(changes, get_change)`.
macro_rules! send {
    ($service:ident, $method:ident) => {
        |channel, request| async move { $crate::client::$service(channel).$method(request).await }
    };
}
pub(crate) use send;

/// Reads a message field that an answer must have.
pub(crate) fn read<M, T>(operation: &'static str, field: &str, message: Option<M>) -> Result<T, Error>
where
    T: TryFrom<M, Error = lockstep_proto::convert::Error>,
{
    lockstep_proto::convert::required(field, message).map_err(|error| Error::unreadable(operation, &error))
}

/// Reads a page.
pub(crate) fn read_page<M, T>(
    operation: &'static str,
    items: Vec<M>,
    next_page_token: String,
) -> Result<crate::view::Page<T>, Error>
where
    T: TryFrom<M, Error = lockstep_proto::convert::Error>,
{
    let items =
        lockstep_proto::convert::list("items", items).map_err(|error| Error::unreadable(operation, &error))?;
    Ok(crate::view::Page { items, next_page_token: lockstep_proto::convert::page_token(next_page_token) })
}
