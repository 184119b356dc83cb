//! `lockstep change wait`

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::{Follow, Shows, Target};

/// Ends with 0 when it is so, 1 when it cannot become so any more, 3 when `--timeout` is over, 4 when it is over and the step is BLOCKED.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Name of the change
    #[arg(value_name = "CHANGE")]
    name: String,
    /// What to wait for
    #[arg(long = "for", value_name = "STATE", value_enum, default_value_t)]
    target: Target,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let Arguments { name, target } = arguments;
    Follow { name, target: *target, is_new: false, shows: Shows::Nothing }.run(context).await
}
