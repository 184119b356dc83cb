//! Where one statement ends and the next begins: knows quotes, dollar quotes, comments, and bodies between BEGIN and END.

use super::Error;
use lockstep_core::Engine;

/// One statement, and the comments right above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Without the semicolon, comments inside kept.
    pub(super) sql: String,
    /// Of its first word, counted from 1.
    pub(super) line: usize,
    /// Line comments above it with no empty line between, without their dashes, and their lines.
    pub(super) comments: Vec<(usize, String)>,
}

/// Cuts a text.
pub(super) fn cut(engine: Engine, text: &str) -> Result<Vec<Piece>, Error> {
    let mut cutter = Cutter { engine, text, at: 0, line: 1 };
    let mut pieces = Vec::new();
    while let Some(piece) = cutter.piece()? {
        pieces.push(piece);
    }
    Ok(pieces)
}

struct Cutter<'a> {
    engine: Engine,
    text: &'a str,
    at: usize,
    line: usize,
}

impl Cutter<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn advance(&mut self, bytes: usize) {
        self.line += self.text[self.at..self.at + bytes].matches('\n').count();
        self.at += bytes;
    }

    fn piece(&mut self) -> Result<Option<Piece>, Error> {
        let comments = self.comments_above()?;
        if self.rest().is_empty() {
            return directives_above_nothing(&comments).map_or(Ok(None), Err);
        }
        let (start, line) = (self.at, self.line);
        let mut words: Vec<String> = Vec::new();
        let mut depth = 0_usize;
        while let Some(first) = self.rest().chars().next() {
            match first {
                ';' if depth == 0 => break,
                _ if self.skip_quoted_or_comment()? => {}
                _ if is_word(first) => {
                    let length = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
                    let word = self.rest()[..length].to_ascii_lowercase();
                    self.advance(length);
                    depth = depth_after(depth, &words, &word);
                    words.push(word);
                }
                _ => self.advance(first.len_utf8()),
            }
        }
        let sql = self.text[start..self.at].trim_end().to_owned();
        if !self.rest().is_empty() {
            self.advance(1);
        }
        Ok(Some(Piece { sql, line, comments }))
    }

    /// Skips white space, comments and lone semicolons; gives the line comments that stand right above what follows.
    fn comments_above(&mut self) -> Result<Vec<(usize, String)>, Error> {
        let mut comments: Vec<(usize, String)> = Vec::new();
        loop {
            let blank = self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n', ';']).len();
            if self.rest()[..blank].matches('\n').count() > 1
                && let Some(error) = directives_above_nothing(&comments)
            {
                return Err(error);
            }
            if self.rest()[..blank].matches('\n').count() > 1 {
                comments.clear();
            }
            self.advance(blank);
            if self.rest().starts_with("--") {
                let length = self.rest().find('\n').unwrap_or(self.rest().len());
                comments.push((self.line, self.rest()[2..length].trim().to_owned()));
                self.advance(length);
            } else if !(self.rest().starts_with("/*") && self.skip_quoted_or_comment()?) {
                return Ok(comments);
            }
        }
    }

    /// Steps over a comment or anything quoted, if one begins here.
    fn skip_quoted_or_comment(&mut self) -> Result<bool, Error> {
        let rest = self.rest();
        let (length, what) = if rest.starts_with("--") {
            (Some(rest.find('\n').unwrap_or(rest.len())), "comment")
        } else if rest.starts_with("/*") {
            (block_comment(rest, self.engine == Engine::Postgres), "comment")
        } else if rest.starts_with('\'') {
            (quoted(rest, '\'', self.is_escape_string()), "string")
        } else if rest.starts_with('"') {
            (quoted(rest, '"', false), "name")
        } else if self.engine == Engine::Sqlite && rest.starts_with('`') {
            (quoted(rest, '`', false), "name")
        } else if self.engine == Engine::Sqlite && rest.starts_with('[') {
            (rest.find(']').map(|end| end + 1), "name")
        } else if self.engine == Engine::Postgres && rest.starts_with('$') && !self.follows_a_word() {
            match dollar_tag(rest) {
                None => return Ok(false),
                Some(tag) => (rest[tag.len()..].find(tag).map(|end| end + 2 * tag.len()), "string"),
            }
        } else {
            return Ok(false);
        };
        let Some(length) = length else {
            return Err(Error { line: self.line, problem: format!("the {what} that begins here is not closed") });
        };
        self.advance(length);
        Ok(true)
    }

    fn follows_a_word(&self) -> bool {
        self.text[..self.at].chars().next_back().is_some_and(is_word)
    }

    /// `E'...'`, in which a backslash escapes.
    fn is_escape_string(&self) -> bool {
        let mut before = self.text[..self.at].chars().rev();
        self.engine == Engine::Postgres
            && before.next().is_some_and(|c| c.eq_ignore_ascii_case(&'e'))
            && !before.next().is_some_and(is_word)
    }
}

