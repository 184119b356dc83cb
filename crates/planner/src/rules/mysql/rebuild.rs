//! What the server could do only by copying the table while writes wait: the table is copied beside reads and writes, and the copy
//! takes its name in one statement.
//!
//! The copy is like the table and empty when it gets its new form. Triggers and batches bring the rows over ([`super::copy`]). When it
//! is proven to hold the same, `RENAME TABLE` gives both tables their new names in one moment. From then on the old one is followed
//! no more, and goes when that is approved: there is no way back from the rename, and it waits for approval itself.
//!
//! Triggers that bring writes back to the old form would have to be there before the rename, and name a table that is not. With tables
//! that stand in for it until then, MariaDB tells clients in the moment of the rename that one of them does not exist.

use super::clause::{self, Clause};
use super::column::{self, charset_of};
use super::copy::{Copy, collation};
use super::key::{ForeignKey, KeyKind};
use super::lock::{self, EXCLUSIVE, Locks};
use super::text::{literal, q, same};
use super::{
    Found, Planned, Rule, apply, charset, constraint, convert, known, on, step, switch, twin, types, undo,
};
use crate::draft::Draft;
use crate::name::own;
use crate::plan::Refusal;
use lockstep_core::Engine;
use lockstep_core::schema::{ConstraintKind, Table};
use lockstep_core::step::{Assertion, ClientRequirement, Phase};
use std::collections::BTreeMap;

/// True for a clause that a copy can have while clients go on as they are; `others` are those that it has already.
pub(super) fn can(found: &Found, others: &[Clause], clause: &Clause) -> bool {
    match clause {
        Clause::AddColumn { new, .. } => {
            let has_value =
                !new.not_null || new.generated.is_some() || new.default.is_some() || new.auto_increment;
            new.references.is_none() && has_value && known::column(&found.table, &new.name).is_none()
        }
        Clause::Change { from, new } => {
            // NULL would become the present time in the copy.
            let is_present_time = new.not_null && new.data_type.starts_with("timestamp");
            same(from, &new.name) && !new.unique && new.references.is_none() && !is_present_time
        }
        Clause::AddKey(key) => {
            let is_taken = key.name.as_ref().is_some_and(|name| known::index(&found.table, name).is_some());
            let is_on_new = key.columns.iter().flatten().any(|column| clause::adds(others, column));
            !is_taken && (undo::blocks(key.kind) || is_on_new)
        }
        Clause::AddCheck { .. } | Clause::DropPrimaryKey | Clause::Convert { .. } => true,
        Clause::Partition(text) => {
            let text = text.to_lowercase();
            text.starts_with("partition by") || text.starts_with("remove partitioning")
        }
        _ => false,
    }
}

/// The new form: what the table becomes, and the clauses that make it of the old one.
struct Form {
    becomes: Table,
    clauses: Vec<String>,
    /// The clauses about partitions stand by themselves.
    partitions: Option<String>,
}

pub(super) fn plan(rule: &mut Rule<'_>, found: &Found, clauses: &[Clause]) -> Planned {
    let key = found.key_to_fill()?;
    refuse(rule, found)?;
    let mut form = form(rule, found, clauses)?;
    let kept = kept_indexes(found);
    form.clauses.splice(0..0, kept);
    refuse_keys(found, &form.becomes, &key)?;
    let name = &found.name;
    let names = Names::of(name);
    let come = Copy {
        target: rule.target,
        from: found,
        to: names.copy.clone(),
        becomes: &form.becomes,
        form: altered(&names.copy, &form.clauses, form.partitions.as_ref()),
        key,
        label: format!("a copy of {name}"),
    };
    let rows = rule.rows(name);
    let foreign = known::foreign_keys(&found.table);
    let own_keys: Vec<_> = foreign.iter().map(|(known, key)| (twin::own(found, known), key.clone())).collect();
    let changed = changed_types(found, &form.becomes);
    let mut steps = introduce(rule, &come, &own_keys, rows);
    for (name, query) in conditions(found, clauses) {
        steps[0] = steps[0].clone().only_if(&name, query);
    }
    if !changed.is_empty() {
        let what = changed.join(", ");
        steps.push(switch(Phase::SwitchWrites, &format!("write {what} in the new form")));
        steps.push(switch(Phase::SwitchReads, &format!("read {what} in the new form")));
    }
    let mut last = vec![];
    for (known, key) in &foreign {
        let mut dropped = twin::without(rule, found, known, key, rows);
        dropped.why = "The copy has the same key, and every row that is written is checked there.".to_owned();
        last.push(dropped);
    }
    last.extend([names.noted(), names.swap(&come), names.gone()]);
    let carried = twin::Carried { indexes: Vec::new(), foreign_keys: own_keys };
    last.extend(twin::renamed(rule, found, &carried, &[], &foreign));
    if changed.is_empty() {
        // Nobody can tell.
        last.iter_mut().for_each(|draft| draft.step.requires = ClientRequirement::Nothing);
    }
    steps.extend(last);
    let mut hazards = hazards(name, &come);
    hazards.extend(changed.iter().map(|what| {
        format!("clients that understand the change read {what} in both forms; until the copy has the name, only the old form's values fit")
    }));
    *rule.table_mut(name) = form.becomes;
    let mut drafts = on(name, steps);
    drafts.touches.extend(foreign.into_iter().map(|(_, key)| key.target));
    drafts.as_written = Some(lock::copy(name, rows));
    drafts.hazards = hazards;
    Ok(drafts)
}

