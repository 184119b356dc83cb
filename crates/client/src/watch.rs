//! Watches: streams that resume where they broke.

use crate::call::Attempts;
use crate::client::{Client, read};
use crate::endpoints::Agent;
use crate::{Error, view};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lockstep_core::LogIndex;
use lockstep_proto::{convert, v1};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};

/// Something that can be watched. Implemented for views; of no use to others.
pub trait Watched: Sized {
    /// What carries it.
    type Message: Send + 'static;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// When the message cannot be what it says.
    fn read(operation: &'static str, message: Self::Message) -> Result<Self, Error>;

    /// Of the state that it was read from.
    fn revision(&self) -> LogIndex;

    /// True: nothing follows, so a stream that ends after it is complete.
    fn is_final(&self) -> bool {
        false
    }
}

type Opening<M> = BoxFuture<'static, Result<Response<Streaming<M>>, Status>>;
type Open<M> = Box<dyn Fn(Channel, &Client, LogIndex) -> Opening<M> + Send + Sync>;

/// A stream of states, newest last. It resumes by itself on another agent when it breaks; after an error it is over.
pub struct Watch<T: Watched> {
    client: Client,
    operation: &'static str,
    open: Open<T::Message>,
    after: LogIndex,
    stream: Option<(Agent, Streaming<T::Message>)>,
    is_over: bool,
    last_was_final: bool,
}

impl<T: Watched> Watch<T> {
    pub(crate) fn new<F>(
        client: Client,
        operation: &'static str,
        after: LogIndex,
        open: impl Fn(Channel, &Client, LogIndex) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response<Streaming<T::Message>>, Status>> + Send + 'static,
    {
        let open: Open<T::Message> = Box::new(move |channel, client, after| open(channel, client, after).boxed());
        Self { client, operation, open, after, stream: None, is_over: false, last_was_final: false }
    }

    /// The next state; `None` when there will be none. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    ///
    /// When the watch was refused, or could not be resumed within [`crate::Options::retry_timeout`]. Then it is over; begin
    /// another after [`Watch::revision`].
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        if self.is_over {
            return None;
        }
        let next = self.next_or_resume().await.transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }

    /// Revision of the newest state that was returned.
    #[must_use]
    pub fn revision(&self) -> LogIndex {
        self.after
    }

    /// As a [`futures_util::Stream`].
    pub fn into_stream(self) -> impl futures_util::Stream<Item = Result<T, Error>> + Send
    where
        T: Send + 'static,
    {
        futures_util::stream::unfold(self, |mut watch| async move { watch.next().await.map(|item| (item, watch)) })
    }

    async fn next_or_resume(&mut self) -> Result<Option<T>, Error> {
        // Kept out of the attempts' borrow: the clone is two reference counts.
        let client = self.client.clone();
        // Made at the first failure: a quiet watch may wait for hours before its stream breaks.
        let mut attempts = None;
        loop {
            let (agent, failure) = match self.take_next().await {
                Ok(message) => match self.accept(message)? {
                    Some(item) => return Ok(Some(item)),
                    None => continue,
                },
                Err(_) if self.last_was_final => return Ok(None),
                Err(failed) => *failed,
            };
            self.stream = None;
            let attempts = attempts.get_or_insert_with(|| Attempts::new(&client, client.reading(self.operation)));
            attempts.next(&agent, &failure).await?;
        }
    }

    async fn take_next(&mut self) -> Result<T::Message, Box<(Agent, Status)>> {
        if self.stream.is_none() {
            self.stream = Some(self.open_stream().await?);
        }
        let Some((agent, stream)) = &mut self.stream else {
            unreachable!("the stream was opened above");
        };
        let failure = match stream.message().await {
            Ok(Some(message)) => return Ok(message),
            // An agent that stops ends its streams in good order; the watch goes on with another one.
            Ok(None) => Status::unavailable("the agent ended the watch"),
            Err(status) => status,
        };
        Err(Box::new((agent.clone(), failure)))
    }

    async fn open_stream(&self) -> Result<(Agent, Streaming<T::Message>), Box<(Agent, Status)>> {
        let agent = self.client.endpoints().pick();
        let opening = (self.open)(agent.channel.clone(), &self.client, self.after);
        match timeout(self.client.options().call_timeout, opening).await {
            Ok(Ok(response)) => Ok((agent, response.into_inner())),
            Ok(Err(status)) => Err(Box::new((agent, status))),
            Err(_) => Err(Box::new((agent, Status::deadline_exceeded("the watch was not answered in time")))),
        }
    }

    /// `None` for what is older than what was returned before: it comes from an agent that lags.
    fn accept(&mut self, message: T::Message) -> Result<Option<T>, Error> {
        let item = T::read(self.operation, message)?;
        if item.revision() < self.after {
            return Ok(None);
        }
        self.after = item.revision();
        self.last_was_final = item.is_final();
        Ok(Some(item))
    }
}

impl Watched for view::Change {
    type Message = v1::WatchChangeResponse;

    fn read(operation: &'static str, message: Self::Message) -> Result<Self, Error> {
        read(operation, "change", message.change)
    }

    fn revision(&self) -> LogIndex {
        self.revision
    }

    fn is_final(&self) -> bool {
        self.status.is_final()
    }
}

impl Watched for view::ClusterStatus {
    type Message = v1::WatchStatusResponse;

    fn read(operation: &'static str, message: Self::Message) -> Result<Self, Error> {
        read(operation, "status", message.status)
    }

    fn revision(&self) -> LogIndex {
        self.revision
    }
}

impl Watched for view::Announcement {
    type Message = v1::WatchSessionResponse;

    fn read(operation: &'static str, message: Self::Message) -> Result<Self, Error> {
        convert::required("announcement", message.announcement)
            .map_err(|error| Error::unreadable(operation, &error))
    }

    fn revision(&self) -> LogIndex {
        self.revision
    }
}
