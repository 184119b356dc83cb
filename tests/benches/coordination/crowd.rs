//! Many sessions at once, all in this process, spread over the agents as clients are.

use crate::sessions::Service;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

/// Sessions on a connection: an agent serves at most 1,024 streams on each.
const SESSIONS_PER_CONNECTION: usize = 500;

/// Calls of this process under way at once: an agent sheds what is over 1,024.
const CALLS_IN_FLIGHT: usize = 512;

/// Before a call that failed is made again.
const PAUSE: Duration = Duration::from_millis(20);

/// Attempts of a call before the benchmark gives up.
const ATTEMPTS: usize = 500;

/// Open sessions.
pub(crate) struct Crowd {
    addresses: Vec<String>,
    services: Vec<Service>,
    sessions: Vec<u64>,
    calls: Arc<Semaphore>,
    followers: JoinSet<()>,
}

impl Crowd {
    pub(crate) fn new(addresses: Vec<String>) -> Self {
        let calls = Arc::new(Semaphore::new(CALLS_IN_FLIGHT));
        Self { addresses, services: Vec::new(), sessions: Vec::new(), calls, followers: JoinSet::new() }
    }

    fn service(&self, index: usize) -> Service {
        let connections = self.services.len();
        self.services[index % connections].clone()
    }

    /// Opens sessions until there are so many.
    pub(crate) async fn grow_to(&mut self, count: usize) -> Result<()> {
        let connections = count.div_ceil(SESSIONS_PER_CONNECTION).max(self.addresses.len());
        for index in self.services.len()..connections {
            self.services.push(Service::connect(&self.addresses[index % self.addresses.len()])?);
        }
        let mut opening = JoinSet::new();
        for index in self.sessions.len()..count {
            let (service, calls) = (self.service(index), Arc::clone(&self.calls));
            opening.spawn(async move {
                let _permit = calls.acquire().await?;
                insist(&service, |mut service| async move { service.open().await }).await
            });
        }
        while let Some(opened) = opening.join_next().await {
            self.sessions.push(opened??);
        }
        Ok(())
    }

    /// From now on the sessions from `first` on watch, and acknowledge whatever is announced to them.
    pub(crate) async fn follow_from(&mut self, first: usize) -> Result<()> {
        let mut opening = JoinSet::new();
        for index in first..self.sessions.len() {
            let (service, calls, session) = (self.service(index), Arc::clone(&self.calls), self.sessions[index]);
            opening.spawn(async move {
                let _permit = calls.acquire().await?;
                let watch = insist(&service, |mut service| async move { service.watch(session).await }).await?;
                anyhow::Ok((service, session, watch))
            });
        }
        while let Some(opened) = opening.join_next().await {
            let (service, session, mut watch) = opened??;
            let calls = Arc::clone(&self.calls);
            self.followers.spawn(async move {
                while let Ok(Some(message)) = watch.message().await {
                    let Some(announced) = message.announcement.filter(|told| told.must_acknowledge) else {
                        continue;
                    };
                    let Ok(_permit) = calls.acquire().await else { return };
                    // A refusal means that the cluster has moved on, and the watch will say so.
                    let _ = insist(&service, |mut service| async move {
                        service.acknowledge(session, announced.version).await
                    })
                    .await;
                }
            });
        }
        Ok(())
    }

    /// Renews each session once, evenly over a while. The number of renewals that failed.
    pub(crate) async fn renew_over(&self, lasting: Duration) -> Result<usize> {
        let begin = Instant::now();
        let count = u32::try_from(self.sessions.len()).context("too many sessions")?;
        let mut renewals = JoinSet::new();
        for (index, session) in (0..count).zip(&self.sessions) {
            sleep_until(begin + lasting * index / count).await;
            let (mut service, session) = (self.service(index as usize), *session);
            renewals.spawn(async move { service.renew(session).await });
        }
        let ended = renewals.join_all().await;
        sleep_until(begin + lasting).await;
        Ok(ended.iter().filter(|renewed| renewed.is_err()).count())
    }

    /// Closes all sessions.
    pub(crate) async fn close(&mut self) -> Result<()> {
        self.followers.shutdown().await;
        let mut closing = JoinSet::new();
        for (index, session) in std::mem::take(&mut self.sessions).into_iter().enumerate() {
            let (service, calls) = (self.service(index), Arc::clone(&self.calls));
            closing.spawn(async move {
                let _permit = calls.acquire().await?;
                insist(&service, |mut service| async move { already_gone(service.close(session).await) }).await
            });
        }
        while let Some(closed) = closing.join_next().await {
            closed??;
        }
        Ok(())
    }
}

/// A close whose answer was lost took effect all the same.
fn already_gone(closed: Result<()>) -> Result<()> {
    let is_unknown = |error: &anyhow::Error| {
        error.downcast_ref::<tonic::Status>().is_some_and(|status| status.code() == tonic::Code::NotFound)
    };
    match closed {
        Err(error) if is_unknown(&error) => Ok(()),
        closed => closed,
    }
}

/// Makes a call until it succeeds: an election or a shed call is no reason to stop measuring.
async fn insist<T, F>(service: &Service, call: impl Fn(Service) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut failure = None;
    for _ in 0..ATTEMPTS {
        match call(service.clone()).await {
            Ok(value) => return Ok(value),
            Err(error) => failure = Some(error),
        }
        sleep(PAUSE).await;
    }
    Err(failure.context("no attempt was made")?)
}