fn hazards(name: &str, come: &Copy<'_>) -> Vec<String> {
    let mut hazards = vec![
        format!(
            "a second {name} takes as much room again until the old form is gone, and each write is done in both until the copy takes \
                 the name"
        ),
        format!(
            "the copy does not see TRUNCATE of {name}: whoever may do that must not until the copy has the name"
        ),
        format!("there is no way back once the copy has the name of {name}: it waits for approval"),
    ];
    if come.counts() && come.target.engine == Engine::Mysql {
        hazards.push(format!("numbers of rows of {name} that were deleted last may be given again"));
    }
    hazards
}

/// Steps that make the second table, with everything on it.
fn introduce(rule: &Rule<'_>, copy: &Copy<'_>, foreign: &[(String, ForeignKey)], rows: Option<u64>) -> Vec<Draft> {
    let mut steps = copy.steps(rows);
    let proof = steps.pop();
    steps.extend(foreign.iter().map(|(name, key)| twin::foreign_key(rule, &copy.to, name, key, rows)));
    steps.extend(proof);
    steps
}

fn altered(table: &str, clauses: &[String], partitions: Option<&String>) -> Vec<String> {
    let clauses = Some(clauses.join(", ")).filter(|text| !text.is_empty());
    clauses.iter().chain(partitions).map(|text| format!("ALTER TABLE {} {text}", q(table))).collect()
}

/// Columns whose type clients can tell, as they are shown.
fn changed_types(found: &Found, becomes: &Table) -> Vec<String> {
    let is_other = |column: &&lockstep_core::schema::Column| {
        let old = known::column(&found.table, &column.name);
        old.is_some_and(|old| old.data_type != column.data_type) && !types::is_text(&column.data_type)
    };
    becomes.columns.iter().filter(is_other).map(|column| column::shown(&found.name, &column.name)).collect()
}

/// Refuses tables whose writes triggers do not see, or whose belongings would stay with the old form.
fn refuse(rule: &Rule<'_>, found: &Found) -> Result<(), Refusal> {
    let name = &found.name;
    let refuse = |reason: String, remedy: &str| Err(Refusal::new(reason, remedy));
    let window = "do it in a window of its own with `-- lockstep: opaque` and `-- lockstep: revert ...`";
    let option = |option: &str| found.table.options.get(option).map(String::as_str);
    if option("engine").is_some_and(|engine| !same(engine, "InnoDB")) {
        return refuse(
            format!("{name} is not of InnoDB, and has no transactions in which a copy could be kept equal"),
            window,
        );
    }
    if option("versioning").is_some() {
        return refuse(format!("{name} is system-versioned, and a copy would have no history"), window);
    }
    if let Some((trigger, _)) = found.table.triggers.iter().next() {
        return refuse(
            format!("{name} would have to be copied, and trigger {trigger} would stay with the old table"),
            "drop the trigger before, and make it again after",
        );
    }
    if let Some((other, key)) = twin::pointing_at(rule, name, None) {
        return refuse(
            format!(
                "{name} would have to be copied, and foreign key {key} of {other} would go on pointing at the old table"
            ),
            "drop the foreign key before, and add it after",
        );
    }
    let writes = |key: &ForeignKey| key.rules.contains("SET ") || key.rules.contains("CASCADE");
    if let Some((key, _)) = known::foreign_keys(&found.table).into_iter().find(|(_, key)| writes(key)) {
        return refuse(
            format!(
                "{name} would have to be copied, and foreign key {key} writes it by itself: triggers do not see that"
            ),
            "drop the foreign key before, and add it after",
        );
    }
    let is_check = |kind| kind == ConstraintKind::Check;
    if rule.target.engine == Engine::Mysql && found.table.constraints.values().any(|known| is_check(known.kind)) {
        return refuse(format!("{name} would have to be copied, and its checks would get other names"), window);
    }
    Ok(())
}

