//! Triggers that keep two forms of a row in step while clients of two releases write it.

use super::q;
use super::table_name::Name;
use crate::name;

/// A row trigger before INSERT and UPDATE, and its function.
pub(super) struct Trigger {
    table: Name,
    function: Name,
    body: String,
}

impl Trigger {
    /// `body` is what stands between BEGIN and RETURN NEW.
    pub(super) fn new(table: &Name, purpose: &str, of: &str, declarations: &str, body: &str) -> Self {
        let function = table.beside(&name::own(purpose, &[&table.schema, &table.name, of]));
        let declare = if declarations.is_empty() { String::new() } else { format!("DECLARE\n{declarations}") };
        // Names in a query mean columns, even where a variable of the language is called the same.
        let body = format!("\n#variable_conflict use_column\n{declare}BEGIN\n{body}  RETURN NEW;\nEND ");
        Self { table: table.clone(), function, body }
    }

    /// Makes both.
    pub(super) fn create(&self) -> Vec<String> {
        vec![
            self.function_sql("CREATE"),
            format!(
                "CREATE TRIGGER {} BEFORE INSERT OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION {}()",
                self.name(),
                self.table.sql(),
                self.function.sql()
            ),
        ]
    }

    /// Puts the function in the place of one that does it for other columns.
    pub(super) fn replace(&self) -> String {
        self.function_sql("CREATE OR REPLACE")
    }

    /// Takes both away.
    pub(super) fn drop(&self) -> Vec<String> {
        vec![
            format!("DROP TRIGGER {} ON {}", self.name(), self.table.sql()),
            format!("DROP FUNCTION {}()", self.function.sql()),
        ]
    }

    fn function_sql(&self, verb: &str) -> String {
        format!(
            "{verb} FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {}",
            self.function.sql(),
            dollar_quoted(&self.body)
        )
    }

    /// Triggers fire in the order of their names: this one sees what the others made of the row.
    fn name(&self) -> String {
        q(&name::own_last(&self.function.name))
    }
}

/// An expression over the columns of the row NEW. The table's own name may stand before a column.
pub(super) fn over_new(table: &Name, expression: &str) -> String {
    format!("(SELECT ({expression}) FROM (SELECT NEW.*) AS {})", q(&table.name))
}

/// True when two values are not the same, to the byte: needs no operator of their type, and no search path.
pub(super) fn differs(one: &str, other: &str) -> String {
    // As records: between rows the operator would be asked of each column's type.
    format!("ROW({one})::record OPERATOR(pg_catalog.*<>) ROW({other})::record")
}

/// Text between dollar quotes that do not stand in it.
pub(super) fn dollar_quoted(text: &str) -> String {
    let mut tag = "$lockstep$".to_owned();
    let mut number = 1;
    while text.contains(&tag) {
        number += 1;
        tag = format!("$lockstep{number}$");
    }
    format!("{tag}{text}{tag}")
}
