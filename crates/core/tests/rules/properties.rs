//! Random histories keep every invariant, every member comes to the same state, and from wherever a history got to, people and
//! agents who mean well finish it.
//!
//! `PROPTEST_CASES=20000 cargo test -p lockstep-core properties` looks longer.

use crate::helper;
use crate::history::{self, Pick};
use crate::invariants::{Applying, Invariants};
use crate::make;
use lockstep_core::command::Stamped;
use lockstep_core::{Applied, LogIndex, State};
use proptest::prelude::*;

/// A member that applies a history and looks at every command.
#[derive(Default)]
struct Member {
    state: State,
    invariants: Invariants,
    history: Vec<(LogIndex, Stamped, Applied)>,
}

impl Member {
    fn apply(&mut self, stamped: Stamped) -> Result<Applied, TestCaseError> {
        // Log indexes have gaps: elections and membership changes take some.
        let index = LogIndex(self.state.applied().0 + 1 + self.state.applied().0 % 2);
        let before = self.state.clone();
        let applied = self.state.apply(index, &stamped);
        let applying =
            Applying { before: &before, index, stamped: &stamped, applied: &applied, after: &self.state };
        let verdict = self.invariants.check(&applying);
        self.history.push((index, stamped, applied.clone()));
        verdict.map(|()| applied).map_err(|broken| self.fail(&broken))
    }

    fn told(&self) -> String {
        let told = self.history.iter().map(|(index, stamped, applied)| {
            let command = serde_json::to_string(&stamped.command).unwrap_or_default();
            let request = stamped.request.as_ref().map(|id| format!(" id {id}")).unwrap_or_default();
            let outcome = applied.result.as_ref().map_or_else(|no| format!("no: {no}"), |_| "ok".to_owned());
            format!("{index} {:?}{request} {command}\n    {outcome} {:?}\n", stamped.actor.role, applied.events)
        });
        told.collect()
    }

    fn fail(&self, broken: &str) -> TestCaseError {
        TestCaseError::fail(format!("{broken}\nafter this history:\n{}", self.told()))
    }

    /// A history of random commands, on a cluster of none to four nodes.
    fn run(&mut self, (size, picks): &History) -> Result<(), TestCaseError> {
        while let Some(stamped) = history::beginning(&self.state, *size) {
            self.apply(stamped)?;
        }
        picks.iter().try_for_each(|pick| self.apply(history::command(&self.state, *pick)).map(drop))
    }

    /// The same, without a look at the invariants.
    fn run_unseen(&mut self, (size, picks): &History) {
        while let Some(stamped) = history::beginning(&self.state, *size) {
            self.apply_unseen(stamped);
        }
        picks.iter().for_each(|pick| self.apply_unseen(history::command(&self.state, *pick)));
    }

    fn apply_unseen(&mut self, stamped: Stamped) {
        let index = LogIndex(self.state.applied().0 + 1);
        let applied = self.state.apply(index, &stamped);
        self.history.push((index, stamped, applied));
    }

    /// Applies what well-meaning people and agents would do until nothing is left to do.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        let unfinished = |state: &State| -> usize {
            state.changes().values().flat_map(|change| &change.steps).filter(|step| step.is_unfinished()).count()
        };
        // Each node reports thrice a step, each session twice; a hold or an approval is one command.
        let members = self.state.nodes().len() + self.state.sessions().len();
        let bound = (unfinished(&self.state) + 2) * (5 * members + 10) + 20;
        for _ in 0..bound {
            let Some(gate) = self.state.gate() else { return Ok(()) };
            let answer = gate.holdouts.iter().find_map(|holdout| helper::answer(&self.state, holdout));
            let Some((role, command)) = answer else {
                return Err(self.fail(&format!("nobody can help: {gate:?}")));
            };
            let at = self.state.clock().max(self.state.due_at().unwrap_or_default());
            let applied = self.apply(Stamped { at, actor: make::actor(role), request: None, command })?;
            if let Err(refusal) = applied.result {
                return Err(self.fail(&format!("help is refused: {refusal}")));
            }
        }
        Err(self.fail(&format!("not finished after {bound} commands: {:?}", self.state.gate())))
    }
}

type History = (usize, Vec<Pick>);

fn histories() -> impl Strategy<Value = History> {
    (0..5_usize, proptest::collection::vec((any::<u8>(), any::<u16>(), any::<u16>()), 1..150))
}

fn cases(usual: u32) -> ProptestConfig {
    // PROPTEST_CASES, when it is set, is in the default.
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { usual };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(100))]

    /// Invariants 1, 2, 4 and 6 to 14, after every command.
    #[test]
    fn no_history_breaks_an_invariant_and_every_one_can_be_finished(history in histories()) {
        let mut member = Member::default();
        member.run(&history)?;
        member.finish()?;
    }

    /// Invariant 5: the same commands give the same state, also on a member that starts from a snapshot.
    #[test]
    fn every_member_comes_to_the_same_state(history in histories(), cut in any::<prop::sample::Index>()) {
        let mut member = Member::default();
        member.run_unseen(&history);
        let cut = cut.index(member.history.len());
        let mut late = State::default();
        for (index, stamped, _) in &member.history[..cut] {
            late.apply(*index, stamped);
        }
        let snapshot = serde_json::to_vec(&late).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mut late: State = serde_json::from_slice(&snapshot)
            .map_err(|error| member.fail(&format!("5: the snapshot after {cut} commands: {error}")))?;
        for (index, stamped, _) in &member.history[cut..] {
            let stored = serde_json::to_vec(stamped).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let stamped = serde_json::from_slice(&stored).map_err(|error| TestCaseError::fail(error.to_string()))?;
            late.apply(*index, &stamped);
        }
        prop_assert_eq!(late.digest(), member.state.digest(), "5: snapshot after {}\n{}", cut, member.told());
    }
}

/// The generator is worth something only if it gets deep: counts what 200 histories came across.
#[test]
fn histories_get_everywhere() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<&str, usize>::new();
    for _ in 0..200 {
        let history = histories().new_tree(&mut runner).expect("a history").current();
        let mut member = Member::default();
        member.run_unseen(&history);
        let told = member.told();
        for trace in TRACES {
            *seen.entry(trace).or_default() += told.matches(trace).count();
        }
    }
    let missing: Vec<_> = TRACES.iter().filter(|trace| seen[**trace] == 0).collect();
    assert!(missing.is_empty(), "no history came across {missing:?}; seen: {seen:?}");
}

/// What must occur in the histories: stages, outcomes, and every kind of refusal.
const TRACES: [&str; 40] = [
    "\"preparing\"",
    "\"executing\"",
    "\"settling\"",
    "\"settled\"",
    "\"reverting\"",
    "\"reverted\"",
    "NodeJoined",
    "NodeActivated",
    "NodeQuarantined",
    "NodeRemoved",
    "SessionOpened",
    "SessionAcknowledged",
    "SessionEvicting",
    "SessionGone",
    "already cluster",
    "no change named",
    "no node named",
    "not (any more) a live session",
    "is taken by another change",
    "was used for another request",
    "cannot run at version",
    "a lease of",
    "may not join",
    "its role does not allow",
    "give a reason",
    "repeat with force",
    "cannot be rolled back",
    "nothing of it is left to pause",
    "has no revert",
    "is built on top of it",
    "the node has reverted the step since",
    "the node has executed the step since",
    "clients may still be using the version",
    "until clients have stepped back",
    "is announced",
    "does not expire",
    "nobody would be left",
    "lockstep change retry",
    "report_breach",
    "the step is not confirmed",
];
