//! A public linter of migrations, squawk, reads every statement that is planned for PostgreSQL, step by step as they are run.
//! `cargo xtask test` installs it.
//!
//! What is a matter of style is switched off, a rule at a time; what is safe where it stands is allowed, a finding at a time.

mod golden;

use golden::{goldens, planned};
use lockstep_core::Engine;
use lockstep_core::step::{Action, Phase, Step};
use lockstep_planner::Target;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rules that are switched off, and why.
const OFF: [(&str, &str); 7] = [
    (
        "require-lock-timeout",
        "agents set `lock_timeout` for every statement, try again, and give way to whoever waits",
    ),
    (
        "require-statement-timeout",
        "agents watch a statement themselves: a validation may take as long as its table is large",
    ),
    (
        "prefer-robust-stmts",
        "the ledger says what was run: IF EXISTS would hide that a database is not what it should be",
    ),
    ("prefer-bigint-over-int", "the type is the author's choice"),
    (
        "prefer-text-field",
        "the type is the author's choice; a longer `varchar` is only ever a catalog change, another length gets a second column",
    ),
    ("prefer-identity", "the author's choice"),
    ("require-enum-value-ordering", "where a new value stands is the author's choice"),
];

/// Rules of what may break clients. A Contract step runs only when every client has acknowledged that it does without what goes,
/// so there they find nothing.
const OF_CLIENTS: [&str; 2] = ["ban-", "renaming-"];

const EMPTY: &str = "the table is proven to be empty on every node before the step";
const NEW: &str = "the table is made by a step before it in the same change: nobody uses it";
const OWN: &str = "what goes was made by a step before it in the same change";
const STILL_THERE: &str = "the old name stays, as a view or a domain made in the same transaction";
const PARTS: &str = "only the whole, which has no rows of its own: its parts are built beside writes";
const NO_CLIENT: &str = "no statement of a client says this name";
const MORE: &str = "more is accepted from there on; readers that rely on it are the author's to know";

/// A rule, why what it finds is safe, and the goldens in which it finds it.
const ALLOWED: [(&str, &str, &[&str]); 33] = [
    (
        "ban-drop-constraint",
        OWN,
        &[
            "add_column_identity",
            "add_column_identity_options",
            "add_column_not_null_backfill",
            "add_column_not_null_empty",
            "add_column_primary_key",
            "add_column_serial",
            "add_column_volatile",
            "add_column_without_key",
            "add_primary_key",
            "add_key_partitioned",
            "alter_type_composite_key",
            "alter_type_identity_key",
            "alter_type_of_numbered",
            "alter_type_primary_key",
            "alter_type_same_name",
            "alter_type_swap",
            "alter_type_using_cast",
            "hostile_names",
            "partition_attach",
            "rename_column",
            "rename_column_foreign_key",
            "rename_column_of_key",
            "rename_column_pointed_at",
            "rename_column_serial",
            "set_not_null",
            "set_not_null_backfill",
            "update_new_column_not_null",
        ],
    ),
    ("ban-drop-constraint", MORE, &["drop_constraint"]),
    ("ban-drop-not-null", MORE, &["drop_column", "drop_column_revert", "drop_not_null"]),
    ("ban-drop-default", MORE, &["set_default"]),
    ("ban-drop-default", OWN, &["add_column_identity", "add_column_identity_options"]),
    (
        "ban-drop-sequence",
        OWN,
        &["add_column_identity", "add_column_identity_options", "drop_what_the_change_made"],
    ),
    ("ban-drop-table", OWN, &["drop_table_the_change_made", "drop_what_the_change_made", "foreign_table"]),
    ("ban-alter-identity", OWN, &["add_column_identity", "add_column_identity_options"]),
    ("ban-set-schema", STILL_THERE, &["set_schema"]),
    ("renaming-table", STILL_THERE, &["hostile_names", "rename_table"]),
    ("renaming-table", NEW, &["several_statements"]),
    ("renaming-column", NEW, &["several_statements"]),
    ("renaming-object", STILL_THERE, &["enum_remove_value", "type_rename"]),
    (
        "ban-alter-domain-with-add-constraint",
        "no column is of the domain, or the check is NOT VALID: no row is looked at",
        &["alter_domain"],
    ),
    (
        "renaming-object",
        NO_CLIENT,
        &[
            "alter_domain",
            "function_with_cost",
            "rename_constraint_and_index",
            "rename_index_of_key",
            "rename_objects",
        ],
    ),
    ("adding-field-with-default", EMPTY, &["add_column_stored_empty", "add_column_without_key_empty"]),
    ("changing-column-type", EMPTY, &["alter_type_of_key_empty"]),
    (
        "changing-column-type",
        "wider within the same bytes: the server notes it in its catalog",
        &["alter_type_widening"],
    ),
    (
        "require-concurrent-index-creation",
        NEW,
        &[
            "create_table",
            "create_table_as",
            "drop_table_the_change_made",
            "materialized_view",
            "materialized_view_with_no_data",
        ],
    ),
    ("adding-required-field", NEW, &["create_table"]),
    ("adding-not-nullable-field", NEW, &["create_table"]),
    ("constraint-missing-not-valid", NEW, &["create_table_as"]),
    ("adding-serial-primary-key-field", NEW, &["create_table_as"]),
    ("adding-foreign-key-constraint", NEW, &["create_table_as"]),
    ("constraint-missing-not-valid", EMPTY, &["add_exclusion_empty"]),
    ("constraint-missing-not-valid", PARTS, &["add_key_partitioned"]),
    ("disallowed-unique-constraint", PARTS, &["add_key_partitioned"]),
    ("adding-serial-primary-key-field", PARTS, &["add_key_partitioned"]),
    (
        "require-concurrent-index-creation",
        PARTS,
        &["create_index_on_only", "create_index_partitioned", "create_index_partitioned_there"],
    ),
    (
        "require-concurrent-index-deletion",
        "an index on a partitioned table cannot go any other way",
        &["drop_index_partitioned"],
    ),
    (
        "ban-alter-identity",
        "a column that had no identity gets one: clients that write it still can",
        &["identity_add"],
    ),
    ("renaming-object", NO_CLIENT, &["statistics_and_settings"]),
    (
        "require-concurrent-partition-detach",
        "PostgreSQL 13 has no other way, and the lock is held for a moment only",
        &["partition_detach"],
    ),
];

