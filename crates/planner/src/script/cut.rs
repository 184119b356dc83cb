//! Where one statement ends and the next begins: knows quotes, dollar quotes, comments, and bodies between BEGIN and END.

use super::Error;
use super::body::depth_after;
use super::of_mysql_family;
use lockstep_core::Engine;
use std::borrow::Cow;

/// One statement, and the comments right above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// Without the semicolon, comments inside kept.
    pub(super) sql: Cow<'a, str>,
    /// Of its first word, counted from 1.
    pub(super) line: usize,
    /// Line comments above it with no empty line between, without their dashes, and their lines.
    pub(super) comments: Vec<(usize, String)>,
}

impl Piece<'_> {
    /// Where its first directive stands.
    pub(super) fn directive_line(&self) -> Option<usize> {
        let is_directive = |(_, text): &&(usize, String)| text.starts_with(super::directive::PREFIX);
        self.comments.iter().find(is_directive).map(|(line, _)| *line)
    }
}

/// Cuts a text.
pub(super) fn cut(engine: Engine, text: &str) -> Result<Vec<Piece<'_>>, Error> {
    let mut cutter = Cutter { engine, text, at: 0, line: 1, delimiter: ";" };
    let mut pieces = Vec::new();
    while let Some(piece) = cutter.piece()? {
        pieces.push(piece);
    }
    Ok(pieces)
}

/// White space to an engine. Other white space of Unicode is part of a statement, which the engine will not take.
const BLANK: [char; 6] = [' ', '\t', '\r', '\n', '\u{b}', '\u{c}'];

struct Cutter<'a> {
    engine: Engine,
    text: &'a str,
    at: usize,
    line: usize,
    /// What ends a statement: the client of MySQL and MariaDB takes another one on a line `DELIMITER ...`.
    delimiter: &'a str,
}

