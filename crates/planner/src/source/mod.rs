//! Files in, changes out: which files are a change, how it is called, and in which order the changes come.
//!
//! One file is one change, called like the file. A folder is a list of changes, in the layouts that migration tools use; see
//! [`LAYOUTS`]. Deliberately absent: reading the disk.

mod layout;
mod sections;

pub use layout::LAYOUTS;

use layout::{Number, Part};
use lockstep_core::Source;
use std::collections::BTreeMap;

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path within the folder that was named, with `/` between the parts; of a single file, its name.
    pub path: String,
    /// As it is shown to people: with the path that they typed before it.
    pub shown: String,
    /// What stands in it.
    pub text: String,
}

/// How a change is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Plain DDL, for [`crate::plan()`].
    Sql,
    /// Steps by hand, for [`crate::plan_file`].
    Toml,
}

/// A change, still to be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name: the file's or folder's, without what only says its kind; or the one that a plan file gives it.
    pub name: String,
    /// How it is written.
    pub language: Language,
    /// The file with what it does; of a file with sections, `text` is what stands above the section that undoes it.
    pub file: File,
    /// The file, or the section, that somebody wrote to undo it.
    pub down: Option<File>,
    /// What the cluster keeps of the file.
    pub source: Source,
}

/// Files that are no list of changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name that fits no layout.
    #[error("{file}: the name fits no layout. Those that there are:{LAYOUTS}")]
    NoLayout {
        /// The file.
        file: String,
    },
    /// Two changes cannot be told apart or put in an order.
    #[error("{one} and {other} have the same {what}: rename one of them")]
    Twice {
        /// What is the same.
        what: &'static str,
        /// A file.
        one: String,
        /// Another one.
        other: String,
    },
    /// A file that undoes something, and nothing that it undoes.
    #[error("{file} undoes a change that is not there: write the change beside it, or take the file out")]
    OnlyDown {
        /// The file.
        file: String,
    },
    /// One file was named, and it is the one that undoes a change.
    #[error("{file} undoes a change, and is none itself: name the file beside it that does it")]
    Down {
        /// The file.
        file: String,
    },
    /// Sections in an order that cannot be meant.
    #[error("{file}: line {line}: {problem}")]
    Sections {
        /// The file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// Nothing to do.
    #[error("{folder} has no change in it; the layouts that there are:{LAYOUTS}")]
    Empty {
        /// As it was named.
        folder: String,
    },
}

/// The change that one file is. `parent` is the name of the folder that it lies in, which names a file called `up.sql`.
///
/// # Errors
///
/// [`Error::Down`], [`Error::NoLayout`] for what is neither SQL nor TOML, [`Error::Sections`].
pub fn file(mut file: File, parent: Option<&str>) -> Result<Change, Error> {
    let name = file.path.clone();
    let (stem, part) = layout::kind(&name).ok_or_else(|| Error::NoLayout { file: file.shown.clone() })?;
    match part {
        Part::Down => Err(Error::Down { file: file.shown }),
        Part::Up | Part::Toml => {
            let folder = parent.filter(|parent| name == "up.sql" && layout::number(parent).is_some());
            if let Some(folder) = folder {
                file.path = format!("{folder}/{name}");
            }
            change(folder.unwrap_or(stem).to_owned(), part, file, None)
        }
    }
}

/// The changes of a folder, in order. Files whose names begin with a dot are nobody's changes and left alone.
///
/// # Errors
///
/// See [`Error`]; never retryable.
pub fn folder(shown: &str, files: Vec<File>) -> Result<Vec<Change>, Error> {
    let mut changes: BTreeMap<(Number, String), Parts> = BTreeMap::new();
    for file in files {
        if layout::is_nobodys(&file.path) {
            continue;
        }
        let placed = layout::place(&file.path).map(|place| (place.number, place.name.to_owned(), place.part));
        let (number, name, part) = placed.ok_or_else(|| Error::NoLayout { file: file.shown.clone() })?;
        let (up, down) = changes.entry((number, name)).or_default();
        let before = match part {
            Part::Down => down.replace(file.clone()),
            Part::Up | Part::Toml => up.replace((part, file.clone())).map(|(_, file)| file),
        };
        if let Some(before) = before {
            return Err(Error::Twice { what: "name", one: before.shown, other: file.shown });
        }
    }
    if changes.is_empty() {
        return Err(Error::Empty { folder: shown.to_owned() });
    }
    in_order(changes)
}

/// What does a change, and what undoes it.
type Parts = (Option<(Part, File)>, Option<File>);

fn in_order(changes: BTreeMap<(Number, String), Parts>) -> Result<Vec<Change>, Error> {
    let mut before: Option<(Number, String)> = None;
    let mut ordered = Vec::with_capacity(changes.len());
    for ((number, name), (up, down)) in changes {
        let Some((part, file)) = up else {
            return Err(Error::OnlyDown { file: down.map(|file| file.shown).unwrap_or_default() });
        };
        if let Some((_, one)) = before.take().filter(|(before, _)| *before == number) {
            return Err(Error::Twice { what: "number", one, other: file.shown });
        }
        before = Some((number, file.shown.clone()));
        ordered.push(change(name, part, file, down)?);
    }
    Ok(ordered)
}

fn change(name: String, part: Part, mut file: File, mut down: Option<File>) -> Result<Change, Error> {
    let source = Source::of(&file.path, file.text.as_bytes());
    let language = if part == Part::Toml { Language::Toml } else { Language::Sql };
    let own = (language == Language::Toml).then(|| crate::plan_file::name(&file.text)).flatten();
    if language == Language::Sql {
        let sections = sections::split(&file.text).map_err(|(line, problem)| Error::Sections {
            file: file.shown.clone(),
            line,
            problem,
        })?;
        if let Some((above, below)) = sections {
            let section = File { text: below.to_owned(), ..file.clone() };
            file.text = above.to_owned();
            down = down.or(Some(section));
        }
    }
    Ok(Change { name: own.unwrap_or_else(|| plain(&name)), language, file, down, source })
}

/// The name of a file as a change may be called: spaces and what else has no place in a name become `_`.
fn plain(name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    name.chars().map(|character| if is_plain(character) { character } else { '_' }).collect()
}

#[cfg(test)]
mod tests;