/// Plans for the oldest and the newest release that Lockstep knows differ.
const VERSIONS: [u32; 2] = [13, 18];

/// What the linter finds.
#[derive(Debug)]
struct Finding {
    golden: String,
    phase: String,
    rule: String,
    /// As it says it.
    line: String,
}

#[test]
fn nothing_is_found_but_what_is_allowed() {
    let mut findings: Vec<Finding> = VERSIONS.into_iter().flat_map(of_goldens).collect();
    findings.retain(|finding| {
        let is_of_clients = OF_CLIENTS.iter().any(|prefix| finding.rule.starts_with(prefix));
        !(is_of_clients && finding.phase == Phase::Contract.name())
    });
    let allowed: Vec<(&str, &str)> =
        ALLOWED.iter().flat_map(|(rule, _, goldens)| goldens.iter().map(move |golden| (*rule, *golden))).collect();
    let is =
        |finding: &Finding, allowed: &(&str, &str)| (finding.rule.as_str(), finding.golden.as_str()) == *allowed;
    let is_allowed = |finding: &&Finding| allowed.iter().any(|allowed| is(finding, allowed));
    let unknown: BTreeSet<_> =
        findings.iter().filter(|finding| !is_allowed(finding)).map(|finding| &finding.line).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
    let stale: Vec<_> =
        allowed.iter().filter(|allowed| !findings.iter().any(|finding| is(finding, allowed))).collect();
    assert!(stale.is_empty(), "the linter finds nothing of the kind any more: {stale:#?}");
}

/// The linter is there, and rules that are not switched off work.
#[test]
fn what_takes_a_lock_for_long_is_found() {
    let folder = folder("control");
    std::fs::write(folder.join("control.1.expand.sql"), "CREATE INDEX i ON t (a);\n").unwrap();
    let found = lint(&folder, 13, false);
    assert!(found.iter().any(|finding| finding.rule == "require-concurrent-index-creation"), "{found:?}");
}

/// Findings in what is planned of all goldens for a release.
fn of_goldens(version: u32) -> Vec<Finding> {
    let target = Target { engine: Engine::Postgres, version };
    let (in_transaction, alone) =
        (folder(&format!("{version}-in-transaction")), folder(&format!("{version}-alone")));
    for (stem, text) in goldens(Engine::Postgres).1 {
        let Ok(plan) = planned(target, &stem, &text) else { continue };
        for (number, step) in plan.change.steps.iter().enumerate() {
            let Some((text, transactional)) = script(step) else { continue };
            let folder = if transactional { &in_transaction } else { &alone };
            std::fs::write(folder.join(format!("{stem}.{}.{}.sql", number + 1, step.phase)), text).unwrap();
        }
    }
    lint(&in_transaction, version, true).into_iter().chain(lint(&alone, version, false)).collect()
}

/// What a step runs, and whether in one transaction.
fn script(step: &Step) -> Option<(String, bool)> {
    match &step.forward {
        Action::Statements { statements, transactional } => Some((statements.join(";\n") + ";\n", *transactional)),
        Action::Backfill(backfill) => {
            let only = backfill.only_where.as_deref().unwrap_or("true");
            Some((format!("UPDATE {} SET {} WHERE {only};\n", backfill.table, backfill.set), true))
        }
        Action::Nothing | Action::Assert { .. } => None,
    }
}

/// Empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("squawk").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Findings in the files of a folder.
fn lint(folder: &Path, version: u32, in_transaction: bool) -> Vec<Finding> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/squawk/bin/squawk");
    let mut squawk = Command::new(&program);
    squawk.current_dir(folder).args(["--reporter", "gcc", "--pg-version", &format!("{version}.0")]);
    for (rule, _) in OFF {
        squawk.args(["--exclude", rule]);
    }
    if in_transaction {
        squawk.arg("--assume-in-transaction");
    }
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let output = squawk.args(files).output().unwrap_or_else(|error| {
        panic!("no linter at {}: {error}; `cargo xtask test` installs it", program.display())
    });
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() || !text.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().map(finding).collect()
}

/// `GOLDEN.STEP.PHASE.sql:LINE:COLUMN: LEVEL: RULE TEXT`
fn finding(line: &str) -> Finding {
    let read = || {
        let (place, rest) = line.split_once(": ")?;
        let mut parts = place.split('.');
        let (golden, phase) = (parts.next()?.to_owned(), parts.nth(1)?.to_owned());
        let (_, said) = rest.split_once(": ")?;
        Some(Finding { golden, phase, rule: said.split(' ').next()?.to_owned(), line: line.to_owned() })
    };
    read().unwrap_or_else(|| panic!("what the linter says is not understood: {line}"))
}
