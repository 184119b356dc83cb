//! What a release knows of the schema.

use super::composite;
use super::kind::Kind;
use lockstep_core::schema::{Column, Constraint, ConstraintKind, Table};
use lockstep_core::{Engine, Schema};
use lockstep_database::plain::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A column as a release knows it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The same for both releases when it is the same column.
    pub(super) meaning: String,
    pub(super) name: String,
    /// The column of which it is an attribute.
    pub(super) inside: Option<String>,
    pub(super) kind: Kind,
    /// A type of one's own.
    pub(super) own_type: Option<String>,
    /// True: a cast may say it.
    pub(super) says_type: bool,
    /// False: NULL is not written, because one of the two forms has no place for it.
    pub(super) nullable: bool,
    /// True: a new row may leave it out.
    pub(super) is_optional: bool,
    /// The table that it points at, and the column there.
    pub(super) parent: Option<(String, String)>,
    /// Rows of others point at its value.
    pub(super) is_referenced: bool,
    /// Computed by the engine, by a trigger of the application, or by the change.
    pub(super) is_computed: bool,
    /// The engine takes no value for it.
    pub(super) is_generated: bool,
    /// True: the other form's engine gives it numbers, so this release takes them from elsewhere.
    pub(super) is_apart: bool,
    /// Where the change gives the column other values: those of the old form, and of the new one.
    pub(super) converted: Vec<(Value, Value)>,
    pub(super) is_new: bool,
}

impl Known {
    pub(super) fn is_converted(&self) -> bool {
        !self.converted.is_empty()
    }

    /// A value, kept as the old form has it, as this form has it. `None`: nobody knows.
    pub(super) fn shown(&self, value: &Value) -> Option<Value> {
        if !self.is_new || !self.is_converted() {
            return Some(value.clone());
        }
        self.converted.iter().find(|(old, _)| old == value).map(|(_, new)| new.clone())
    }
}

/// A table as a release knows it.
#[derive(Clone, Debug)]
pub(super) struct KnownTable {
    pub(super) name: String,
    pub(super) key: Vec<String>,
    pub(super) columns: Vec<Known>,
    /// True: a key that was there once does not come again.
    pub(super) is_counted: bool,
    /// True: the engine gives a key to a row that comes without one.
    pub(super) gives_key: bool,
    /// True: the engine knows of the key, and it is the same in both forms.
    pub(super) has_key: bool,
    /// True: rows of others point at its rows.
    pub(super) is_parent: bool,
    /// False: the change is only planned while there are no rows.
    pub(super) is_written: bool,
    /// False: it needs values of columns that this release does not know.
    pub(super) takes_rows: bool,
    /// False: rows come and go by the change itself, or are those of other tables, too.
    pub(super) is_whole: bool,
}

/// All that a release knows, by the meaning of the table.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pub(super) tables: BTreeMap<String, KnownTable>,
    /// With what they are defined as.
    pub(super) views: BTreeMap<String, String>,
    /// Partitions that rows need.
    pub(super) parts: BTreeSet<String>,
}

/// The schemas around a change.
pub(super) struct Around<'a> {
    pub(super) engine: Engine,
    pub(super) before: &'a Schema,
    pub(super) after: &'a Schema,
    pub(super) change: &'a str,
    /// Tables that must stay empty.
    pub(super) empty: Vec<String>,
}

