//! The stories, by what happens in them.

pub(crate) mod change;
pub(crate) mod client;
pub(crate) mod drift;
pub(crate) mod kill;
pub(crate) mod load;
pub(crate) mod locks;
pub(crate) mod membership;
pub(crate) mod migrations;
pub(crate) mod partition;
pub(crate) mod replica;
pub(crate) mod restored;
