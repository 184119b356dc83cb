//! The two ports.

use crate::{Config, Error};
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Both ports, taken before anything else is told of this agent.
pub(super) struct Ports {
    pub(super) client: TcpListener,
    pub(super) peer: TcpListener,
    pub(super) client_address: SocketAddr,
    pub(super) peer_address: SocketAddr,
}

impl Ports {
    pub(super) async fn take(config: &Config) -> Result<Self, Error> {
        let (client, client_address) = listen("listen.client", config.listen.client).await?;
        let (peer, peer_address) = listen("listen.peer", config.listen.peer).await?;
        Ok(Self { client, peer, client_address, peer_address })
    }
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::AddrInUse => Error::AddressInUse { key, address },
        _ => Error::Listen { key, address, reason: error.to_string() },
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let found = listener.local_addr().map_err(refused)?;
    Ok((listener, found))
}
