//! `change plan`: what would have happened, what happens instead, and why.

use super::look::{Look, Tone};
use super::text::{count, hanging, one_line};
use super::{impact, step, time};
use crate::engine_version;
use crate::view::{Basis, ClusterCheck, Plan};
use lockstep_core::Step;
use lockstep_core::limits::{Limits, Table};
use lockstep_planner::plan::{Explained, Note};

/// The plan of one change, with what a person should know before it is submitted.
pub(crate) fn plan(plan: &Plan, look: Look) -> String {
    let change = &plan.planned.change;
    let engine = plan.engine_version.map_or(change.engine.to_string(), |version| {
        format!("{} {}", change.engine, engine_version::shown(change.engine, version))
    });
    let mut parts = vec![format!("{} ({engine}, from {})", look.paint(Tone::Strong, &change.name), plan.file)];
    if !change.description.is_empty() {
        parts.push(change.description.clone());
    }
    if !plan.planned.statements.is_empty() {
        parts.push(format!("\n{}", look.paint(Tone::Strong, "Run as it stands, it would do this:")));
        parts.extend(plan.planned.statements.iter().map(|statement| as_written(statement, look)));
        parts.push(format!("\n{}", look.paint(Tone::Strong, "Lockstep does this instead:")));
    }
    for (index, step) in change.steps.iter().enumerate() {
        parts.push(format!("\n{}", one_step(index + 1, step, plan.planned.notes.get(index), look)));
    }
    let hazards = hazards(plan, look);
    if !hazards.is_empty() {
        parts.push(format!("\n{}", look.paint(Tone::Strong, "Hazards:")));
        parts.extend(hazards);
    }
    parts.push(String::new());
    parts.extend(remarks(plan, look));
    parts.push(match &plan.cluster {
        Some(check) => fit(plan, check, look),
        None => look.paint(Tone::Faint, "checked without a cluster: engine and name may still be refused there"),
    });
    parts.join("\n")
}

fn as_written(statement: &Explained, look: Look) -> String {
    let place = look.paint(Tone::Faint, &format!("line {}", statement.line));
    let sql = hanging(&format!("  {place}: "), &one_line(&statement.sql), look.width);
    let (tone, effect) = impact::as_written(statement.as_written.as_ref());
    format!("{sql}\n{}", look.paint(tone, &hanging("      ", &effect, look.width)))
}

fn one_step(number: usize, step: &Step, note: Option<&Note>, look: Look) -> String {
    let lines = note.map(|note| look.paint(Tone::Faint, &format!("  (for {})", lines(note)))).unwrap_or_default();
    let title = format!("{number}. {}: {}{lines}", step.phase, look.paint(Tone::Strong, &step.name));
    let (revert_tone, revert) = step::revert(step);
    let mut facts = vec![
        ("runs", Tone::Plain, step::forward(step)),
        ("undone by", revert_tone, revert),
        ("clients must", Tone::Plain, step::clients(step)),
    ];
    if step.needs_approval {
        facts.push(("waits for", Tone::Care, "an operator's approval".to_owned()));
    }
    if let Some(note) = note {
        facts.push(("locks", Tone::Plain, impact::of_step(step, &note.impact)));
        facts.push(("why", Tone::Plain, note.why.clone()));
    }
    let facts = facts.iter().filter(|(_, _, value)| !value.is_empty()).map(|(label, tone, value)| {
        let label = look.paint(Tone::Faint, &format!("   {label:12}  "));
        let value: Vec<String> = value
            .lines()
            .enumerate()
            .map(|(index, line)| {
                let before = if index == 0 { label.as_str() } else { LABEL_BLANK };
                hanging(before, line, look.width)
            })
            .map(|line| if *tone == Tone::Plain { line } else { look.paint(*tone, &line) })
            .collect();
        value.join("\n")
    });
    format!("{title}\n{}", facts.collect::<Vec<_>>().join("\n"))
}

fn lines(note: &Note) -> String {
    let lines: Vec<String> = note.lines.iter().map(ToString::to_string).collect();
    format!("{} {}", if lines.len() == 1 { "line" } else { "lines" }, lines.join(", "))
}