impl Around<'_> {
    /// The forms before and after, and what is the same in both. What was renamed means the same.
    pub(super) fn forms(&self) -> (Form, Form, Form) {
        let (old, new) = (self.form(false), self.form(true));
        let common = common(&old, &new);
        (old, new, common)
    }

    fn form(&self, is_new: bool) -> Form {
        let schema = if is_new { self.after } else { self.before };
        let views = schema.objects.get("view").cloned();
        let mut form = Form { views: views.unwrap_or_default(), ..Form::default() };
        for (name, table) in schema.tables.iter().filter(|(name, _)| !self.is_inner(name)) {
            form.parts.extend(self.parts(name, schema).into_iter().map(|(part, _)| part.clone()));
            if let Some(known) = self.table(name, table, is_new) {
                form.tables.insert(self.table_meaning(name, is_new), known);
            }
        }
        form
    }

    fn table(&self, name: &str, table: &Table, is_new: bool) -> Option<KnownTable> {
        if table.options.contains_key("definition") || table.columns.is_empty() {
            return None;
        }
        let other = self.counterpart(name, is_new);
        let primary = key(table);
        // Who knows of no key finds rows by what will be one.
        let later = || {
            other
                .and_then(|(_, other)| key(other))
                .filter(|key| key.iter().all(|name| find(table, name).is_some()))
        };
        let names = primary.clone().or_else(later).unwrap_or_else(|| vec![table.columns[0].name.clone()]);
        let bounds = self.bounds(name, table, is_new)?;
        let both: Vec<&Table> = [table].into_iter().chain(other.map(|(_, other)| other)).collect();
        let columns = table.columns.iter().flat_map(|column| {
            if let Some(attributes) = self.attributes(column, is_new) {
                return attributes;
            }
            let mut known = self.column(name, table, column, is_new);
            let bound = bounds.iter().find(|(bound, _)| bound.eq_ignore_ascii_case(&column.name));
            if let Some((_, values)) = bound {
                known.kind = Kind::OneOf(values.clone());
            } else if let Some(values) = self.admitted(&both, &column.name).filter(|_| known.kind == Kind::Integer)
            {
                known.kind = Kind::OneOf(values);
            }
            vec![known]
        });
        let columns: Vec<Known> = columns.collect();
        // A sequence that is set gives numbers again.
        let is_set = self.change.to_lowercase().contains("setval");
        let gives_key = names.len() == 1 && gives_key(self.engine, table, &names[0]) && !is_set;
        Some(KnownTable {
            name: name.to_owned(),
            is_counted: table.columns.iter().any(|column| column.options.contains(&"autoincrement".to_owned())),
            gives_key,
            has_key: primary.is_some()
                && other.is_none_or(|(_, other)| key(other).map(|key| key.len()) == Some(names.len())),
            is_parent: self.parents().iter().any(|(parent, _)| parent.eq_ignore_ascii_case(name)),
            is_written: !self.empty.iter().any(|empty| empty == name),
            takes_rows: !self.holds_one_row(name),
            is_whole: !self.is_shared(name, is_new),
            key: names,
            columns,
        })
    }

    fn column(&self, table_name: &str, table: &Table, column: &Column, is_new: bool) -> Known {
        let schema = if is_new { self.after } else { self.before };
        let kind = Kind::of(self.engine, schema, column);
        let other = self.other_column(table_name, &column.name, is_new);
        let other_kind =
            other.map(|(_, other)| Kind::of(self.engine, if is_new { self.before } else { self.after }, other));
        let is_strict = self.engine == Engine::Sqlite;
        // A column that takes other values is another column.
        let is_same = other.is_none_or(|(_, other)| {
            !is_strict || (other.data_type == column.data_type && other.nullable == column.nullable)
        });
        let original =
            other.map_or(column.name.as_str(), |(_, other)| if is_new { &other.name } else { &column.name });
        let meaning = if is_same || !is_new { original.to_owned() } else { format!("{}, changed", column.name) };
        let assigned = self.assigned();
        let is_generated = is_generated(column);
        let moves_by_itself = column.options.iter().any(|option| option.starts_with("on update"));
        let is_assigned = |name: &str| assigned.contains(&name.to_lowercase());
        let is_referenced = self.parents().iter().any(|(parent, named)| {
            parent.eq_ignore_ascii_case(table_name) && named.eq_ignore_ascii_case(&column.name)
        });
        let other_nullable = other.is_none_or(|(_, other)| other.nullable);
        let is_filled = is_assigned(&column.name) || is_assigned(&meaning);
        Known {
            own_type: (self.engine == Engine::Postgres
                && schema.objects.get("type").is_some_and(|types| types.contains_key(&column.data_type)))
            .then(|| column.data_type.clone()),
            nullable: column.nullable && (other_nullable || is_filled) && !is_made_anew(column),
            is_optional: (column.nullable && other_nullable) || has_value(column),
            parent: parent(table, &column.name)
                .or_else(|| other.and_then(|(table, other)| self.translated(parent(table, &other.name)?, is_new))),
            is_computed: is_generated || is_filled || moves_by_itself,
            kind: narrowed(kind, other_kind.as_ref()),
            name: column.name.clone(),
            inside: None,
            is_apart: !has_value(column)
                && other.is_some_and(|(_, other)| has_value(other) && other.default.is_none()),
            converted: Vec::new(),
            meaning,
            is_referenced,
            is_generated,
            says_type: true,
            is_new,
        }
    }

    /// The names of a parent as this form has them.
    fn translated(&self, (table, column): (String, String), is_new: bool) -> Option<(String, String)> {
        let schema = if is_new { self.after } else { self.before };
        let meaning = self.table_meaning(&table, !is_new);
        let name = schema.tables.keys().find(|name| self.table_meaning(name, is_new) == meaning)?;
        Some((name.clone(), column))
    }

    fn renamed_tables(&self) -> Vec<(String, String)> {
        let names = |schema: &Schema| schema.tables.keys().cloned().collect::<Vec<_>>();
        self.renamed(&names(self.before), &names(self.after))
    }

    fn table_meaning(&self, name: &str, is_new: bool) -> String {
        if !is_new {
            return name.to_owned();
        }
        let renamed = self.renamed_tables();
        renamed.iter().find(|(_, to)| to == name).map_or(name.to_owned(), |(from, _)| from.clone())
    }

    /// The same table in the other form.
    fn counterpart(&self, name: &str, is_new: bool) -> Option<(&String, &Table)> {
        let (there, meaning) = (if is_new { self.before } else { self.after }, self.table_meaning(name, is_new));
        there.tables.iter().find(|(other, _)| self.table_meaning(other, !is_new) == meaning)
    }

    fn other_column(&self, table: &str, column: &str, is_new: bool) -> Option<(&Table, &Column)> {
        let here = &(if is_new { self.after } else { self.before }).tables[table];
        let (_, there) = self.counterpart(table, is_new)?;
        let (then, now) = if is_new { (there, here) } else { (here, there) };
        let renamed = self.renamed(&columns(then), &columns(now));
        let mut pairs = renamed.iter();
        let name = if is_new {
            pairs.find(|(_, to)| to == column).map_or(column, |(from, _)| from)
        } else {
            pairs.find(|(from, _)| from == column).map_or(column, |(_, to)| to)
        };
        Some((there, find(there, name)?))
    }

    /// What went, and what came in its place, if the change says so.
    pub(super) fn renamed(&self, before: &[String], after: &[String]) -> Vec<(String, String)> {
        let gone = before.iter().filter(|name| !after.contains(name));
        let come: Vec<&String> = after.iter().filter(|name| !before.contains(name)).collect();
        let text = self.change.to_lowercase();
        let says = |from: &str, to: &str| {
            let (from, to) = (from.to_lowercase(), to.to_lowercase());
            let Some((schema, bare_to)) = to.rsplit_once('.').or(Some(("", to.as_str()))) else { return false };
            let bare_from = from.rsplit_once('.').map_or(from.as_str(), |(_, name)| name);
            let quote = if self.engine == Engine::Postgres || self.engine == Engine::Sqlite { '"' } else { '`' };
            let spelled = |name: &str| {
                let inner = name.trim_matches(quote);
                let doubled = inner.replace(quote, &format!("{quote}{quote}"));
                [name.to_owned(), format!("{quote}{inner}{quote}"), format!("{quote}{doubled}{quote}")]
            };
            spelled(bare_from).iter().any(|from| {
                text.contains(&format!("{from} set schema {schema}"))
                    || spelled(bare_to).iter().any(|to| {
                        ["to", "rename to", "rename as"]
                            .iter()
                            .any(|verb| text.contains(&format!("{from} {verb} {to}")))
                            || text.contains(&format!("change {from} {to}"))
                            || text.contains(&format!("change column {from} {to}"))
                    })
            }) || (text.contains(&format!("as {bare_to} using")) && text.contains(bare_from))
        };
        let pair = |gone: &String| {
            let to = come.iter().find(|come| says(gone, come))?;
            Some((gone.clone(), (*to).clone()))
        };
        gone.filter_map(pair).collect()
    }

    /// Tables and columns that others point at, in either form. What a release deletes may have children that only the other knows.
    fn parents(&self) -> BTreeSet<(String, String)> {
        let tables = self.before.tables.values().chain(self.after.tables.values());
        tables.flat_map(|table| table.constraints.values()).filter_map(points_at).collect()
    }

    /// Columns that triggers, functions or the change itself assign: their values are not the releases' doing.
    fn assigned(&self) -> BTreeSet<String> {
        let mut texts = vec![self.change.to_lowercase()];
        for schema in [self.before, self.after] {
            texts.extend(
                schema.tables.values().flat_map(|table| table.triggers.values()).map(|text| text.to_lowercase()),
            );
            let functions = schema.objects.get("function").into_iter().flat_map(BTreeMap::values);
            texts.extend(functions.map(|text| text.to_lowercase()));
        }
        let mut names = BTreeSet::new();
        for text in texts {
            for lead in ["set ", "set new.", "set new . ", "backfill ", "new."] {
                for (position, _) in text.match_indices(lead) {
                    let rest = text[position + lead.len()..].trim_start();
                    let name = rest.split([' ', '=', ':', ';', ',', ')']).next().unwrap_or_default();
                    let is_assigned = rest[name.len()..].trim_start().trim_start_matches(':').starts_with('=');
                    if is_assigned {
                        names.insert(name.trim_matches(['"', '`']).to_owned());
                    }
                }
            }
            // What follows in the same list.
            for (position, _) in text.match_indices(", ") {
                let rest = &text[position + 2..];
                let name = rest.split([' ', '=', ';', ',', ')']).next().unwrap_or_default();
                if text[..position].contains("update ") && rest[name.len()..].starts_with(" = ") {
                    names.insert(name.trim_matches(['"', '`']).to_owned());
                }
            }
        }
        names
    }

    /// Rows of the table are not only what releases make of them.
    fn is_shared(&self, name: &str, is_new: bool) -> bool {
        let text = self.change.to_lowercase();
        let bare = name.rsplit_once('.').map_or(name, |(_, bare)| bare).to_lowercase();
        let names =
            [bare.clone(), self.table_meaning(name, is_new).rsplit('.').next().unwrap_or_default().to_lowercase()];
        let says = |verb: &str| {
            names.iter().any(|name| {
                [name.clone(), format!("`{name}`"), format!("\"{name}\"")]
                    .iter()
                    .any(|name| text.contains(&format!("{verb} {name}")))
            })
        };
        says("insert into") || says("delete from") || self.is_of_family(name)
    }

    /// A unique index over none of its columns.
    fn holds_one_row(&self, name: &str) -> bool {
        let tables = [self.before, self.after].into_iter().filter_map(|schema| schema.tables.get(name));
        tables.flat_map(|table| table.indexes.values().map(move |index| (table, index))).any(|(table, index)| {
            let keys = index.definition.split_once('(').map_or("", |(_, keys)| keys);
            index.unique && !table.columns.iter().any(|column| keys.contains(&column.name))
        })
    }
}

