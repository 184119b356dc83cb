//! The daemon on a database node.