/// As wide as the label of a fact.
const LABEL_BLANK: &str = "                 ";

fn hazards(plan: &Plan, look: Look) -> Vec<String> {
    let of = |statement: &Explained| {
        let line = statement.line;
        statement.hazards.iter().map(move |hazard| (line, hazard.clone())).collect::<Vec<_>>()
    };
    let hazards = plan.planned.statements.iter().flat_map(of);
    hazards
        .map(|(line, hazard)| look.paint(Tone::Care, &hanging(&format!("  line {line}: "), &hazard, look.width)))
        .collect()
}

fn remarks(plan: &Plan, look: Look) -> Vec<String> {
    let left_out = plan.planned.left_out.iter();
    let mut remarks: Vec<String> = left_out
        .map(|left| format!("not run: line {}, `{}`: {}", left.line, one_line(&left.sql), left.why))
        .collect();
    remarks.extend(plan.planned.remarks.iter().cloned());
    remarks.extend(basis(&plan.basis));
    remarks.push(format!(
        "{}, one after the other; each waits for every node and every client, and counts as BLOCKED after {}",
        count(plan.planned.change.steps.len() as u64, "step"),
        time::duration(plan.planned.change.block_deadline_ms)
    ));
    remarks.extend(limits(&plan.planned.change.limits));
    if !plan.approvals.is_empty() {
        remarks.push(format!("waits for an operator's approval before: {}", plan.approvals.join(", ")));
    }
    if plan.planned.change.keeps_old_form() {
        let kept = plan.planned.change.retention_ms.map_or_else(
            || "as long as the cluster is configured (change.retention)".to_owned(),
            |retention_ms| format!("for {}", time::duration(retention_ms)),
        );
        remarks
            .push(format!("once clients have left the old form, it is kept {kept}; --retention says otherwise"));
    }
    if !plan.irreversible.is_empty() {
        remarks.push(
            look.paint(Tone::Bad, &format!("nothing can undo, once begun: {}", plan.irreversible.join(", "))),
        );
    }
    remarks
}

/// Limits of its own.
fn limits(limits: &Limits) -> Vec<String> {
    let of = |what: &str, table: &Table| {
        let shown: Vec<String> =
            table.iter().map(|(kind, value)| format!("{kind} {}", kind.write(*value))).collect();
        (!shown.is_empty()).then(|| format!("{what}: {}", shown.join(", ")))
    };
    let throttle = of("waits, other than usual, over", &limits.throttle);
    let thresholds = of("is undone on every node over", &limits.thresholds);
    throttle.into_iter().chain(thresholds).collect()
}

/// What was known of the database.
fn basis(basis: &Basis) -> Option<String> {
    match basis {
        Basis::ByHand => None,
        Basis::Nothing => Some(
            "planned without a look at any database: tables may have any size, and any client may use them"
                .to_owned(),
        ),
        Basis::SchemaFile { file } => {
            Some(format!("planned against the schema in {file}, whatever the sizes of its tables"))
        }
        Basis::Database { node, version, is_complete: true } => Some(format!(
            "planned against the database of {node} at version {version}; sizes are that engine's estimates"
        )),
        Basis::Database { node, version, is_complete: false } => Some(format!(
            "planned against the database of {node} at version {version}, without what the changes on their way will make"
        )),
    }
}

fn fit(plan: &Plan, check: &ClusterCheck, look: Look) -> String {
    let change = &plan.planned.change;
    if !check.is_engine_right {
        let text = format!(
            "does not fit: it is written for {}, and cluster {} has {} databases",
            change.engine, check.cluster_id, check.engine
        );
        return look.paint(Tone::Bad, &text);
    }
    if !check.is_name_free {
        let text = format!("does not fit: the name {} is taken in cluster {}", change.name, check.cluster_id);
        return look.paint(Tone::Bad, &text);
    }
    let behind = match &check.queued_behind[..] {
        [] => "it would start at once".to_owned(),
        changes => format!("it would start after {}", changes.join(", ")),
    };
    look.paint(Tone::Good, &format!("fits cluster {}; {behind}", check.cluster_id))
}
