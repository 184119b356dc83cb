//! Calls to other agents: one channel a peer, kept open, with deadlines and bounded messages.

use crate::{Config, Error};
use lockstep_proto::v1::PeerHeader;
use lockstep_proto::v1::peer_service_client::PeerServiceClient;
use lockstep_storage::Identity;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

/// The newest format of peer payloads that this program speaks.
pub(crate) const FORMAT: u32 = 1;
/// Longest peer message. Entries are cut to 1 MiB a message; a single one may have 512 KiB.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Metadata key under which a refused call says which rule refused it.
pub(crate) const REFUSED_KEY: &str = "lockstep-refused";
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) type Client = PeerServiceClient<Channel>;

/// Why the called agent refused a call before it looked at the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It belongs to another cluster.
    WrongCluster,
    /// It has another node id than the one that was meant.
    WrongNode,
    /// It has no node id yet.
    NotMember,
    /// The caller was removed from the cluster.
    SenderRemoved,
}

impl Refused {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WrongCluster => "wrong-cluster",
            Self::WrongNode => "wrong-node",
            Self::NotMember => "not-a-member",
            Self::SenderRemoved => "sender-removed",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let all = [Self::WrongCluster, Self::WrongNode, Self::NotMember, Self::SenderRemoved];
        all.into_iter().find(|refused| refused.name() == name)
    }
}

/// Why a call gave no answer.
#[derive(Clone, Debug)]
pub(crate) enum CallError {
    /// The call had no effect: no connection, or refused at the door.
    NotDone(String),
    /// The deadline passed; the call may have had its effect.
    Deadline(Duration),
    /// The connection broke or the agent failed; the call may have had its effect.
    Unknown(String),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotDone(reason) | Self::Unknown(reason) => formatter.write_str(reason),
            Self::Deadline(deadline) => write!(formatter, "no answer within {deadline:?}"),
        }
    }
}

impl std::error::Error for CallError {}

/// What a member says of its peer address before the cluster has agreed on it.
struct Moved {
    /// What the cluster believes when the member says so.
    from: String,
    to: String,
    /// Whether it is called where the cluster believes that it is.
    back: bool,
}

impl Moved {
    fn address(&self) -> &str {
        if self.back { &self.from } else { &self.to }
    }
}

/// The way to all other agents.
pub(crate) struct Peers {
    connect_timeout: Duration,
    identity: OnceLock<Identity>,
    channels: Mutex<HashMap<String, Channel>>,
    moved: Mutex<HashMap<u64, Moved>>,
    removed: watch::Sender<bool>,
    #[cfg(test)]
    pub(crate) cut_off: std::sync::atomic::AtomicBool,
}

