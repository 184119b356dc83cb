//! `lockstep change ...`

mod apply;
mod approve;
mod cancel;
mod files;
mod ground;
mod known;
mod list;
mod pause;
mod plan;
mod resume;
mod retry;
mod rollback;
mod show;
mod wait;
mod watch;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What can be done with changes.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Show what SQL or plan files would do, step by step, and why; submits nothing
    Plan(plan::Arguments),
    /// Plan SQL or plan files, submit them as changes one after the other, and follow each
    Apply(apply::Arguments),
    /// List changes, newest first
    List(super::ListArguments),
    /// Show a change with its steps and what it waits for
    Show(show::Arguments),
    /// Follow a change to its end; Ctrl-C only detaches
    Watch(watch::Arguments),
    /// Wait silently until a change is as you say
    Wait(wait::Arguments),
    /// Consent to the next step of a change
    Approve(approve::Arguments),
    /// Hold a change where it is; what is being undone goes on
    Pause(pause::Arguments),
    /// Let a paused change go on
    Resume(resume::Arguments),
    /// Stop a change: the step in flight is undone, settled ones stay
    Cancel(cancel::Arguments),
    /// Undo the settled steps of a finished change
    Rollback(rollback::Arguments),
    /// Try again what came to nothing, or at once what waits for its next attempt
    Retry(retry::Arguments),
}

/// Runs one of them.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Plan(arguments) => plan::run(&arguments, context).await,
        Command::Apply(arguments) => apply::run(&arguments, context).await,
        Command::List(arguments) => list::run(&arguments, context).await,
        Command::Show(arguments) => show::run(&arguments, context).await,
        Command::Watch(arguments) => watch::run(&arguments, context).await,
        Command::Wait(arguments) => wait::run(&arguments, context).await,
        Command::Approve(arguments) => approve::run(&arguments, context).await,
        Command::Pause(arguments) => pause::run(&arguments, context).await,
        Command::Resume(arguments) => resume::run(&arguments, context).await,
        Command::Cancel(arguments) => cancel::run(&arguments, context).await,
        Command::Rollback(arguments) => rollback::run(&arguments, context).await,
        Command::Retry(arguments) => retry::run(&arguments, context).await,
    }
}
