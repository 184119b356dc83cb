//! What travels beside a request: who asks, and the proof of what it may do.

use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

/// Key of the caller's name, for the audit trail. Printable ASCII.
pub const ACTOR: &str = "lockstep-actor";

/// Key of the operator token: `Bearer <token>`.
pub const AUTHORIZATION: &str = "authorization";

/// Who asks, as sent along with each request.
#[derive(Clone)]
pub struct Caller {
    actor: MetadataValue<Ascii>,
    authorization: Option<MetadataValue<Ascii>>,
}

/// A name or token that cannot be sent.
#[derive(Debug, thiserror::Error)]
#[error("the {what} must be printable ASCII: it is sent in a header")]
pub struct NotPrintable {
    what: &'static str,
}

impl Caller {
    /// A caller with a name and, if it acts as an operator, the operator token.
    ///
    /// # Errors
    ///
    /// [`NotPrintable`] when either holds anything but printable ASCII.
    pub fn new(actor: &str, operator_token: Option<&str>) -> Result<Self, NotPrintable> {
        let value = |what, text: String| text.parse().map_err(|_| NotPrintable { what });
        let authorization = operator_token
            .map(|token| value("operator token", format!("Bearer {token}")))
            .transpose()?
            .map(|mut value: MetadataValue<Ascii>| {
                value.set_sensitive(true);
                value
            });
        Ok(Self { actor: value("actor name", actor.to_owned())?, authorization })
    }

    /// Adds name and token to a request's metadata.
    pub fn attach(&self, metadata: &mut MetadataMap) {
        metadata.insert(ACTOR, self.actor.clone());
        if let Some(authorization) = &self.authorization {
            metadata.insert(AUTHORIZATION, authorization.clone());
        }
    }
}

/// The name under which the caller acts; `None` when it gave none.
#[must_use]
pub fn actor(metadata: &MetadataMap) -> Option<&str> {
    metadata.get(ACTOR)?.to_str().ok().filter(|name| !name.is_empty())
}

/// The operator token that the caller showed, if any. Compare it in constant time.
#[must_use]
pub fn operator_token(metadata: &MetadataMap) -> Option<&str> {
    let value = metadata.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caller_is_read_back() {
        let mut metadata = MetadataMap::new();
        Caller::new("deploy-bot", Some("secret")).unwrap().attach(&mut metadata);
        assert_eq!(actor(&metadata), Some("deploy-bot"));
        assert_eq!(operator_token(&metadata), Some("secret"));
        assert!(!format!("{metadata:?}").contains("secret"), "a token must not be printed");
    }

    #[test]
    fn absent_or_foreign_metadata_is_none() {
        let mut metadata = MetadataMap::new();
        assert_eq!((actor(&metadata), operator_token(&metadata)), (None, None));
        metadata.insert(AUTHORIZATION, "Basic c2VjcmV0".parse().unwrap());
        assert_eq!(operator_token(&metadata), None);
    }

    #[test]
    fn unprintable_name_is_refused() {
        let error = Caller::new("zo\u{eb}\n", None).err().unwrap();
        assert!(error.to_string().contains("actor name"));
    }
}