impl Form {
    /// True when all of it is there.
    pub(super) fn fits(&self, engine: Engine, schema: &Schema) -> bool {
        let has = |known: &KnownTable| {
            let Some(table) = schema.tables.get(&known.name) else {
                // Behind a view of its name.
                return schema.objects.get("view").is_some_and(|views| views.contains_key(&known.name));
            };
            known.columns.iter().all(|column| {
                let is_like = |there: &Column| {
                    let is_kind = !column.is_converted() || Kind::of(engine, schema, there).is_like(&column.kind);
                    is_kind && (column.is_generated || !is_generated(there))
                };
                match &column.inside {
                    Some(whole) => find(table, whole)
                        .and_then(|whole| composite::attributes(schema, &whole.data_type))
                        .is_some_and(|known| known.iter().any(|(name, _)| *name == column.name)),
                    None => find(table, &column.name).is_some_and(is_like),
                }
            })
        };
        let is_part =
            |part: &String| schema.tables.get(part).is_some_and(|part| part.options.contains_key("partition for"));
        let views = schema.objects.get("view");
        let sees = |(name, definition)| views.and_then(|views| views.get(name)) == Some(definition);
        self.tables.values().all(has) && self.parts.iter().all(is_part) && self.views.iter().all(sees)
    }

    pub(super) fn knows(&self, table: &str, meaning: &str) -> bool {
        self.tables.get(table).is_some_and(|known| known.columns.iter().any(|column| column.meaning == meaning))
    }
}

