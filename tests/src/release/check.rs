//! What checks admit: numbers between bounds.

use super::form::Around;
use lockstep_core::schema::{ConstraintKind, Table};

/// Numbers that are used where a check sets an end to them.
const NUMBERS_MAX: i64 = 50;

impl Around<'_> {
    /// Numbers that all checks of a table admit for a column, where one of them sets an upper bound.
    pub(super) fn admitted(&self, tables: &[&Table], column: &str) -> Option<Vec<String>> {
        let checks = tables.iter().flat_map(|table| table.constraints.values());
        let checks = checks.filter(|constraint| constraint.kind == ConstraintKind::Check);
        let (mut least, mut most) = (i64::MIN, i64::MAX);
        for check in checks {
            for (sign, number) in comparisons(&check.definition, column) {
                match sign {
                    "<" => most = most.min(number - 1),
                    "<=" => most = most.min(number),
                    ">" => least = least.max(number + 1),
                    _ => least = least.max(number),
                }
            }
        }
        let least = least.max(most.saturating_sub(NUMBERS_MAX));
        (most < i64::MAX).then(|| (least..=most).map(|number| number.to_string()).collect())
    }
}

/// Each `column < number` in a text.
fn comparisons<'a>(text: &'a str, column: &str) -> Vec<(&'a str, i64)> {
    let words: Vec<&str> = text
        .split([' ', '(', ')', ','])
        .map(|word| word.trim_matches(['"', '`']))
        .filter(|word| !word.is_empty())
        .collect();
    let comparison = |three: &[&'a str]| {
        let is_one = three[0].eq_ignore_ascii_case(column) && ["<", "<=", ">", ">="].contains(&three[1]);
        is_one.then_some((three[1], three[2].parse().ok()?))
    };
    words.windows(3).filter_map(comparison).collect()
}
