//! What an agent tells others about where it is.

use super::error::Error;
use super::{Advertise, Config};
use lockstep_core::node::Addresses;
use std::net::SocketAddr;

impl Config {
    /// The addresses to tell others, given where the agent really listens (which matters for port 0).
    ///
    /// # Errors
    ///
    /// [`Error::Contradiction`] when it listens on all interfaces and is told no address for others.
    pub fn advertised(&self, client: SocketAddr, peer: SocketAddr) -> Result<Addresses, Error> {
        let Advertise { client: told_client, peer: told_peer } = &self.advertise;
        Ok(Addresses {
            client: advertised("client", told_client.as_deref(), client)?,
            peer: advertised("peer", told_peer.as_deref(), peer)?,
        })
    }
}

fn advertised(which: &str, told: Option<&str>, listens: SocketAddr) -> Result<String, Error> {
    match told {
        Some(address) => Ok(address.to_owned()),
        None if listens.ip().is_unspecified() => Err(Error::Contradiction {
            problem: format!(
                "`listen.{which}` is {listens}, all interfaces, so others cannot be told where to go; set `advertise.{which}` \
                 to the host name or address by which they reach this agent, with its port"
            ),
        }),
        None => Ok(listens.to_string()),
    }
}
