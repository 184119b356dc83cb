//! One call with its attempts: which agent to ask, when to ask again, and when to give up.

use crate::client::Client;
use crate::endpoints::Agent;
use crate::{Error, Kind, Outcome, Problem};
use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use lockstep_proto::limits;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// Hints to the leader that are followed without a pause. More in a row means that the agents do not agree yet.
const HINTS_IN_A_ROW_MAX: u32 = 2;

/// What a call is, apart from its message.
pub(crate) struct Call {
    /// For errors, e.g. `submit change`.
    pub(crate) operation: &'static str,
    /// The id in the message, if it has one.
    pub(crate) request_id: Option<String>,
    /// How long one attempt may take.
    pub(crate) timeout: Duration,
    /// No attempt begins later.
    pub(crate) give_up_at: Instant,
}

/// A success, with the times from which a lease may be counted.
pub(crate) struct Answer<A> {
    pub(crate) message: A,
    /// When the first attempt was sent.
    pub(crate) first_sent: Instant,
    /// When the attempt that succeeded was sent.
    pub(crate) sent: Instant,
}

impl Client {
    /// Makes a call, over and over under the same request id, until it succeeds, is refused, or time is up.
    pub(crate) async fn call<Q, A, F, S>(&self, call: Call, message: Q, send: S) -> Result<Answer<A>, Error>
    where
        Q: Clone,
        S: Fn(Channel, Request<Q>) -> F,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let first_sent = Instant::now();
        let mut attempts = Attempts::new(self, call);
        loop {
            let agent = self.endpoints().pick();
            let sent = Instant::now();
            let request = self.request(message.clone());
            match attempts.bounded(send(agent.channel.clone(), request)).await {
                Ok(response) => return Ok(Answer { message: response.into_inner(), first_sent, sent }),
                Err(status) => attempts.next(&agent, &status).await?,
            }
        }
    }
}

/// The state between two attempts.
pub(crate) struct Attempts<'a> {
    client: &'a Client,
    call: Call,
    backoff: ExponentialBackoff,
    count: u32,
    may_have_happened: bool,
    hints_in_a_row: u32,
    /// Agents that can still be asked before a pause is due.
    left_in_round: usize,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(client: &'a Client, call: Call) -> Self {
        Self {
            call,
            backoff: backoff(),
            count: 0,
            may_have_happened: false,
            hints_in_a_row: 0,
            left_in_round: client.endpoints().len() - 1,
            client,
        }
    }

    /// One attempt, for as long as it may take.
    async fn bounded<A>(
        &self,
        attempt: impl Future<Output = Result<Response<A>, Status>>,
    ) -> Result<Response<A>, Status> {
        timeout(self.call.timeout, attempt).await.unwrap_or_else(|_| {
            Err(Status::deadline_exceeded(format!("no answer within {} ms", self.call.timeout.as_millis())))
        })
    }

    /// After a failed attempt: waits until the next is due. Fails when there should be no other.
    pub(crate) async fn next(&mut self, agent: &Agent, status: &Status) -> Result<(), Error> {
        self.count += 1;
        let mut problem = Problem::from_status(status);
        if problem.kind == Kind::Unreachable {
            problem.message = format!("{}: {}", agent.address, problem.message);
        }
        if !problem.retryable() {
            // A definite answer; a repeat under the same id gets the first result, so earlier attempts are answered too.
            return Err(self.error(problem, false));
        }
        self.may_have_happened |= problem.outcome() == Outcome::Unknown;
        let pause = self.pause(agent, &problem);
        if Instant::now() + pause >= self.call.give_up_at {
            return Err(self.error(problem, self.may_have_happened));
        }
        tracing::debug!(operation = self.call.operation, agent = agent.address, %problem, ?pause, "call failed; repeating it");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// How long to wait, and whom to ask then.
    fn pause(&mut self, agent: &Agent, problem: &Problem) -> Duration {
        if let Some(leader) = problem.leader()
            && self.hints_in_a_row < HINTS_IN_A_ROW_MAX
            && self.client.endpoints().follow(leader)
        {
            self.hints_in_a_row += 1;
            return Duration::ZERO;
        }
        self.hints_in_a_row = 0;
        self.client.endpoints().rotate_from(&agent.address);
        if self.left_in_round > 0 {
            self.left_in_round -= 1;
            return Duration::ZERO;
        }
        self.left_in_round = self.client.endpoints().len() - 1;
        self.backoff.next().unwrap_or(limits::RETRY_PAUSE_MAX)
    }

    fn error(&self, problem: Problem, earlier_unknown: bool) -> Error {
        Error::call(self.call.operation, problem, self.count, earlier_unknown, self.call.request_id.clone())
    }
}

/// Jittered pauses without an end.
pub(crate) fn backoff() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(limits::RETRY_PAUSE_MIN)
        .with_max_delay(limits::RETRY_PAUSE_MAX)
        .with_jitter()
        .without_max_times()
        .build()
}
