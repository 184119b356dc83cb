//! The replicated state of a Lockstep cluster and the rules by which it moves.
