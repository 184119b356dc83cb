//! The Rust client: submit changes, watch them, hold a session.
