//! ClusterService.

use super::watch::{Look, Streamed, Watch};
use super::{Context, caller, catalog, pages};
use crate::{token, view};
use lockstep_core::{Command, LogIndex, Refusal, State, Timestamp};
use lockstep_proto::v1::cluster_service_server::ClusterService;
use lockstep_proto::view::{ClusterStatus, Member};
use lockstep_proto::{convert, limits, status, v1};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Shows and administers the cluster.
pub(super) struct Clusters {
    pub(super) context: Arc<Context>,
}

fn no_cluster() -> Status {
    status::no_quorum("this agent is not (yet) a member of a cluster; ask another one, or again")
}

#[tonic::async_trait]
impl ClusterService for Clusters {
    async fn get_status(
        &self,
        _request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let digest = |state: &State| self.context.digest(state);
        let status = self.context.look(|state, around| view::cluster::status(state, around, digest));
        Ok(Response::new(v1::GetStatusResponse { status: Some(status.ok_or_else(no_cluster)?.into()) }))
    }

    type WatchStatusStream = Streamed<v1::WatchStatusResponse>;

    async fn watch_status(
        &self,
        request: Request<v1::WatchStatusRequest>,
    ) -> Result<Response<Self::WatchStatusStream>, Status> {
        let after = LogIndex(request.into_inner().after_revision);
        let show = |mut status: ClusterStatus, revision| {
            status.revision = revision;
            v1::WatchStatusResponse { status: Some(status.into()) }
        };
        Ok(Response::new(Watch::stream(&self.context, after, look_at, show)?))
    }

    async fn get_gate(
        &self,
        _request: Request<v1::GetGateRequest>,
    ) -> Result<Response<v1::GetGateResponse>, Status> {
        let _permit = self.context.admit_call()?;
        self.context.read().await?;
        let (gate, revision) =
            self.context.look(|state, around| (view::gate::gate(state, around), state.applied().0));
        Ok(Response::new(v1::GetGateResponse { gate: gate.map(Into::into), revision }))
    }

    async fn list_nodes(
        &self,
        request: Request<v1::ListNodesRequest>,
    ) -> Result<Response<v1::ListNodesResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let v1::ListNodesRequest { page_size, page_token } = request.into_inner();
        self.context.read().await?;
        let members = self.context.look(view::cluster::members);
        let following = members.into_iter().filter(|member| member.node.name > page_token);
        let (members, next_page_token) = pages::page(following, page_size, |m| m.node.name.clone(), Member::into);
        Ok(Response::new(v1::ListNodesResponse { members, next_page_token }))
    }

    async fn get_node(
        &self,
        request: Request<v1::GetNodeRequest>,
    ) -> Result<Response<v1::GetNodeResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let name = request.into_inner().name;
        self.context.read().await?;
        let found =
            self.context.look(|state, around| Some(view::member::member(state.node_named(&name)?, around)));
        let member = found.ok_or_else(|| status::from_refusal(&Refusal::UnknownNode { name }))?;
        Ok(Response::new(v1::GetNodeResponse { member: Some(member.into()) }))
    }

    async fn remove_node(
        &self,
        request: Request<v1::RemoveNodeRequest>,
    ) -> Result<Response<v1::RemoveNodeResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let actor = caller::actor(&request, &self.context.security)?;
        let v1::RemoveNodeRequest { request_id, name, reason, force } = request.into_inner();
        let command = Command::RemoveNode { node: name, reason, force };
        let committed = self.context.propose(request_id, actor, command).await?;
        Ok(Response::new(v1::RemoveNodeResponse { revision: committed.index.0 }))
    }

    async fn accept_node(
        &self,
        request: Request<v1::AcceptNodeRequest>,
    ) -> Result<Response<v1::AcceptNodeResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let actor = caller::actor(&request, &self.context.security)?;
        let v1::AcceptNodeRequest { request_id, name, reason } = request.into_inner();
        let command = Command::AcceptNode { node: name, reason };
        let committed = self.context.propose(request_id, actor, command).await?;
        Ok(Response::new(v1::AcceptNodeResponse { revision: committed.index.0 }))
    }

    async fn issue_join_token(
        &self,
        request: Request<v1::IssueJoinTokenRequest>,
    ) -> Result<Response<v1::IssueJoinTokenResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let actor = caller::actor(&request, &self.context.security)?;
        let v1::IssueJoinTokenRequest { request_id, secret, expires_at_ms } = request.into_inner();
        check_secret(&secret)?;
        let token_hash = lockstep_consensus::token_hash(&secret);
        let command = Command::IssueJoinToken { token_hash, expires_at: Timestamp(expires_at_ms) };
        let committed = self.context.propose(request_id, actor, command).await?;
        let cluster_id = |state: &State| state.cluster().map(|cluster| cluster.id.clone());
        let cluster_id = self.context.consensus.with_state(cluster_id).ok_or_else(no_cluster)?;
        let join_token = token::JoinToken { cluster_id, secret }.to_string();
        Ok(Response::new(v1::IssueJoinTokenResponse { join_token, revision: committed.index.0 }))
    }

    async fn get_catalog(
        &self,
        _request: Request<v1::GetCatalogRequest>,
    ) -> Result<Response<v1::GetCatalogResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let catalog = self.context.until_stopping(catalog::read(&self.context)).await?;
        Ok(Response::new(catalog::response(catalog)?))
    }

    async fn list_audit(
        &self,
        request: Request<v1::ListAuditRequest>,
    ) -> Result<Response<v1::ListAuditResponse>, Status> {
        let _permit = self.context.admit_call()?;
        let v1::ListAuditRequest { page_size, page_token } = request.into_inner();
        let before: Option<u64> = pages::after(&page_token)?;
        self.context.read().await?;
        let (records, next_page_token) = self.context.consensus.with_state(|state| {
            let following = state.audit().iter().rev().filter(|r| before.is_none_or(|index| r.index.0 < index));
            pages::page(following, page_size, |record| record.index.to_string(), |record| record.clone().into())
        });
        Ok(Response::new(v1::ListAuditResponse { records, next_page_token }))
    }
}

fn check_secret(secret: &str) -> Result<(), Status> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if secret.len() < limits::JOIN_SECRET_CHARS_MIN || !secret.bytes().all(is_plain) {
        let problem = format!("must be random, at least {} of [0-9a-zA-Z_-]", limits::JOIN_SECRET_CHARS_MIN);
        return Err(status::invalid(&convert::Error::new("secret", problem)));
    }
    Ok(())
}

/// Ages are left out of what is compared, or the status would move all the time. The digest moves with the revision.
fn look_at(context: &Context) -> Result<Option<Look<ClusterStatus>>, Status> {
    const PARTS_OF_A_STATUS: usize = 1_000;
    let digest = |state: &State| context.digest(state);
    let found = context.look(|state, around| view::cluster::status(state, around, digest));
    // An agent that has just joined or started has not read its state yet.
    let Some(mut view) = found else { return Ok(None) };
    let revision = std::mem::take(&mut view.revision);
    for member in &mut view.members {
        member.last_seen_age_ms = member.last_seen_age_ms.map(|age_ms| age_ms / 10_000 * 10_000);
        if let Some(progress) = &mut member.progress {
            progress.age_ms = 0;
        }
    }
    let parts = PARTS_OF_A_STATUS + view.gate.as_ref().map_or(0, |gate| gate.gate.holdouts.len());
    Ok(Some(Look { revision, is_final: false, parts, view }))
}
