//! The agent's services: what tests use, and nothing else.

use super::Fake;
use futures_util::future::BoxFuture;
use lockstep_core::session::Session;
use lockstep_core::step::Phase;
use lockstep_core::{LogIndex, SessionId, Timestamp, Version};
use lockstep_proto::v1;
use lockstep_proto::v1::change_service_server::ChangeService;
use lockstep_proto::v1::session_service_server::SessionService;
use lockstep_proto::view::{self, Announcement};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Response, Status};

type Answer<M> = Result<Response<M>, Status>;
type Messages<M> = UnboundedReceiverStream<Result<M, Status>>;

/// Time to live of every lease that the fake gives.
const TTL_MS: u64 = 3_000;

macro_rules! unused {
    ($($method:ident: $request:ident => $response:ident),+ $(,)?) => {
        $(
            // What `async_trait` would make of it: it does not look into macros.
            fn $method<'a, 'b>(&'a self, _: Request<v1::$request>) -> BoxFuture<'b, Answer<v1::$response>>
            where
                'a: 'b,
                Self: 'b,
            {
                Box::pin(async { Err(Status::unimplemented("the fake agent does not do that")) })
            }
        )+
    };
}

#[tonic::async_trait]
impl ChangeService for Fake {
    type WatchChangeStream = Messages<v1::WatchChangeResponse>;

    async fn submit_change(&self, request: Request<v1::SubmitChangeRequest>) -> Answer<v1::SubmitChangeResponse> {
        self.enter("submit_change", &request, &request.get_ref().request_id, 0).await?;
        Ok(Response::new(v1::SubmitChangeResponse { change_id: 7, revision: 8 }))
    }

    async fn watch_change(&self, request: Request<v1::WatchChangeRequest>) -> Answer<Self::WatchChangeStream> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.change_watch.lock().unwrap() = Some(sender);
        self.enter("watch_change", &request, "", request.get_ref().after_revision).await?;
        Ok(Response::new(UnboundedReceiverStream::new(receiver)))
    }

    async fn approve_change(
        &self,
        request: Request<v1::ApproveChangeRequest>,
    ) -> Answer<v1::ApproveChangeResponse> {
        self.enter("approve_change", &request, &request.get_ref().request_id, 0).await?;
        Ok(Response::new(v1::ApproveChangeResponse { revision: 9, unchanged: None }))
    }

    unused! {
        get_change: GetChangeRequest => GetChangeResponse,
        list_changes: ListChangesRequest => ListChangesResponse,
        hold_change: HoldChangeRequest => HoldChangeResponse,
        release_change: ReleaseChangeRequest => ReleaseChangeResponse,
        cancel_change: CancelChangeRequest => CancelChangeResponse,
        rollback_change: RollbackChangeRequest => RollbackChangeResponse,
        retry_change: RetryChangeRequest => RetryChangeResponse,
        list_versions: ListVersionsRequest => ListVersionsResponse,
        get_version: GetVersionRequest => GetVersionResponse,
    }
}

#[tonic::async_trait]
impl SessionService for Fake {
    type WatchSessionStream = Messages<v1::WatchSessionResponse>;

    async fn open_session(&self, request: Request<v1::OpenSessionRequest>) -> Answer<v1::OpenSessionResponse> {
        self.enter("open_session", &request, &request.get_ref().request_id, 0).await?;
        let announcement = Announcement {
            revision: LogIndex(5),
            version: Version(1),
            phases: [("0042".to_owned(), Phase::Expand)].into(),
            ..Announcement::default()
        };
        self.set_announced_revision(5);
        let announcement = Some(announcement.into());
        Ok(Response::new(v1::OpenSessionResponse { session_id: 5, ttl_ms: TTL_MS, announcement }))
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Answer<v1::RenewResponse> {
        self.enter("renew", &request, "", 0).await?;
        let announced_revision = *self.announced.lock().unwrap();
        let answer =
            v1::RenewResponse { ttl_ms: TTL_MS, remaining_ms: 2_000, announced_version: 1, announced_revision };
        Ok(Response::new(answer))
    }

    async fn acknowledge(&self, request: Request<v1::AcknowledgeRequest>) -> Answer<v1::AcknowledgeResponse> {
        let message = request.get_ref();
        self.enter("acknowledge", &request, &message.request_id, message.version).await?;
        Ok(Response::new(v1::AcknowledgeResponse { revision: 9 }))
    }

    async fn close_session(&self, request: Request<v1::CloseSessionRequest>) -> Answer<v1::CloseSessionResponse> {
        self.enter("close_session", &request, &request.get_ref().request_id, 0).await?;
        Ok(Response::new(v1::CloseSessionResponse { revision: 9 }))
    }

    async fn watch_session(&self, request: Request<v1::WatchSessionRequest>) -> Answer<Self::WatchSessionStream> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.session_watch.lock().unwrap() = Some(sender);
        self.enter("watch_session", &request, "", request.get_ref().after_revision).await?;
        Ok(Response::new(UnboundedReceiverStream::new(receiver)))
    }

    /// What tests use to see that whatever a client sent before has arrived.
    async fn get_session(&self, request: Request<v1::GetSessionRequest>) -> Answer<v1::GetSessionResponse> {
        self.enter("get_session", &request, "", 0).await?;
        let session = Session {
            id: SessionId(5),
            app: "shop".into(),
            instance: "a".into(),
            compatibility: lockstep_core::session::Compatibility::default(),
            acknowledged: Version(1),
            ttl_ms: TTL_MS,
            opened_at: Timestamp(1),
            renew_counter: 0,
            eviction: None,
        };
        let session = view::Session { session, remaining_ms: None, owed_version: None };
        Ok(Response::new(v1::GetSessionResponse { session: Some(session.into()) }))
    }

    unused! {
        list_sessions: ListSessionsRequest => ListSessionsResponse,
        evict_session: EvictSessionRequest => EvictSessionResponse,
    }
}
