//! Join tokens: the cluster and the secret in one text that an operator carries to a new agent.

use std::fmt;
use std::str::FromStr;

/// What lets a new agent in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct JoinToken {
    pub(crate) cluster_id: String,
    pub(crate) secret: String,
}

/// The text is no join token.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a join token is `<cluster id>.<secret>`, as `lockstep cluster join-token` prints it")]
pub(crate) struct Malformed;

impl fmt::Display for JoinToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.cluster_id, self.secret)
    }
}

impl FromStr for JoinToken {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text.trim().split_once('.') {
            Some((cluster_id, secret)) if !cluster_id.is_empty() && !secret.is_empty() => {
                Ok(Self { cluster_id: cluster_id.to_owned(), secret: secret.to_owned() })
            }
            _ => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back() {
        let token = JoinToken { cluster_id: "c-1".to_owned(), secret: "s_2".to_owned() };
        assert!(token.to_string().parse() == Ok(token));
        assert!("without".parse::<JoinToken>().is_err());
        assert!(".x".parse::<JoinToken>().is_err());
    }
}
