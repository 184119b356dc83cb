//! The values of `ErrorInfo.reason` that are not the kind of a refusal.

/// `ErrorInfo.domain` of every error of Lockstep.
pub const DOMAIN: &str = "lockstep";

/// Key in `ErrorInfo.metadata`: client address (`host:port`) of the leader.
pub const LEADER: &str = "leader";

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),+ $(,)?) => {
        /// Why a call failed, when it was not refused at apply.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $($(#[$doc])* $variant),+ }

        impl Reason {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As it stands in `ErrorInfo.reason`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The reason with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.name() == name)
            }
        }
    };
}

reasons! {
    /// The request cannot be read; a field is missing or out of range.
    InvalidField = "INVALID_FIELD",
    /// What a read asked for is not there.
    NotFound = "NOT_FOUND",
    /// The asked agent does not lead.
    NotLeader = "NOT_LEADER",
    /// No leader, or it cannot reach a majority. Nothing was proposed.
    NoQuorum = "NO_QUORUM",
    /// Proposed, and nobody knows whether it was committed.
    OutcomeUnknown = "OUTCOME_UNKNOWN",
    /// The token that was shown is not the right one.
    Unauthenticated = "UNAUTHENTICATED",
    /// The agent has more work than it takes on. Nothing was done.
    Overloaded = "OVERLOADED",
    /// The agent is stopping. Nothing was done.
    Stopping = "STOPPING",
    /// The agent's database does not answer, or not in time.
    DatabaseUnavailable = "DATABASE_UNAVAILABLE",
    /// The answer does not fit into a response.
    TooLarge = "TOO_LARGE",
    /// The agent cannot go on.
    Internal = "INTERNAL",
}
