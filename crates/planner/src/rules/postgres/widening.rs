//! What the server knows of its types: which change needs no look at a row, and what becomes what by itself.

/// True when every value of `from` is one of `to` as it stands, bit by bit (PostgreSQL 13 to 18).
pub(super) fn is_widening(from: &str, to: &str) -> bool {
    let ((from_base, from_size), (to_base, to_size)) = (parts(from), parts(to));
    let grows = match (from_size.first(), to_size.first()) {
        (_, None) => true,
        (Some(from), Some(to)) => from <= to,
        (None, Some(_)) => false,
    };
    match (from_base.as_str(), to_base.as_str()) {
        ("character varying", "text") | ("text", "character varying") => to_size.is_empty(),
        ("cidr", "inet") => true,
        // The digits behind the point stay.
        ("numeric", "numeric") => grows && (to_size.is_empty() || from_size.get(1) == to_size.get(1)),
        ("character varying", "character varying") | ("bit varying", "bit varying") => grows,
        (one, other) => one == other && is_time(one) && grows,
    }
}

fn is_time(base: &str) -> bool {
    base.starts_with("time") || base == "interval"
}

/// `numeric(10,2)`: `numeric` and its numbers; `timestamp(3) with time zone`: `timestamp with time zone` and 3.
fn parts(data_type: &str) -> (String, Vec<u32>) {
    let Some((head, rest)) = data_type.split_once('(') else { return (data_type.to_owned(), Vec::new()) };
    let Some((numbers, tail)) = rest.split_once(')') else { return (data_type.to_owned(), Vec::new()) };
    let numbers = numbers.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    (format!("{head}{tail}"), numbers)
}

/// True when a value of `from` may be assigned to a column of type `to` without a cast.
pub(super) fn is_assignable(from: &str, to: &str) -> bool {
    let (from, to) = (parts(from).0, parts(to).0);
    let kind = |base: &str| match base {
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => 1,
        "text" | "character varying" | "character" => 2,
        "date" | "timestamp without time zone" | "timestamp with time zone" => 3,
        "json" | "jsonb" => 4,
        "bit" | "bit varying" => 5,
        "inet" | "cidr" => 6,
        _ => 0,
    };
    // Everything becomes text.
    from == to || kind(&to) == 2 || (kind(&from) != 0 && kind(&from) == kind(&to))
}

#[cfg(test)]
mod tests {
    use super::{is_assignable, is_widening};

    #[test]
    fn the_server_looks_at_no_row() {
        for (from, to, expected) in [
            ("character varying(10)", "character varying(20)", true),
            ("character varying(20)", "character varying(10)", false),
            ("character varying(20)", "text", true),
            ("text", "character varying", true),
            ("text", "character varying(9)", false),
            ("character(3)", "character varying(3)", false),
            ("numeric(10,2)", "numeric(12,2)", true),
            ("numeric(10,2)", "numeric(12,3)", false),
            ("numeric(10,2)", "numeric", true),
            ("timestamp(3) without time zone", "timestamp without time zone", true),
            ("timestamp without time zone", "timestamp with time zone", false),
            ("integer", "bigint", false),
        ] {
            assert_eq!(is_widening(from, to), expected, "{from} to {to}");
        }
        assert!(is_assignable("integer", "text") && !is_assignable("text", "integer"));
    }
}
