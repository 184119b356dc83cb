//! `change plan`: the steps as a table that explains.

use super::look::{Look, Tone, cell, finish};
use super::{step, time};
use crate::view::{ClusterCheck, Plan};
use lockstep_core::Step;

/// The plan of one file, with what a person should know before it is submitted.
pub(crate) fn plan(plan: &Plan, look: Look) -> String {
    let change = &plan.change;
    let mut parts =
        vec![format!("{} ({}, from {})", look.paint(Tone::Strong, &change.name), change.engine, plan.file)];
    if !change.description.is_empty() {
        parts.push(change.description.clone());
    }
    parts.push(String::new());
    parts.push(steps(&change.steps, look));
    parts.push(String::new());
    parts.extend(remarks(plan, look));
    parts.push(match &plan.cluster {
        Some(check) => fit(plan, check, look),
        None => look.paint(Tone::Faint, "checked without a cluster: engine and name may still be refused there"),
    });
    parts.join("\n")
}

fn steps(steps: &[Step], look: Look) -> String {
    let mut table = look.table(&["#", "PHASE", "STEP", "WHAT RUNS", "WHAT UNDOES IT", "CLIENTS MUST", "APPROVAL"]);
    for (index, planned) in steps.iter().enumerate() {
        let (revert_tone, revert) = step::revert(planned);
        let (approval_tone, approval) = step::approval(planned);
        table.add_row([
            cell(Tone::Faint, index + 1),
            cell(Tone::Plain, planned.phase),
            cell(Tone::Strong, &planned.name),
            cell(Tone::Plain, step::forward(planned)),
            cell(revert_tone, revert),
            cell(Tone::Plain, step::clients(planned)),
            cell(approval_tone, approval),
        ]);
    }
    finish(table)
}

fn remarks(plan: &Plan, look: Look) -> Vec<String> {
    let steps = plan.change.steps.len();
    let mut remarks = vec![format!(
        "{steps} {}, one after the other; each waits for every node and every client, and counts as BLOCKED after {}",
        if steps == 1 { "step" } else { "steps" },
        time::duration(plan.change.block_deadline_ms)
    )];
    if !plan.approvals.is_empty() {
        remarks.push(format!("waits for an operator's approval before: {}", plan.approvals.join(", ")));
    }
    if !plan.irreversible.is_empty() {
        remarks.push(
            look.paint(Tone::Bad, &format!("nothing can undo, once begun: {}", plan.irreversible.join(", "))),
        );
    }
    remarks
}

fn fit(plan: &Plan, check: &ClusterCheck, look: Look) -> String {
    let name = &plan.change.name;
    if !check.is_engine_right {
        let text = format!(
            "does not fit: it is written for {}, and cluster {} has {} databases",
            plan.change.engine, check.cluster_id, check.engine
        );
        return look.paint(Tone::Bad, &text);
    }
    if !check.is_name_free {
        return look
            .paint(Tone::Bad, &format!("does not fit: the name {name} is taken in cluster {}", check.cluster_id));
    }
    let behind = match &check.queued_behind[..] {
        [] => "it would start at once".to_owned(),
        changes => format!("it would start after {}", changes.join(", ")),
    };
    look.paint(Tone::Good, &format!("fits cluster {}; {behind}", check.cluster_id))
}
