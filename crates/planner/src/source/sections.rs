//! Files that hold what a change does and what undoes it, one below the other, with a comment above each (goose, sql-migrate,
//! dbmate). Taken for one script such a file would do everything and undo it at once.

const UP: [&str; 3] = ["+goose up", "+migrate up", "migrate:up"];
const DOWN: [&str; 3] = ["+goose down", "+migrate down", "migrate:down"];

/// What stands above and below the comment that begins what undoes the change, if the text has one.
pub(super) fn split(text: &str) -> Result<Option<(&str, &str)>, (usize, &'static str)> {
    let mut down: Option<usize> = None;
    let mut at = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if is_heading(line, &DOWN) {
            if down.replace(at).is_some() {
                return Err((index + 1, "a second section undoes the change: keep one"));
            }
        } else if is_heading(line, &UP) && down.is_some() {
            return Err((index + 1, "what the change does stands below what undoes it: put it above"));
        }
        at += line.len();
    }
    Ok(down.map(|down| text.split_at(down)))
}

fn is_heading(line: &str, headings: &[&str]) -> bool {
    let comment = line.trim().strip_prefix("--").map(|comment| comment.trim().to_ascii_lowercase());
    let begins = |comment: &str, heading: &str| {
        comment.strip_prefix(heading).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    };
    comment.is_some_and(|comment| headings.iter().any(|heading| begins(&comment, heading)))
}
