//! The primary key: made or exchanged beside reads and writes, in one statement.

use super::algorithm::{self, Algorithm};
use super::key::Key;
use super::lock::{Locks, ONLINE};
use super::text::q_list;
use super::{Found, Planned, Rule, constraint, known, on, step};
use crate::plan::Refusal;
use lockstep_core::step::Phase;

pub(super) fn dropping_alone(found: &Found) -> Refusal {
    Refusal::new(
        format!(
            "without a primary key {} is written anew while writes wait, and its rows cannot be filled in batches",
            found.name
        ),
        "give it another primary key in the same statement: `DROP PRIMARY KEY, ADD PRIMARY KEY (...)`",
    )
}

pub(super) fn add(rule: &mut Rule<'_>, found: &Found, key: &Key, is_replaced: bool) -> Planned {
    let old = known::primary_key(&found.table).map(<[String]>::to_vec);
    if old.is_some() && !is_replaced {
        return Err(Refusal::new(
            format!("{} has a primary key already", found.name),
            "drop it in the same statement",
        ));
    }
    let columns = key.columns.iter().flatten().cloned().collect::<Vec<_>>();
    for column in &columns {
        if found.column(column)?.nullable {
            return Err(Refusal::new(
                format!(
                    "{} may be NULL, and is to be of the primary key",
                    super::column::shown(&found.name, column)
                ),
                "make it NOT NULL in a statement before",
            ));
        }
    }
    let rows = rule.rows(&found.name);
    known::put_key(rule.table_mut(&found.name), key);
    let alter = |clause: &str| vec![algorithm::alter(rule.target, &found.name, clause, Algorithm::Inplace)];
    let (new, exchange) = (format!("ADD {}", key.definition(known::PRIMARY)), "DROP PRIMARY KEY, ");
    let (forward, revert) = match &old {
        Some(old) => {
            (alter(&format!("{exchange}{new}")), alter(&format!("{exchange}ADD PRIMARY KEY ({})", q_list(old))))
        }
        None => {
            let clause = format!("ALTER TABLE {} DROP PRIMARY KEY", super::text::q(&found.name));
            (alter(&new), vec![clause])
        }
    };
    let assertion = constraint::duplicates(&found.name, &columns);
    let step = step(&format!("primary key of {}", found.name), Phase::Validate, forward, Some(revert))
        .holds(&found.name, ONLINE)
        .only_if(&assertion.name, assertion.violations_query)
        .goes_through(rows)
        .why("The table is written anew beside reads and writes; the server stops where it meets two rows that are the same.");
    let mut drafts = on(&found.name, vec![step]);
    drafts.hazards.push(match old {
        Some(_) => {
            "ON DUPLICATE KEY UPDATE and REPLACE that rely on the old key make second rows from here on".to_owned()
        }
        None => format!("a rollback copies {} while writes wait", found.name),
    });
    Ok(drafts)
}
