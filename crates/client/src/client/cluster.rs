//! Calls of ClusterService.

use super::{Client, IssuedJoinToken, PageRequest, cluster, read, read_page, send};
use crate::watch::Watch;
use crate::{Error, view};
use lockstep_core::{LogIndex, Timestamp, audit};
use lockstep_proto::{convert, v1};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// As for changes: what failed is repeated for a while before an error is given.
impl Client {
    /// The cluster as the answering agent sees it. Works without a quorum.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Unreachable`] when no agent answers.
    pub async fn status(&self) -> Result<view::ClusterStatus, Error> {
        const OPERATION: &str = "get status";
        let call = self.reading(OPERATION);
        let answer = self.call(call, v1::GetStatusRequest {}, send!(cluster, get_status)).await?.message;
        read(OPERATION, "status", answer.status)
    }

    /// The status as it is, and again each time it moves. Resumes by itself on another agent.
    #[must_use]
    pub fn watch_status(&self, after: LogIndex) -> Watch<view::ClusterStatus> {
        Watch::new(self.clone(), "watch status", after, move |channel, client, after| {
            let request = client.request(v1::WatchStatusRequest { after_revision: after.0 });
            async move { cluster(channel).watch_status(request).await }
        })
    }

    /// What the next move of the cluster waits for; `None` when nothing waits.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Unreachable`] when no agent answers.
    pub async fn why(&self) -> Result<Option<view::Gate>, Error> {
        const OPERATION: &str = "get gate";
        let call = self.reading(OPERATION);
        let answer = self.call(call, v1::GetGateRequest {}, send!(cluster, get_gate)).await?.message;
        convert::optional("gate", answer.gate).map_err(|error| Error::unreadable(OPERATION, &error))
    }

    /// A page of members, by name.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Invalid`] when the page token is none.
    pub async fn list_nodes(&self, page: &PageRequest) -> Result<view::Page<view::Member>, Error> {
        const OPERATION: &str = "list nodes";
        let message = v1::ListNodesRequest { page_size: page.size, page_token: page.token() };
        let answer = self.call(self.reading(OPERATION), message, send!(cluster, list_nodes)).await?.message;
        read_page(OPERATION, answer.members, answer.next_page_token)
    }

    /// One member.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::NotFound`] when there is none of this name.
    pub async fn node(&self, name: &str) -> Result<view::Member, Error> {
        const OPERATION: &str = "get node";
        let message = v1::GetNodeRequest { name: name.to_owned() };
        let answer = self.call(self.reading(OPERATION), message, send!(cluster, get_node)).await?.message;
        read(OPERATION, "member", answer.member)
    }

    /// Takes a member out for good; `force`: even when a gate waits for it. Returns the log index at which that took effect.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role; [`crate::Kind::NotNow`], with the holdouts, when it takes force.
    pub async fn remove_node(&self, name: &str, reason: &str, force: bool) -> Result<LogIndex, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("remove node", &request_id);
        let (name, reason) = (name.to_owned(), reason.to_owned());
        let message = v1::RemoveNodeRequest { request_id, name, reason, force };
        Ok(LogIndex(self.call(call, message, send!(cluster, remove_node)).await?.message.revision))
    }

    /// Takes the schema of a quarantined member, which all members have alike, for what the settled version gives. Returns the log
    /// index at which that took effect.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role; [`crate::Kind::NotNow`] while the members do not agree.
    pub async fn accept_node(&self, name: &str, reason: &str) -> Result<LogIndex, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("accept node", &request_id);
        let message = v1::AcceptNodeRequest { request_id, name: name.to_owned(), reason: reason.to_owned() };
        Ok(LogIndex(self.call(call, message, send!(cluster, accept_node)).await?.message.revision))
    }

    /// Makes a secret with which new agents may join for a while.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role.
    pub async fn issue_join_token(&self, valid_for: Duration) -> Result<IssuedJoinToken, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("issue join token", &request_id);
        let expires_at = SystemTime::now() + valid_for;
        let expires_at = expires_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let expires_at_ms = u64::try_from(expires_at).unwrap_or(u64::MAX);
        // Two random UUIDs: 244 bits from the system's generator.
        let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let message = v1::IssueJoinTokenRequest { request_id, secret, expires_at_ms };
        let answer = self.call(call, message, send!(cluster, issue_join_token)).await?.message;
        Ok(IssuedJoinToken { join_token: answer.join_token, expires_at: Timestamp(expires_at_ms) })
    }

    /// The schema of the answering agent's own database, with its engine's version and the sizes of its tables. All databases of
    /// a cluster at one version have the same schema; sizes and engine versions may differ.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::NotNow`] when it does not fit into a response; [`crate::Kind::Unreachable`] when no database answers.
    pub async fn catalog(&self) -> Result<view::Catalog, Error> {
        const OPERATION: &str = "get catalog";
        let message = v1::GetCatalogRequest {};
        let answer = self.call(self.reading(OPERATION), message, send!(cluster, get_catalog)).await?.message;
        read(OPERATION, "catalog", answer.catalog)
    }

    /// A page of the audit trail, newest first.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Invalid`] when the page token is none.
    pub async fn list_audit(&self, page: &PageRequest) -> Result<view::Page<audit::Record>, Error> {
        const OPERATION: &str = "list audit";
        let message = v1::ListAuditRequest { page_size: page.size, page_token: page.token() };
        let answer = self.call(self.reading(OPERATION), message, send!(cluster, list_audit)).await?.message;
        read_page(OPERATION, answer.records, answer.next_page_token)
    }
}