impl<'a> Cutter<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn advance(&mut self, bytes: usize) {
        self.line += self.text[self.at..self.at + bytes].matches('\n').count();
        self.at += bytes;
    }

    fn error(&self, problem: String) -> Error {
        Error { line: self.line, problem }
    }

    fn piece(&mut self) -> Result<Option<Piece<'a>>, Error> {
        let mut comments = self.comments_above()?;
        while of_mysql_family(self.engine) && self.takes_delimiter()? {
            comments = self.comments_above()?;
        }
        if self.rest().is_empty() {
            return directives_above_nothing(&comments).map_or(Ok(None), Err);
        }
        if self.engine == Engine::Sqlite && self.rest().starts_with('.') {
            return Err(self.error(format!(
                "`{}` is a command of the sqlite3 shell, not SQL: take it out",
                self.word_here()
            )));
        }
        let (start, line) = (self.at, self.line);
        let mut words: Vec<String> = Vec::new();
        let mut depth = 0_usize;
        while let Some(first) = self.rest().chars().next() {
            match first {
                _ if depth == 0 && self.rest().starts_with(self.delimiter) => break,
                _ if self.skip_quoted_or_comment()? => {}
                _ if is_word(first) => {
                    let length = self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
                    let word = self.rest()[..length].to_ascii_lowercase();
                    self.advance(length);
                    if self.delimiter == ";" {
                        depth = depth_after(self.engine, depth, &words, &word);
                    }
                    words.push(word);
                }
                // No operator and no name has one outside of quotes.
                '\\' => {
                    let (command, shell) = (self.word_here(), self.shell());
                    return Err(self.error(format!("`{command}` is a command of {shell}, not SQL: take it out")));
                }
                _ => self.advance(first.len_utf8()),
            }
        }
        let sql = self.text[start..self.at].trim_end_matches(BLANK);
        if is_copy_of_data_below(&words) {
            let problem = "COPY ... FROM stdin reads rows that stand in the file: write them as INSERT";
            return Err(Error { line, problem: problem.to_owned() });
        }
        if !self.rest().is_empty() {
            self.advance(self.delimiter.len());
        }
        Ok(Some(Piece { sql: Cow::Borrowed(sql), line, comments }))
    }

    /// Skips white space, comments and lone semicolons; gives the line comments that stand right above what follows.
    fn comments_above(&mut self) -> Result<Vec<(usize, String)>, Error> {
        let mut comments: Vec<(usize, String)> = Vec::new();
        loop {
            let blank = self.blank_or_delimiters();
            if self.rest()[..blank].matches('\n').count() > 1
                && let Some(error) = directives_above_nothing(&comments)
            {
                return Err(error);
            }
            if self.rest()[..blank].matches('\n').count() > 1 {
                comments.clear();
            }
            self.advance(blank);
            if self.begins_line_comment() {
                let length = self.line_comment();
                let comment = self.rest()[..length].trim_start_matches(['-', '#']).trim();
                comments.push((self.line, comment.to_owned()));
                self.advance(length);
            } else if self.engine == Engine::Postgres && self.begins_fence_of_a_dump() {
                self.advance(self.line_comment());
            } else if !(self.begins_block_comment() && self.skip_quoted_or_comment()?) {
                return Ok(comments);
            }
        }
    }

    /// Steps over a comment or anything quoted, if one begins here.
    fn skip_quoted_or_comment(&mut self) -> Result<bool, Error> {
        let rest = self.rest();
        let is_mysql = of_mysql_family(self.engine);
        let (length, what) = if self.begins_line_comment() {
            (Some(self.line_comment()), "comment")
        } else if rest.starts_with("/*") {
            (block_comment(rest, self.engine == Engine::Postgres), "comment")
        } else if rest.starts_with('\'') {
            (quoted(rest, '\'', is_mysql || self.is_escape_string()), "string")
        } else if is_mysql && rest.starts_with('"') {
            (quoted(rest, '"', true), "string")
        } else if rest.starts_with('"') {
            (quoted(rest, '"', false), "name")
        } else if (is_mysql || self.engine == Engine::Sqlite) && rest.starts_with('`') {
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
            return Err(self.error(format!("the {what} that begins here is not closed")));
        };
        self.advance(length);
        Ok(true)
    }

    /// White space, and ends of statements that have none.
    fn blank_or_delimiters(&self) -> usize {
        let mut rest = self.rest();
        loop {
            let trimmed = rest.trim_start_matches(BLANK);
            match trimmed.strip_prefix(self.delimiter) {
                Some(after) => rest = after,
                None => return self.rest().len() - trimmed.len(),
            }
        }
    }

    /// Takes a line `DELIMITER ...`, if one begins here.
    fn takes_delimiter(&mut self) -> Result<bool, Error> {
        let line = self.rest().lines().next().unwrap_or_default();
        let Some((word, delimiter)) = line.split_once(BLANK) else { return Ok(false) };
        if !word.eq_ignore_ascii_case("delimiter") {
            return Ok(false);
        }
        let delimiter = delimiter.split(BLANK).find(|word| !word.is_empty());
        self.delimiter = delimiter.ok_or_else(|| self.error("`DELIMITER` names no delimiter".to_owned()))?;
        self.advance(line.len());
        Ok(true)
    }

    /// To MySQL and MariaDB two dashes begin a comment only with white space behind them, and `#` begins one too.
    fn begins_line_comment(&self) -> bool {
        let rest = self.rest();
        if !of_mysql_family(self.engine) {
            return rest.starts_with("--");
        }
        let after = rest.strip_prefix("--");
        rest.starts_with('#')
            || after.is_some_and(|after| after.is_empty() || after.starts_with(char::is_whitespace))
    }

    /// True for a comment; what MySQL and MariaDB run of a comment (`/*! ... */`) is none.
    fn begins_block_comment(&self) -> bool {
        let runs = super::executable::begins(self.engine, self.rest());
        self.rest().starts_with("/*") && !runs
    }

    /// Whose commands begin with a backslash.
    fn shell(&self) -> &'static str {
        if of_mysql_family(self.engine) { "the mysql client" } else { "psql" }
    }

    /// What `pg_dump` writes around a dump, so that `psql` takes no command of its own from it. It says nothing of the schema.
    fn begins_fence_of_a_dump(&self) -> bool {
        ["\\restrict ", "\\unrestrict "].iter().any(|fence| self.rest().starts_with(fence))
    }

    /// How long the line comment is that begins here. To PostgreSQL a carriage return alone ends a line.
    fn line_comment(&self) -> usize {
        let ends = |c| c == '\n' || (c == '\r' && self.engine == Engine::Postgres);
        self.rest().find(ends).unwrap_or(self.rest().len())
    }

    /// What stands here up to the next white space, for messages.
    fn word_here(&self) -> &'a str {
        self.rest().split(char::is_whitespace).next().unwrap_or_default()
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