/// What both know under the same name and in the same way: who uses nothing else works all the time.
fn common(old: &Form, new: &Form) -> Form {
    let mut form = Form::default();
    for (meaning, table) in &old.tables {
        let Some(other) = new.tables.get(meaning).filter(|other| other.name == table.name) else { continue };
        let twin = |column: &Known| other.columns.iter().find(|twin| twin.meaning == column.meaning);
        let is_same = |column: &Known| {
            twin(column).is_some_and(|twin| twin.name == column.name && twin.kind.is_like(&column.kind))
        };
        let mut known = table.clone();
        known.columns.retain(is_same);
        for column in &mut known.columns {
            if let Some(twin) = twin(column) {
                column.nullable &= twin.nullable;
                column.is_optional &= twin.is_optional;
                column.is_computed |= twin.is_computed;
                column.is_generated |= twin.is_generated;
                // What is meant by the name of a type may change on the way.
                column.says_type = false;
            }
        }
        let is_known = |column: &Known| known.columns.iter().any(|other| other.name == column.name);
        let is_needed = |column: &&Known| !column.is_optional && !column.is_generated;
        known.takes_rows &=
            [table, other].iter().all(|table| table.columns.iter().filter(is_needed).all(is_known));
        // What one form must leave out, the other must be given.
        let is_torn = |column: &Known| {
            let twins = [table, other].map(|table| table.columns.iter().find(|twin| twin.name == column.name));
            let twins = || twins.iter().flatten();
            twins().any(|twin| twin.is_generated) && twins().any(|twin| !twin.is_generated && !twin.is_optional)
        };
        known.takes_rows &= !known.columns.iter().any(is_torn);
        known.gives_key &= other.gives_key;
        if table.key == other.key
            && known.key.iter().all(|key| known.columns.iter().any(|column| column.name == *key))
        {
            form.tables.insert(meaning.clone(), known);
        }
    }
    form.views = old.views.clone();
    form.views.retain(|name, definition| new.views.get(name) == Some(definition));
    form
}

