//! What the planner knows of the database: the schema as it will be when a statement's turn comes, and how large it is.
//!
//! A plan is made without touching a database. The catalog starts as what was introspected (or as nothing, offline) and is then
//! moved on, statement by statement, by the file itself.

use lockstep_core::Schema;
pub use lockstep_core::schema::Size;
use lockstep_core::schema::Table;
use std::collections::{BTreeMap, BTreeSet};

/// What the planner knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Tables and other objects, named as `lockstep-database` introspects them (`public.users` on PostgreSQL).
    pub schema: Schema,
    /// By table.
    pub sizes: BTreeMap<String, Size>,
    /// True: what is not in `schema` is not in the database. False: it may be (a plan without a cluster).
    pub is_complete: bool,
    /// Tables that this change makes: empty, and nobody uses them yet.
    created: BTreeSet<String>,
    /// Columns that this change adds, with their tables: no client uses them yet.
    created_columns: BTreeSet<(String, String)>,
    /// Objects that are no tables and that this change makes, by kind and name: no client uses them yet.
    created_objects: BTreeSet<(String, String)>,
    /// Tables that are there and whose form is not known.
    formless: BTreeSet<String>,
}

/// What is known of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// The table as it stands.
    Table(&'a Table),
    /// It is not there.
    Absent,
    /// It may be there; nothing is known of it.
    Unknown,
}

impl Catalog {
    /// Of a database that was introspected.
    #[must_use]
    pub fn of(schema: Schema, sizes: BTreeMap<String, Size>) -> Self {
        Self { schema, sizes, is_complete: true, ..Self::default() }
    }

    /// Of a database that nobody looked at.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// What is known of a table.
    #[must_use]
    pub fn table(&self, name: &str) -> Known<'_> {
        match self.schema.tables.get(name) {
            Some(table) => Known::Table(table),
            None if self.formless.contains(name) => Known::Unknown,
            None if self.is_complete => Known::Absent,
            None => Known::Unknown,
        }
    }

    /// True for a table that this change itself made: no client uses it, and it holds what the change put into it.
    #[must_use]
    pub fn is_created_here(&self, name: &str) -> bool {
        self.created.contains(name)
    }

    /// Notes that the change made a table.
    pub fn create_table(&mut self, name: &str, table: Table) {
        self.created.insert(name.to_owned());
        self.schema.tables.insert(name.to_owned(), table);
    }

    /// Notes that the change made a table whose columns its statement does not say.
    pub fn create_formless_table(&mut self, name: &str) {
        self.created.insert(name.to_owned());
        self.formless.insert(name.to_owned());
    }

    /// Notes that a table is gone.
    pub fn drop_table(&mut self, name: &str) -> Option<Table> {
        self.formless.remove(name);
        self.schema.tables.remove(name)
    }

    /// Notes that the change added a column to a table that was there; its name folded as the engine compares names.
    pub fn create_column(&mut self, table: &str, column: &str) {
        self.created_columns.insert((table.to_owned(), column.to_owned()));
    }

    /// True for a column that this change itself added.
    #[must_use]
    pub fn is_column_created_here(&self, table: &str, column: &str) -> bool {
        self.created_columns.contains(&(table.to_owned(), column.to_owned()))
    }

    /// Notes that the change made an object that is no table.
    pub fn create_object(&mut self, kind: &str, name: &str) {
        self.created_objects.insert((kind.to_owned(), name.to_owned()));
    }

    /// True for an object that is no table and that this change itself made.
    #[must_use]
    pub fn is_object_created_here(&self, kind: &str, name: &str) -> bool {
        self.created_objects.contains(&(kind.to_owned(), name.to_owned()))
    }

    /// Rows of a table; `None` when nobody knows. A table that this change made has none.
    #[must_use]
    pub fn rows(&self, name: &str) -> Option<u64> {
        if self.is_created_here(name) { Some(0) } else { self.sizes.get(name).map(|size| size.rows) }
    }

    /// A new change begins: what the one before made is in use now.
    pub fn end_change(&mut self) {
        self.created.clear();
        self.created_columns.clear();
        self.created_objects.clear();
    }
}