fn is_copy_of_data_below(words: &[String]) -> bool {
    words.first().is_some_and(|first| first == "copy")
        && words.windows(2).any(|pair| pair[0] == "from" && pair[1] == "stdin")
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

/// Length of what is quoted at the start of the text, with its quotes; `None` when it is not closed.
pub(super) fn quoted(text: &str, quote: char, backslash_escapes: bool) -> Option<usize> {
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
    use proptest::prelude::*;

    /// Text as it stands in migrations, and text as nobody would write it.
    fn text() -> impl Strategy<Value = String> {
        let common = prop::sample::select(vec![
            ";",
            ";\n",
            "\n",
            "\r\n",
            "\n\n",
            " ",
            "'",
            "''",
            "\"",
            "`",
            "[",
            "]",
            "$$",
            "$a$",
            "$1",
            "E'",
            "--",
            "-- x\n",
            "/*",
            "*/",
            "begin",
            "end",
            "case",
            "create trigger",
            "create function",
            "create procedure",
            "end if",
            "#",
            "\\",
            "/*!50003 ",
            "/*M!100100 ",
            "begin atomic",
            "select",
            "a",
            "ü",
            "(",
            ")",
        ]);
        prop::collection::vec(prop_oneof![8 => common.prop_map(str::to_owned), 1 => ".{0,4}"], 0..40)
            .prop_map(|parts| parts.concat())
    }

    fn engine() -> impl Strategy<Value = Engine> {
        prop::sample::select(vec![Engine::Postgres, Engine::Sqlite, Engine::Mariadb, Engine::Mysql])
    }

    proptest! {
        /// Pieces stand in the text in their order, on the lines that they claim, and between them is nothing that runs.
        #[test]
        fn cutting_loses_nothing(text in text(), engine in engine()) {
            if let Ok(pieces) = cut(engine, &text) {
                let mut end = 0;
                for piece in &pieces {
                    let start = piece.sql.as_ptr() as usize - text.as_ptr() as usize;
                    prop_assert!(start >= end && !piece.sql.is_empty());
                    prop_assert_eq!(cut(engine, &text[end..start]), Ok(Vec::new()), "between pieces");
                    prop_assert_eq!(piece.line, text[..start].matches('\n').count() + 1);
                    end = start + piece.sql.len();
                }
                prop_assert_eq!(cut(engine, &text[end..]), Ok(Vec::new()), "after the last piece");
            }
        }

        /// Whatever stands in a file, it is read or refused.
        #[test]
        fn reading_never_panics(text in prop_oneof![text(), any::<String>()], engine in engine()) {
            let _ = crate::script::parse(engine, &text);
        }

        /// A piece is one statement: cut again it is itself.
        #[test]
        fn a_piece_is_one_piece(text in text(), engine in engine()) {
            // To MySQL two dashes begin a comment where the text ends behind them, too.
            for piece in cut(engine, &text).unwrap_or_default().iter().filter(|piece| !piece.sql.ends_with("--")) {
                let again = cut(engine, &piece.sql).unwrap();
                prop_assert_eq!(again.iter().map(|piece| &piece.sql).collect::<Vec<_>>(), vec![&piece.sql]);
            }
        }
    }

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
    fn mysql_and_mariadb_have_quotes_comments_and_delimiters_of_their_own() {
        for engine in [Engine::Mysql, Engine::Mariadb] {
            check(engine, "a '\\';' \"\\\";\" `;``;`; b", &["1: a '\\';' \"\\\";\" `;``;`", "1: b"]);
            check(engine, "a # ;\n; b -- ;\n; c--1; d", &["1: a # ;", "2: b -- ;", "3: c--1", "3: d"]);
            check(engine, "# near\n-- lockstep: x\na", &["3: a [near] [lockstep: x]"]);
            check(
                engine,
                "a;\nDELIMITER //\ncreate trigger t begin a; b; end//\ndelimiter ;\nc; d",
                &["1: a", "3: create trigger t begin a; b; end", "5: c", "5: d"],
            );
            check(engine, "delimiter $$\na; b $$\n\nc $$", &["2: a; b", "4: c"]);
            check(
                engine,
                "/*!40101 SET a */;\n/* no */ b /*!50003 ; */; c",
                &["1: /*!40101 SET a */", "2: b /*!50003 ; */", "2: c"],
            );
            check(
                engine,
                "create trigger t after insert on a for each row begin if x then case y when 1 then z; end case; \
                 elseif (x) then set a = case when b then c end; end if; while d do e; end while; end; f",
                &[
                    "1: create trigger t after insert on a for each row begin if x then case y when 1 then z; end case; \
                     elseif (x) then set a = case when b then c end; end if; while d do e; end while; end",
                    "1: f",
                ],
            );
            check(engine, "create table event (begin int); b", &["1: create table event (begin int)", "1: b"]);
        }
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
    fn line_ends_of_every_kind_are_line_ends() {
        check(Engine::Postgres, "-- far\r\n\r\n-- near\r\na;\r\nb", &["4: a [near]", "5: b"]);
        check(Engine::Postgres, "a -- ;\rb; c", &["1: a -- ;\rb", "1: c"]);
        check(Engine::Postgres, "/* only */ -- comments\n", &[]);
    }

    #[test]
    fn what_is_no_sql_is_named() {
        for (engine, text, expected) in [
            (Engine::Postgres, "a;\n\\set x 1\nb", "line 2: `\\set` is a command of psql"),
            (Engine::Postgres, "select 1 \\gexec", "line 1: `\\gexec` is a command of psql"),
            (Engine::Sqlite, "a;\n.mode csv\n", "line 2: `.mode` is a command of the sqlite3 shell"),
            (Engine::Postgres, "COPY a (b) FROM stdin;\n1'\n\\.\n", "line 1: COPY ... FROM stdin"),
        ] {
            let error = cut(engine, text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}\n{error}");
        }
        check(Engine::Postgres, "\\restrict x\na;\n\n\\unrestrict x\n", &["2: a"]);
        check(Engine::Postgres, "select '\\d', \"\\d\"", &["1: select '\\d', \"\\d\""]);
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
