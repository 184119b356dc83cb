//! What may be broken, by what it takes to break it.

mod data;
mod nodes;
mod screens;
