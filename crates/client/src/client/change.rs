//! Calls of ChangeService.

use super::{Client, Ordered, PageRequest, Submitted, changes, read, read_page, send};
use crate::watch::Watch;
use crate::{Error, view};
use lockstep_core::change::Spec;
use lockstep_core::{ChangeId, LogIndex, Version};
use lockstep_proto::v1;

/// All of them repeat what failed for a while (see [`crate::Options::retry_timeout`]) before they give an error, which then says
/// whether it is worth to go on ([`Error::retryable`]) and whether something may have happened ([`Error::outcome`]).
impl Client {
    /// Hands in a change.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Conflict`] when the name is taken, [`crate::Kind::Invalid`] when the change is not valid.
    pub async fn submit(&self, spec: Spec) -> Result<Submitted, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("submit change", &request_id);
        let message = v1::SubmitChangeRequest { request_id, spec: Some(spec.into()) };
        let answer = self.call(call, message, send!(changes, submit_change)).await?.message;
        Ok(Submitted { change: ChangeId(answer.change_id), revision: LogIndex(answer.revision) })
    }

    /// One change with its steps, the step in flight and what it waits for.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::NotFound`] when there is none of this name.
    pub async fn change(&self, name: &str) -> Result<view::Change, Error> {
        const OPERATION: &str = "get change";
        let message = v1::GetChangeRequest { name: name.to_owned() };
        let answer = self.call(self.reading(OPERATION), message, send!(changes, get_change)).await?.message;
        read(OPERATION, "change", answer.change)
    }

    /// A page of changes, newest first.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Invalid`] when the page token is none.
    pub async fn list_changes(&self, page: &PageRequest) -> Result<view::Page<view::ChangeSummary>, Error> {
        const OPERATION: &str = "list changes";
        let message = v1::ListChangesRequest { page_size: page.size, page_token: page.token() };
        let answer = self.call(self.reading(OPERATION), message, send!(changes, list_changes)).await?.message;
        read_page(OPERATION, answer.changes, answer.next_page_token)
    }

    /// The change as it is, and again each time it moves; ends after its final status. Resumes by itself on another agent when a
    /// stream breaks, and misses no final status; states in between may be left out.
    #[must_use]
    pub fn watch_change(&self, name: &str, after: LogIndex) -> Watch<view::Change> {
        let name = name.to_owned();
        Watch::new(self.clone(), "watch change", after, move |channel, client, after| {
            let message = v1::WatchChangeRequest { name: name.clone(), after_revision: after.0 };
            let request = client.request(message);
            async move { changes(channel).watch_change(request).await }
        })
    }

    /// Consents to the next step of a change.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role, [`crate::Kind::NotNow`] when the change was reverted or cancelled.
    pub async fn approve(&self, name: &str) -> Result<Ordered, Error> {
        self.approve_for(name, None).await
    }

    /// Consents to the next step of a change, also before the old form has been kept for as long as the change says.
    ///
    /// # Errors
    ///
    /// As [`Client::approve`]; [`crate::Kind::Invalid`] without a reason.
    pub async fn approve_now(&self, name: &str, reason: &str) -> Result<Ordered, Error> {
        self.approve_for(name, Some(reason.to_owned())).await
    }

    async fn approve_for(&self, name: &str, now_reason: Option<String>) -> Result<Ordered, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("approve change", &request_id);
        let message = v1::ApproveChangeRequest { request_id, name: name.to_owned(), now_reason };
        let answer = self.call(call, message, send!(changes, approve_change)).await?.message;
        Ok(ordered(answer.revision, answer.unchanged))
    }

    /// Pauses a change under the name of a hold; reverting goes on.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role, [`crate::Kind::Invalid`] without a reason.
    pub async fn hold(&self, name: &str, hold: &str, reason: &str) -> Result<Ordered, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("hold change", &request_id);
        let (name, hold, reason) = (name.to_owned(), hold.to_owned(), reason.to_owned());
        let message = v1::HoldChangeRequest { request_id, name, hold, reason };
        let answer = self.call(call, message, send!(changes, hold_change)).await?.message;
        Ok(ordered(answer.revision, answer.unchanged))
    }

    /// Lets a held change go on.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role, [`crate::Kind::NotFound`] when there is no such change.
    pub async fn release(&self, name: &str, hold: &str) -> Result<Ordered, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("release change", &request_id);
        let message = v1::ReleaseChangeRequest { request_id, name: name.to_owned(), hold: hold.to_owned() };
        let answer = self.call(call, message, send!(changes, release_change)).await?.message;
        Ok(ordered(answer.revision, answer.unchanged))
    }

    /// Stops a change: the step in flight is reverted, later ones never start, settled ones stay.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role, [`crate::Kind::NotNow`] when the change has settled.
    pub async fn cancel(&self, name: &str, reason: &str) -> Result<Ordered, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("cancel change", &request_id);
        let message = v1::CancelChangeRequest { request_id, name: name.to_owned(), reason: reason.to_owned() };
        let answer = self.call(call, message, send!(changes, cancel_change)).await?.message;
        Ok(ordered(answer.revision, answer.unchanged))
    }

    /// Has the settled steps of a finished change undone.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role, [`crate::Kind::NotNow`] when it cannot be rolled back.
    pub async fn rollback(&self, name: &str, reason: &str) -> Result<Ordered, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("roll back change", &request_id);
        let message = v1::RollbackChangeRequest { request_id, name: name.to_owned(), reason: reason.to_owned() };
        let answer = self.call(call, message, send!(changes, rollback_change)).await?.message;
        Ok(ordered(answer.revision, answer.unchanged))
    }

    /// Has what came to nothing tried again: at once if it is in flight, as versions of their own if it is over.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Denied`] without the operator role, [`crate::Kind::NotNow`] when other changes were built on top of it.
    pub async fn retry(&self, name: &str) -> Result<Ordered, Error> {
        let request_id = self.next_request_id();
        let call = self.writing("retry change", &request_id);
        let message = v1::RetryChangeRequest { request_id, name: name.to_owned() };
        let answer = self.call(call, message, send!(changes, retry_change)).await?.message;
        Ok(ordered(answer.revision, answer.unchanged))
    }

    /// A page of the version log, newest first.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::Invalid`] when the page token is none.
    pub async fn list_versions(&self, page: &PageRequest) -> Result<view::Page<view::Version>, Error> {
        const OPERATION: &str = "list versions";
        let message = v1::ListVersionsRequest { page_size: page.size, page_token: page.token() };
        let answer = self.call(self.reading(OPERATION), message, send!(changes, list_versions)).await?.message;
        read_page(OPERATION, answer.versions, answer.next_page_token)
    }

    /// One entry of the version log.
    ///
    /// # Errors
    ///
    /// [`crate::Kind::NotFound`] when there is none.
    pub async fn version(&self, version: Version) -> Result<view::Version, Error> {
        const OPERATION: &str = "get version";
        let message = v1::GetVersionRequest { version: version.0 };
        let answer = self.call(self.reading(OPERATION), message, send!(changes, get_version)).await?.message;
        read(OPERATION, "version", answer.version)
    }
}

fn ordered(revision: u64, unchanged: Option<v1::Unchanged>) -> Ordered {
    Ordered { revision: LogIndex(revision), unchanged: unchanged.map(Into::into) }
}
