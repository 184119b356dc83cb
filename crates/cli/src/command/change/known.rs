//! Which changes of some files the cluster has already, and whether they were made of the very same files.

use crate::exit::Exit;
use crate::failure::Failure;
use lockstep_client::{Client, Kind};
use lockstep_core::change::Status;
use lockstep_planner::source::Change;
use lockstep_proto::view;

/// A change that the cluster has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Its name.
    pub(super) name: String,
    /// Its file, as it was named.
    pub(super) file: String,
    /// How far it is.
    pub(super) status: Status,
}

/// Changes, by whether the cluster has them. Both in order.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Those that it has.
    pub(super) known: Vec<Known>,
    /// Those that it has not.
    pub(super) pending: Vec<Change>,
}

impl Known {
    /// What to say of it.
    pub(super) fn text(&self) -> String {
        let Self { name, file, status } = self;
        match status {
            Status::Settled => format!("skipped {name}: it is applied, and {file} has not changed since"),
            _ => format!(
                "skipped {name}: the cluster has it already ({}), and {file} has not changed since",
                status.name()
            ),
        }
    }
}

/// Asks the cluster for each change.
pub(super) async fn sort(client: &Client, changes: Vec<Change>) -> Result<Sorted, Failure> {
    let mut sorted = Sorted::default();
    for change in changes {
        match client.change(&change.name).await {
            Ok(found) => sorted.known.push(known(&change, &found)?),
            Err(error) if error.kind() == Kind::NotFound => sorted.pending.push(change),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sorted)
}

/// A file whose change the cluster has, if it is that very file and the change came to something.
fn known(change: &Change, found: &view::Change) -> Result<Known, Failure> {
    let (name, file, status) = (&change.name, &change.file.shown, found.status);
    let conflict = |message: String| Err(Failure::new(Exit::Conflict, message));
    let show = format!("lockstep change show {name} shows the change that has the name");
    match &found.change.source {
        None => conflict(format!(
            "{file}: the name {name} is taken by a change that was not made of a file; choose another name"
        ))
        .map_err(|failure| failure.hint(show)),
        Some(source) if source.sha256 != change.source.sha256 => conflict(format!(
            "{file} is not what change {name} was made of: it was edited after it was submitted (as {}), and no database would \
             be told of that",
            source.file
        ))
        .map_err(|failure| {
            failure.hint("put its old text back, and write what is still to be done into a new file").hint(show)
        }),
        Some(_) if matches!(status, Status::Reverted | Status::Cancelled | Status::RolledBack) => conflict(format!(
            "{file}: change {name} was submitted before and ended {}; a name is used once",
            status.name()
        ))
        .map_err(|failure| failure.hint("give the file another name to submit it once more").hint(show)),
        Some(_) => Ok(Known { name: name.clone(), file: file.clone(), status }),
    }
}

#[cfg(test)]
mod tests {
    use super::known;
    use crate::exit::Exit;
    use crate::view::sample;
    use lockstep_core::Source;
    use lockstep_core::change::Status;
    use lockstep_planner::source::{self, File};

    /// What is made of a file with the text `new`, when the cluster has a change of its name, made of a file with the text `old`.
    fn check(old: Option<&str>, new: &str, status: Status, expected: &str) {
        let shown = "m/0001_a.sql".to_owned();
        let change =
            source::file(File { path: "0001_a.sql".to_owned(), shown, text: new.to_owned() }, None).unwrap();
        let mut found = sample::change_view();
        found.status = status;
        found.change.source = old.map(|old| Source::of("0001_a.sql", old.as_bytes()));
        let text = match known(&change, &found) {
            Ok(known) => known.text(),
            Err(failure) => {
                assert_eq!(failure.exit, Exit::Conflict);
                failure.text()
            }
        };
        assert!(text.contains(expected), "     got: {text}\nexpected: {expected}");
    }

    #[test]
    fn the_same_file_is_skipped_and_any_other_is_a_conflict() {
        check(
            Some("a"),
            "a",
            Status::Settled,
            "skipped 0001_a: it is applied, and m/0001_a.sql has not changed since",
        );
        check(Some("a"), "a", Status::Running, "skipped 0001_a: the cluster has it already (running)");
        check(Some("a"), "b", Status::Settled, "error: m/0001_a.sql is not what change 0001_a was made of");
        check(
            None,
            "a",
            Status::Settled,
            "error: m/0001_a.sql: the name 0001_a is taken by a change that was not made",
        );
        for status in [Status::Reverted, Status::Cancelled, Status::RolledBack] {
            check(Some("a"), "a", status, "error: m/0001_a.sql: change 0001_a was submitted before and ended");
            check(Some("a"), "b", status, "error: m/0001_a.sql is not what change 0001_a was made of");
        }
    }
}
