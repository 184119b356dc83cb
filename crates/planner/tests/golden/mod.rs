//! Reads the goldens. Each file in `goldens/<engine>/` has a schema, a line `-- change`, and a change. Lines `-- rows: TABLE NUMBER`
//! say how many rows a table is believed to have. A line `-- since: VERSION` says that older servers cannot do what it is about.

use lockstep_core::Engine;
use lockstep_planner::catalog::Size;
use lockstep_planner::{Catalog, Plan, Target, plan, replay};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The line between the schema and the change.
const SEPARATOR: &str = "\n-- change\n";

/// Names and texts, in order, and the folder in which they are.
pub(crate) fn goldens(engine: Engine) -> (PathBuf, Vec<(String, String)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(engine.name());
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    assert!(!files.is_empty(), "no goldens in {}", folder.display());
    let read = |file: &PathBuf| {
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        (stem, std::fs::read_to_string(file).unwrap())
    };
    let goldens = files.iter().map(read).collect();
    (folder, goldens)
}

/// What is there before, and the change.
pub(crate) fn parts<'a>(stem: &str, text_of_golden: &'a str) -> (&'a str, &'a str) {
    let (before, change) =
        text_of_golden.split_once(SEPARATOR).unwrap_or_else(|| panic!("{stem}: no line `-- change`"));
    // What the change means, in plain statements, is for the run on the engine.
    (before, change.split_once("\n-- plain\n").map_or(change, |(change, _)| change))
}

/// The plan of a golden.
pub(crate) fn planned(
    target: Target,
    stem: &str,
    text_of_golden: &str,
) -> Result<Plan, lockstep_planner::plan::Error> {
    let target = Target { version: target.version.max(since(text_of_golden)), ..target };
    let (before, change) = parts(stem, text_of_golden);
    let mut catalog = Catalog::of(Default::default(), sizes(text_of_golden));
    replay(target, "before.sql", before, &mut catalog).unwrap_or_else(|error| panic!("{stem}: {error}"));
    plan(target, "change.sql", stem, change, &mut catalog)
}

/// What the lines `-- rows: TABLE NUMBER` say.
fn sizes(text: &str) -> BTreeMap<String, Size> {
    let size = |line: &str| {
        let (table, rows) = line.strip_prefix("-- rows: ")?.rsplit_once(' ')?;
        Some((table.to_owned(), Size { rows: rows.parse().ok()?, bytes: None }))
    };
    text.lines().filter_map(size).collect()
}

/// What the line `-- since: VERSION` says.
fn since(text: &str) -> u32 {
    let line = text.lines().find_map(|line| line.strip_prefix("-- since: "));
    line.map_or(0, |version| version.parse().expect("a version is a number"))
}
