//! What a change makes and drops again can be brought back: by the statements that made it.

use crate::draft::{Draft, Drafts};
use crate::script::Statement;
use lockstep_core::step::Action;

/// Gives the steps that drop a table of the same change a way back, where its statements make it as it was.
pub(crate) fn bring_back(before: &[(&Statement, Drafts)], drafts: &mut Drafts) {
    for draft in &mut drafts.steps {
        let Some(table) = draft.drops.clone().filter(|_| draft.step.revert.is_none()) else { continue };
        let Some(made) = made(before, &table) else { continue };
        let Action::Statements { transactional, .. } = draft.step.forward else { continue };
        draft.step.revert = Some(Action::Statements { statements: made.statements, transactional });
        draft.step.targets.extend(made.targets);
        draft.step.targets.sort();
        draft.step.targets.dedup();
    }
}

#[derive(Default)]
struct Made {
    statements: Vec<String>,
    /// What they lock.
    targets: Vec<String>,
}

impl Made {
    fn add(&mut self, drafts: &Drafts) -> Option<()> {
        for draft in &drafts.steps {
            match &draft.step.forward {
                Action::Nothing | Action::Assert { .. } => {}
                Action::Statements { statements, .. } => self.statements.extend(statements.iter().cloned()),
                Action::Backfill(_) => return None,
            }
            self.targets.extend(draft.step.targets.iter().cloned());
        }
        Some(())
    }
}

/// All that was done to the table since it was made. `None` where other tables are concerned that stay, or where it was filled in batches.
fn made(before: &[(&Statement, Drafts)], table: &str) -> Option<Made> {
    let from = before.iter().rposition(|(_, drafts)| drops(drafts, table)).map_or(0, |at| at + 1);
    let later = &before[from..];
    let mut of_table = later.iter().enumerate().filter(|(_, (_, drafts))| concerns(drafts, table)).peekable();
    let creates = |draft: &Draft| draft.step.name == format!("create {table}");
    of_table.peek()?.1.1.steps.first().filter(|draft| creates(draft))?;
    let mut made = Made::default();
    for (at, (_, drafts)) in of_table {
        match drafts.touches.first() {
            Some(first) if first == table || first == "*" => made.add(drafts)?,
            // What another table had to do with it went with that one.
            Some(other) if later[at..].iter().any(|(_, drafts)| drops(drafts, other)) => {}
            _ => return None,
        }
    }
    Some(made)
}

fn drops(drafts: &Drafts, table: &str) -> bool {
    drafts.steps.iter().any(|draft| draft.drops.as_deref() == Some(table))
}

fn concerns(drafts: &Drafts, table: &str) -> bool {
    let locks = |draft: &Draft| draft.impact.locks.iter().any(|lock| lock.table == table);
    drafts.touches.iter().any(|touched| touched == table) || drafts.steps.iter().any(locks)
}
