//! Lines of text: numbers as people write them, and paragraphs with a hanging indent.

/// The text with all white space as single spaces.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines, each cut to so many characters, with a mark where something was left out.
pub(super) fn cut_lines(text: &str, chars_max: usize) -> String {
    let cut = |line: &str| match line.char_indices().nth(chars_max) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

/// So many of something: `1 step`, `1,200,000 rows`.
pub(super) fn count(number: u64, what: &str) -> String {
    let digits = number.to_string();
    let grouped: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|chunk| std::str::from_utf8(chunk).expect("digits are ASCII"))
        .collect();
    format!("{} {what}{}", grouped.join(","), if number == 1 { "" } else { "s" })
}

/// `before` and the text; on a terminal broken between words, and then indented as far as `before` reaches.
pub(super) fn hanging(before: &str, text: &str, width: Option<u16>) -> String {
    /// Columns that a word gets at least, however narrow the terminal is.
    const COLUMNS_MIN: usize = 20;
    let indent = visible_columns(before);
    let Some(columns) = width.map(|width| usize::from(width).saturating_sub(indent).max(COLUMNS_MIN)) else {
        return format!("{before}{text}");
    };
    let mut lines: Vec<String> = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > columns {
            lines.push(String::new());
            used = 0;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
        }
        used += length;
    }
    format!("{before}{}", lines.join(&format!("\n{}", " ".repeat(indent))))
}

/// Characters that take room: colours do not.
fn visible_columns(text: &str) -> usize {
    let mut is_escape = false;
    let is_visible = |character: &char| {
        let was_escape = is_escape;
        is_escape = *character == '\u{1b}' || (is_escape && *character != 'm');
        !is_escape && !was_escape
    };
    text.chars().filter(is_visible).count()
}

#[cfg(test)]
mod tests {
    use super::{count, cut_lines, hanging};

    #[test]
    fn long_lines_are_cut_with_a_mark() {
        assert_eq!(cut_lines("abc\nüüüü\n", 3), "abc\nüüü…");
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in [(0, "0 rows"), (1, "1 row"), (999, "999 rows"), (1_200_000, "1,200,000 rows")] {
            assert_eq!(count(number, "row"), expected);
        }
    }

    #[test]
    fn long_text_hangs_below_where_it_began() {
        assert_eq!(hanging("a: ", "one two", None), "a: one two");
        let text = "0123456789 0123456789 01234567890123456789012345 x";
        let expected = "a: 0123456789\n   0123456789\n   01234567890123456789012345\n   x";
        assert_eq!(hanging("a: ", text, Some(10)), expected);
        assert_eq!(
            hanging("\u{1b}[2ma: \u{1b}[0m", text, Some(10)).replace("\u{1b}[2ma: \u{1b}[0m", "a: "),
            expected
        );
    }
}
