//! Statements that the parser or the rules do not know: recognised by their first words, run as they stand when a directive accepts
//! that, otherwise refused.

use super::lock::{Locks, SHARE_UPDATE_EXCLUSIVE};
use super::table_name::{Name, quoted};
use super::{
    Planned, Rule, alter_object, alter_table_unparsed, by_words, create_object, index, object, on,
    partition_index, refused, simple, view,
};
use crate::draft::{Draft, Drafts};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::step::{Action, Phase};
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// What stands for every table, where nobody knows which ones a statement touches.
pub(super) const EVERYTHING: &str = "*";

const REMEDY: &str = "accept it as it is with `-- lockstep: opaque` and `-- lockstep: revert ...` above it";

/// A directive accepts the statement as it stands.
pub(super) fn accepted(rule: &Rule<'_>) -> Planned {
    let reverts = rule.revert_by_directive("nothing is known of what undoes this statement")?;
    let forward = vec![rule.statement.sql.clone()];
    let step = Draft::statements("run a statement as it stands", Phase::Expand, forward, reverts)
        .why("A directive accepts the statement as it stands: its locks and its effect are not known.");
    Ok(Drafts {
        steps: vec![step],
        hazards: vec!["the planner does not know what this statement locks, reads or writes".to_owned()],
        touches: vec![EVERYTHING.to_owned()],
        ..Drafts::default()
    })
}

/// The parser does not know it.
pub(super) fn plan(rule: &mut Rule<'_>, reason: &str) -> Planned {
    let words = Words::of(&rule.statement.sql);
    let upper = words.upper();
    if let Some(refusal) = refused::refusal(&upper) {
        return Err(refusal);
    }
    if let Some(planned) = by_words::plan(rule, Words::of(&rule.statement.sql)) {
        return planned;
    }
    let mut words = words;
    if words.skip(&["REINDEX"]) {
        return reindex(rule, &mut words);
    }
    if words.skip(&["REFRESH", "MATERIALIZED", "VIEW"]) {
        words.skip(&["CONCURRENTLY"]);
        let name = words.name()?;
        return view::refresh(rule, &name);
    }
    if words.skip(&["DROP", "INDEX"]) {
        words.skip(&["CONCURRENTLY"]);
        let if_exists = words.skip(&["IF", "EXISTS"]);
        let name = words.name()?;
        if words.is_at_end() {
            return index::drop(rule, &[name.object()], if_exists);
        }
    }
    if words.skip(&["ALTER", "TABLE"]) {
        return alter_table_unparsed::plan(rule, words, reason);
    }
    if words.skip(&["ALTER"])
        && let Some(planned) = alter_object::plan(rule, words)
    {
        return planned;
    }
    let mut words = Words::of(&rule.statement.sql);
    if words.skip(&["CREATE"])
        && let Some(planned) = create_object::plan(rule, words)
    {
        return planned;
    }
    let mut words = Words::of(&rule.statement.sql);
    if words.skip(&["COMMENT", "ON"]) {
        return simple::remark(rule, None);
    }
    if words.skip(&["CREATE", "STATISTICS"]) {
        return statistics(rule, words);
    }
    Err(not_understood(reason))
}

fn statistics(rule: &mut Rule<'_>, mut words: Words) -> Planned {
    words.skip(&["IF", "NOT", "EXISTS"]);
    let name = words.name()?;
    let revert = Some(vec![format!("DROP STATISTICS {}", name.sql())]);
    let forward = vec![rule.statement.sql.clone()];
    object::put(rule, "statistics", &name.key(), rule.statement.sql.clone());
    let why = "The server notes it in its catalog; ANALYZE fills it.";
    let mut step = object::expand(&format!("statistics {}", name.key()), forward, revert, why);
    while !words.is_at_end() && !words.skip(&["FROM"]) {
        words.step();
    }
    if let Ok(table) = words.name() {
        step = step.holds(&table, SHARE_UPDATE_EXCLUSIVE);
    }
    Ok(object::anywhere(vec![step]))
}

/// It stays opaque.
pub(super) fn not_understood(reason: &str) -> Refusal {
    Refusal::new(format!("the planner does not understand this statement ({reason})"), REMEDY)
}

