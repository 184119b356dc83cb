//! The two loops that read: the probe has a rhythm of its own, which a slow look at the database's health must not break.

use super::readings::{of_clients, of_health, of_replicas};
use super::watching::Kept;
use super::{Monitor, machine};
use crate::settings::Probing;
use lockstep_database::Health;
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A database that takes longer to tell how it does is not asked any longer.
const HEALTH_TIME_LIMIT: Duration = Duration::from_secs(5);

impl Monitor {
    /// Reads until it is dropped.
    pub(crate) async fn run(self) -> Infallible {
        let kept = Mutex::new(Kept::new(Instant::now()));
        tokio::select! {
            never = self.read_health(&kept) => never,
            never = self.read_probe(&kept) => never,
        }
    }

    async fn read_health(&self, kept: &Mutex<Kept>) -> Infallible {
        let mut applied = self.source.applied();
        loop {
            applied.borrow_and_update();
            let version = self.asked().version;
            self.look_at_health(kept).await;
            let is_busy = version.is_some() || self.doing.borrow().is_some();
            let interval =
                if is_busy { self.settings.health_interval } else { self.settings.health_interval_idle };
            // Work that begins is not kept waiting for a reading of idle times.
            let another_step = async {
                while self.asked().version == version {
                    if applied.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            };
            let _ = tokio::time::timeout(interval, another_step).await;
        }
    }

    async fn look_at_health(&self, kept: &Mutex<Kept>) {
        let health = tokio::time::timeout(HEALTH_TIME_LIMIT, self.database.health()).await;
        let health = health.unwrap_or_else(|_| Health {
            problem: Some(format!("it did not tell how it does within {} s", HEALTH_TIME_LIMIT.as_secs())),
            ..Health::default()
        });
        self.sink.health(&health);
        let machine = machine::readings(self.settings.data_dir.as_deref());
        let replicas = of_replicas(&self.neighbours.replicas(), self.settings.reading_age_max);
        let clients = of_clients(self.neighbours.client_failures());
        let doing = self.doing.borrow().clone();
        self.take(kept, |kept, now| {
            kept.machine.told(machine.clone(), now);
            kept.replicas.told(replicas.clone(), now);
            let mut readings =
                [machine, replicas, clients, doing.map(|doing| doing.readings(now)).unwrap_or_default()].concat();
            let others = health.sessions_lately.filter(|_| health.reachable);
            let room = kept.room.observe(others, machine::cores(), now);
            self.room.send_if_modified(|told| std::mem::replace(told, room) != room);
            if health.reachable {
                let own = of_health(&health);
                kept.health.told(own.clone(), now);
                readings.extend(own);
            } else {
                kept.health.failed(health.problem.unwrap_or_else(|| "the database does not answer".to_owned()));
            }
            readings
        })
        .await;
    }

    /// Only while a step is in flight: nobody would look at it.
    async fn read_probe(&self, kept: &Mutex<Kept>) -> Infallible {
        let Some(probing) = &self.settings.probe else { return std::future::pending().await };
        let mut applied = self.source.applied();
        loop {
            applied.borrow_and_update();
            if self.asked().version.is_none() {
                if applied.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            let begun = Instant::now();
            self.probe_once(kept, probing).await;
            tokio::time::sleep_until((begun + probing.interval).into()).await;
        }
    }

    async fn probe_once(&self, kept: &Mutex<Kept>, probing: &Probing) {
        let answer = self.database.probe(&probing.probe).await;
        self.take(kept, |kept, now| match answer {
            Err(error) => {
                kept.probe.failed(error.to_string());
                Vec::new()
            }
            Ok(took) => {
                kept.window.add(now, took);
                let reading = kept.window.p99_reading();
                kept.probe.told(reading.clone().into_iter().collect(), now);
                reading.into_iter().collect()
            }
        })
        .await;
    }
}
