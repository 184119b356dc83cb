//! What each of an operator's commands does in each state: the tables of docs/operating.md, cell by cell.
//!
//! A state is made by a short history of its own. A command is then given twice, under two request ids: the first answer is the
//! cell, and the second may not be an error where the first was none, nor leave another state.
//! `LOCKSTEP_WRITE_OPERATING=1 cargo test -p lockstep-core --test rules operators` writes the tables as they are.

use crate::table::World;
use lockstep_core::State;
use lockstep_core::change::StepStatus;
use lockstep_core::in_flight::Stage;
use std::fmt::Write as _;
use std::path::PathBuf;

const WRITE: &str = "LOCKSTEP_WRITE_OPERATING";
const BEGIN: &str = "<!-- tables: begin -->\n";
const END: &str = "<!-- tables: end -->\n";

const COMMANDS: [&str; 7] = ["pause", "resume", "approve", "approve --now", "cancel", "rollback", "retry"];

/// States of change `users`, with the history of each. Where `PAUSE` stands, it is paused or not.
const STATES: [(&str, &str); 19] = [
    ("queued behind another change", "submit first expand; submit users expand contract?; PAUSE"),
    ("kept back by a quarantined node", "drift shard-1; submit users expand; PAUSE"),
    ("awaiting approval", "submit users contract?; PAUSE"),
    ("keeping the old form", "submit users switch_reads contract retention 60; pass v1; PAUSE"),
    ("between two steps", "submit users expand backfill; all ready v1; pause users; all executed v1"),
    ("preparing", "submit users expand contract?; PAUSE"),
    ("preparing, earlier steps settled", "submit users expand backfill; pass v1; PAUSE"),
    ("executing", "submit users expand; all ready v1; PAUSE"),
    ("executing, without a revert", "submit users expand!; all ready v1; PAUSE"),
    ("settling", "open shop/a; submit users expand; all ready v1; all executed v1; PAUSE"),
    (
        "settling, kept back by a quarantined node",
        "open shop/a; submit users expand; all ready v1; all executed v1; drift shard-1; PAUSE",
    ),
    ("reverting", "submit users expand; all ready v1; failed shard-1 v1; PAUSE"),
    ("being rolled back", "submit users expand; pass v1; rollback users; PAUSE"),
    ("settled", "submit users contract?; approve users; all ready v1; PAUSE; all executed v1"),
    ("settled, without a revert", "submit users contract!; all ready v1; PAUSE; all executed v1"),
    ("reverted", "submit users expand; all ready v1; PAUSE; failed shard-1 v1; all reverted v1"),
    (
        "reverted, earlier steps settled",
        "submit users expand backfill; pass v1; all ready v2; PAUSE; failed shard-1 v2; all reverted v2",
    ),
    ("cancelled", "submit first expand; submit users expand; PAUSE; cancel users"),
    ("rolled back", "submit users expand; pass v1; rollback users; all ready v2; PAUSE; all executed v2"),
];

fn world(history: &str, is_paused: bool) -> World {
    let mut world = World::default();
    let history = history.replace("PAUSE", if is_paused { "pause users" } else { "wait 0" });
    world.run(&format!("cluster 1\n{}", history.replace("; ", "\n")));
    world
}

fn event(command: &str) -> String {
    match command.split_once(" --") {
        Some((verb, flag)) => format!("{verb} users {flag}"),
        None => format!("{command} users"),
    }
}

/// How far change `users` is, in words.
fn shown(state: &State) -> String {
    let change = state.change_named("users").expect("it was submitted");
    let flight = state.in_flight().filter(|flight| flight.change == change.id);
    let is_reverting = flight.is_some_and(|flight| matches!(flight.stage, Stage::Reverting { .. }));
    let is_undoing = change.steps.iter().any(|record| record.is_rollback() && record.is_unfinished());
    let stage = match flight {
        Some(flight) if !is_undoing => flight.stage.name().to_owned(),
        _ if is_undoing => "being rolled back".to_owned(),
        _ => match change.status(is_reverting).name() {
            "running" => "next step queued".to_owned(),
            name => name.replace('_', " "),
        },
    };
    let is_hurried = state.hurried_at().0 > 0;
    let hurried = if flight.is_some() { ", tried at once" } else { ", schemas compared at once" };
    let approved = |record: &lockstep_core::change::StepRecord| {
        record.approval.is_some() && matches!(record.status, StepStatus::Queued)
    };
    let notes = [
        (is_hurried, hurried),
        (change.steps.iter().any(approved), ", approved"),
        (change.is_held() && !change.status(is_reverting).is_final(), ", paused"),
    ];
    notes.into_iter().filter(|(is_so, _)| *is_so).fold(stage, |text, (_, note)| text + note)
}

/// What of the state a repeated command may not touch.
fn essence(state: &State) -> serde_json::Value {
    let mut value = serde_json::to_value(state).expect("a state serialises");
    for part in ["applied", "clock", "requests", "request_order", "audit", "schemas_asked_at"] {
        value[part].take();
    }
    if value["in_flight"].is_object() {
        value["in_flight"]["hurried_at"].take();
    }
    value
}

fn cell(command: &str, history: &str, is_paused: bool) -> String {
    let mut world = world(history, is_paused);
    let before = essence(&world.state);
    let first = world.run(&format!("id first: {}", event(command)));
    let answer = first.split_once("| ").expect("a row has an outcome").1.trim().to_owned();
    let after = essence(&world.state);
    let cell = if answer.starts_with("ok") { format!("→ {}", shown(&world.state)) } else { answer };
    assert!(cell.starts_with('→') || before == after, "{command} in {history}: {cell}, and the state is another");
    let second = world.run(&format!("id second: {}", event(command)));
    let is_refused = second.contains("| no: ");
    assert!(!is_refused || cell.starts_with("no: "), "{command} twice in {history}: {cell}, then {second}");
    assert_eq!(essence(&world.state), after, "{command} twice in {history} leaves another state: {second}");
    cell
}

fn table(command: &str) -> String {
    let mut text = format!("### `change {command}`\n\n| state | not paused | paused |\n| --- | --- | --- |\n");
    for (state, history) in STATES {
        let free =
            if history.contains("PAUSE") { cell(command, history, false) } else { "(does not occur)".to_owned() };
        let _ = writeln!(text, "| {state} | {free} | {} |", cell(command, history, true));
    }
    text
}

#[test]
fn the_tables_of_the_docs_say_what_each_command_does_in_each_state() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/operating.md");
    let text = std::fs::read_to_string(&path).expect("docs/operating.md is there");
    let (before, rest) = text.split_once(BEGIN).expect("the tables have a beginning");
    let (written, behind) = rest.split_once(END).expect("the tables have an end");
    let tables = format!("\n{}\n", COMMANDS.map(table).join("\n"));
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{tables}{END}{behind}")).expect("docs can be written");
        return;
    }
    let differing = written.lines().zip(tables.lines()).find(|(written, actual)| written != actual);
    assert!(
        written == tables,
        "docs/operating.md does not say what the state does; first difference: {differing:#?}; see {WRITE}"
    );
}
