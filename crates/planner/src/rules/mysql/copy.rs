//! A second table that holds what a first one holds: filled in batches, kept equal by triggers.
//!
//! A batch updates rows of the first table to what they are. The server writes nothing for that, and fires the triggers all the
//! same: whoever writes a row, client or batch, brings it over in the same moment and under the same lock.
//!
//! Two rules hold for the triggers. None looks for a row that may not be there: that would lock the gap in which others insert. So a
//! row that is to go is put first. And none writes over a row with another key: where a unique key of the second table meets one, the
//! key is set to NULL, which the server refuses, so that a row is never lost in silence.

use super::lock::{EXCLUSIVE, Locks, ROWS};
use super::text::{literal, q, same};
use super::{BATCH_ROWS_MAX, Found, column, fill, known, step, types};
use crate::draft::Draft;
use crate::name::own;
use crate::plan::Target;
use lockstep_core::Engine;
use lockstep_core::schema::{Column, Table};
use lockstep_core::step::{Action, Assertion, Backfill, Phase};

/// Rows that go from one table into another.
pub(super) struct Copy<'a> {
    pub(super) target: Target,
    /// The table whose writes are followed.
    pub(super) from: &'a Found,
    /// The name of the other, and what it is like.
    pub(super) to: String,
    pub(super) becomes: &'a Table,
    /// Statements that give the other its form, once it is like the first.
    pub(super) form: Vec<String>,
    /// Columns of both that identify a row.
    pub(super) key: Vec<String>,
    /// What people call it.
    pub(super) label: String,
}

/// In the order in which they are made: a row that goes is noticed before any row comes.
const EVENTS: [&str; 3] = ["DELETE", "UPDATE", "INSERT"];

