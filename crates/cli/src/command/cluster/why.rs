//! `lockstep cluster why`

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::observe;
use crate::render;
use crate::view::{Freshness, Status, Why};

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let status = observe::status(context).await?;
    context.output.print(&Why::of(&status), |look| render::why(&status, look))?;
    Ok(exit(&status))
}

/// No quorum comes first: without it, nothing that is shown can be relied on.
fn exit(status: &Status) -> Exit {
    let is_blocked = status.gate().is_some_and(|gate| gate.is_blocked);
    match status.freshness {
        Freshness::Stale => Exit::NoQuorum,
        _ if is_blocked => Exit::Blocked,
        _ => Exit::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::exit;
    use crate::exit::Exit;
    use crate::view::sample;

    #[test]
    fn blocked_and_stale_have_their_codes() {
        assert_eq!(exit(&sample::quiet()), Exit::Ok);
        assert_eq!(exit(&sample::waiting()), Exit::Ok);
        assert_eq!(exit(&sample::blocked()), Exit::Blocked);
        assert_eq!(exit(&sample::stale()), Exit::NoQuorum);
    }
}
