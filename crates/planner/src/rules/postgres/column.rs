//! Columns as they are written, and as the server has them.

use super::constraint;
use super::naming;
use super::table_name::{Name, as_printed};
use super::{Found, literal, q, types};
use crate::catalog::Catalog;
use crate::name;
use crate::plan::{Refusal, Target};
use lockstep_core::schema::{Column, Table};
use sqlparser::ast::{ColumnDef, ColumnOption, Expr, GeneratedAs, GeneratedExpressionMode, TableConstraint};

/// A column that is to be made.
#[derive(Clone, Debug)]
pub(super) struct New {
    pub(super) name: String,
    /// As the server prints it, which statements can say too.
    pub(super) data_type: String,
    pub(super) not_null: bool,
    pub(super) default: Option<Expr>,
    /// The expression, and true when it is stored.
    pub(super) generated: Option<(String, bool)>,
    pub(super) identity: Option<Identity>,
    pub(super) is_serial: bool,
    /// As written.
    pub(super) collation: Option<String>,
    pub(super) constraints: Vec<TableConstraint>,
}

/// An identity column.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) always: bool,
    /// What stands in brackets.
    pub(super) options: String,
}

impl Identity {
    /// As a statement says it.
    pub(super) fn sql(&self) -> String {
        let kind = if self.always { "ALWAYS" } else { "BY DEFAULT" };
        let options = if self.options.is_empty() { String::new() } else { format!(" ({})", self.options) };
        format!("GENERATED {kind} AS IDENTITY{options}")
    }
}

impl New {
    /// The default as a statement says it.
    pub(super) fn default_sql(&self) -> Option<String> {
        self.default.as_ref().map(ToString::to_string)
    }

    /// As the catalog has it. A column of a primary key is to be made NOT NULL by the caller.
    pub(super) fn in_catalog(&self, table: &Name) -> Column {
        let serial =
            self.is_serial.then(|| format!("nextval('{}'::regclass)", sequence_of(table, &self.name).key()));
        let default = self.default.as_ref().and_then(|default| types::kept_default(default, &self.data_type));
        let identity = self
            .identity
            .as_ref()
            .map(|identity| if identity.always { "identity always" } else { "identity by default" });
        let options = identity.map(str::to_owned).into_iter();
        Column {
            name: self.name.clone(),
            data_type: self.data_type.clone(),
            nullable: !(self.not_null || self.is_serial || self.identity.is_some()),
            default: default.or(serial),
            generated: self.generated.as_ref().map(|(expression, stored)| {
                format!("({expression}) {}", if *stored { "stored" } else { "virtual" })
            }),
            options: options.chain(self.collation.as_ref().map(|name| format!("collate {name}"))).collect(),
        }
    }

    /// True when it brings a sequence along.
    pub(super) fn has_sequence(&self) -> bool {
        self.is_serial || self.identity.is_some()
    }
}

/// The first release in which a computed column can be VIRTUAL, and is, unless it says STORED.
const VIRTUAL_SINCE: u32 = 18;

fn not_stored(column: &str) -> Refusal {
    Refusal::new(
        format!("`{column}` is computed when it is read, which PostgreSQL can from {VIRTUAL_SINCE} on"),
        "write STORED behind the expression, or compute it in a view",
    )
}

