//! Could the step be executed here now?

use super::attempts;
use super::running::{Next, Running};
use crate::duty::Duty;
use crate::failpoint::{self, Failpoint};
use crate::progress::Activity;
use lockstep_core::in_flight::{Obstacle, Preparation, Stage};
use lockstep_core::node::Role;
use lockstep_core::{Command, Step, Timestamp, Version};
use lockstep_database::Error;

impl Running {
    pub(super) async fn preflight(&mut self, duty: &Duty, version: Version, base: Version, step: &Step) -> Next {
        self.show(Activity::Preflight, Some(version));
        let Some(mut obstacles) = self.obstacles(duty, step).await else { return Next::AtOnce };
        let fingerprint = match self.schema(duty).await {
            None => return Next::AtOnce,
            Some(Ok(schema)) => {
                let fingerprint = schema.fingerprint();
                let misfit = self.required(base).and_then(|required| self.misfit(base, schema, &required));
                if let Some(misfit) = misfit {
                    return self.report_misfit(duty, misfit).await;
                }
                fingerprint
            }
            Some(Err(error)) => {
                obstacles.push(out_of_reach(&error));
                Default::default()
            }
        };
        self.show_error(obstacles.first().map(|obstacle| obstacle.message.clone()));
        if obstacles.is_empty() {
            failpoint::reach(Failpoint::BeforeReportReady);
            return self.answer(duty, version, Preparation::Ready { fingerprint }).await;
        }
        self.answer(duty, version, Preparation::NotReady { obstacles, since: Timestamp(0) }).await
    }

    /// What the database finds in the way. A replica executes nothing: nothing can be in its way.
    pub(super) async fn obstacles(&mut self, duty: &Duty, step: &Step) -> Option<Vec<Obstacle>> {
        if self.member().is_some_and(|node| node.role == Role::Replica) {
            return Some(Vec::new());
        }
        let database = std::sync::Arc::clone(&self.parts.database);
        let limits = self.parts.settings.limits.clone();
        self.while_owed(duty, database.preflight(step, &limits)).await
    }

    /// Tells the answer if it is news.
    async fn answer(&mut self, duty: &Duty, version: Version, answer: Preparation) -> Next {
        let settings = &self.parts.settings;
        let pause = match answer {
            Preparation::Ready { .. } => settings.ready_recheck_interval,
            Preparation::NotReady { .. } => settings.recheck_interval,
        };
        let known = self.reported_preparation(version);
        let is_news = self.told.is_news(version, &answer, known.as_ref(), settings);
        if is_news {
            let node = self.parts.node;
            let report = Command::ReportPreparation { node, version, preparation: answer.clone() };
            match self.report(duty, report).await {
                Ok(()) => self.told.prepared(version, answer),
                Err(next) => return next,
            }
        }
        Next::After(attempts::jittered(pause))
    }

    fn reported_preparation(&self, version: Version) -> Option<Preparation> {
        let node = self.parts.node;
        self.look(|state| {
            let flight = state.in_flight().filter(|flight| flight.version == version)?;
            match &flight.stage {
                Stage::Preparing { reports } => reports.get(&node).cloned(),
                _ => None,
            }
        })
    }

    /// While the step is being prepared, the others must see what this node waits for.
    pub(super) async fn tell_unreachable(&mut self, obstacle: Obstacle) {
        let Some(version) = self.preparing() else { return };
        let duty = self.owed();
        let answer = Preparation::NotReady { obstacles: vec![obstacle], since: Timestamp(0) };
        // Told again in the next turn if it could not be told now.
        let _ = self.answer(&duty, version, answer).await;
    }

    fn preparing(&self) -> Option<Version> {
        if !self.member().is_some_and(|node| node.is_active()) {
            return None;
        }
        self.look(|state| {
            let flight = state.in_flight()?;
            matches!(flight.stage, Stage::Preparing { .. }).then_some(flight.version)
        })
    }
}

/// Why the database could not be asked, with what to do: not every database that cannot be used is down.
pub(super) fn out_of_reach(error: &Error) -> Obstacle {
    let (kind, remedy) = match error {
        Error::Unreachable { .. } | Error::ConnectionLost { .. } => {
            ("unreachable", "start the database or mend the way to it; the agent tries again by itself")
        }
        Error::NoPermission { remedy, .. } | Error::ReadOnly { remedy, .. } => ("permission", remedy.as_str()),
        _ => ("unreachable", "mend what it says; the agent tries again by itself"),
    };
    Obstacle { kind: kind.to_owned(), message: error.to_string(), remedy: remedy.to_owned() }
}