/// The copy must tell rows apart as the table does, and nothing else may make two rows one.
fn refuse_keys(found: &Found, becomes: &Table, key: &[String]) -> Result<(), Refusal> {
    let unique = |table: &Table| -> Vec<Vec<String>> {
        let indexes = table.indexes.values().filter(|index| index.unique).map(known::columns_of);
        known::primary_key(table).map(<[String]>::to_vec).into_iter().chain(indexes).collect()
    };
    let is_same = |one: &[String], other: &[String]| {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
    };
    let (old, new) = (unique(&found.table), unique(becomes));
    if !new.iter().any(|columns| is_same(columns, key)) {
        return Err(Refusal::new(
            format!(
                "{} would have no key on {} any more, by which its rows are copied",
                found.name,
                key.join(", ")
            ),
            "keep that key in this statement, and drop it in one after it",
        ));
    }
    for columns in &new {
        let is_new = |column: &String| known::column(&found.table, column).is_none();
        let is_added = !old.iter().any(|old| is_same(old, columns)) && !columns.iter().any(is_new);
        if is_added {
            return Err(Refusal::new(
                format!("a new unique key on {} would keep rows out of the copy", columns.join(", ")),
                "add it in a statement of its own",
            ));
        }
        for column in columns {
            let pair = known::column(&found.table, column).zip(known::column(becomes, column));
            if let Some((old, new)) = pair
                && types::is_text(&old.data_type)
                && !tells_apart_as(collation(&found.table, old), collation(becomes, new))
            {
                return Err(Refusal::new(
                    format!("{} is of a unique key, and other texts would be the same in the new form", column),
                    "drop the key before, and add it again after",
                ));
            }
        }
    }
    Ok(())
}

/// True when the same texts are the same in both: the kinds of utf8 differ in what they can hold only.
fn tells_apart_as(one: Option<&str>, other: Option<&str>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one == other };
    let rules = |collation: &str| collation.split_once('_').map(|(_, rules)| rules.to_owned());
    one == other || (charset_of(one) == "utf8mb3" && charset_of(other) == "utf8mb4" && rules(one) == rules(other))
}

fn form(rule: &Rule<'_>, found: &Found, clauses: &[Clause]) -> Result<Form, Refusal> {
    let engine = rule.target.engine;
    let mut form = Form { becomes: found.table.clone(), clauses: Vec::new(), partitions: None };
    for clause in clauses {
        let before = form.becomes.clone();
        let clause = named(&before, engine, &found.name, clause);
        refuse_asking(found, &before, &clause)?;
        apply::clause(engine, &found.name, &mut form.becomes, &clause);
        if let Clause::Partition(text) = &clause {
            form.partitions = Some(text.clone());
            continue;
        }
        form.clauses.push(written(&clause));
    }
    Ok(form)
}

/// Indexes that the server may have made for a foreign key: it would put another in their place when the copy gets its own, unless they
/// are made again by their names.
fn kept_indexes(found: &Found) -> Vec<String> {
    let keys = known::foreign_keys(&found.table);
    let made: BTreeMap<_, _> = keys.iter().flat_map(|(_, key)| constraint::made_for(&found.table, key)).collect();
    made.into_iter()
        .flat_map(|(name, index)| [format!("DROP KEY {}", q(name)), format!("ADD {}", index.definition)])
        .collect()
}

/// Names that the server would make up of those of the table.
fn named(table: &Table, engine: Engine, name: &str, clause: &Clause) -> Clause {
    match clause {
        Clause::AddKey(key) => {
            let name = known::name_of_key(table, key);
            Clause::AddKey(super::key::Key { name: Some(name), ..key.clone() })
        }
        Clause::AddCheck { name: check, expression, behind } => {
            let check = known::put_check(&mut table.clone(), engine, name, check.as_deref(), expression);
            Clause::AddCheck { name: Some(check), expression: expression.clone(), behind: behind.clone() }
        }
        other => other.clone(),
    }
}

/// NULL would be refused in the copy while clients may still write it.
fn refuse_asking(found: &Found, before: &Table, clause: &Clause) -> Result<(), Refusal> {
    let Clause::Change { from, new } = clause else { return Ok(()) };
    let there = Found { table: before.clone(), ..found.clone() }.column(from)?.clone();
    let is_foreign = |(_, key): &(String, ForeignKey)| key.columns.iter().any(|column| same(column, from));
    if there.nullable && new.not_null {
        return Err(Refusal::new(
            format!(
                "{} becomes NOT NULL, and the table is copied for another change of it",
                column::shown(&found.name, from)
            ),
            "make it NOT NULL in a statement of its own",
        ));
    }
    if there.data_type != new.data_type && known::foreign_keys(before).iter().any(is_foreign) {
        return Err(Refusal::new(
            format!("a foreign key needs {} to be as what it points at", column::shown(&found.name, from)),
            "drop the foreign key before, and add it after both sides have their new form",
        ));
    }
    Ok(())
}

