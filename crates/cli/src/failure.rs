//! Why a command did not do what was asked: text, hints and exit code.

use crate::exit::Exit;
use lockstep_client::{Error, Kind, Outcome, Problem};

/// Why a command did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// What the process ends with.
    pub(crate) exit: Exit,
    /// What failed, with names.
    pub(crate) message: String,
    /// What to do, one thing each.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// A failure without hints.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hints: Vec::new() }
    }

    /// The command line or a file cannot be meant as it stands.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The failure with one more thing to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// As it is printed.
    pub(crate) fn text(&self) -> String {
        let hints = self.hints.iter().map(|hint| format!("\nhint: {hint}"));
        format!("error: {}{}", self.message, hints.collect::<String>())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = Self::new(exit(error.problem()), error.to_string());
        let failure = hints(error.problem()).into_iter().fold(failure, Self::hint);
        match error.request_id() {
            Some(id) if error.outcome() == Outcome::Unknown => failure.hint(format!(
                "repeat the same command with --request-id {id}: it takes effect once, however often it arrives"
            )),
            _ => failure,
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(failure) => failure,
            Err(error) => Self::new(Exit::Failed, format!("{error:#}")),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Reasons of refusals that mean: a gate, or what would hold one, stands in the way.
const GATE_REASONS: [&str; 2] = ["NEEDS_FORCE", "CLIENT_INCOMPATIBLE"];

/// The exit code of a failed call.
pub(crate) fn exit(problem: &Problem) -> Exit {
    match problem.kind {
        Kind::Conflict => Exit::Conflict,
        Kind::Invalid => Exit::Usage,
        Kind::Denied => Exit::Denied,
        Kind::NotNow if !problem.holdouts.is_empty() => Exit::Blocked,
        Kind::NotNow if GATE_REASONS.contains(&problem.reason.as_str()) => Exit::Blocked,
        Kind::NotLeader | Kind::NoQuorum | Kind::Overloaded | Kind::Unreachable | Kind::OutcomeUnknown => {
            Exit::NoQuorum
        }
        Kind::NotFound | Kind::NotNow | Kind::Unsupported | Kind::Internal => Exit::Failed,
    }
}

fn hints(problem: &Problem) -> Vec<String> {
    let hint = match problem.kind {
        Kind::Denied => {
            "show the operator token: --operator-token-file FILE, or LOCKSTEP_OPERATOR_TOKEN_FILE in the environment"
        }
        Kind::NotNow if problem.reason == "NEEDS_FORCE" => {
            "--force overrides the holdouts; their names go into the audit trail beside your reason"
        }
        Kind::NotLeader | Kind::NoQuorum => {
            "`lockstep cluster status` shows which agents answer and what they know"
        }
        Kind::Unreachable => "name agents that run with --endpoint HOST:PORT, or in LOCKSTEP_ENDPOINTS",
        Kind::Overloaded => "try again in a moment",
        Kind::OutcomeUnknown => "`lockstep cluster status` shows whether the cluster can decide anything now",
        Kind::Unsupported => "use the `lockstep` of the same release as the agents",
        Kind::Internal => "the agent's log says more",
        Kind::NotFound | Kind::Conflict | Kind::Invalid | Kind::NotNow => return Vec::new(),
    };
    vec![hint.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::{Failure, exit};
    use crate::exit::Exit;
    use lockstep_client::{Kind, Problem};

    #[test]
    fn every_kind_of_problem_has_its_exit_code() {
        for (kind, expected) in [
            (Kind::NotFound, Exit::Failed),
            (Kind::Conflict, Exit::Conflict),
            (Kind::Invalid, Exit::Usage),
            (Kind::NotNow, Exit::Failed),
            (Kind::Denied, Exit::Denied),
            (Kind::NotLeader, Exit::NoQuorum),
            (Kind::NoQuorum, Exit::NoQuorum),
            (Kind::Overloaded, Exit::NoQuorum),
            (Kind::Unreachable, Exit::NoQuorum),
            (Kind::OutcomeUnknown, Exit::NoQuorum),
            (Kind::Unsupported, Exit::Failed),
            (Kind::Internal, Exit::Failed),
        ] {
            assert_eq!(exit(&Problem::local(kind, "x")), expected, "{kind:?}");
        }
    }

    #[test]
    fn a_gate_in_the_way_is_blocked() {
        for reason in super::GATE_REASONS {
            let problem = Problem { reason: reason.to_owned(), ..Problem::local(Kind::NotNow, "x") };
            assert_eq!(exit(&problem), Exit::Blocked, "{reason}");
        }
    }

    #[test]
    fn hints_follow_the_message() {
        let failure = Failure::usage("no plan").hint("write one").hint("or two");
        assert_eq!(failure.text(), "error: no plan\nhint: write one\nhint: or two");
    }

    #[test]
    fn a_failure_survives_the_way_through_anyhow() {
        let failure = Failure::new(Exit::Denied, "no");
        assert_eq!(Failure::from(anyhow::Error::new(failure.clone())), failure);
    }
}
