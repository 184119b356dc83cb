//! SessionService.

use super::hub::Interest;
use super::watch::Streamed;
use super::{Context, caller, failure, pages, unexpected};
use crate::leases::NotRenewed;
use crate::view;
use lockstep_consensus::Error;
use lockstep_core::session::Compatibility;
use lockstep_core::{Command, LogIndex, Refusal, Reply, SessionId, State, Version};
use lockstep_proto::v1::session_service_server::SessionService;
use lockstep_proto::view::Announcement;
use lockstep_proto::{convert, status, v1};
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Request, Response, Status};

/// Gives, renews and ends leases.
pub(super) struct Sessions {
    pub(super) context: Arc<Context>,
}

fn gone(session: SessionId) -> Status {
    status::from_refusal(&Refusal::UnknownSession { session })
}

impl Sessions {
    async fn order(
        &self,
        request_id: String,
        actor: lockstep_core::command::Actor,
        command: Command,
    ) -> Result<u64, Status> {
        Ok(self.context.propose(request_id, actor, command).await?.index.0)
    }

    /// Why a lease was not renewed; names the leader, so that the client goes there.
    fn not_renewed(&self, error: NotRenewed) -> Status {
        match error {
            NotRenewed::Refused(refusal) => status::from_refusal(&refusal),
            NotRenewed::Consensus(Error::NotLeader { leader }) => {
                status::not_leader(leader.or_else(|| self.leader_address()).as_deref())
            }
            NotRenewed::Consensus(error) => failure::status_of(&error),
        }
    }

    fn leader_address(&self) -> Option<String> {
        let status = self.context.consensus.status().ok()?;
        // This agent just said that it does not lead, whatever it believed a moment ago.
        let leader = status.leader.filter(|leader| *leader != status.me)?;
        self.context.consensus.with_state(|state| Some(state.nodes().get(&leader)?.addresses.client.clone()))
    }

    fn announcement(&self, session: SessionId) -> Option<Announcement> {
        self.context.consensus.with_state(|state| view::announcement::announcement(state, session))
    }
}