/// Reads a column.
pub(super) fn read(target: Target, catalog: &Catalog, written: &ColumnDef) -> Result<New, Refusal> {
    let serial = types::serial(&written.data_type);
    let mut new = New {
        name: name::meant(&written.name),
        data_type: serial.map_or_else(|| types::printed(catalog, &written.data_type), str::to_owned),
        not_null: false,
        default: None,
        generated: None,
        identity: None,
        is_serial: serial.is_some(),
        collation: None,
        constraints: Vec::new(),
    };
    for option in &written.options {
        let named = |name: &Option<sqlparser::ast::Ident>| option.name.clone().or_else(|| name.clone());
        match &option.option {
            ColumnOption::Null => {}
            ColumnOption::NotNull => new.not_null = true,
            ColumnOption::Default(expression) => new.default = Some(expression.clone()),
            ColumnOption::Collation(collation) => new.collation = Some(collation.to_string()),
            ColumnOption::PrimaryKey(key) => {
                let mut key = key.clone();
                key.name = named(&key.name);
                new.not_null = true;
                new.constraints.push(TableConstraint::PrimaryKey(key));
            }
            ColumnOption::Unique(unique) => {
                let mut unique = unique.clone();
                unique.name = named(&unique.name);
                new.constraints.push(TableConstraint::Unique(unique));
            }
            ColumnOption::ForeignKey(key) => {
                let mut key = key.clone();
                key.name = named(&key.name);
                new.constraints.push(TableConstraint::ForeignKey(key));
            }
            ColumnOption::Check(check) => {
                let mut check = check.clone();
                check.name = named(&check.name);
                new.constraints.push(TableConstraint::Check(check));
            }
            ColumnOption::Generated {
                generated_as,
                sequence_options,
                generation_expr,
                generation_expr_mode,
                ..
            } => match generation_expr {
                Some(expression) => {
                    let is_stored = *generation_expr_mode == Some(GeneratedExpressionMode::Stored);
                    if !is_stored && target.version < VIRTUAL_SINCE {
                        return Err(not_stored(&new.name));
                    }
                    new.generated = Some((expression.to_string(), is_stored));
                }
                None => {
                    let options = sequence_options.iter().flatten().map(ToString::to_string);
                    let options = options.collect::<String>().trim().to_owned();
                    new.identity = Some(Identity { always: *generated_as == GeneratedAs::Always, options });
                }
            },
            other => {
                return Err(Refusal::new(
                    format!("there is no rule for `{other}` of column `{}`", new.name),
                    "leave it out, or accept the statement with `-- lockstep: opaque` and `-- lockstep: revert ...`",
                ));
            }
        }
    }
    Ok(new)
}

/// The sequence that `serial` or an identity makes.
pub(super) fn sequence_of(table: &Name, column: &str) -> Name {
    table.beside(&naming::choose(&table.name, column, "seq", |_| false))
}

/// What makes a sequence for a column, the expression that gives a number, and what gives the one to the other.
pub(super) fn numbers(sequence: &Name, found: &Found, new: &New, options: &str) -> (String, String, String) {
    let quoted = sequence.sql();
    (
        format!("CREATE SEQUENCE {quoted} AS {}{options}", new.data_type),
        format!("nextval({}::regclass)", literal(&quoted)),
        format!("ALTER SEQUENCE {quoted} OWNED BY {}.{}", found.name.sql(), q(&new.name)),
    )
}

/// A sequence as the catalog has it.
pub(super) fn sequence_definition(data_type: &str) -> String {
    let max = match data_type {
        "smallint" => "32767",
        "integer" => "2147483647",
        _ => "9223372036854775807",
    };
    format!("{data_type} start 1 by 1 from 1 to {max} cache 1")
}

/// Puts a column, its sequence and its constraints into a table of the catalog.
pub(super) fn put(catalog: &mut Catalog, table: &Name, into: &mut Table, new: &New) -> Result<(), Refusal> {
    into.columns.push(new.in_catalog(table));
    if new.has_sequence() {
        let sequences = catalog.schema.objects.entry("sequence".to_owned()).or_default();
        sequences.insert(sequence_of(table, &new.name).key(), sequence_definition(&new.data_type));
    }
    for written in &new.constraints {
        let constraint = constraint::read(catalog, table, into, written, Some(&new.name))?;
        into.constraints.insert(constraint.name.clone(), constraint.in_catalog());
    }
    Ok(())
}

/// What follows the name in a definition: type, collation, default, NOT NULL.
pub(super) fn definition_of(column: &Column) -> String {
    let mut text = column.data_type.clone();
    for option in &column.options {
        if let Some(collation) = option.strip_prefix("collate ") {
            text.push_str(&format!(" COLLATE {collation}"));
        } else if let Some(kind) = option.strip_prefix("identity ") {
            text.push_str(&format!(" GENERATED {} AS IDENTITY", kind.to_uppercase()));
        }
    }
    if let Some(default) = &column.default {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(generated) = &column.generated {
        let (expression, kind) = generated.rsplit_once(' ').unwrap_or((generated, "stored"));
        text.push_str(&format!(" GENERATED ALWAYS AS ({expression}) {}", kind.to_uppercase()));
    }
    if !column.nullable {
        text.push_str(" NOT NULL");
    }
    text
}

/// For messages.
pub(super) fn shown(table: &Name, column: &str) -> String {
    format!("{}.{}", table.key(), as_printed(column))
}
