//! Reads typed values out of raw ones; an error names the key and where its value comes from.

use super::error::{Error, Origin};
use super::keys;
use super::secret::Secret;
use super::sources::Values;
use lockstep_core::limits;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Value;

impl Values {
    fn typed<T>(
        &self,
        path: &str,
        wanted: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let Some((value, _)) = self.get(path) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.invalid(path, &format!("must be {wanted}")))
    }

    /// The error for a value that is there and is wrong.
    pub(super) fn invalid(&self, path: &str, problem: &str) -> Error {
        let origin = self.get(path).map_or(Origin::Flag, |(_, origin)| origin.clone());
        Error::InvalidValue { origin, key: path.to_owned(), problem: problem.to_owned() }
    }

    pub(super) fn text(&self, path: &str) -> Result<Option<String>, Error> {
        self.typed(path, "a text, e.g. \"...\"", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn required_text(&self, path: &str, purpose: &str) -> Result<String, Error> {
        let text = self.text(path)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| missing(path, purpose))
    }

    pub(super) fn boolean(&self, path: &str) -> Result<bool, Error> {
        Ok(self.typed(path, "true or false", Value::as_bool)?.unwrap_or(false))
    }

    pub(super) fn number(&self, path: &str) -> Result<Option<u64>, Error> {
        self.typed(path, "a whole number that is not negative", |value| u64::try_from(value.as_integer()?).ok())
    }

    pub(super) fn duration(&self, path: &str) -> Result<Option<Duration>, Error> {
        let read = |value: &Value| humantime::parse_duration(value.as_str()?).ok();
        self.typed(path, "a duration with its unit, e.g. \"500ms\" or \"10s\"", read)
    }

    /// A limit on a reading. A count may stand without quotation marks. `usual` when it is not set.
    pub(super) fn limit(&self, path: &str, kind: limits::Kind, usual: Option<u64>) -> Result<Option<u64>, Error> {
        let Some((value, _)) = self.get(path) else { return Ok(usual) };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        kind.read(&text).map_err(|problem| self.invalid(path, &problem))
    }

    pub(super) fn list(&self, path: &str) -> Result<Vec<String>, Error> {
        let read = |value: &Value| {
            value.as_array()?.iter().map(|item| Some(item.as_str()?.to_owned())).collect::<Option<Vec<_>>>()
        };
        Ok(self.typed(path, "a list of texts, e.g. [\"a\", \"b\"]", read)?.unwrap_or_default())
    }

    /// A value of a type that can be read from text.
    pub(super) fn parsed<T: std::str::FromStr>(&self, path: &str, wanted: &str) -> Result<Option<T>, Error> {
        match self.text(path)? {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(self.invalid(path, &format!("is \"{text}\"; it must be {wanted}"))),
            },
        }
    }

    /// A secret that stands in the configuration, or in a file that the configuration names. File names are relative to
    /// `base`, the directory of the configuration file.
    pub(super) fn secret(&self, path: &str, base: &Path) -> Result<Option<Secret>, Error> {
        let file_path = format!("{path}_file");
        match (self.text(path)?, self.text(&file_path)?) {
            (None, None) => Ok(None),
            (Some(text), None) => Ok(Some(Secret::new(text))),
            (None, Some(file)) => self.read_secret(path, &base.join(file)).map(Some),
            (Some(_), Some(_)) => Err(Error::Contradiction {
                problem: format!("`{path}` and `{file_path}` are both set by the same source; keep one of them"),
            }),
        }
    }

    fn read_secret(&self, path: &str, file: &Path) -> Result<Secret, Error> {
        let text = std::fs::read_to_string(file).map_err(|error| Error::Unreadable {
            what: format!("the file of `{path}`,"),
            path: file.to_owned(),
            reason: error.to_string(),
        })?;
        let secret = text.trim();
        if secret.is_empty() {
            return Err(
                self.invalid(&format!("{path}_file"), &format!("names {}, which is empty", file.display()))
            );
        }
        Ok(Secret::new(secret))
    }

    /// A path, relative to `base`.
    pub(super) fn path(&self, path: &str, base: &Path, purpose: &str) -> Result<PathBuf, Error> {
        Ok(base.join(self.required_text(path, purpose)?))
    }
}

/// The error for a value that is not there.
pub(super) fn missing(path: &str, purpose: &str) -> Error {
    let variable = keys::find(path).map(keys::Key::variable).unwrap_or_default();
    Error::Missing { key: path.to_owned(), purpose: purpose.to_owned(), variable }
}
