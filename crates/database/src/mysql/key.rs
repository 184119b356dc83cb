//! The key of a backfill: its columns as text and back, and the conditions that cut a table into batches.

use super::sql::{literal, quote};

/// A column of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyColumn {
    name: String,
    form: Form,
}

/// How a value becomes text and text a value. Compared with a bare text, a number would be read as a float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Signed,
    Unsigned,
    Decimal,
    Text,
    Bytes,
    Temporal(&'static str),
}

impl KeyColumn {
    /// `None` for types whose order is not that of their texts and numbers (`float`, `enum`, `set`, `json` and the like).
    pub(super) fn new(name: &str, data_type: &str, column_type: &str) -> Option<Self> {
        let unsigned = column_type.contains("unsigned");
        let form = match data_type.to_lowercase().as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if !unsigned => Form::Signed,
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "bit" | "year" => Form::Unsigned,
            "decimal" => Form::Decimal,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "uuid" | "inet4" | "inet6" => {
                Form::Text
            }
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Form::Bytes,
            "date" => Form::Temporal("DATE"),
            "time" => Form::Temporal("TIME(6)"),
            "datetime" | "timestamp" => Form::Temporal("DATETIME(6)"),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), form })
    }

    pub(super) fn quoted(&self) -> String {
        quote(&self.name)
    }

    /// The column's value as text.
    pub(super) fn text(&self) -> String {
        let name = self.quoted();
        match self.form {
            Form::Bytes => format!("HEX({name})"),
            // Bits have no text of their own.
            Form::Unsigned => format!("CAST(CAST({name} AS UNSIGNED) AS CHAR)"),
            _ => format!("CAST({name} AS CHAR)"),
        }
    }

    /// A text from [`Self::text`] as a value of the column.
    fn value(&self, text: &str) -> String {
        let text = literal(text);
        match self.form {
            Form::Signed => format!("CAST({text} AS SIGNED)"),
            Form::Unsigned => format!("CAST({text} AS UNSIGNED)"),
            Form::Decimal => format!("CAST({text} AS DECIMAL(65, 30))"),
            // A literal takes the column's collation.
            Form::Text => text,
            Form::Bytes => format!("UNHEX({text})"),
            Form::Temporal(data_type) => format!("CAST({text} AS {data_type})"),
        }
    }
}

/// The rows beyond a key (`>`) or up to it (`<=`), so that the server finds them by the index: it does not for `(a, b) > (1, 2)`.
/// `operator` is `>` or `<`; the last column has `last_operator`.
fn compared(columns: &[KeyColumn], key: &[String], operator: char, last_operator: &str) -> String {
    let mut ways = Vec::new();
    for end in 0..columns.len() {
        let mut conditions: Vec<String> = columns[..end]
            .iter()
            .zip(key)
            .map(|(column, text)| format!("{} = {}", column.quoted(), column.value(text)))
            .collect();
        let operator = if end + 1 == columns.len() { last_operator.to_owned() } else { operator.to_string() };
        conditions.push(format!("{} {operator} {}", columns[end].quoted(), columns[end].value(&key[end])));
        ways.push(conditions.join(" AND "));
    }
    // Already said, but in the one form that every optimiser takes as the bound of a range.
    let bound = format!("{} {operator}= {}", columns[0].quoted(), columns[0].value(&key[0]));
    format!("({bound} AND ({}))", ways.join(" OR "))
}

pub(super) fn beyond(columns: &[KeyColumn], key: &[String]) -> String {
    compared(columns, key, '>', ">")
}

pub(super) fn up_to(columns: &[KeyColumn], key: &[String]) -> String {
    compared(columns, key, '<', "<=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare_column_by_column() {
        let columns = [
            KeyColumn::new("shop", "varchar", "varchar(20)").unwrap(),
            KeyColumn::new("id", "bigint", "bigint(20) unsigned").unwrap(),
        ];
        let key = ["it's".to_owned(), "7".to_owned()];
        assert_eq!(
            beyond(&columns, &key),
            "(`shop` >= 'it''s' AND (`shop` > 'it''s' OR `shop` = 'it''s' AND `id` > CAST('7' AS UNSIGNED)))"
        );
        assert_eq!(
            up_to(&columns, &key),
            "(`shop` <= 'it''s' AND (`shop` < 'it''s' OR `shop` = 'it''s' AND `id` <= CAST('7' AS UNSIGNED)))"
        );
        assert_eq!(KeyColumn::new("f", "double", "double"), None);
    }
}
