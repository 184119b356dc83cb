//! Collects raw values from file, environment and flags, each with its origin; the higher source wins.

use super::error::{Error, Origin};
use super::keys::{self, KEYS, Key, Kind};
use std::collections::BTreeMap;
use std::path::Path;
use toml::Value;
use toml::de::{DeTable, DeValue};

/// Raw values by key path.
#[derive(Debug, Default)]
pub(super) struct Values {
    values: BTreeMap<&'static str, (Value, Origin)>,
}

impl Values {
    pub(super) fn get(&self, path: &str) -> Option<&(Value, Origin)> {
        self.values.get(path)
    }

    /// Sets a value; a later call is a higher source.
    fn set(&mut self, key: &'static Key, value: Value, origin: Origin) {
        self.values.insert(key.path, (value, origin));
        // A secret and the file that holds it are one setting: the higher source decides which of the two counts.
        if let Some(twin) = twin(key.path) {
            let is_higher = |(_, other): &(Value, Origin)| rank(other) < rank(&self.values[key.path].1);
            if self.values.get(twin).is_some_and(is_higher) {
                self.values.remove(twin);
            }
        }
    }

    pub(super) fn add_file(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let at = |offset: usize| Origin::File { path: path.to_owned(), line: line_of(text, offset) };
        let table = DeTable::parse(text).map_err(|error| Error::Syntax {
            origin: at(error.span().map_or(0, |span| span.start)),
            reason: error.message().to_owned(),
        })?;
        self.add_table("", table.get_ref(), &at)
    }

    fn add_table(&mut self, prefix: &str, table: &DeTable<'_>, at: &dyn Fn(usize) -> Origin) -> Result<(), Error> {
        for (name, value) in table {
            let path = format!("{prefix}{}", name.get_ref());
            let origin = at(name.span().start);
            match (value.get_ref(), keys::find(&path)) {
                (value, Some(key)) => self.set(key, plain(value), origin),
                (DeValue::Table(inner), None) if is_table(&path) => {
                    self.add_table(&format!("{path}."), inner, at)?;
                }
                (_, None) => return Err(unknown(origin, &path)),
            }
        }
        Ok(())
    }

    /// Takes the variables that are settings. What is returned are warnings about those that nearly are.
    pub(super) fn add_environment(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        for (variable, text) in variables {
            if let Some(key) = KEYS.iter().find(|key| key.variable() == variable) {
                self.set(key, from_text(key, &text), Origin::Environment { variable });
            } else if variable.starts_with("LOCKSTEP_") {
                warnings.extend(near_miss(&variable));
            }
        }
        warnings
    }

    /// Takes a flag's value.
    pub(super) fn add_flag(&mut self, path: &str, text: &str) -> Result<(), Error> {
        let key = keys::find(path).ok_or_else(|| unknown(Origin::Flag, path))?;
        self.set(key, from_text(key, text), Origin::Flag);
        Ok(())
    }
}

fn rank(origin: &Origin) -> u8 {
    match origin {
        Origin::File { .. } => 0,
        Origin::Environment { .. } => 1,
        Origin::Flag => 2,
    }
}

/// `x` for `x_file`, and the other way round, where both are settings.
fn twin(path: &str) -> Option<&'static str> {
    let other = match path.strip_suffix("_file") {
        Some(plain) => plain.to_owned(),
        None => format!("{path}_file"),
    };
    keys::find(&other).map(|key| key.path)
}

fn is_table(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

fn unknown(origin: Origin, path: &str) -> Error {
    Error::UnknownKey { origin, key: path.to_owned(), nearest: keys::nearest(path).to_owned() }
}

fn near_miss(variable: &str) -> Option<String> {
    const EDITS_MAX: usize = 2;
    let nearest = KEYS.iter().map(Key::variable).min_by_key(|known| keys::edits(known, variable))?;
    (keys::edits(&nearest, variable) <= EDITS_MAX).then(|| {
        format!("environment variable {variable} is ignored: no setting of the agent; did you mean {nearest}?")
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    let end = offset.min(text.len());
    text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The value without its place in the file.
fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(yes) => Value::Boolean(*yes),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix()).map_or(Value::String(digits), Value::Integer)
        }
        DeValue::Array(values) => Value::Array(values.iter().map(|value| plain(value.get_ref())).collect()),
        other => Value::String(format!("a {}", other.type_str())),
    }
}

/// Environment and flags have only text; what cannot be read stays text, and is refused with its key later.
fn from_text(key: &Key, text: &str) -> Value {
    match key.kind {
        Kind::Boolean => text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Boolean),
        Kind::Number => text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Integer),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        Kind::Text | Kind::Secret | Kind::Duration => Value::String(text.to_owned()),
    }
}
