//! Calls of SessionService that operators make, and those that a [`crate::Session`] is made of.

use super::{Client, PageRequest, read, read_page, send, sessions};
use crate::call::{Answer, Call};
use crate::session::SessionOptions;
use crate::watch::Watch;
use crate::{Error, view};
use lockstep_core::{LogIndex, SessionId, Version};
use lockstep_proto::v1;

impl Client {
    /// A page of live sessions, by id.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Invalid`] when the page token is none.
    pub async fn list_sessions(&self, page: &PageRequest) -> Result<view::Page<view::Session>, Error> {
        const OPERATION: &str = "list sessions";
        let message = v1::ListSessionsRequest { page_size: page.size, page_token: page.token() };
        let answer = self.call(self.reading(OPERATION), message, send!(sessions, list_sessions)).await?.message;
        read_page(OPERATION, answer.sessions, answer.next_page_token)
    }

    /// One live session.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::NotFound`] when it is not live (any more).
    pub async fn session(&self, session: SessionId) -> Result<view::Session, Error> {
        const OPERATION: &str = "get session";
        let message = v1::GetSessionRequest { session_id: session.0 };
        let answer = self.call(self.reading(OPERATION), message, send!(sessions, get_session)).await?.message;
        read(OPERATION, "session", answer.session)
    }

    /// Lets a session go: it is not renewed, and gone once its lease has run out; with `force` at once, and then the caller
    /// answers for it that the client does not run any more. Returns the log index at which that took effect.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role, [`crate::Kind::NotFound`] when it is not live (any more).
    pub async fn evict_session(&self, session: SessionId, reason: &str, force: bool) -> Result<LogIndex, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("evict session", &request_id);
        let (session_id, reason) = (session.0, reason.to_owned());
        let message = v1::EvictSessionRequest { request_id, session_id, reason, force };
        Ok(LogIndex(self.call(call, message, send!(sessions, evict_session)).await?.message.revision))
    }

    pub(crate) async fn open_session(
        &self,
        options: &SessionOptions,
    ) -> Result<Answer<v1::OpenSessionResponse>, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("open session", &request_id);
        let message = v1::OpenSessionRequest {
            request_id,
            app: options.app.clone(),
            instance: options.instance.clone(),
            compatibility: Some(options.compatibility.clone().into()),
            ttl_ms: options.ttl_ms(),
        };
        self.call(call, message, send!(sessions, open_session)).await
    }

    pub(crate) async fn renew_session(
        &self,
        session: SessionId,
        failures: u32,
        call: Call,
    ) -> Result<Answer<v1::RenewResponse>, Error> {
        self.call(call, v1::RenewRequest { session_id: session.0, failures }, send!(sessions, renew)).await
    }

    pub(crate) async fn acknowledge(&self, session: SessionId, version: Version) -> Result<(), Error> {
        let request_id = self.next_request_id();
        let call = self.writing("acknowledge version", &request_id);
        let message = v1::AcknowledgeRequest { request_id, session_id: session.0, version: version.0 };
        self.call(call, message, send!(sessions, acknowledge)).await.map(drop)
    }

    pub(crate) async fn close_session(&self, session: SessionId) -> Result<(), Error> {
        let request_id = self.next_request_id();
        let call = self.writing("close session", &request_id);
        let message = v1::CloseSessionRequest { request_id, session_id: session.0 };
        self.call(call, message, send!(sessions, close_session)).await.map(drop)
    }

    pub(crate) fn watch_session(&self, session: SessionId, after: LogIndex) -> Watch<view::Announcement> {
        Watch::new(self.clone(), "watch session", after, move |channel, client, after| {
            let message = v1::WatchSessionRequest { session_id: session.0, after_revision: after.0 };
            let request = client.request(message);
            async move { sessions(channel).watch_session(request).await }
        })
    }
}
