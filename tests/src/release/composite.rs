//! Composite values. Releases read and write them attribute by attribute: whoever writes a whole one as text must know of each
//! attribute that is added.

use super::form::{Around, Known};
use super::kind::by_name;
use lockstep_core::Schema;
use lockstep_core::schema::Column;

impl Around<'_> {
    /// The attributes of a column as columns of their own. `None`: it is none of a composite type.
    pub(super) fn attributes(&self, column: &Column, is_new: bool) -> Option<Vec<Known>> {
        let names = |schema: &Schema| {
            let known = attributes(schema, &column.data_type).unwrap_or_default();
            known.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let renamed = self.renamed(&names(self.before), &names(self.after));
        let known = |(name, data_type): (String, String)| {
            let first = renamed.iter().find(|(_, to)| is_new && *to == name).map_or(&name, |(from, _)| from);
            Known {
                meaning: format!("{}.{first}", column.name),
                inside: Some(column.name.clone()),
                kind: by_name(&data_type),
                own_type: None,
                says_type: false,
                nullable: true,
                is_optional: true,
                parent: None,
                is_referenced: false,
                is_computed: false,
                is_generated: false,
                is_apart: false,
                converted: Vec::new(),
                is_new,
                name,
            }
        };
        let schema = if is_new { self.after } else { self.before };
        Some(attributes(schema, &column.data_type)?.into_iter().map(known).collect())
    }
}

/// Names and types of the attributes of a type.
pub(super) fn attributes(schema: &Schema, data_type: &str) -> Option<Vec<(String, String)>> {
    let definition = schema.objects.get("type")?.get(data_type)?.strip_prefix("composite ")?;
    let one =
        |text: &str| text.split_once(' ').map(|(name, kind)| (name.trim_matches('"').to_owned(), kind.to_owned()));
    definition.split(", ").map(one).collect()
}
