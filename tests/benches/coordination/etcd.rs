//! Three members of etcd on loopback, with its defaults, asked over the same gRPC library as Lockstep.

use crate::load::Commits;
use crate::sessions::ENTRY_BYTES;
use anyhow::{Context, Result};
use lockstep_tests::agent::free_address;
use lockstep_tests::wait;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

const MEMBERS: usize = 3;

/// A cluster of etcd. Killed when dropped.
pub(crate) struct Etcd {
    members: Vec<Member>,
    _directory: TempDir,
}

struct Member {
    client_address: String,
    process: Child,
}

impl Drop for Member {
    fn drop(&mut self) {
        // Either may fail only because it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Etcd {
    /// `None` when it is not installed.
    pub(crate) async fn start() -> Result<Option<Self>> {
        if Command::new("etcd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let directory = tempfile::tempdir()?;
        let peers = (0..MEMBERS).map(|_| Ok(free_address()?.to_string())).collect::<Result<Vec<_>>>()?;
        let named = peers.iter().enumerate().map(|(number, peer)| format!("m{number}=http://{peer}"));
        let initial = named.collect::<Vec<_>>().join(",");
        let members = peers
            .iter()
            .enumerate()
            .map(|(number, peer)| Member::start(directory.path(), number, peer, &initial))
            .collect::<Result<Vec<_>>>()?;
        let etcd = Self { members, _directory: directory };
        wait::until("etcd has a leader", async || etcd.leader().await).await;
        Ok(Some(etcd))
    }

    /// Where the leader serves clients.
    pub(crate) async fn leader(&self) -> Result<String> {
        for member in &self.members {
            let status: StatusResponse =
                call(&channel(&member.client_address)?, "/etcdserverpb.Maintenance/Status", StatusRequest {})
                    .await?;
            if status.header.is_some_and(|header| header.member_id == status.leader) {
                return Ok(member.client_address.clone());
            }
        }
        anyhow::bail!("no member of etcd leads")
    }
}

impl Member {
    fn start(directory: &Path, number: usize, peer: &str, initial: &str) -> Result<Self> {
        let client_address = free_address()?.to_string();
        let (client_url, peer_url) = (format!("http://{client_address}"), format!("http://{peer}"));
        let process = Command::new("etcd")
            .args([
                "--name",
                &format!("m{number}"),
                "--initial-cluster",
                initial,
                "--initial-cluster-state",
                "new",
            ])
            .args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url])
            .args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url])
            .arg("--data-dir")
            .arg(directory.join(format!("m{number}")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start etcd")?;
        Ok(Self { client_address, process })
    }
}

/// A client that puts a value of [`ENTRY_BYTES`] under a key of its own.
pub(crate) struct Put {
    channel: Channel,
    key: Vec<u8>,
}

impl Put {
    /// So many clients, each with a connection of its own.
    pub(crate) fn many(address: &str, count: usize) -> Result<Vec<Self>> {
        let client =
            |number| Ok(Self { channel: channel(address)?, key: format!("client-{number:04}").into_bytes() });
        (0..count).map(client).collect()
    }
}

impl Commits for Put {
    async fn commit(&mut self) -> Result<()> {
        let message = PutRequest { key: self.key.clone(), value: vec![0x5a; ENTRY_BYTES] };
        let _: PutResponse = call(&self.channel, "/etcdserverpb.KV/Put", message).await?;
        Ok(())
    }
}

fn channel(address: &str) -> Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect_lazy())
}

async fn call<Q, A>(channel: &Channel, path: &'static str, message: Q) -> Result<A>
where
    Q: prost::Message + Send + 'static,
    A: prost::Message + Default + Send + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await?;
    let codec = ProstCodec::<Q, A>::default();
    Ok(grpc.unary(tonic::Request::new(message), PathAndQuery::from_static(path), codec).await?.into_inner())
}

// The few fields that are needed of etcd's public interface (rpc.proto of its version 3).

#[derive(Clone, PartialEq, prost::Message)]
struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PutResponse {}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<ResponseHeader>,
    #[prost(uint64, tag = "4")]
    leader: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    member_id: u64,
}
