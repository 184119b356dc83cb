//! Asks every agent of a cluster how it sees the cluster.

use crate::context::{Context, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::view::{Answer, Observation, Status, bare};
use futures_util::future::join_all;
use lockstep_client::{Client, Options, view::ClusterStatus};
use lockstep_core::NodeId;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long one agent may take to answer. Whoever looks at two in the morning waits for the slowest.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the cluster may take to prove that it can decide. Longer than an election.
const PROOF_TIMEOUT: Duration = Duration::from_secs(3);

/// What all agents say together. The endpoints are asked first, then the members that they name.
pub(crate) async fn status(context: &Context) -> Result<Status, Failure> {
    let options = context.options()?;
    let observation = observe(&options).await?;
    observation.status().ok_or_else(|| nobody(&observation))
}

async fn observe(options: &Options) -> Result<Observation, Failure> {
    // Bad options would fail for each agent in the same way: once is enough.
    Client::connect(options.clone()).await?;
    let asked_at = now();
    let mut answers = ask_all(options, options.endpoints.clone()).await;
    let others = unasked(&answers);
    answers.extend(ask_all(options, others).await);
    let quorum_problem = quorum_problem(options, &answers).await;
    Ok(Observation { asked_at, answers, quorum_problem })
}

/// Why nothing can be decided now; `None` when it can. What agents say of their leader may be seconds old, so a read that only a
/// leader with a majority can answer is the proof.
async fn quorum_problem(options: &Options, answers: &[Answer]) -> Option<String> {
    let reached: Vec<String> =
        answers.iter().filter(|answer| answer.result.is_ok()).map(|answer| answer.endpoint.clone()).collect();
    let knows_leader = |answer: &Answer| answer.result.as_ref().is_ok_and(|status| status.leader.is_some());
    if !answers.iter().any(knows_leader) {
        return Some("no agent that answers knows a leader".to_owned());
    }
    let options = Options { endpoints: reached, retry_timeout: PROOF_TIMEOUT, ..options.clone() };
    let proof = async { Client::connect(options).await?.why().await };
    match tokio::time::timeout(PROOF_TIMEOUT, proof).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.problem().message.clone()),
        Err(_) => {
            Some(format!("no leader proved within {} s that a majority follows it", PROOF_TIMEOUT.as_secs()))
        }
    }
}

async fn ask_all(options: &Options, endpoints: Vec<String>) -> Vec<Answer> {
    join_all(endpoints.into_iter().map(|endpoint| ask(options, endpoint))).await
}

async fn ask(options: &Options, endpoint: String) -> Answer {
    let timeout = options.call_timeout.min(ANSWER_TIMEOUT);
    let options = Options {
        endpoints: vec![endpoint.clone()],
        call_timeout: timeout,
        connect_timeout: timeout,
        // One attempt: a second one would only make the slowest agent slower.
        retry_timeout: Duration::ZERO,
        ..options.clone()
    };
    let result = match Client::connect(options).await {
        Ok(client) => client.status().await,
        Err(error) => Err(error),
    };
    let result = result.map_err(|error| {
        // The message begins with the address, which stands beside it already.
        let message = &error.problem().message;
        message.strip_prefix(&format!("{}: ", bare(&endpoint))).unwrap_or(message).to_owned()
    });
    Answer { endpoint, result }
}

/// Client addresses of members that did not answer yet.
fn unasked(answers: &[Answer]) -> Vec<String> {
    let statuses: Vec<&ClusterStatus> = answers.iter().filter_map(|answer| answer.result.as_ref().ok()).collect();
    let answered: BTreeSet<NodeId> = statuses.iter().map(|status| status.this_node).collect();
    let asked: BTreeSet<&str> = answers.iter().map(|answer| bare(&answer.endpoint)).collect();
    let members = statuses.iter().flat_map(|status| &status.members);
    let addresses: BTreeSet<&str> = members
        .filter(|member| !answered.contains(&member.node.id))
        .map(|member| member.node.addresses.client.as_str())
        .filter(|address| !asked.contains(bare(address)))
        .collect();
    addresses.into_iter().map(str::to_owned).collect()
}

fn nobody(observation: &Observation) -> Failure {
    let lines = observation.silent().map(|(endpoint, error)| format!("\n  {endpoint}: {error}"));
    let message = format!("no agent could be reached{}", lines.collect::<String>());
    Failure::new(Exit::NoQuorum, message)
        .hint("look on the machines whether `lockstep agent` runs, and what its log says last")
        .hint("name other agents with --endpoint HOST:PORT, or in LOCKSTEP_ENDPOINTS")
}
