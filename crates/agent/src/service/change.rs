//! ChangeService.

use super::watch::{Look, Streamed, Watch};
use super::{Context, caller, pages, unexpected};
use crate::view;
use lockstep_core::change::Spec;
use lockstep_core::{Command, LogIndex, Refusal, Reply, State, Version};
use lockstep_proto::v1::change_service_server::ChangeService;
use lockstep_proto::view::Unchanged;
use lockstep_proto::{convert, status, v1};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Submits, steers and shows changes.
pub(super) struct Changes {
    pub(super) context: Arc<Context>,
}

impl Changes {
    /// Proposes a command in the name of whoever sent the request; returns the log index at which it took effect, and how it is if
    /// nothing was to do.
    async fn order<Message>(
        &self,
        request: Request<Message>,
        command: impl FnOnce(Message) -> (String, Command),
    ) -> Result<(u64, Option<v1::Unchanged>), Status> {
        let _permit = self.context.admit_call()?;
        let actor = caller::actor(&request, &self.context.security)?;
        let (request_id, command) = command(request.into_inner());
        let committed = self.context.propose(request_id, actor, command).await?;
        let unchanged = match committed.result {
            Ok(Reply::Unchanged { state, since }) => Some(Unchanged { state, since }.into()),
            _ => None,
        };
        Ok((committed.index.0, unchanged))
    }
}

fn unknown_change(name: &str) -> Status {
    status::from_refusal(&Refusal::UnknownChange { name: name.to_owned() })
}

