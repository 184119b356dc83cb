//! Reads changes from the disk.

use crate::failure::Failure;
use lockstep_planner::source::{self, Change, File};
use std::path::{Path, PathBuf};

/// How deep a folder of changes is looked through: one more than any layout has, so that what lies deeper is named.
const DEPTH_MAX: usize = 3;

/// The changes of files and folders, in the order in which they are named, and within a folder in the order of their numbers.
/// `name` is the name of the one change there is, instead of its file's.
pub(super) fn read(paths: &[PathBuf], name: Option<&str>) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut files = Vec::new();
            collect(path, "", 0, &mut files)?;
            let found = source::folder(&path.display().to_string(), files);
            changes.extend(found.map_err(|error| Failure::usage(error.to_string()))?);
        } else {
            changes.push(single(path)?);
        }
    }
    match (name, &mut changes[..]) {
        (None, _) => {}
        (Some(name), [only]) => name.clone_into(&mut only.name),
        (Some(_), all) => {
            let problem = format!("--name is for one change, and there are {}: rename their files", all.len());
            return Err(Failure::usage(problem));
        }
    }
    Ok(changes)
}

fn single(path: &Path) -> Result<Change, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let parent = absolute.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let file = File { path: name, shown: path.display().to_string(), text: text(path)? };
    source::file(file, parent.as_deref()).map_err(|error| Failure::usage(error.to_string()))
}

/// The files below a folder. What no layout has is listed, to be refused by name, but not read.
fn collect(folder: &Path, inside: &str, depth: usize, files: &mut Vec<File>) -> Result<(), Failure> {
    let unreadable = |error| Failure::usage(format!("cannot read the folder {}: {error}", folder.display()));
    let mut entries = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
        .map_err(unreadable)?;
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = if inside.is_empty() { name.clone() } else { format!("{inside}/{name}") };
        if name.starts_with('.') {
            continue;
        }
        if entry.is_dir() && depth + 1 < DEPTH_MAX {
            collect(&entry, &path, depth + 1, files)?;
            continue;
        }
        let is_text = [".sql", ".toml"].iter().any(|ending| name.ends_with(ending));
        let text = if is_text { text(&entry)? } else { String::new() };
        files.push(File { path, shown: entry.display().to_string(), text });
    }
    Ok(())
}

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let bytes =
        std::fs::read(path).map_err(|error| Failure::usage(format!("cannot read the plan {shown}: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::usage(format!("{shown} is not UTF-8 text: byte {at} cannot be read; save it as UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::exit::Exit;
    use std::path::{Path, PathBuf};

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        folder
    }

    /// The names of the changes, or the error.
    fn shown(paths: &[PathBuf], name: Option<&str>) -> String {
        match read(paths, name) {
            Ok(changes) => changes.iter().map(|change| change.name.as_str()).collect::<Vec<_>>().join(" "),
            Err(failure) => {
                assert_eq!(failure.exit, Exit::Usage);
                failure.message
            }
        }
    }

    #[test]
    fn files_and_folders_are_read_in_order() {
        let folder = folder(&[
            ("m/0002_b.up.sql", b"SELECT 2"),
            ("m/0002_b.down.sql", b""),
            ("m/0001_a/up.sql", b"SELECT 1"),
            ("m/0003_c.toml", b"engine = 'sqlite'"),
            ("m/.git/config", b"\xff"),
            ("single.sql", b"SELECT 3"),
        ]);
        let path = |name: &str| folder.path().join(name);
        assert_eq!(shown(&[path("m")], None), "0001_a 0002_b 0003_c");
        assert_eq!(shown(&[path("single.sql"), path("m")], None), "single 0001_a 0002_b 0003_c");
        assert_eq!(shown(&[path("m/0001_a/up.sql")], None), "0001_a");
        assert_eq!(shown(&[path("single.sql")], Some("0004_d")), "0004_d");
        assert!(shown(&[path("m")], Some("x")).contains("--name is for one change, and there are 3"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert!(
            shown(&["/nowhere/0001_x.toml".into()], None).contains("cannot read the plan /nowhere/0001_x.toml")
        );
        let folder =
            folder(&[("bytes/0001_a.sql", b"SELECT '\xff'"), ("deep/0001_a/b/c/d.sql", b""), ("none/.keep", b"")]);
        let path = |name: &str| folder.path().join(name);
        assert!(shown(&[path("bytes")], None).contains("0001_a.sql is not UTF-8 text: byte 8"));
        assert!(shown(&[path("deep")], None).contains("fits no layout"));
        assert!(shown(&[path("none")], None).contains("has no change in it"));
        assert!(Path::new(&shown(&[path("gone")], None)).to_string_lossy().contains("cannot read the plan"));
    }
}