/// A clause as the copy gets it.
fn written(clause: &Clause) -> String {
    match clause {
        Clause::AddColumn { new, .. } => {
            let mut text = format!("ADD COLUMN {} {}{}", q(&new.name), new.definition(), new.place());
            for (is_wanted, kind) in [(new.primary, "PRIMARY KEY"), (new.unique, "UNIQUE KEY")] {
                if is_wanted {
                    text.push_str(&format!(", ADD {kind} ({})", q(&new.name)));
                }
            }
            text
        }
        Clause::Change { from, new } => {
            format!("CHANGE COLUMN {} {} {}{}", q(from), q(&new.name), new.definition(), new.place())
        }
        Clause::AddKey(key) if key.kind == KeyKind::Primary => format!("ADD {}", key.definition(known::PRIMARY)),
        Clause::AddKey(key) => format!("ADD {}", key.written(key.name.as_deref().unwrap_or_default())),
        Clause::AddCheck { name, expression, behind } => {
            let name = q(name.as_deref().unwrap_or_default());
            format!("ADD CONSTRAINT {name} CHECK ({expression}) {behind}").trim_end().to_owned()
        }
        Clause::DropPrimaryKey => "DROP PRIMARY KEY".to_owned(),
        Clause::Convert { charset, collation } => {
            let wanted = charset::wanted(charset.as_deref(), collation.as_deref());
            format!("CONVERT TO CHARACTER SET {} COLLATE {wanted}", charset_of(&wanted))
        }
        _ => String::new(),
    }
}

/// What must hold of the rows before anything is copied.
fn conditions(found: &Found, clauses: &[Clause]) -> Vec<(String, String)> {
    let condition = |clause: &Clause| match clause {
        Clause::Change { from, new } => convert::fits(found, known::column(&found.table, from)?, new),
        Clause::AddCheck { expression, .. } => Some((
            format!("every row of {} fulfils the new check", found.name),
            format!("SELECT * FROM {} WHERE NOT ({expression})", q(&found.name)),
        )),
        _ => None,
    };
    clauses.iter().filter_map(condition).collect()
}

/// The names that the tables have in turn.
struct Names {
    table: String,
    /// The copy, before it takes the table's name.
    copy: String,
    /// What was the table, after that.
    old: String,
    /// A table that tells by its age since when the copy is whole.
    since: String,
}

impl Names {
    fn of(table: &str) -> Self {
        let name = |purpose: &str| own(purpose, &[table]);
        Self { table: table.to_owned(), copy: name("copy"), old: name("old"), since: name("since") }
    }

    fn noted(&self) -> Draft {
        let make = vec![format!("CREATE TABLE {} (id int)", q(&self.since))];
        let drop = vec![format!("DROP TABLE {}", q(&self.since))];
        let mut draft =
            step(&format!("note that the copy of {} is whole", self.table), Phase::Contract, make, Some(drop))
                .why("Transactions that are older than this table would not see all rows of the copy.");
        draft.step.needs_approval = false;
        draft.joins = false;
        draft
    }

    fn swap(&self, come: &Copy<'_>) -> Draft {
        let Self { table, copy, old, .. } = self;
        let rename = format!("RENAME TABLE {} TO {}, {} TO {}", q(table), q(old), q(copy), q(table));
        let why = "One statement: no client finds the name missing, and no write falls in between. What is written from then on is not \
                   in the old form any more.";
        let mut swap = self.for_good(&format!("{} takes the name", come.label), rename, why);
        for assertion in come.is_whole().into_iter().chain([self.nobody_reads_what_was()]) {
            swap = swap.only_if(&assertion.name, assertion.violations_query);
        }
        swap
    }

    /// A transaction that began before the copy was whole would not see all of its rows.
    fn nobody_reads_what_was(&self) -> Assertion {
        let violations_query = format!(
            "SELECT p.ID, p.USER, p.HOST, t.trx_started FROM information_schema.INNODB_TRX AS t JOIN information_schema.PROCESSLIST AS \
             p ON p.ID = t.trx_mysql_thread_id WHERE p.DB = DATABASE() AND p.ID <> CONNECTION_ID() AND t.trx_started <= (SELECT \
             CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = {})",
            literal(&self.since)
        );
        Assertion {
            name: format!("no transaction is open since before the copy of {} was whole", self.table),
            violations_query,
        }
    }

    fn gone(&self) -> Draft {
        let why = "Nobody uses the old form; until this is approved, its rows are there as they were when the copy took the name.";
        let drop = format!("DROP TABLE {}, {}", q(&self.old), q(&self.since));
        self.for_good(&format!("drop the old form of {}", self.table), drop, why)
    }

    fn for_good(&self, name: &str, statement: String, why: &str) -> Draft {
        let mut draft = step(name, Phase::Contract, vec![statement], None).holds(&self.table, EXCLUSIVE).why(why);
        draft.joins = false;
        draft
    }
}