/// REINDEX, always beside reads and writes.
fn reindex(rule: &Rule<'_>, words: &mut Words) -> Planned {
    let what = if words.skip(&["INDEX"]) {
        "INDEX"
    } else if words.skip(&["TABLE"]) {
        "TABLE"
    } else {
        return Err(Refusal::new(
            "REINDEX of more than one table",
            "name each index or table in a statement of its own",
        ));
    };
    words.skip(&["CONCURRENTLY"]);
    let name = words.name()?;
    let table =
        if what == "INDEX" { index::find(rule, &name).map(|(table, _)| table) } else { Some(name.clone()) };
    let table = table.unwrap_or_else(|| name.clone());
    let found = rule.found_named(table.clone()).ok().filter(|found| partition_index::is_whole(&found.table));
    let parts =
        found.as_ref().map(|found| partition_index::partitions(rule, found)).transpose()?.unwrap_or_default();
    if found.is_some() && rule.target.version < 14 {
        return Err(Refusal::new(
            format!("{} is partitioned, and PostgreSQL 13 rebuilds nothing of it beside writes", table.key()),
            "write REINDEX INDEX or REINDEX TABLE for each partition",
        ));
    }
    let forward = format!("REINDEX {what} CONCURRENTLY {}", name.sql());
    let step = Draft::alone(&format!("reindex {}", name.key()), Phase::Validate, forward, None)
        .holds(&table, SHARE_UPDATE_EXCLUSIVE);
    let mut step = parts.iter().fold(step, |step, part| step.holds(&part.name, SHARE_UPDATE_EXCLUSIVE)).why(
        "Built anew beside reads and writes; a build that stopped half-way leaves an invalid index named *_ccnew.",
    );
    step.step.revert = Some(Action::Nothing);
    Ok(Drafts { touches: vec![EVERYTHING.to_owned()], ..on(&name, vec![step]) })
}

/// The parser knows it, and there is no rule.
pub(super) fn no_rule() -> Planned {
    Err(Refusal::new("there is no rule for this statement yet", REMEDY))
}

/// The words of a statement, one after the other.
#[derive(Clone)]
pub(super) struct Words {
    tokens: Vec<Token>,
    at: usize,
}

impl Words {
    pub(super) fn of(sql: &str) -> Self {
        // Quotes stay doubled, so that what is printed back is what was read.
        let tokens =
            Tokenizer::new(&PostgreSqlDialect {}, sql).with_unescape(false).tokenize().unwrap_or_default();
        Self { tokens: tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect(), at: 0 }
    }

    /// All, in upper case, with single spaces between.
    pub(super) fn upper(&self) -> String {
        self.tokens.iter().map(|token| token.to_string().to_uppercase()).collect::<Vec<_>>().join(" ")
    }

    /// True when nothing is left.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.tokens.len()
    }

    /// What is left, as SQL.
    pub(super) fn rest(&self) -> String {
        self.tokens[self.at..].iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// What is left, cut at commas that stand in no brackets, as SQL.
    pub(super) fn rest_in_parts(&self) -> Vec<String> {
        let mut parts = vec![Vec::new()];
        let mut depth = 0_i32;
        for token in &self.tokens[self.at..] {
            match token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth -= 1,
                _ => {}
            }
            match (token, parts.last_mut()) {
                (Token::Comma, _) if depth == 0 => parts.push(Vec::new()),
                (token, Some(part)) => part.push(token.to_string()),
                (_, None) => {}
            }
        }
        parts.iter().map(|part| part.join(" ")).collect()
    }

    /// Steps over brackets and what stands in them, if they begin here; gives both as SQL.
    pub(super) fn bracketed(&mut self) -> Option<String> {
        if self.tokens.get(self.at) != Some(&Token::LParen) {
            return None;
        }
        let mut depth = 0_i32;
        let length = self.tokens[self.at..].iter().position(|token| {
            depth += i32::from(*token == Token::LParen) - i32::from(*token == Token::RParen);
            depth == 0
        })?;
        let inside = &self.tokens[self.at..=self.at + length];
        let text = inside.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        self.at += length + 1;
        Some(text)
    }

    /// Steps over one word.
    pub(super) fn step(&mut self) {
        self.at += 1;
    }

    pub(super) fn skip(&mut self, words: &[&str]) -> bool {
        let is_next = |(offset, word): (usize, &&str)| match self.tokens.get(self.at + offset) {
            Some(Token::Word(found)) => found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word),
            _ => false,
        };
        let found = words.iter().enumerate().all(is_next);
        if found {
            self.at += words.len();
        }
        found
    }

    pub(super) fn ident(&mut self) -> Result<String, Refusal> {
        match self.tokens.get(self.at) {
            Some(Token::Word(word)) => {
                let value = match word.quote_style {
                    Some(_) => word.value.replace("\"\"", "\""),
                    None => word.value.clone(),
                };
                let ident = Ident { value, quote_style: word.quote_style, ..quoted("") };
                self.at += 1;
                Ok(name::meant(&ident))
            }
            _ => Err(Refusal::new("a name is missing in this statement", REMEDY)),
        }
    }

    pub(super) fn name(&mut self) -> Result<Name, Refusal> {
        let mut parts = vec![self.ident()?];
        while self.tokens.get(self.at) == Some(&Token::Period) {
            self.at += 1;
            parts.push(self.ident()?);
        }
        Name::of(&ObjectName(parts.iter().map(|part| ObjectNamePart::Identifier(quoted(part))).collect()))
    }
}
