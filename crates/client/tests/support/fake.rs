//! The agent: what it was asked, and what it is to answer.

use lockstep_client::view::{Announcement, Change};
use lockstep_proto::v1::change_service_server::ChangeServiceServer;
use lockstep_proto::v1::session_service_server::SessionServiceServer;
use lockstep_proto::{metadata, v1};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

/// One request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    /// Empty for calls that have none.
    pub(crate) request_id: String,
    /// The version, or the revision to resume after.
    pub(crate) number: u64,
    pub(crate) actor: String,
    pub(crate) operator_token: String,
}

/// What to do with one request.
enum Step {
    /// Answer with an error.
    Refuse(Status),
    /// Answer well, but only once the other end is used or dropped.
    Hold(oneshot::Receiver<()>),
    /// Do not answer.
    Never,
}

type Messages<M> = mpsc::UnboundedSender<Result<M, Status>>;

/// A scripted agent. It stops when the last clone is gone.
#[derive(Clone)]
pub(crate) struct Fake {
    address: String,
    calls: watch::Sender<Vec<Call>>,
    script: Arc<Mutex<HashMap<&'static str, VecDeque<Step>>>>,
    pub(crate) change_watch: Arc<Mutex<Option<Messages<v1::WatchChangeResponse>>>>,
    pub(crate) session_watch: Arc<Mutex<Option<Messages<v1::WatchSessionResponse>>>>,
    pub(crate) announced: Arc<Mutex<u64>>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            address: listener.local_addr().unwrap().to_string(),
            calls: watch::Sender::default(),
            script: Arc::default(),
            change_watch: Arc::default(),
            session_watch: Arc::default(),
            announced: Arc::default(),
        };
        let server = tonic::transport::Server::builder()
            .add_service(ChangeServiceServer::new(fake.clone()))
            .add_service(SessionServiceServer::new(fake.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        fake
    }

    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// What to do with the next request of a method that has no step yet.
    fn then(&self, method: &'static str, step: Step) {
        self.script.lock().unwrap().entry(method).or_default().push_back(step);
    }

    pub(crate) fn refuse(&self, method: &'static str, status: Status) {
        self.then(method, Step::Refuse(status));
    }

    /// The next request of a method is answered when the returned end is used or dropped.
    pub(crate) fn hold(&self, method: &'static str) -> oneshot::Sender<()> {
        let (sender, receiver) = oneshot::channel();
        self.then(method, Step::Hold(receiver));
        sender
    }

    /// No further request of a method is answered.
    pub(crate) fn silence(&self, method: &'static str) {
        (0..1_000).for_each(|_| self.then(method, Step::Never));
    }

    /// Requests of a method so far.
    pub(crate) fn calls(&self, method: &str) -> Vec<Call> {
        self.calls.borrow().iter().filter(|call| call.method == method).cloned().collect()
    }

    /// All requests so far, by method.
    pub(crate) fn methods(&self) -> Vec<&'static str> {
        self.calls.borrow().iter().map(|call| call.method).collect()
    }

    /// Waits until so many requests of a method have arrived.
    pub(crate) async fn called(&self, method: &str, times: usize) -> Vec<Call> {
        let enough = |calls: &Vec<Call>| calls.iter().filter(|call| call.method == method).count() >= times;
        self.calls.subscribe().wait_for(enough).await.unwrap();
        self.calls(method)
    }

    /// Log index of what renewals call announced.
    pub(crate) fn set_announced_revision(&self, revision: u64) {
        *self.announced.lock().unwrap() = revision;
    }

    /// Sends to the newest watch of a session.
    pub(crate) fn announce(&self, announcement: Announcement) {
        let message = v1::WatchSessionResponse { announcement: Some(announcement.into()) };
        let watch = self.session_watch.lock().unwrap();
        watch.as_ref().expect("the test waited for a watch").send(Ok(message)).unwrap();
    }

    /// Sends to the newest watch of a change.
    pub(crate) fn send_change(&self, change: Change) {
        let message = v1::WatchChangeResponse { change: Some(change.into()) };
        let watch = self.change_watch.lock().unwrap();
        watch.as_ref().expect("the test waited for a watch").send(Ok(message)).unwrap();
    }

    /// Ends the newest watch of a change, as an agent does that stops.
    pub(crate) fn end_change_watch(&self) {
        *self.change_watch.lock().unwrap() = None;
    }

    /// Notes a request and does what the script says.
    pub(crate) async fn enter<Q>(
        &self,
        method: &'static str,
        request: &Request<Q>,
        request_id: &str,
        number: u64,
    ) -> Result<(), Status> {
        let text =
            |read: fn(&MetadataMap) -> Option<&str>| read(request.metadata()).unwrap_or_default().to_owned();
        let (actor, operator_token) = (text(metadata::actor), text(metadata::operator_token));
        let request_id = request_id.to_owned();
        let step = self.script.lock().unwrap().get_mut(method).and_then(VecDeque::pop_front);
        self.calls.send_modify(|calls| calls.push(Call { method, request_id, number, actor, operator_token }));
        match step {
            None => Ok(()),
            Some(Step::Refuse(status)) => Err(status),
            Some(Step::Hold(receiver)) => {
                let _ = receiver.await;
                Ok(())
            }
            Some(Step::Never) => std::future::pending().await,
        }
    }
}