/// Values that both forms have a place for.
fn narrowed(kind: Kind, other: Option<&Kind>) -> Kind {
    match (kind, other) {
        (Kind::OneOf(mut values), Some(Kind::OneOf(others))) => {
            if others.iter().all(|other| values.contains(other)) {
                values.retain(|value| others.contains(value));
            }
            Kind::OneOf(values)
        }
        (kind, _) => kind,
    }
}

/// Its default is another one for each row.
fn is_made_anew(column: &Column) -> bool {
    column.default.as_ref().is_some_and(|default| default.contains('('))
}

/// The engine takes no value for it.
fn is_generated(column: &Column) -> bool {
    column.generated.is_some() || column.options.iter().any(|option| option == "identity always")
}

/// A new row may leave the column out.
fn has_value(column: &Column) -> bool {
    let given = ["auto_increment", "identity", "autoincrement"];
    column.default.is_some()
        || column.generated.is_some()
        || column.options.iter().any(|option| given.iter().any(|word| option.starts_with(word)))
}

fn gives_key(engine: Engine, table: &Table, name: &str) -> bool {
    let Some(column) = find(table, name) else { return false };
    let is_number = column.data_type.to_lowercase().contains("int");
    is_number && (engine == Engine::Sqlite || has_value(column))
}

fn key(table: &Table) -> Option<Vec<String>> {
    let is = |kind: ConstraintKind| table.constraints.values().find(move |constraint| constraint.kind == kind);
    let filled = |constraint: &&Constraint| {
        constraint.columns.iter().all(|name| find(table, name).is_some_and(|column| !column.nullable))
    };
    let found = is(ConstraintKind::PrimaryKey).or_else(|| is(ConstraintKind::Unique).filter(filled));
    found.map(|constraint| constraint.columns.clone())
}

/// What a column of the table points at.
fn parent(table: &Table, column: &str) -> Option<(String, String)> {
    let own = |constraint: &&Constraint| {
        constraint.kind == ConstraintKind::ForeignKey && constraint.columns.iter().any(|own| own == column)
    };
    table.constraints.values().find(own).and_then(points_at)
}

/// The parent of a foreign key, and its column there, as the schema spells them.
fn points_at(constraint: &Constraint) -> Option<(String, String)> {
    if constraint.kind != ConstraintKind::ForeignKey {
        return None;
    }
    let start = constraint.definition.to_lowercase().find("references ")?;
    let (table, rest) = constraint.definition[start + "references ".len()..].split_once('(')?;
    let bare = |name: &str| name.trim().trim_matches('`').to_owned();
    Some((bare(table), bare(rest.split(')').next()?.trim().trim_matches('"'))))
}

fn columns(table: &Table) -> Vec<String> {
    table.columns.iter().map(|column| column.name.clone()).collect()
}

fn find<'a>(table: &'a Table, column: &str) -> Option<&'a Column> {
    table.columns.iter().find(|other| other.name.eq_ignore_ascii_case(column))
}
