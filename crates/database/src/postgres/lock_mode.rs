//! Which lock of its tables a statement takes, and who stands in its way (PostgreSQL documentation, section 13.3.1).

use crate::statement::{self, Quoting, Token};

/// From weak to strong. Weaker ones, and the one between the last two, no statement of a step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LockMode {
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    AccessExclusive,
}

impl LockMode {
    /// What the statements take at most. The strongest when that is not known for certain.
    pub(super) fn of(statements: &[&str]) -> Option<Self> {
        statements.iter().filter_map(|sql| of_statement(&statement::tokens(sql, Quoting::Standard))).max()
    }

    /// The modes that it cannot be had beside, as `pg_locks` names them.
    pub(super) fn conflicts(self) -> &'static [&'static str] {
        /// Each conflicts with what stands from here on, with the exceptions below.
        const ALL: [&str; 8] = [
            "AccessShareLock",
            "RowShareLock",
            "RowExclusiveLock",
            "ShareUpdateExclusiveLock",
            "ShareLock",
            "ShareRowExclusiveLock",
            "ExclusiveLock",
            "AccessExclusiveLock",
        ];
        const SHARE: [&str; 5] = [
            "RowExclusiveLock",
            "ShareUpdateExclusiveLock",
            "ShareRowExclusiveLock",
            "ExclusiveLock",
            "AccessExclusiveLock",
        ];
        match self {
            Self::RowExclusive => &ALL[4..],
            Self::ShareUpdateExclusive => &ALL[3..],
            Self::Share => &SHARE,
            Self::ShareRowExclusive => &ALL[2..],
            Self::AccessExclusive => &ALL,
        }
    }
}

/// `None`: it takes no lock of a table that is there already.
fn of_statement(tokens: &[Token]) -> Option<LockMode> {
    let has = |word: &str| tokens.iter().any(|token| token.is_word(word));
    let begins = |words: &[&str]| statement::begins(tokens, words);
    let writes = ["insert", "update", "delete", "merge", "select", "with"];
    Some(match () {
        () if writes.iter().any(|word| begins(&[word])) => LockMode::RowExclusive,
        () if begins(&["analyze"]) || begins(&["comment"]) => LockMode::ShareUpdateExclusive,
        () if begins(&["alter", "table"]) && validates_only(tokens) => LockMode::ShareUpdateExclusive,
        () if begins(&["create", "index"]) || begins(&["create", "unique", "index"]) => LockMode::Share,
        () if begins(&["create", "trigger"]) => LockMode::ShareRowExclusive,
        () if begins(&["create", "table"]) && !has("partition") && !has("inherits") => {
            has("references").then_some(LockMode::ShareRowExclusive)?
        }
        () if ["schema", "type", "function", "sequence", "extension"]
            .iter()
            .any(|word| begins(&["create", word])) =>
        {
            return None;
        }
        () => LockMode::AccessExclusive,
    })
}

/// `ALTER TABLE ... VALIDATE CONSTRAINT ...`, and nothing beside it.
fn validates_only(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| token.is_word("validate")) && !tokens.contains(&Token::Symbol(','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_of_all_statements_counts() {
        for (statements, wanted) in [
            (&["UPDATE t SET a = 1"][..], Some(LockMode::RowExclusive)),
            (&["ALTER TABLE t VALIDATE CONSTRAINT c"], Some(LockMode::ShareUpdateExclusive)),
            (&["ALTER TABLE t VALIDATE CONSTRAINT c, DROP b"], Some(LockMode::AccessExclusive)),
            (&["CREATE UNIQUE INDEX i ON t (a)"], Some(LockMode::Share)),
            (&["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'"], None),
            (&["CREATE TABLE n (a int)"], None),
            (&["CREATE TABLE n (a int REFERENCES t)"], Some(LockMode::ShareRowExclusive)),
            (
                &["CREATE TABLE n (a int)", "ALTER TABLE t ADD b int", "UPDATE t SET b = 1"],
                Some(LockMode::AccessExclusive),
            ),
            (&["DROP INDEX i"], Some(LockMode::AccessExclusive)),
        ] {
            assert_eq!(LockMode::of(statements), wanted, "{statements:?}");
        }
    }

    #[test]
    fn readers_are_in_the_way_of_the_strongest_only() {
        for mode in
            [LockMode::RowExclusive, LockMode::Share, LockMode::ShareRowExclusive, LockMode::ShareUpdateExclusive]
        {
            assert!(!mode.conflicts().contains(&"AccessShareLock"), "{mode:?}");
        }
        assert!(LockMode::AccessExclusive.conflicts().contains(&"AccessShareLock"));
        assert!(!LockMode::Share.conflicts().contains(&"ShareLock"));
    }
}
