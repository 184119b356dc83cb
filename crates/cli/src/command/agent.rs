//! `lockstep agent`

use super::settings::Settings;
use crate::exit::Exit;
use crate::failure::Failure;
use lockstep_agent::{Class, Error};

/// The agent of one database node. It runs until SIGTERM or SIGINT, and then stops in order.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Settings,
}

pub(crate) async fn run(arguments: Arguments) -> Result<Exit, Failure> {
    let config = arguments.settings.load()?;
    lockstep_agent::run(config).await.map_err(Failure::from)?;
    Ok(Exit::Ok)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.class() {
            Class::Usage => Exit::Usage,
            Class::NoQuorum => Exit::NoQuorum,
            Class::Denied => Exit::Denied,
            Class::Conflict => Exit::Conflict,
            Class::Failed => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use crate::exit::Exit;
    use crate::failure::Failure;
    use lockstep_agent::Error;

    #[test]
    fn what_keeps_an_agent_from_starting_has_its_exit_code() {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 7_400));
        let directory = std::path::PathBuf::from("data");
        for (error, expected) in [
            (Error::JoinToken("it is cut off".to_owned()), Exit::Usage),
            (Error::AddressInUse { key: "listen.client", address }, Exit::Conflict),
            (Error::NoPermission { directory, reason: "read-only".to_owned() }, Exit::Denied),
            (Error::Server("reset".to_owned()), Exit::Failed),
        ] {
            assert_eq!(Failure::from(error).exit, expected);
        }
    }
}
