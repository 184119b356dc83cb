//! Constraints as they are written, and as the server has them.

use super::naming;
use super::table_name::{Name, as_printed};
use crate::catalog::{Catalog, Known};
use crate::name;
use crate::plan::Refusal;
use lockstep_core::schema::{self, ConstraintKind, Table};
use sqlparser::ast::{
    ConstraintCharacteristics, DeferrableInitial, ExcludeConstraint, Expr, ForeignKeyConstraint, Ident,
    IndexColumn, NullsDistinctOption, TableConstraint,
};

/// A constraint that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct New {
    pub(super) name: String,
    pub(super) kind: ConstraintKind,
    pub(super) columns: Vec<String>,
    /// As the server prints it, as far as that is plain; and as a statement says it.
    pub(super) definition: String,
    /// Of a CHECK: its condition.
    pub(super) condition: Option<String>,
    /// Of a foreign key: the table it points at, and its columns there.
    pub(super) refers_to: Option<(Name, Vec<String>)>,
    /// False: NULL equals NULL.
    pub(super) nulls_distinct: bool,
}

impl New {
    pub(super) fn in_catalog(&self) -> schema::Constraint {
        schema::Constraint { kind: self.kind, columns: self.columns.clone(), definition: self.definition.clone() }
    }
}

/// Reads a constraint. `of_column`: it stands beside this column.
pub(super) fn read(
    catalog: &Catalog,
    table: &Name,
    taken: &Table,
    written: &TableConstraint,
    of_column: Option<&str>,
) -> Result<New, Refusal> {
    let is_taken = |name: &str| taken.constraints.contains_key(name) || taken.indexes.contains_key(name);
    let named = |written: &Option<Ident>, columns: &str, label: &str| match written {
        Some(ident) => name::meant(ident),
        None => naming::choose(&table.name, columns, label, is_taken),
    };
    let or_own = |columns: Vec<String>| {
        if columns.is_empty() { of_column.map(str::to_owned).into_iter().collect() } else { columns }
    };
    match written {
        TableConstraint::PrimaryKey(key) => {
            let columns = or_own(plain_columns(&key.columns)?);
            Ok(New {
                name: named(&key.name, "", "pkey"),
                kind: ConstraintKind::PrimaryKey,
                definition: format!(
                    "PRIMARY KEY ({}){}{}",
                    list(&columns),
                    including(&key.include),
                    deferring(key.characteristics.as_ref())
                ),
                columns,
                condition: None,
                refers_to: None,
                nulls_distinct: true,
            })
        }
        TableConstraint::Unique(unique) => {
            let columns = or_own(plain_columns(&unique.columns)?);
            let nulls_distinct = unique.nulls_distinct != NullsDistinctOption::NotDistinct;
            let nulls = if nulls_distinct { "" } else { " NULLS NOT DISTINCT" };
            Ok(New {
                name: named(&unique.name, &columns.join("_"), "key"),
                kind: ConstraintKind::Unique,
                definition: format!(
                    "UNIQUE{nulls} ({}){}{}",
                    list(&columns),
                    including(&unique.include),
                    deferring(unique.characteristics.as_ref())
                ),
                columns,
                condition: None,
                refers_to: None,
                nulls_distinct,
            })
        }
        TableConstraint::ForeignKey(key) => {
            let columns = or_own(key.columns.iter().map(name::meant).collect());
            foreign_key(catalog, table, taken, key, columns.clone(), named(&key.name, &columns.join("_"), "fkey"))
        }
        TableConstraint::Check(check) => {
            let condition = check.expr.to_string();
            let columns = mentioned(&check.expr, taken);
            let column = of_column.map(str::to_owned).or_else(|| (columns.len() == 1).then(|| columns[0].clone()));
            let inherit = if check.no_inherit { " NO INHERIT" } else { "" };
            Ok(New {
                name: named(&check.name, &column.unwrap_or_default(), "check"),
                kind: ConstraintKind::Check,
                definition: format!("CHECK (({condition})){inherit}"),
                columns,
                condition: Some(condition),
                refers_to: None,
                nulls_distinct: true,
            })
        }
        TableConstraint::Exclude(exclude) => exclusion(taken, exclude, named),
        other => {
            Err(Refusal::new(format!("there is no rule for `{other}`"), "write it as a statement of its own"))
        }
    }
}