impl Peers {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            connect_timeout: config.connect_timeout,
            identity: OnceLock::new(),
            channels: Mutex::default(),
            moved: Mutex::default(),
            removed: watch::Sender::new(false),
            #[cfg(test)]
            cut_off: std::sync::atomic::AtomicBool::new(false),
        }
    }

    /// Who this agent is; called once, before it takes part.
    pub(crate) fn identify(&self, identity: Identity) {
        // A second call brings the same identity: the store refuses another one.
        let _ = self.identity.set(identity);
    }

    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.get()
    }

    /// Turns true once this node has been removed from the cluster.
    pub(crate) fn removed(&self) -> &watch::Sender<bool> {
        &self.removed
    }

    /// A member says that it has moved. It is called there at once: its own vote may be needed to agree on that. Should another
    /// agent be there, that one refuses the calls.
    pub(crate) fn moved(&self, node: u64, from: String, to: String) {
        self.moves().insert(node, Moved { from, to, back: false });
    }

    /// Where a member is to be called; `agreed` is where the cluster believes that it is.
    pub(crate) fn address_of(&self, node: u64, agreed: String) -> String {
        // Once the cluster has agreed on something else, that is newer.
        self.moves()
            .get(&node)
            .filter(|moved| moved.from == agreed)
            .map_or(agreed, |moved| moved.address().to_owned())
    }

    /// A call failed. A member that has moved is called at its other address next: it may have gone back before the cluster
    /// agreed, or only be slow. A call that was made to the other address before tells nothing.
    pub(crate) fn call_failed(&self, address: &str) {
        for moved in self.moves().values_mut().filter(|moved| moved.address() == address) {
            moved.back = !moved.back;
        }
    }

    fn moves(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Moved>> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn header(&self, target: u64) -> PeerHeader {
        let identity = self.identity();
        PeerHeader {
            cluster_id: identity.map(|identity| identity.cluster_id.clone()).unwrap_or_default(),
            sender_node_id: identity.map_or(0, |identity| identity.node_id),
            target_node_id: target,
            format: FORMAT,
        }
    }

    /// Makes one call, within `deadline` altogether.
    pub(crate) async fn call<Answer, Calling>(
        &self,
        address: &str,
        deadline: Duration,
        call: impl FnOnce(Client) -> Calling,
    ) -> Result<Answer, CallError>
    where
        Calling: Future<Output = Result<Response<Answer>, Status>>,
    {
        let client = self.client(address)?;
        let answer = match tokio::time::timeout(deadline, call(client)).await {
            Err(_) => Err(CallError::Deadline(deadline)),
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.classify(&status)),
        };
        answer.inspect_err(|_| self.call_failed(address))
    }

    /// For calls that are streams; whoever makes one keeps its deadlines, asks [`Peers::check_reachable`] again, and says when it
    /// failed ([`Peers::call_failed`]).
    pub(crate) fn client(&self, address: &str) -> Result<Client, CallError> {
        self.check_reachable()?;
        let channel = self.channel(address).map_err(|error| CallError::NotDone(error.to_string()))?;
        Ok(PeerServiceClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    fn channel(&self, address: &str) -> Result<Channel, Error> {
        // Only whole channels are inserted: a panic elsewhere leaves the map good.
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| Error::Peer {
            address: address.to_owned(),
            reason: format!("not an address of the form host:port: {error}"),
        })?;
        let channel = endpoint
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(KEEPALIVE_INTERVAL))
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .connect_lazy();
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    #[cfg(test)]
    pub(crate) fn check_reachable(&self) -> Result<(), CallError> {
        if self.cut_off.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(CallError::NotDone("cut off by the test".to_owned()));
        }
        Ok(())
    }

    #[cfg(not(test))]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "tests cut agents off here")]
    pub(crate) fn check_reachable(&self) -> Result<(), CallError> {
        Ok(())
    }

    pub(crate) fn classify(&self, status: &Status) -> CallError {
        let refused =
            status.metadata().get(REFUSED_KEY).and_then(|name| name.to_str().ok()).and_then(Refused::parse);
        if refused == Some(Refused::SenderRemoved) {
            self.removed.send_replace(true);
        }
        if refused.is_some() || never_connected(status) {
            return CallError::NotDone(describe(status));
        }
        match status.code() {
            // Said by the called agent in so many words, before it did anything.
            Code::InvalidArgument | Code::NotFound | Code::Unimplemented | Code::ResourceExhausted => {
                CallError::NotDone(describe(status))
            }
            _ => CallError::Unknown(describe(status)),
        }
    }
}

fn describe(status: &Status) -> String {
    match std::error::Error::source(status) {
        Some(source) => format!("{}: {source}", status.message()),
        None => status.message().to_owned(),
    }
}

/// True when no byte of the call left this machine.
fn never_connected(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_moved_is_called_at_both_addresses_in_turn() {
        let peers = Peers::new(&Config::default());
        let called = |agreed: &str| peers.address_of(2, agreed.to_owned());
        peers.moved(2, "old:1".to_owned(), "new:1".to_owned());
        assert_eq!(called("old:1"), "new:1");
        peers.call_failed("old:1");
        assert_eq!(called("old:1"), "new:1", "that call had been made before it moved");
        peers.call_failed("new:1");
        assert_eq!(called("old:1"), "old:1");
        peers.call_failed("old:1");
        assert_eq!(called("old:1"), "new:1");
        assert_eq!(called("agreed:1"), "agreed:1");
    }
}
