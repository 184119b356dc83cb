//! Follows a change until something that was asked for is true of it, time is up, or the operator has seen enough.

mod screen;
mod snapshot;
mod target;

pub(crate) use target::{Target, Verdict};

use crate::context::{Context, now};
use crate::exit::Exit;
use crate::failure::Failure;
use futures_util::{Stream, StreamExt};
use lockstep_client::{Client, Error, Kind};
use lockstep_core::LogIndex;
use lockstep_proto::view::Change;
use screen::Screen;
use snapshot::Snapshot;
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// How often ages on the screen are brought up to date.
const REDRAW: Duration = Duration::from_secs(1);

/// How long an agent that was asked right after a submission may not know of the change yet.
const APPEARANCE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before asking such an agent again.
const APPEARANCE_PAUSE: Duration = Duration::from_millis(100);

type Views = Pin<Box<dyn Stream<Item = Result<Change, Error>> + Send>>;

/// What a follower shows on the way. The end is said in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// Nothing.
    Nothing,
    /// Progress, on stderr.
    Progress,
    /// Progress for people; each state as data for programs.
    States,
}

/// A change that is followed.
pub(crate) struct Follow<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// What ends it.
    pub(crate) target: Target,
    /// True when it was submitted just now: an agent that lags may not know it yet.
    pub(crate) is_new: bool,
    /// What it shows on the way.
    pub(crate) shows: Shows,
}

impl Follow<'_> {
    /// Follows the change, and says how it ended.
    pub(crate) async fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let client = context.watching_client().await?;
        let deadline = context.patience().map(|patience| Instant::now() + patience);
        let mut screen = Screen::new(context.output.is_quiet() || !self.shows_progress(context));
        let result = self.watch(context, &client, deadline, &mut screen).await;
        screen.clear();
        result
    }

    async fn watch(
        &self,
        context: &Context,
        client: &Client,
        deadline: Option<Instant>,
        screen: &mut Screen,
    ) -> Result<Exit, Failure> {
        let mut views = views(client, self.name);
        let mut newest: Option<Change> = None;
        let appears_until = Instant::now() + APPEARANCE_TIMEOUT;
        let mut redraw = tokio::time::interval(REDRAW);
        // One listener for the whole time: between two there would be a moment in which the signal is lost.
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        loop {
            tokio::select! {
                next = views.next() => match next {
                    Some(Ok(view)) => {
                        self.print(context, &view)?;
                        if let Some(exit) = self.judge(context, &view, screen) {
                            return Ok(exit);
                        }
                        screen.show(&Snapshot::of(&view, now()));
                        newest = Some(view);
                    }
                    Some(Err(error)) if self.may_appear(&error, newest.as_ref(), appears_until) => {
                        tokio::time::sleep(APPEARANCE_PAUSE).await;
                        views = self::views(client, self.name);
                    }
                    Some(Err(error)) => return Err(self.lost(error)),
                    None => return Err(self.ended()),
                },
                _ = redraw.tick() => newest.iter().for_each(|view| screen.show(&Snapshot::of(view, now()))),
                () = until(deadline) => return Ok(self.out_of_time(context, newest.as_ref(), screen)),
                _ = &mut interrupted => return Ok(self.detach(context, screen)),
            }
        }
    }

    fn shows_progress(&self, context: &Context) -> bool {
        match self.shows {
            Shows::Nothing => false,
            Shows::Progress => true,
            Shows::States => context.output.is_table(),
        }
    }

    fn may_appear(&self, error: &Error, newest: Option<&Change>, until: Instant) -> bool {
        self.is_new && newest.is_none() && error.kind() == Kind::NotFound && Instant::now() < until
    }

    fn print(&self, context: &Context, view: &Change) -> Result<(), Failure> {
        if self.shows != Shows::States || context.output.is_table() {
            return Ok(());
        }
        context.output.print_next(view, |_| String::new())
    }

    fn judge(&self, context: &Context, view: &Change, screen: &mut Screen) -> Option<Exit> {
        let exit = match self.target.verdict(view) {
            Verdict::Open => return None,
            Verdict::Reached => Exit::Ok,
            Verdict::Missed => Exit::Failed,
        };
        screen.clear();
        context.output.say(&snapshot::ending(view));
        Some(exit)
    }

    fn out_of_time(&self, context: &Context, newest: Option<&Change>, screen: &mut Screen) -> Exit {
        screen.clear();
        let is_blocked = newest.is_some_and(|view| view.gate.as_ref().is_some_and(|gate| gate.is_blocked));
        let state = newest.map(|view| format!(": {}", Snapshot::of(view, now()).dated_headline(now())));
        eprintln!("not yet {}: {}{}", self.target, self.name, state.unwrap_or_default());
        context.output.say(&format!("hint: lockstep change show {} says whom it waits for", self.name));
        if is_blocked { Exit::Blocked } else { Exit::NotYet }
    }

    fn detach(&self, context: &Context, screen: &mut Screen) -> Exit {
        screen.clear();
        context.output.say(&format!(
            "detached: the change goes on without this terminal\nhint: lockstep change watch {0} comes back to it, \
             lockstep change cancel {0} --reason ... stops it",
            self.name
        ));
        Exit::NotYet
    }

    fn lost(&self, error: Error) -> Failure {
        let failure = Failure::from(error);
        match failure.exit {
            Exit::NoQuorum => failure.hint(format!(
                "the change goes on as soon as the cluster can: lockstep change watch {} comes back to it",
                self.name
            )),
            _ => failure,
        }
    }

    fn ended(&self) -> Failure {
        Failure::new(Exit::Failed, format!("the agent ended the watch of {} before it was at its end", self.name))
            .hint(format!("lockstep change watch {} comes back to it", self.name))
    }
}

fn views(client: &Client, name: &str) -> Views {
    Box::pin(client.watch_change(name, LogIndex(0)).into_stream())
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
