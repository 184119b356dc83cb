//! A network that can be cut: one proxy before the peer port of every agent.
//!
//! All agents live on one machine, so a proxy tells who is calling by the process that owns the other end of the connection.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Who can reach whom.
#[derive(Clone, Debug, Default)]
pub struct Network {
    rules: Arc<watch::Sender<Rules>>,
    processes: Arc<Mutex<BTreeMap<u32, String>>>,
}

#[derive(Clone, Debug, Default)]
struct Rules {
    isolated: BTreeSet<String>,
}

impl Rules {
    fn allow(&self, from: &str, to: &str) -> bool {
        !self.isolated.contains(from) && !self.isolated.contains(to)
    }
}

impl Network {
    /// Says which process speaks for `agent` from now on.
    pub fn register(&self, process: u32, agent: &str) {
        let mut processes = self.processes.lock().expect("no holder panics");
        processes.retain(|_, name| name != agent);
        processes.insert(process, agent.to_owned());
    }

    /// Cuts `agent` off from all others, in both directions.
    pub fn isolate(&self, agent: &str) {
        self.rules.send_modify(|rules| {
            rules.isolated.insert(agent.to_owned());
        });
    }

    /// Lets everybody reach everybody again.
    pub fn heal(&self) {
        self.rules.send_modify(|rules| rules.isolated.clear());
    }

    /// Puts a proxy before `agent`, which listens at `target`; returns where others reach it.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn proxy(&self, agent: &str, target: SocketAddr) -> std::io::Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (network, agent) = (self.clone(), agent.to_owned());
        tokio::spawn(async move {
            while let Ok((connection, caller)) = listener.accept().await {
                tokio::spawn(network.clone().carry(connection, caller, agent.clone(), target));
            }
        });
        Ok(address)
    }

    async fn carry(self, mut connection: TcpStream, caller: SocketAddr, to: String, target: SocketAddr) {
        let Ok(proxy) = connection.local_addr() else { return };
        let Some(from) = self.owner_of(caller, proxy) else { return };
        let mut rules = self.rules.subscribe();
        if !rules.borrow_and_update().allow(&from, &to) {
            return;
        }
        let Ok(mut onward) = TcpStream::connect(target).await else { return };
        let cut = async {
            // An error means that the network is gone, and with it the test.
            let _ = rules.wait_for(|rules| !rules.allow(&from, &to)).await;
        };
        tokio::select! {
            _ = copy_bidirectional(&mut connection, &mut onward) => {}
            () = cut => {}
        }
    }

    /// The agent whose process opened the connection from `caller` to `proxy`.
    fn owner_of(&self, caller: SocketAddr, proxy: SocketAddr) -> Option<String> {
        let inode = inode_of(caller.port(), proxy.port())?;
        let processes = self.processes.lock().expect("no holder panics").clone();
        processes.into_iter().find(|(process, _)| holds_socket(*process, &inode)).map(|(_, agent)| agent)
    }
}

/// The socket with these ports: one port may serve several connections to different places, so both are needed. See proc(5),
/// /proc/net/tcp: column 1 is the local address, column 2 the remote one, column 9 the inode.
fn inode_of(local_port: u16, remote_port: u16) -> Option<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let has_port =
        |address: Option<&&str>, port: u16| address.is_some_and(|text| text.ends_with(&format!(":{port:04X}")));
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|columns| has_port(columns.get(1), local_port) && has_port(columns.get(2), remote_port))
        .and_then(|columns| columns.get(9).map(|inode| (*inode).to_owned()))
}

fn holds_socket(process: u32, inode: &str) -> bool {
    let wanted = format!("socket:[{inode}]");
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    descriptors
        .flatten()
        .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|link| link == Path::new(&wanted)))
}