impl Copy<'_> {
    /// Columns that are written in both, as each has them.
    fn shared(&self) -> Vec<(&Column, &Column)> {
        let written = self.becomes.columns.iter().filter(|column| column.generated.is_none());
        written.filter_map(|to| Some((known::column(&self.from.table, &to.name)?, to))).collect()
    }

    /// What the second table takes for a column of a row of the first, to compare it with.
    fn alike(&self, (from, to): (&Column, &Column), row: &str) -> String {
        let value = format!("{row}.{}", q(&from.name));
        let (one, other) = (collation(&self.from.table, from), collation(self.becomes, to));
        match other.filter(|_| types::is_text(&from.data_type) && types::is_text(&to.data_type)) {
            Some(other) if one != Some(other) => {
                format!("CONVERT({value} USING {}) COLLATE {other}", column::charset_of(other))
            }
            _ => value,
        }
    }

    fn is_key(&self, column: &Column) -> bool {
        self.key.iter().any(|key| same(key, &column.name))
    }

    /// `a = NEW.a AND ...`
    fn is_row(&self, table: &str, row: &str) -> String {
        let of = |pair: &(&Column, &Column)| format!("{table}{} = {}", q(&pair.1.name), self.alike(*pair, row));
        let keys = self.shared().into_iter().filter(|(_, to)| self.is_key(to));
        keys.map(|pair| of(&pair)).collect::<Vec<_>>().join(" AND ")
    }

    /// Puts a row there. One that is there already stays, or takes its values.
    fn put(&self, value: impl Fn(&Column) -> String, takes_values: bool) -> String {
        let shared = self.shared();
        let list =
            |of: &dyn Fn(&(&Column, &Column)) -> String| shared.iter().map(of).collect::<Vec<_>>().join(", ");
        let name = |pair: &(&Column, &Column)| q(&pair.1.name);
        let set = |pair: &(&Column, &Column)| {
            let name = name(pair);
            if self.is_key(pair.1) {
                let kept = if takes_values { format!("VALUES({name})") } else { name.clone() };
                return Some(format!("{name} = IF({name} <=> VALUES({name}), {kept}, NULL)"));
            }
            takes_values.then(|| format!("{name} = VALUES({name})"))
        };
        format!(
            "INSERT INTO {} ({}) VALUES ({}) ON DUPLICATE KEY UPDATE {}",
            q(&self.to),
            list(&name),
            list(&|pair| value(pair.0)),
            shared.iter().filter_map(set).collect::<Vec<_>>().join(", ")
        )
    }

    /// A value of a row as an UPDATE left it. Where it changes nothing, MariaDB does not write the row, and shows a trigger the present
    /// time in a column that moves by itself. So what is there is read; the row is locked by who updates it.
    fn left(&self, column: &Column) -> String {
        let name = q(&column.name);
        if !column::moves_by_itself(column) {
            return format!("NEW.{name}");
        }
        let keys =
            self.key.iter().map(|key| format!("one.{0} = NEW.{0}", q(key))).collect::<Vec<_>>().join(" AND ");
        format!("(SELECT one.{name} FROM {} AS one WHERE {keys} LOCK IN SHARE MODE)", q(&self.from.name))
    }

    fn take_away(&self) -> String {
        format!(
            "{}; DELETE FROM {} WHERE {}",
            self.put(|column| format!("OLD.{}", q(&column.name)), false),
            q(&self.to),
            self.is_row("", "OLD")
        )
    }

    fn trigger_name(&self, event: &str) -> String {
        own(&format!("copy_{}", event.to_lowercase()), &[&self.from.name])
    }

    fn triggers(&self) -> Vec<String> {
        EVENTS.iter().map(|event| self.trigger(event)).collect()
    }

    fn trigger(&self, event: &str) -> String {
        let body = match event {
            "DELETE" => self.take_away(),
            "UPDATE" => {
                let kept = self.key.iter().map(|key| format!("OLD.{0} <=> NEW.{0}", q(key)));
                let kept = kept.collect::<Vec<_>>().join(" AND ");
                format!(
                    "IF NOT ({kept}) THEN {}; END IF; {}",
                    self.take_away(),
                    self.put(|column| self.left(column), true)
                )
            }
            _ => self.put(|column| format!("NEW.{}", q(&column.name)), true),
        };
        let create = format!(
            "CREATE TRIGGER {} AFTER {event} ON {} FOR EACH ROW BEGIN {body}; END",
            q(&self.trigger_name(event)),
            q(&self.from.name)
        );
        if self.counts() && self.target.engine == Engine::Mariadb {
            // A row whose number is 0 keeps it.
            let mode = "CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')";
            return format!("SET STATEMENT sql_mode = {mode} FOR {create}");
        }
        create
    }

    fn drop_triggers(&self) -> Vec<String> {
        EVENTS.iter().rev().map(|event| format!("DROP TRIGGER {}", q(&self.trigger_name(event)))).collect()
    }

    /// True when both number their rows.
    pub(super) fn counts(&self) -> bool {
        self.shared().iter().any(|(from, to)| column::counts(from) && column::counts(to))
    }

    /// The second table goes on counting where the first one is.
    fn same_count(&self) -> Option<String> {
        let is_possible = self.counts() && self.target.engine == Engine::Mariadb;
        is_possible.then(|| {
            format!(
                "BEGIN NOT ATOMIC DECLARE reached bigint unsigned; SELECT AUTO_INCREMENT INTO reached FROM \
                 information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {}; EXECUTE IMMEDIATE \
                 CONCAT({}, reached); END",
                literal(&self.from.name),
                literal(&format!("ALTER TABLE {} AUTO_INCREMENT = ", q(&self.to)))
            )
        })
    }

    /// Steps that make the second table, fill it, and prove that it holds the same.
    pub(super) fn steps(&self, rows: Option<u64>) -> Vec<Draft> {
        vec![self.made(), self.filled(rows), self.proven(rows)]
    }

    fn made(&self) -> Draft {
        let (from, to) = (&self.from.name, q(&self.to));
        let mut forward = vec![format!("CREATE TABLE {to} LIKE {}", q(from))];
        forward.extend(self.form.iter().cloned());
        forward.extend(self.same_count());
        forward.extend(self.triggers());
        let mut revert = self.drop_triggers();
        revert.push(format!("DROP TABLE {to}"));
        let mut made = step(&format!("make {}", self.label), Phase::Expand, forward, Some(revert))
            .holds(from, EXCLUSIVE)
            .why("A second table takes the other form while it is empty. Triggers bring every write over.");
        made.joins = false;
        made
    }

    fn filled(&self, rows: Option<u64>) -> Draft {
        let key = q(self.key.first().map_or("", String::as_str));
        let backfill = Backfill {
            table: q(&self.from.name),
            key: self.key.clone(),
            set: fill::set(self.from, &format!("{key} = {key}")),
            only_where: None,
            batch_rows_max: BATCH_ROWS_MAX,
        };
        let action = Action::Backfill(backfill);
        Draft::new(&format!("fill {}", self.label), Phase::Backfill, action, Some(Action::Nothing))
            .holds(&self.from.name, ROWS)
            .goes_through(rows)
            .why("Rows are touched in short transactions, each of a few rows in the order of the key; the triggers bring them over.")
    }

    fn proven(&self, rows: Option<u64>) -> Draft {
        let action = Action::Assert { assertions: self.is_whole() };
        Draft::new(&format!("compare {}", self.label), Phase::Validate, action, Some(Action::Nothing))
            .goes_through(rows)
            .why("Nothing goes on unless both tables hold exactly the same rows.")
    }

    /// That both tables hold the same.
    pub(super) fn is_whole(&self) -> Vec<Assertion> {
        let (from, to) = (&self.from.name, &self.to);
        let list = self.key.iter().map(|key| q(key)).collect::<Vec<_>>().join(", ");
        let values: Vec<String> = self.shared().into_iter().filter_map(|pair| self.equal(pair)).collect();
        let values = values.iter().map(|equal| format!(" AND {equal}")).collect::<String>();
        let is_same = self.is_row("other.", "one");
        let back = self.is_row("one.", "other");
        let query = |table: &str, second: &str, condition: &str| {
            format!(
                "SELECT {list} FROM {} AS one WHERE NOT EXISTS (SELECT 1 FROM {} AS other WHERE {condition})",
                q(table),
                q(second)
            )
        };
        vec![
            Assertion {
                name: format!("every row of {from} is in {to} as it is"),
                violations_query: query(from, to, &format!("{is_same}{values}")),
            },
            Assertion {
                name: format!("{to} has no other row than {from}"),
                violations_query: query(to, from, &back),
            },
        ]
    }

    /// Two columns hold the same, as far as they can be compared. To the byte where they are text.
    fn equal(&self, pair: (&Column, &Column)) -> Option<String> {
        let (from, to) = pair;
        let (one, other) = (format!("one.{}", q(&from.name)), format!("other.{}", q(&to.name)));
        let is_alike = |is: fn(&str) -> bool| is(&from.data_type) && is(&to.data_type);
        let kind = |column: &Column| types::parts(&column.data_type).0.to_owned();
        let is_float = [from, to].iter().any(|column| ["float", "double"].contains(&kind(column).as_str()));
        if is_alike(types::is_text) {
            let one = self.alike(pair, "one");
            return Some(format!("CAST({other} AS BINARY) <=> CAST({one} AS BINARY)"));
        }
        if from.data_type == to.data_type || (is_alike(types::is_number) && !is_float) {
            return Some(format!("{other} <=> {one}"));
        }
        Some(format!("({other} IS NULL) = ({one} IS NULL)"))
    }
}

/// The collation of a column.
pub(super) fn collation<'a>(table: &'a Table, column: &'a Column) -> Option<&'a str> {
    column::option(column, "collate").or_else(|| known::collation(table))
}