fn directives_above_nothing(comments: &[(usize, String)]) -> Option<Error> {
    let (line, _) = comments.iter().find(|(_, text)| text.starts_with(super::directive::PREFIX))?;
    Some(Error {
        line: *line,
        problem: "the directive stands above no statement: put it right above the one it is for".to_owned(),
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// How deep in bodies between BEGIN and END the text is after `word`; `words` are those of the statement so far.
fn depth_after(depth: usize, words: &[String], word: &str) -> usize {
    let is_in_body = depth > 0;
    let is_create = words.first().is_some_and(|first| first == "create");
    match word {
        "begin" if is_in_body => depth + 1,
        // A trigger of SQLite.
        "begin" if is_create && words.iter().any(|word| word == "trigger") => 1,
        // A function of PostgreSQL whose body is SQL: BEGIN ATOMIC.
        "atomic" if is_create && words.last().is_some_and(|last| last == "begin") => 1,
        "case" if is_in_body => depth + 1,
        "end" if is_in_body => depth - 1,
        _ => depth,
    }
}

fn quoted(text: &str, quote: char, backslash_escapes: bool) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((position, character)) = characters.next() {
        if backslash_escapes && character == '\\' {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Some(position + 1);
        }
    }
    None
}

fn block_comment(text: &str, nests: bool) -> Option<usize> {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let close = text[at..].find("*/")? + at;
        match text[at..close].find("/*").filter(|_| nests) {
            Some(open) => {
                at += open + 2;
                depth += 1;
            }
            None => {
                at = close + 2;
                depth -= 1;
            }
        }
    }
    Some(at)
}

fn dollar_tag(text: &str) -> Option<&str> {
    let end = text[1..].find(|c| !is_word(c))? + 1;
    let is_tag = text[end..].starts_with('$') && !text[1..].starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| &text[..=end])
}

#[cfg(test)]
mod tests {
    use super::cut;
    use lockstep_core::Engine;

    fn check(engine: Engine, text: &str, expected: &[&str]) {
        let pieces = cut(engine, text).unwrap();
        let shown: Vec<String> = pieces
            .iter()
            .map(|piece| {
                let comments: String = piece.comments.iter().map(|(_, text)| format!(" [{text}]")).collect();
                format!("{}: {}{comments}", piece.line, piece.sql.replace('\n', "~"))
            })
            .collect();
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn statements_end_at_semicolons_that_are_not_inside_of_something() {
        let postgres = Engine::Postgres;
        check(postgres, "a; b\n;\n\nc", &["1: a", "1: b", "4: c"]);
        check(postgres, "a ';' \";\" b; c", &["1: a ';' \";\" b", "1: c"]);
        check(postgres, "a E'\\';' b; c", &["1: a E'\\';' b", "1: c"]);
        check(postgres, "a $$;$$ $x$ ; $$ $x$; b", &["1: a $$;$$ $x$ ; $$ $x$", "1: b"]);
        check(postgres, "a /* ; /* ; */ ; */; b -- ;\nc", &["1: a /* ; /* ; */ ; */", "1: b -- ;~c"]);
        check(postgres, "select a$1; b", &["1: select a$1", "1: b"]);
        check(Engine::Sqlite, "a [;] `;`; b", &["1: a [;] `;`", "1: b"]);
    }

    #[test]
    fn bodies_are_kept_whole() {
        check(
            Engine::Sqlite,
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 1; END; b",
            &["1: CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 1; END", "1: b"],
        );
        check(
            Engine::Postgres,
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; b",
            &["1: CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "1: b"],
        );
        check(Engine::Postgres, "BEGIN; a; END; b", &["1: BEGIN", "1: a", "1: END", "1: b"]);
    }

    #[test]
    fn comments_right_above_belong_to_the_statement() {
        check(
            Engine::Postgres,
            "-- far\n\n-- near\n-- lockstep: x\na;\n-- own\nb",
            &["5: a [near] [lockstep: x]", "7: b [own]"],
        );
    }

    #[test]
    fn what_is_not_closed_is_named() {
        for (text, expected) in [
            ("a;\n'b", "line 2: the string that begins here is not closed"),
            ("a /* b", "line 1: the comment that begins here is not closed"),
            ("a $x$ b $y$", "line 1: the string that begins here is not closed"),
            ("a;\n-- lockstep: backfill a = 1\n", "line 2: the directive stands above no statement"),
            ("-- lockstep: backfill a = 1\n\na", "line 1: the directive stands above no statement"),
        ] {
            let error = cut(Engine::Postgres, text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}\n{error}");
        }
    }
}
