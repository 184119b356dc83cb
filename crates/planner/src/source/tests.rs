//! Lists of files, and the changes that they are.

use super::{Change, File, file, folder};

fn files(paths: &[&str]) -> Vec<File> {
    let read = |path: &&str| File {
        path: (*path).to_owned(),
        shown: format!("migrations/{path}"),
        text: format!("text of {path}"),
    };
    paths.iter().map(read).collect()
}

fn shown(change: &Change) -> String {
    let down = change.down.as_ref().map(|down| format!(" - {}", down.path));
    format!("{} {:?} {}{}", change.name, change.language, change.file.path, down.unwrap_or_default())
}

fn check(paths: &[&str], expected: &[&str]) {
    let changes = folder("migrations", files(paths)).unwrap_or_else(|error| panic!("{paths:?}: {error}"));
    assert_eq!(changes.iter().map(shown).collect::<Vec<_>>(), expected, "{paths:?}");
}

fn refused(paths: &[&str], expected: &str) {
    let error = folder("migrations", files(paths)).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{paths:?}\n     got: {error}\nexpected: {expected}");
}

#[test]
fn every_layout_is_read() {
    check(&["0001_users.sql", "0002_mail.sql"], &["0001_users Sql 0001_users.sql", "0002_mail Sql 0002_mail.sql"]);
    check(
        &["0001_users.down.sql", "0001_users.up.sql"],
        &["0001_users Sql 0001_users.up.sql - 0001_users.down.sql"],
    );
    check(
        &["2026-11-22-193000_users/up.sql", "2026-11-22-193000_users/down.sql"],
        &["2026-11-22-193000_users Sql 2026-11-22-193000_users/up.sql - 2026-11-22-193000_users/down.sql"],
    );
    check(&["0001_users.toml"], &["0001_users Toml 0001_users.toml"]);
    check(&["0001_users.up.sql"], &["0001_users Sql 0001_users.up.sql"]);
}

#[test]
fn layouts_can_be_mixed_and_numbers_are_numbers() {
    check(
        &["10_c/up.sql", "9_b.sql", "20261122193000_d.up.sql", "00000000000000_a/up.sql", "0011_x.toml"],
        &[
            "00000000000000_a Sql 00000000000000_a/up.sql",
            "9_b Sql 9_b.sql",
            "10_c Sql 10_c/up.sql",
            "0011_x Toml 0011_x.toml",
            "20261122193000_d Sql 20261122193000_d.up.sql",
        ],
    );
}

#[test]
fn hidden_files_and_settings_of_tools_are_left_alone() {
    check(&[".keep", "1_a/up.sql", "1_a/metadata.toml", "1_a/.keep"], &["1_a Sql 1_a/up.sql"]);
}

#[test]
fn what_has_no_place_in_a_name_is_left_out_of_it() {
    check(
        &["0001_add users (2).sql", "0002_größe.up.sql", "0002_größe.down.sql", "3_it's/up.sql"],
        &[
            "0001_add_users__2_ Sql 0001_add users (2).sql",
            "0002_gr__e Sql 0002_größe.up.sql - 0002_größe.down.sql",
            "3_it_s Sql 3_it's/up.sql",
        ],
    );
    assert_eq!(single("add users.sql", None), "add_users Sql add users.sql");
}

#[test]
fn names_that_fit_no_layout_are_named_with_the_layouts() {
    for path in [
        "users.sql",
        "0001.sql",
        "0001_.sql",
        "README.md",
        "0001_a.txt",
        "0001_a/b/up.sql",
        "0001_a/other.sql",
        "a/up.sql",
        "1-_a.sql",
        "_a.sql",
        "0001_a",
    ] {
        refused(
            &["0000_fine.sql", path],
            &format!("migrations/{path}: the name fits no layout. Those that there are:\n"),
        );
    }
}

#[test]
fn changes_that_cannot_be_told_apart_are_refused() {
    let twice = |what| format!("migrations/0001_a.sql and migrations/{what}");
    refused(&["0001_a.sql", "0001_b.sql"], &twice("0001_b.sql have the same number"));
    refused(&["0001_a.sql", "1_b.sql"], &twice("1_b.sql have the same number"));
    refused(&["0001_a.sql", "0001_a.up.sql"], &twice("0001_a.up.sql have the same name"));
    refused(&["0001_a.sql", "0001_a/up.sql"], &twice("0001_a/up.sql have the same name"));
    refused(&["0001_a.sql", "0001_a.toml"], &twice("0001_a.toml have the same name"));
}

#[test]
fn what_undoes_needs_what_it_undoes() {
    refused(&["0001_a.down.sql"], "migrations/0001_a.down.sql undoes a change that is not there");
    refused(&["0001_a/down.sql"], "migrations/0001_a/down.sql undoes a change that is not there");
}

#[test]
fn a_folder_without_changes_is_an_error() {
    refused(&[".keep"], "migrations has no change in it");
}

fn single(path: &str, parent: Option<&str>) -> String {
    let read = files(&[path]).remove(0);
    file(read, parent).map_or_else(|error| error.to_string(), |change| shown(&change))
}

#[test]
fn a_single_file_is_called_as_it_is() {
    assert_eq!(single("migration.sql", None), "migration Sql migration.sql");
    assert_eq!(single("0001_a.up.sql", Some("migrations")), "0001_a Sql 0001_a.up.sql");
    assert_eq!(single("up.sql", Some("0001_a")), "0001_a Sql 0001_a/up.sql");
    assert_eq!(single("up.sql", Some("here")), "up Sql up.sql");
    assert_eq!(single("a.sqlite.toml", None), "a.sqlite Toml a.sqlite.toml");
    assert!(single("0001_a.down.sql", None).contains("undoes a change, and is none itself"));
    assert!(single("down.sql", Some("0001_a")).contains("undoes a change, and is none itself"));
    assert!(single("a.txt", None).contains("fits no layout"));
}

fn with(text: &str) -> Result<Change, super::Error> {
    file(File { path: "a.sql".to_owned(), shown: "a.sql".to_owned(), text: text.to_owned() }, None)
}

#[test]
fn a_section_that_undoes_is_not_run() {
    for (up, down) in [
        ("-- +goose Up", "-- +goose Down"),
        ("-- +migrate Up", "-- +migrate Down"),
        ("-- migrate:up", "--migrate:down"),
    ] {
        let text = format!("{up}\nCREATE TABLE a ();\n{down}\nDROP TABLE a;\n");
        let change = with(&text).unwrap();
        assert_eq!(change.file.text, format!("{up}\nCREATE TABLE a ();\n"));
        assert_eq!(change.down.unwrap().text, format!("{down}\nDROP TABLE a;\n"));
        assert_eq!(
            change.source,
            lockstep_core::Source::of("a.sql", text.as_bytes()),
            "the hash is of the whole file"
        );
        let error = with(&format!("{down}\nx;\n{up}\ny;")).unwrap_err().to_string();
        assert!(error.starts_with("a.sql: line 3: what the change does stands below"), "{error}");
    }
    assert_eq!(with("SELECT 1 -- +goose Downtown").unwrap().down, None);
}
