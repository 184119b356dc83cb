//! Limits of the public services, shared by servers and clients so that the two ends agree. tonic sets none of these by itself.
//! How long a lease may be is a rule of core: [`lockstep_core::session::TTL_MIN_MS`] and its neighbour.

use std::time::Duration;

/// Largest request, in bytes. A submitted change becomes one Raft entry, and those stay small; 1 MiB of SQL is a plan that
/// somebody should split.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// Largest response, in bytes. A change whose step waits for ten thousand sessions, each named, is about one megabyte.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Largest list of headers or trailers, in bytes. Error details travel in a trailer; many HTTP/2 stacks stop at 16 KiB.
pub const HEADER_LIST_BYTES_MAX: u32 = 64 * 1024;

/// How often both ends ping a quiet connection. Well below the idle time-outs of common load balancers (60 s and more).
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How long a ping may go unanswered before the connection counts as dead. With the interval, a silent peer is noticed in 15 s.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client waits for a connection before it tries the next endpoint.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long one attempt of a unary call may take. Longer than an election, so that an agent can answer with the new leader.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a call with its retries may take. Longer than two elections and a restart of an agent.
pub const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// First pause between two attempts; doubles from one to the next, with jitter.
pub const RETRY_PAUSE_MIN: Duration = Duration::from_millis(50);

/// Longest pause between two attempts: an election takes about a second, and nobody should wait much longer after it.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Most streams at once on one connection. Calls over it queue in the client: who holds more sessions than this in one process
/// needs more connections.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 1_024;

/// Most unary calls that an agent works on at once; more are shed with `RESOURCE_EXHAUSTED`, reason `OVERLOADED`.
pub const CALLS_IN_FLIGHT_MAX: usize = 1_024;

/// Most watch streams that an agent serves at once. Ten thousand sessions and their operators, with room to take over those of a
/// lost agent.
pub const WATCHES_MAX: usize = 20_000;

/// Items on a page when the caller does not say.
pub const PAGE_SIZE_DEFAULT: u32 = 100;

/// Items on a page at most.
pub const PAGE_SIZE_MAX: u32 = 1_000;

/// How far the clocks of leader and client may drift apart within one lease, in percent of it. The client stops that much
/// earlier, the leader waits that much longer. Ordinary quartz drifts by less than 0.1 %; a slewing NTP client by 0.05 %.
pub const LEASE_DRIFT_PERCENT: u32 = 10;

/// Characters of an error message, at most. It travels in a header, twice.
pub const STATUS_MESSAGE_CHARS_MAX: usize = 2_000;

/// Characters of one value in an error's details, at most.
pub const STATUS_DETAIL_CHARS_MAX: usize = 400;

/// Holdouts named in an error's details, at most; all of them are in `GetGate`. Keeps the trailer far below
/// [`HEADER_LIST_BYTES_MAX`].
pub const STATUS_VIOLATIONS_MAX: usize = 20;

/// Shortest secret of a join token, in characters of `[0-9a-zA-Z_-]`.
pub const JOIN_SECRET_CHARS_MIN: usize = 32;

/// The number of items that a page has when `page_size` was asked for.
#[must_use]
pub fn page_size(asked: u32) -> usize {
    let size = if asked == 0 { PAGE_SIZE_DEFAULT } else { asked.min(PAGE_SIZE_MAX) };
    size as usize
}

/// How many bytes a message has; what is above [`RESPONSE_BYTES_MAX`] does not go out.
#[must_use]
pub fn bytes(message: &impl prost::Message) -> usize {
    message.encoded_len()
}

/// How much earlier than its lease a client stops, and how much later than it the leader lets go.
#[must_use]
pub fn lease_drift_margin(ttl: Duration) -> Duration {
    ttl * LEASE_DRIFT_PERCENT / 100
}
