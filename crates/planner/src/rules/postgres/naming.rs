//! Names that the server chooses itself (`makeObjectName` in its source): the catalog must know them.

use crate::name::BYTES_MAX;

/// `name1_name2_label`, the longer of the two names cut until all fits.
pub(super) fn choose(name1: &str, name2: &str, label: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let mut number = 0;
    loop {
        let numbered = if number == 0 { label.to_owned() } else { format!("{label}{number}") };
        let name = fitting(name1, name2, &numbered);
        if !is_taken(&name) {
            return name;
        }
        number += 1;
    }
}

fn fitting(name1: &str, name2: &str, label: &str) -> String {
    let separators = usize::from(!name2.is_empty()) + usize::from(!label.is_empty());
    let room = BYTES_MAX.saturating_sub(label.len() + separators);
    let (mut one, mut two) = (name1.len(), name2.len());
    while one + two > room {
        if one > two { one -= 1 } else { two -= 1 }
    }
    [cut(name1, one), cut(name2, two), label]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("_")
}

fn cut(text: &str, mut bytes: usize) -> &str {
    while !text.is_char_boundary(bytes) {
        bytes -= 1;
    }
    &text[..bytes]
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn as_the_server_chooses() {
        assert_eq!(choose("users", "email", "key", |_| false), "users_email_key");
        assert_eq!(choose("users", "", "pkey", |_| false), "users_pkey");
        assert_eq!(choose("users", "a", "check", |name| name == "users_a_check"), "users_a_check1");
        let long = "x".repeat(60);
        assert_eq!(choose(&long, "email", "key", |_| false), format!("{}_email_key", "x".repeat(53)));
    }
}
