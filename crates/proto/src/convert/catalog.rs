//! Schemas with sizes.

use super::{Error, enumeration, map, required, same_variants, unmap};
use crate::{v1, view};
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Index, Schema, Size, Table};
use lockstep_core::{Engine, Version};
use std::collections::BTreeMap;

same_variants!(v1::ConstraintKind, ConstraintKind, PrimaryKey, Unique, ForeignKey, Check, Exclusion);

impl From<view::Catalog> for v1::Catalog {
    fn from(catalog: view::Catalog) -> Self {
        Self {
            node_name: catalog.node_name,
            engine: v1::Engine::from(catalog.engine).into(),
            engine_version: catalog.engine_version,
            version: catalog.version.0,
            schema: Some(catalog.schema.into()),
            sizes: unmap(catalog.sizes, |name| name),
        }
    }
}

impl TryFrom<v1::Catalog> for view::Catalog {
    type Error = Error;

    fn try_from(message: v1::Catalog) -> Result<Self, Error> {
        Ok(Self {
            node_name: message.node_name,
            engine: enumeration::<v1::Engine, Engine>("engine", message.engine)?,
            engine_version: message.engine_version,
            version: Version(message.version),
            schema: required("schema", message.schema)?,
            sizes: message.sizes.into_iter().map(|(name, size)| (name, size.into())).collect(),
        })
    }
}

impl From<Size> for v1::TableSize {
    fn from(size: Size) -> Self {
        Self { rows: size.rows, bytes: size.bytes }
    }
}

impl From<v1::TableSize> for Size {
    fn from(message: v1::TableSize) -> Self {
        Self { rows: message.rows, bytes: message.bytes }
    }
}

impl From<Schema> for v1::Schema {
    fn from(schema: Schema) -> Self {
        Self { tables: unmap(schema.tables, |name| name), objects: unmap(schema.objects, |kind| kind) }
    }
}

impl TryFrom<v1::Schema> for Schema {
    type Error = Error;

    fn try_from(message: v1::Schema) -> Result<Self, Error> {
        let objects = message.objects.into_iter().map(|(kind, objects)| (kind, objects.definitions)).collect();
        Ok(Self { tables: map("tables", message.tables, |name| name)?, objects })
    }
}

impl From<BTreeMap<String, String>> for v1::SchemaObjects {
    fn from(definitions: BTreeMap<String, String>) -> Self {
        Self { definitions }
    }
}

impl From<Table> for v1::Table {
    fn from(table: Table) -> Self {
        Self {
            columns: table.columns.into_iter().map(Into::into).collect(),
            constraints: unmap(table.constraints, |name| name),
            indexes: unmap(table.indexes, |name| name),
            triggers: table.triggers,
            options: table.options,
        }
    }
}

impl TryFrom<v1::Table> for Table {
    type Error = Error;

    fn try_from(message: v1::Table) -> Result<Self, Error> {
        Ok(Self {
            columns: message.columns.into_iter().map(Into::into).collect(),
            constraints: map("constraints", message.constraints, |name| name)?,
            indexes: message.indexes.into_iter().map(|(name, index)| (name, index.into())).collect(),
            triggers: message.triggers,
            options: message.options,
        })
    }
}

impl From<Column> for v1::Column {
    fn from(column: Column) -> Self {
        Self {
            name: column.name,
            data_type: column.data_type,
            nullable: column.nullable,
            default_expression: column.default,
            generated: column.generated,
            options: column.options,
        }
    }
}

impl From<v1::Column> for Column {
    fn from(message: v1::Column) -> Self {
        Self {
            name: message.name,
            data_type: message.data_type,
            nullable: message.nullable,
            default: message.default_expression,
            generated: message.generated,
            options: message.options,
        }
    }
}

impl From<Constraint> for v1::Constraint {
    fn from(constraint: Constraint) -> Self {
        let kind = v1::ConstraintKind::from(constraint.kind).into();
        Self { kind, columns: constraint.columns, definition: constraint.definition }
    }
}

impl TryFrom<v1::Constraint> for Constraint {
    type Error = Error;

    fn try_from(message: v1::Constraint) -> Result<Self, Error> {
        let kind = enumeration::<v1::ConstraintKind, _>("kind", message.kind)?;
        Ok(Self { kind, columns: message.columns, definition: message.definition })
    }
}

impl From<Index> for v1::Index {
    fn from(index: Index) -> Self {
        Self { unique: index.unique, valid: index.valid, definition: index.definition }
    }
}

impl From<v1::Index> for Index {
    fn from(message: v1::Index) -> Self {
        Self { unique: message.unique, valid: message.valid, definition: message.definition }
    }
}
