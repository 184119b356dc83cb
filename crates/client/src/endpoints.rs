//! The agents that a client knows: one lazily connected channel each, and which of them to ask next.

use crate::{Error, Options};
use lockstep_proto::limits;
use std::sync::Mutex;
use tonic::transport::{Channel, Endpoint};

/// Addresses learned from hints, at most: a cluster's members change, and a client may live for years.
const LEARNED_MAX: usize = 64;

/// The known agents.
pub(crate) struct Endpoints {
    options: Options,
    known: Mutex<Known>,
}

struct Known {
    agents: Vec<Agent>,
    preferred: usize,
}

/// One agent, as picked for an attempt.
#[derive(Clone)]
pub(crate) struct Agent {
    pub(crate) address: String,
    pub(crate) channel: Channel,
}

impl Endpoints {
    pub(crate) fn new(options: Options) -> Result<Self, Error> {
        options.check()?;
        let agents =
            options.endpoints.iter().map(|address| Agent::new(address, &options)).collect::<Result<_, _>>()?;
        Ok(Self { options, known: Mutex::new(Known { agents, preferred: 0 }) })
    }

    /// The agent to ask next.
    pub(crate) fn pick(&self) -> Agent {
        let known = self.lock();
        known.agents[known.preferred].clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().agents.len()
    }

    /// `address` did not answer: ask the one after it from now on.
    pub(crate) fn rotate_from(&self, address: &str) {
        let mut known = self.lock();
        // Others may have rotated meanwhile; going on from there would skip an agent that nobody has asked.
        if known.agents[known.preferred].address == address {
            known.preferred = (known.preferred + 1) % known.agents.len();
        }
    }

    /// `address` leads: ask it from now on. False when that cannot be an address.
    pub(crate) fn follow(&self, address: &str) -> bool {
        let Ok(agent) = Agent::new(address, &self.options) else {
            return false;
        };
        let mut known = self.lock();
        known.preferred = match known.agents.iter().position(|known| known.address == agent.address) {
            Some(index) => index,
            None => known.learn(agent, self.options.endpoints.len()),
        };
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Known {
    /// Keeps what was configured, and forgets the oldest of what was learned.
    fn learn(&mut self, agent: Agent, configured: usize) -> usize {
        if self.agents.len() >= configured + LEARNED_MAX {
            self.agents.remove(configured);
        }
        self.agents.push(agent);
        self.agents.len() - 1
    }
}

impl Agent {
    fn new(address: &str, options: &Options) -> Result<Self, Error> {
        let bare = address.trim().trim_end_matches('/');
        let bare = bare.strip_prefix("http://").unwrap_or(bare);
        if bare.is_empty() || bare.contains("://") || bare.contains('/') {
            return Err(Error::options(format!("`{address}` is not an agent's address: write `host:port`")));
        }
        let endpoint = Endpoint::from_shared(format!("http://{bare}"))
            .map_err(|error| Error::options(format!("`{address}` is not an agent's address: {error}")))?
            .connect_timeout(options.connect_timeout)
            .http2_keep_alive_interval(limits::KEEPALIVE_INTERVAL)
            .keep_alive_timeout(limits::KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .http2_max_header_list_size(limits::HEADER_LIST_BYTES_MAX)
            .tcp_nodelay(true);
        Ok(Self { address: bare.to_owned(), channel: endpoint.connect_lazy() })
    }
}
