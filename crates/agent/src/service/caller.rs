//! Who asks, and what it may do.

use crate::config::Security;
use lockstep_core::command::{Actor, Role};
use lockstep_proto::{convert, metadata, status};
use tonic::{Request, Status};

/// The longest name of a caller, in bytes: it goes into the audit trail.
const NAME_BYTES_MAX: usize = 200;

/// The actor behind a request: its name as it says, its role as this agent finds.
///
/// With an operator token configured, whoever shows it is an operator. Without one, callers on this machine are operators, and
/// nobody else is: a fresh installation works, and an open port gives nothing away.
pub(super) fn actor<T>(request: &Request<T>, security: &Security) -> Result<Actor, Status> {
    let address = request.remote_addr().map(|address| address.ip());
    let shown = metadata::operator_token(request.metadata());
    let role = match (&security.operator_token, shown) {
        (Some(token), Some(shown)) if token.is(shown) => Role::Operator,
        (Some(_), Some(_)) => {
            return Err(status::unauthenticated(
                "the operator token is not the right one; see `security.operator_token`",
            ));
        }
        (Some(_), None) => Role::Client,
        (None, _) if address.is_some_and(|address| address.to_canonical().is_loopback()) => Role::Operator,
        (None, _) => Role::Client,
    };
    let name = match metadata::actor(request.metadata()) {
        Some(name) if name.len() > NAME_BYTES_MAX => {
            let problem = format!("is longer than {NAME_BYTES_MAX} bytes");
            return Err(status::invalid(&convert::Error::new(metadata::ACTOR, problem)));
        }
        Some(name) => name.to_owned(),
        None => address.map_or_else(|| "anonymous".to_owned(), |address| format!("anonymous at {address}")),
    };
    Ok(Actor { name, role })
}