fn exclusion(
    table: &Table,
    written: &ExcludeConstraint,
    named: impl Fn(&Option<Ident>, &str, &str) -> String,
) -> Result<New, Refusal> {
    let plain = |index: &IndexColumn| match &index.column.expr {
        Expr::Identifier(ident) => Some(name::meant(ident)),
        _ => None,
    };
    let columns: Vec<Option<String>> = written.elements.iter().map(|element| plain(&element.column)).collect();
    if written.name.is_none() && columns.contains(&None) {
        return Err(Refusal::new("an exclusion constraint over an expression has no sure name", "give it a name"));
    }
    let columns: Vec<String> = columns.into_iter().flatten().collect();
    let unnamed = ExcludeConstraint { name: None, ..written.clone() };
    let is_known = |column: &String| table.columns.iter().any(|known| known.name == *column);
    Ok(New {
        name: named(&written.name, &columns.join("_"), "excl"),
        kind: ConstraintKind::Exclusion,
        columns: columns.into_iter().filter(is_known).collect(),
        definition: unnamed.to_string(),
        condition: None,
        refers_to: None,
        nulls_distinct: true,
    })
}

fn foreign_key(
    catalog: &Catalog,
    table: &Name,
    taken: &Table,
    key: &ForeignKeyConstraint,
    columns: Vec<String>,
    name: String,
) -> Result<New, Refusal> {
    let target = Name::of(&key.foreign_table)?;
    let mut there: Vec<String> = key.referred_columns.iter().map(name::meant).collect();
    if there.is_empty() {
        let known = if target == *table { Known::Table(taken) } else { catalog.table(&target.key()) };
        there = primary_key(known).ok_or_else(|| {
            Refusal::new(
                format!("the key of {} that {} points at is not known", target.key(), table.key()),
                format!("name its columns: `REFERENCES {} (...)`", key.foreign_table),
            )
        })?;
    }
    let action = |what: &str, action: &Option<sqlparser::ast::ReferentialAction>| match action {
        None | Some(sqlparser::ast::ReferentialAction::NoAction) => String::new(),
        Some(action) => format!(" ON {what} {action}"),
    };
    let matching = key.match_kind.as_ref().map(|kind| format!(" {kind}")).filter(|kind| !kind.ends_with("SIMPLE"));
    let definition = format!(
        "FOREIGN KEY ({}) REFERENCES {}({}){}{}{}{}",
        list(&columns),
        target.key(),
        list(&there),
        matching.unwrap_or_default(),
        action("UPDATE", &key.on_update),
        action("DELETE", &key.on_delete),
        deferring(key.characteristics.as_ref())
    );
    Ok(New {
        name,
        kind: ConstraintKind::ForeignKey,
        columns,
        definition,
        condition: None,
        refers_to: Some((target, there)),
        nulls_distinct: true,
    })
}

/// The columns of a table's primary key.
pub(super) fn primary_key(table: Known<'_>) -> Option<Vec<String>> {
    let Known::Table(table) = table else { return None };
    let key = table.constraints.values().find(|constraint| constraint.kind == ConstraintKind::PrimaryKey)?;
    Some(key.columns.clone())
}

fn plain_columns(columns: &[IndexColumn]) -> Result<Vec<String>, Refusal> {
    let plain = |column: &IndexColumn| match &column.column.expr {
        Expr::Identifier(ident) => Ok(name::meant(ident)),
        other => {
            Err(Refusal::new(format!("`{other}` is no column"), "a constraint names columns; use a unique index"))
        }
    };
    columns.iter().map(plain).collect()
}

/// `a, "B"`, as the server prints it.
pub(super) fn list(columns: &[String]) -> String {
    columns.iter().map(|column| as_printed(column)).collect::<Vec<_>>().join(", ")
}

fn including(columns: &[Ident]) -> String {
    if columns.is_empty() {
        return String::new();
    }
    format!(" INCLUDE ({})", list(&columns.iter().map(name::meant).collect::<Vec<_>>()))
}

fn deferring(characteristics: Option<&ConstraintCharacteristics>) -> String {
    let Some(characteristics) = characteristics else { return String::new() };
    let deferred = characteristics.initially == Some(DeferrableInitial::Deferred);
    let deferrable = characteristics.deferrable == Some(true) || deferred;
    format!("{}{}", if deferrable { " DEFERRABLE" } else { "" }, if deferred { " INITIALLY DEFERRED" } else { "" })
}

/// Columns of the table that an expression mentions, in the table's order.
fn mentioned(expression: &Expr, table: &Table) -> Vec<String> {
    let text = expression.to_string();
    let columns = table.columns.iter().map(|column| column.name.clone());
    columns.filter(|column| super::rewrite::mentions(&text, column)).collect()
}
