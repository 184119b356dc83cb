//! Holds the arrows between crates: who may depend on whom, and which crate alone may use which library.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};

/// Each crate with the crates of the workspace that it may depend on.
const ARROWS: [(&str, &[&str]); 12] = [
    ("lockstep-core", &[]),
    ("lockstep-planner", &["lockstep-core"]),
    ("lockstep-database", &["lockstep-core"]),
    ("lockstep-executor", &["lockstep-core", "lockstep-database"]),
    ("lockstep-proto", &["lockstep-core"]),
    ("lockstep-storage", &["lockstep-core"]),
    ("lockstep-consensus", &["lockstep-core", "lockstep-storage", "lockstep-proto"]),
    (
        "lockstep-agent",
        &[
            "lockstep-core",
            "lockstep-database",
            "lockstep-executor",
            "lockstep-proto",
            "lockstep-storage",
            "lockstep-consensus",
        ],
    ),
    ("lockstep-client", &["lockstep-core", "lockstep-proto"]),
    (
        "lockstep-cli",
        &[
            "lockstep-agent",
            "lockstep-client",
            "lockstep-planner",
            "lockstep-core",
            "lockstep-proto",
            // The demo's traffic and its throw-away PostgreSQL servers.
            "lockstep-database",
        ],
    ),
    (
        "lockstep-tests",
        &["lockstep-client", "lockstep-core", "lockstep-database", "lockstep-executor", "lockstep-planner"],
    ),
    ("xtask", &[]),
];

/// Libraries that one crate alone may use, so that they can be replaced there.
const OWNERS: [(&str, &str); 8] = [
    ("sled", "lockstep-storage"),
    ("openraft", "lockstep-consensus"),
    ("openraft-rt", "lockstep-consensus"),
    ("openraft-rt-tokio", "lockstep-consensus"),
    ("rusqlite", "lockstep-database"),
    ("tokio-postgres", "lockstep-database"),
    ("tonic-prost", "lockstep-proto"),
    ("sqlparser", "lockstep-planner"),
];

/// Crates that do no I/O and know no clock, with what would let them.
const PURE: [&str; 2] = ["lockstep-core", "lockstep-planner"];
const IMPURE: [&str; 6] = ["tokio", "rand", "uuid", "tonic", "prost", "tracing"];

/// What a client's own program must not be made to carry.
const NOT_IN_CLIENT: [&str; 6] =
    ["lockstep-agent", "lockstep-consensus", "openraft", "sled", "rusqlite", "tokio-postgres"];

fn metadata() -> Metadata {
    MetadataCommand::new().exec().expect("cargo metadata works in this workspace")
}

/// Names of the normal and build dependencies of each member of the workspace.
fn dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let members = metadata.workspace_packages();
    members
        .iter()
        .map(|package| {
            let named = package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
            (package.name.to_string(), named.map(|d| d.name.clone()).collect())
        })
        .collect()
}

#[test]
fn crates_depend_only_on_what_the_design_allows() {
    let all = dependencies(&metadata());
    let names: BTreeSet<&String> = all.keys().collect();
    for (name, found) in &all {
        let allowed = ARROWS.iter().find(|(known, _)| known == name).map(|(_, allowed)| *allowed);
        let allowed = allowed.unwrap_or_else(|| panic!("{name} is not in ARROWS: say what it may depend on"));
        let wrong: Vec<_> = found.iter().filter(|d| names.contains(d) && !allowed.contains(&d.as_str())).collect();
        assert!(wrong.is_empty(), "{name} must not depend on {wrong:?}");
    }
}

#[test]
fn libraries_stay_with_their_owners() {
    for (name, found) in dependencies(&metadata()) {
        for (library, owner) in OWNERS {
            assert!(!found.contains(library) || name == owner, "{name} uses {library}, which belongs to {owner}");
        }
    }
}

#[test]
fn pure_crates_stay_pure() {
    let all = dependencies(&metadata());
    for name in PURE {
        let wrong: Vec<_> = IMPURE.iter().filter(|library| all[name].contains(**library)).collect();
        assert!(wrong.is_empty(), "{name} is pure and must not depend on {wrong:?}");
    }
}

#[test]
fn the_client_carries_no_server() {
    let metadata = metadata();
    let resolve = metadata.resolve.as_ref().expect("cargo metadata resolves the workspace");
    let names: BTreeMap<_, _> = metadata.packages.iter().map(|p| (&p.id, p.name.to_string())).collect();
    let client = names.iter().find(|(_, name)| *name == "lockstep-client").expect("the client is a member").0;
    let mut reached = BTreeSet::from([*client]);
    let mut open = vec![*client];
    while let Some(id) = open.pop() {
        let node = resolve.nodes.iter().find(|node| node.id == *id).expect("every package has a node");
        let is_normal =
            |dep: &&cargo_metadata::NodeDep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
        for dep in node.deps.iter().filter(is_normal) {
            if reached.insert(&dep.pkg) {
                open.push(&dep.pkg);
            }
        }
    }
    for id in reached {
        assert!(!NOT_IN_CLIENT.contains(&names[id].as_str()), "the client reaches {}", names[id]);
    }
}
