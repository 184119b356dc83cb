//! Names of files: which layouts there are, and what a name says.

/// The layouts, as errors list them.
pub const LAYOUTS: &str = "
    NNNN_name.sql                          one file a change (sqlx)
    NNNN_name.up.sql, NNNN_name.down.sql   two files a change (sqlx, golang-migrate)
    NNNN_name/up.sql, NNNN_name/down.sql   a folder a change (diesel)
    NNNN_name.toml                         a plan with its steps written by hand
NNNN is any number; a time stamp such as 20261122193000 or 2026-11-22-193000 is one too. Files that begin with a dot are left alone.";

/// What comes first: a number of any length, without the zeros before it. Shorter ones are smaller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(usize, String);

/// What a file is to its change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What it does, in SQL.
    Up,
    /// What somebody wrote to undo it.
    Down,
    /// What it does, as a plan.
    Toml,
}

/// What a path says.
pub(super) struct Place<'a> {
    pub(super) number: Number,
    pub(super) name: &'a str,
    pub(super) part: Part,
}

/// True for files that are left alone: hidden ones, and diesel's settings of a migration.
pub(super) fn is_nobodys(path: &str) -> bool {
    let is_settings =
        path.split_once('/').is_some_and(|(folder, file)| number(folder).is_some() && file == "metadata.toml");
    is_settings || path.split('/').any(|part| part.starts_with('.'))
}

/// What the path of a file within a folder of changes says; `None` when it fits no layout.
pub(super) fn place(path: &str) -> Option<Place<'_>> {
    let (name, part) = match path.split_once('/') {
        None => kind(path)?,
        Some((folder, "up.sql")) => (folder, Part::Up),
        Some((folder, "down.sql")) => (folder, Part::Down),
        Some(_) => return None,
    };
    Some(Place { number: number(name)?, name, part })
}

/// The name of a file without what says its kind, and its kind; `None` when it is of another kind.
pub(super) fn kind(file: &str) -> Option<(&str, Part)> {
    let (stem, part) = match file.rsplit_once('.')? {
        (stem, "toml") => (stem, Part::Toml),
        ("down", "sql") => ("down", Part::Down),
        (stem, "sql") => match stem.rsplit_once('.') {
            Some((stem, "up")) => (stem, Part::Up),
            Some((stem, "down")) => (stem, Part::Down),
            _ => (stem, Part::Up),
        },
        _ => return None,
    };
    (!stem.is_empty()).then_some((stem, part))
}

/// The number that a name begins with; `None` when it has none, or nothing behind it.
pub(super) fn number(name: &str) -> Option<Number> {
    let (number, rest) = name.split_once('_')?;
    let mut groups = number.split('-');
    let are_digits = groups.all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    if !are_digits || rest.is_empty() {
        return None;
    }
    let digits: String = number.replace('-', "").trim_start_matches('0').to_owned();
    Some(Number(digits.len(), digits))
}