#[tonic::async_trait]
impl SessionService for Sessions {
    async fn open_session(
        &self,
        request: Request<v1::OpenSessionRequest>,
    ) -> Result<Response<v1::OpenSessionResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let actor = caller::actor(&request, &self.context.security)?;
        let v1::OpenSessionRequest { request_id, app, instance, compatibility, ttl_ms } = request.into_inner();
        let compatibility: Compatibility =
            convert::required("compatibility", compatibility).map_err(|error| status::invalid(&error))?;
        let command = Command::OpenSession { app, instance, compatibility, ttl_ms };
        let committed = self.context.propose(request_id, actor, command).await?;
        match committed.result {
            Ok(Reply::Opened { session, .. }) => {
                // A late repeat may name a session that is gone by now.
                let announcement = self.announcement(session).ok_or_else(|| gone(session))?;
                let announcement = Some(announcement.into());
                Ok(Response::new(v1::OpenSessionResponse { session_id: session.0, ttl_ms, announcement }))
            }
            Ok(other) => Err(unexpected(&other)),
            Err(refusal) => Err(status::from_refusal(&refusal)),
        }
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::RenewResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let v1::RenewRequest { session_id, failures } = request.into_inner();
        let session = SessionId(session_id);
        let granted =
            self.context.leases.renew(session, failures).await.map_err(|error| self.not_renewed(error))?;
        let announced = |state: &State| (state.announced().0, view::announcement::revision(state, session).0);
        let (announced_version, announced_revision) = self.context.consensus.with_state(announced);
        Ok(Response::new(v1::RenewResponse {
            ttl_ms: view::progress::milliseconds(granted.ttl),
            remaining_ms: view::progress::milliseconds(granted.remaining),
            announced_version,
            announced_revision,
        }))
    }

    async fn acknowledge(
        &self,
        request: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let actor = caller::actor(&request, &self.context.security)?;
        let v1::AcknowledgeRequest { request_id, session_id, version } = request.into_inner();
        let command = Command::Acknowledge { session: SessionId(session_id), version: Version(version) };
        let revision = self.order(request_id, actor, command).await?;
        Ok(Response::new(v1::AcknowledgeResponse { revision }))
    }

    async fn close_session(
        &self,
        request: Request<v1::CloseSessionRequest>,
    ) -> Result<Response<v1::CloseSessionResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let actor = caller::actor(&request, &self.context.security)?;
        let v1::CloseSessionRequest { request_id, session_id } = request.into_inner();
        let command = Command::CloseSession { session: SessionId(session_id) };
        let revision = self.order(request_id, actor, command).await?;
        Ok(Response::new(v1::CloseSessionResponse { revision }))
    }

    type WatchSessionStream = Streamed<v1::WatchSessionResponse>;

    async fn watch_session(
        &self,
        request: Request<v1::WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        let v1::WatchSessionRequest { session_id, after_revision } = request.into_inner();
        let session = SessionId(session_id);
        if self.announcement(session).is_none() {
            // It may have been opened through another agent a moment ago. Ten thousand clients that come back at once do not
            // get here.
            self.context.read().await?;
        }
        let watch = SessionWatch {
            _permit: self.context.admit_watch()?,
            interest: self.context.hub.follow(session),
            context: Arc::clone(&self.context),
            session,
            after: LogIndex(after_revision),
            last: None,
            is_over: false,
        };
        Ok(Response::new(Box::pin(futures_util::stream::unfold(watch, |mut watch| async move {
            let next = watch.next().await?;
            Some((next, watch))
        }))))
    }

    async fn list_sessions(
        &self,
        request: Request<v1::ListSessionsRequest>,
    ) -> Result<Response<v1::ListSessionsResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let v1::ListSessionsRequest { page_size, page_token } = request.into_inner();
        let after = SessionId(pages::after(&page_token)?.unwrap_or(0));
        self.context.read().await?;
        let (sessions, next_page_token) = self.context.look(|state, around| {
            let following = state.sessions().values().skip_while(|session| session.id <= after);
            let show = |session| view::session::session(state, session, around).into();
            pages::page(following, page_size, |session| session.id.to_string(), show)
        });
        Ok(Response::new(v1::ListSessionsResponse { sessions, next_page_token }))
    }

    async fn get_session(
        &self,
        request: Request<v1::GetSessionRequest>,
    ) -> Result<Response<v1::GetSessionResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let id = SessionId(request.into_inner().session_id);
        self.context.read().await?;
        let found = self
            .context
            .look(|state, around| Some(view::session::session(state, state.sessions().get(&id)?, around)));
        Ok(Response::new(v1::GetSessionResponse { session: Some(found.ok_or_else(|| gone(id))?.into()) }))
    }

    async fn evict_session(
        &self,
        request: Request<v1::EvictSessionRequest>,
    ) -> Result<Response<v1::EvictSessionResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let actor = caller::actor(&request, &self.context.security)?;
        let v1::EvictSessionRequest { request_id, session_id, reason, force } = request.into_inner();
        let command = Command::EvictSession { session: SessionId(session_id), reason, force };
        let revision = self.order(request_id, actor, command).await?;
        Ok(Response::new(v1::EvictSessionResponse { revision }))
    }
}

/// A watch of one session. Small: there are ten thousand of them.
struct SessionWatch {
    _permit: OwnedSemaphorePermit,
    context: Arc<Context>,
    interest: Interest,
    session: SessionId,
    after: LogIndex,
    last: Option<Announcement>,
    is_over: bool,
}

impl SessionWatch {
    async fn next(&mut self) -> Option<Result<v1::WatchSessionResponse, Status>> {
        if self.is_over {
            return None;
        }
        let context = Arc::clone(&self.context);
        let found = context.until_stopping(self.find()).await;
        self.is_over = found.is_err();
        Some(found.map(|announcement| v1::WatchSessionResponse { announcement: Some(announcement.into()) }))
    }

    async fn find(&mut self) -> Result<Announcement, Status> {
        loop {
            let found =
                self.context.consensus.with_state(|state| view::announcement::announcement(state, self.session));
            let mut announcement = found.ok_or_else(|| gone(self.session))?;
            if self.is_news(&announcement) {
                announcement.revision = announcement.revision.max(self.after);
                self.after = announcement.revision;
                self.last = Some(announcement.clone());
                return Ok(announcement);
            }
            self.interest.news().await;
        }
    }

    /// An eviction is told at the beginning of every watch: it has no revision of its own.
    fn is_news(&self, announcement: &Announcement) -> bool {
        match &self.last {
            None => announcement.revision > self.after || announcement.eviction.is_some(),
            Some(last) => {
                let is_other = (last.version, &last.phases, &last.eviction)
                    != (announcement.version, &announcement.phases, &announcement.eviction);
                is_other || (announcement.must_acknowledge && !last.must_acknowledge)
            }
        }
    }
}
