//! Partitioned tables. Releases write the whole; a partition is no table of its own, unless the change makes it one.

use super::form::Around;
use super::kind::Kind;
use lockstep_core::schema::Table;
use lockstep_core::{Engine, Schema};
use std::collections::BTreeMap;

/// Values by column.
type Bounds = BTreeMap<String, Vec<String>>;

/// Values of other rows than those that partitions name, for the partition that takes the rest.
const REST: [i64; 3] = [1, 2, 3];

impl Around<'_> {
    /// The table as a partition of another one, wherever it is there.
    pub(super) fn is_inner(&self, name: &str) -> bool {
        let there: Vec<&Table> = self.schemas().filter_map(|schema| schema.tables.get(name)).collect();
        there.iter().all(|table| table.options.contains_key("partition for"))
            && there.iter().all(|table| table.options.get("inherits") == there[0].options.get("inherits"))
    }

    /// Rows of the table are those of others, too, that are tables of their own.
    pub(super) fn is_of_family(&self, name: &str) -> bool {
        let is_child = |schema: &Schema| {
            schema.tables.iter().filter(|(child, _)| !self.is_inner(child)).any(|(child, table)| {
                let mut parents =
                    table.options.get("inherits").into_iter().flat_map(|parents| parents.split(", "));
                parents.any(|parent| child == name || parent == name)
            })
        };
        self.schemas().any(is_child)
    }

    /// Partitions that must be there for the values of [`Self::bounds`].
    pub(super) fn parts<'a>(&self, name: &str, schema: &'a Schema) -> Vec<(&'a String, &'a str)> {
        let part = |(part, table): (&'a String, &'a Table)| {
            let is_part = table.options.get("inherits").is_some_and(|parent| parent == name);
            Some((part, table.options.get("partition for")?.as_str())).filter(|_| is_part)
        };
        let is_always = |part: &str| {
            let has_table = |schema: &&Schema| schema.tables.contains_key(name);
            let is_part = |schema: &Schema| {
                schema.tables.get(part).is_some_and(|part| part.options.contains_key("partition for"))
            };
            self.schemas().filter(has_table).all(is_part)
        };
        schema.tables.iter().filter_map(part).filter(|(part, _)| is_always(part)).collect()
    }

    /// What a partitioned table or a partition takes, by column; `None`: nothing that both forms have a place for.
    pub(super) fn bounds(&self, name: &str, table: &Table, is_new: bool) -> Option<Bounds> {
        let schema = if is_new { self.after } else { self.before };
        if let Some(by) = table.options.get("partition by") {
            let column = by.split(['(', ')']).nth(1)?.trim().trim_matches(['"', '`']).to_owned();
            if self.engine != Engine::Postgres {
                let below = by.split("LESS THAN").nth(1)?.split(['(', ')']).nth(1)?.trim().parse::<i64>().ok()?;
                return Some(Bounds::from([(column, vec![(below - 1).to_string()])]));
            }
            let mut values = Vec::new();
            for (_, bound) in self.parts(name, schema) {
                if bound.contains("DEFAULT") {
                    let known = table.columns.iter().find(|known| known.name == column)?;
                    let kind = Kind::of(self.engine, schema, known);
                    values.extend(REST.iter().filter_map(|number| kind.text(self.engine, *number)));
                } else {
                    values.push(first_value(bound)?);
                }
            }
            return (!values.is_empty()).then(|| Bounds::from([(column, values)]));
        }
        // A table that is a partition in one of the forms only.
        let there = self.schemas().filter_map(|schema| schema.tables.get(name));
        let inside = there
            .filter_map(|part| Some((part.options.get("inherits")?, part.options.get("partition for")?)))
            .next();
        let Some((parent, bound)) = inside else { return Some(Bounds::new()) };
        let parent = self.schemas().find_map(|schema| schema.tables.get(parent))?;
        let by = parent.options.get("partition by")?;
        let column = by.split(['(', ')']).nth(1)?.trim().trim_matches('"').to_owned();
        Some(Bounds::from([(column, vec![first_value(bound)?])]))
    }

    pub(super) fn schemas(&self) -> impl Iterator<Item = &Schema> {
        [self.before, self.after].into_iter()
    }
}

/// A value that a partition takes, of `FOR VALUES IN (1)` or `FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')`.
fn first_value(bound: &str) -> Option<String> {
    let inside = bound.split_once('(')?.1;
    let value = inside.split([',', ')']).next()?.trim().trim_matches('\'');
    (!bound.contains("WITH") && value != "MINVALUE").then(|| value.to_owned())
}