#[tonic::async_trait]
impl ChangeService for Changes {
    async fn submit_change(
        &self,
        request: Request<v1::SubmitChangeRequest>,
    ) -> Result<Response<v1::SubmitChangeResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let actor = caller::actor(&request, &self.context.security)?;
        let v1::SubmitChangeRequest { request_id, spec } = request.into_inner();
        let mut spec: Spec = convert::required("spec", spec).map_err(|error| status::invalid(&error))?;
        // What the log says must not depend on how the agents that read it are configured.
        spec.retention_ms.get_or_insert(self.context.own.retention_ms);
        let committed = self.context.propose(request_id, actor, Command::SubmitChange { spec }).await?;
        match committed.result {
            Ok(Reply::Submitted { change }) => {
                Ok(Response::new(v1::SubmitChangeResponse { change_id: change.0, revision: committed.index.0 }))
            }
            Ok(other) => Err(unexpected(&other)),
            Err(refusal) => Err(status::from_refusal(&refusal)),
        }
    }

    async fn get_change(
        &self,
        request: Request<v1::GetChangeRequest>,
    ) -> Result<Response<v1::GetChangeResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let name = request.into_inner().name;
        self.context.read().await?;
        let found = self.context.look(|state, around| view::change::change(state, &name, around));
        let change = found.ok_or_else(|| unknown_change(&name))?;
        Ok(Response::new(v1::GetChangeResponse { change: Some(change.into()) }))
    }

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Result<Response<v1::ListChangesResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let v1::ListChangesRequest { page_size, page_token } = request.into_inner();
        let before: Option<u64> = pages::after(&page_token)?;
        self.context.read().await?;
        let (changes, next_page_token) = self.context.consensus.with_state(|state| {
            let following =
                state.changes().values().rev().filter(|change| before.is_none_or(|id| change.id.0 < id));
            let show = |change| view::change::summary(state, change).into();
            pages::page(following, page_size, |change| change.id.to_string(), show)
        });
        Ok(Response::new(v1::ListChangesResponse { changes, next_page_token }))
    }

    type WatchChangeStream = Streamed<v1::WatchChangeResponse>;

    async fn watch_change(
        &self,
        request: Request<v1::WatchChangeRequest>,
    ) -> Result<Response<Self::WatchChangeStream>, Status> {
        let v1::WatchChangeRequest { name, after_revision } = request.into_inner();
        self.context.read().await?;
        let take = move |context: &Context| look_at(context, &name);
        let show = |mut change: lockstep_proto::view::Change, revision| {
            change.revision = revision;
            v1::WatchChangeResponse { change: Some(change.into()) }
        };
        Ok(Response::new(Watch::stream(&self.context, LogIndex(after_revision), take, show)?))
    }

    async fn approve_change(
        &self,
        request: Request<v1::ApproveChangeRequest>,
    ) -> Result<Response<v1::ApproveChangeResponse>, Status> {
        let command = |m: v1::ApproveChangeRequest| {
            (m.request_id, Command::ApproveStep { change: m.name, now: m.now_reason })
        };
        let (revision, unchanged) = self.order(request, command).await?;
        Ok(Response::new(v1::ApproveChangeResponse { revision, unchanged }))
    }

    async fn hold_change(
        &self,
        request: Request<v1::HoldChangeRequest>,
    ) -> Result<Response<v1::HoldChangeResponse>, Status> {
        let command = |m: v1::HoldChangeRequest| {
            (m.request_id, Command::HoldChange { change: m.name, hold: m.hold, reason: m.reason })
        };
        let (revision, unchanged) = self.order(request, command).await?;
        Ok(Response::new(v1::HoldChangeResponse { revision, unchanged }))
    }

    async fn release_change(
        &self,
        request: Request<v1::ReleaseChangeRequest>,
    ) -> Result<Response<v1::ReleaseChangeResponse>, Status> {
        let command =
            |m: v1::ReleaseChangeRequest| (m.request_id, Command::ReleaseChange { change: m.name, hold: m.hold });
        let (revision, unchanged) = self.order(request, command).await?;
        Ok(Response::new(v1::ReleaseChangeResponse { revision, unchanged }))
    }

    async fn cancel_change(
        &self,
        request: Request<v1::CancelChangeRequest>,
    ) -> Result<Response<v1::CancelChangeResponse>, Status> {
        let command = |m: v1::CancelChangeRequest| {
            (m.request_id, Command::CancelChange { change: m.name, reason: m.reason })
        };
        let (revision, unchanged) = self.order(request, command).await?;
        Ok(Response::new(v1::CancelChangeResponse { revision, unchanged }))
    }

    async fn rollback_change(
        &self,
        request: Request<v1::RollbackChangeRequest>,
    ) -> Result<Response<v1::RollbackChangeResponse>, Status> {
        let command = |m: v1::RollbackChangeRequest| {
            (m.request_id, Command::RollbackChange { change: m.name, reason: m.reason })
        };
        let (revision, unchanged) = self.order(request, command).await?;
        Ok(Response::new(v1::RollbackChangeResponse { revision, unchanged }))
    }

    async fn retry_change(
        &self,
        request: Request<v1::RetryChangeRequest>,
    ) -> Result<Response<v1::RetryChangeResponse>, Status> {
        let command = |m: v1::RetryChangeRequest| (m.request_id, Command::RetryChange { change: m.name });
        let (revision, unchanged) = self.order(request, command).await?;
        Ok(Response::new(v1::RetryChangeResponse { revision, unchanged }))
    }

    async fn list_versions(
        &self,
        request: Request<v1::ListVersionsRequest>,
    ) -> Result<Response<v1::ListVersionsResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let v1::ListVersionsRequest { page_size, page_token } = request.into_inner();
        let before: Option<u64> = pages::after(&page_token)?;
        self.context.read().await?;
        let (versions, next_page_token) = self.context.consensus.with_state(|state| {
            let following = state.version_log().iter().rev().filter(|e| before.is_none_or(|v| e.version.0 < v));
            let show = |entry| view::version::version(state, entry).into();
            pages::page(following, page_size, |entry| entry.version.to_string(), show)
        });
        Ok(Response::new(v1::ListVersionsResponse { versions, next_page_token }))
    }

    async fn get_version(
        &self,
        request: Request<v1::GetVersionRequest>,
    ) -> Result<Response<v1::GetVersionResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let version = Version(request.into_inner().version);
        self.context.read().await?;
        let of = |state: &State| state.entry(version).map(|entry| view::version::version(state, entry));
        let found = self.context.consensus.with_state(of).ok_or_else(|| {
            status::not_found(&format!(
                "there is no version {version}; `lockstep version list` shows those there are"
            ))
        })?;
        Ok(Response::new(v1::GetVersionResponse { version: Some(found.into()) }))
    }
}

fn look_at(context: &Context, name: &str) -> Result<Option<Look<lockstep_proto::view::Change>>, Status> {
    let found = context.look(|state, around| view::change::change(state, name, around));
    let mut view = found.ok_or_else(|| unknown_change(name))?;
    let revision = std::mem::take(&mut view.revision);
    view.progress.iter_mut().for_each(|progress| progress.age_ms = 0);
    let parts = view.gate.as_ref().map_or(0, |gate| gate.gate.holdouts.len()) + view.session_titles.len();
    Ok(Some(Look { revision, is_final: view.status.is_final(), parts, view }))
}
