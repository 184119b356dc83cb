//! Keys, foreign keys and checks: as they are written, and as the catalog has them.

use super::text::{Reader, q, q_list};

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Primary,
    Unique,
    Plain,
    Fulltext,
    Spatial,
}

/// A key as a statement writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) kind: KeyKind,
    pub(super) name: Option<String>,
    pub(super) if_not_exists: bool,
    /// Each as the catalog has it: a quoted column, perhaps with a length and an order.
    pub(super) parts: Vec<String>,
    /// The columns of the parts; none for an expression.
    pub(super) columns: Vec<Option<String>>,
    /// What stands behind the brackets, or says the kind of index before them.
    pub(super) options: String,
}

/// A foreign key as a statement writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ForeignKey {
    pub(super) name: Option<String>,
    pub(super) columns: Vec<String>,
    pub(super) target: String,
    pub(super) target_columns: Vec<String>,
    /// ` ON DELETE ...`, ` ON UPDATE ...`, in this order, without those that say nothing.
    pub(super) rules: String,
}

/// What stands in the brackets of CREATE TABLE beside columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Constraint {
    Key(Key),
    ForeignKey(ForeignKey),
    Check { name: Option<String>, expression: String, behind: String },
}

/// Reads a key or constraint; `None` when it is a column, or unknown.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Constraint> {
    let mut name = None;
    if reader.word("constraint") {
        let is_named = !["primary", "unique", "foreign", "check"].iter().any(|word| reader.is_word(word));
        name = if is_named { Some(reader.name()?) } else { None };
    }
    if reader.words(&["primary", "key"]) {
        return rest_of_key(reader, KeyKind::Primary, None).map(Constraint::Key);
    }
    if reader.words(&["foreign", "key"]) {
        reader.words(&["if", "not", "exists"]);
        let index = if reader.is_symbol("(") { None } else { reader.name() };
        let columns = names(&reader.group()?)?;
        return references(reader, name.or(index), columns).map(Constraint::ForeignKey);
    }
    if reader.is_word("check") && reader.rest.get(1).is_some_and(|next| next.is_symbol("(")) {
        reader.skip();
        let expression = reader.group()?.text().to_owned();
        let behind = reader.take(reader.rest.len()).text().to_owned();
        return Some(Constraint::Check { name, expression, behind });
    }
    let kind = kind(reader)?;
    rest_of_key(reader, kind, name).map(Constraint::Key)
}

/// `UNIQUE KEY`, `INDEX`, ... What could be a column's name is one.
fn kind(reader: &mut Reader<'_>) -> Option<KeyKind> {
    let before = *reader;
    for (word, kind) in
        [("unique", KeyKind::Unique), ("fulltext", KeyKind::Fulltext), ("spatial", KeyKind::Spatial)]
    {
        if reader.word(word) {
            if !reader.word("key") {
                reader.word("index");
            }
            return Some(kind);
        }
    }
    if (reader.word("key") || reader.word("index")) && before.rest[0].kind == super::text::Kind::Word {
        return Some(KeyKind::Plain);
    }
    *reader = before;
    None
}

/// What stands behind `UNIQUE KEY` or the like: name, columns, options.
pub(super) fn rest_of_key(reader: &mut Reader<'_>, kind: KeyKind, constraint: Option<String>) -> Option<Key> {
    let if_not_exists = reader.words(&["if", "not", "exists"]);
    let mut options = Vec::new();
    let mut name = None;
    if !reader.is_symbol("(") && !reader.is_word("using") {
        name = Some(reader.name()?);
    }
    if reader.word("using") {
        options.push(format!("USING {}", reader.name()?));
    }
    let group = reader.group()?;
    let (mut parts, mut columns) = (Vec::new(), Vec::new());
    for mut item in group.items() {
        let (part, column) = part(&mut item)?;
        parts.push(part);
        columns.push(column);
    }
    options.push(reader.take(reader.rest.len()).text().to_owned());
    options.retain(|option| !option.is_empty());
    let name = if kind == KeyKind::Primary { Some("PRIMARY".to_owned()) } else { name.or(constraint) };
    Some(Key { kind, name, if_not_exists, parts, columns, options: options.join(" ") })
}

fn part(item: &mut Reader<'_>) -> Option<(String, Option<String>)> {
    if let Some(expression) = item.group() {
        return Some((format!("({})", expression.text()), None));
    }
    let column = item.name()?;
    let length = item.group().map(|length| format!("({})", length.text())).unwrap_or_default();
    let order = if item.word("desc") { " DESC" } else { "" };
    item.word("asc");
    item.is_empty().then(|| (format!("{}{length}{order}", q(&column)), Some(column)))
}

/// `REFERENCES table (columns) ON DELETE ...`
pub(super) fn references(
    reader: &mut Reader<'_>,
    name: Option<String>,
    columns: Vec<String>,
) -> Option<ForeignKey> {
    if !reader.word("references") {
        return None;
    }
    let target = reader.name()?;
    if reader.is_symbol(".") {
        return None;
    }
    let target_columns = names(&reader.group()?)?;
    let (mut on_delete, mut on_update) = (String::new(), String::new());
    loop {
        if reader.words(&["on", "delete"]) {
            on_delete = rule(reader)?;
        } else if reader.words(&["on", "update"]) {
            on_update = rule(reader)?;
        } else if reader.word("match") {
            reader.name()?;
        } else {
            break;
        }
    }
    let told = |event: &str, rule: &str| match rule {
        "" | "RESTRICT" | "NO ACTION" => String::new(),
        rule => format!(" ON {event} {rule}"),
    };
    let rules = format!("{}{}", told("DELETE", &on_delete), told("UPDATE", &on_update));
    Some(ForeignKey { name, columns, target, target_columns, rules })
}

fn rule(reader: &mut Reader<'_>) -> Option<String> {
    for words in [&["set", "null"][..], &["set", "default"], &["no", "action"], &["cascade"], &["restrict"]] {
        if reader.words(words) {
            return Some(words.join(" ").to_uppercase());
        }
    }
    None
}

fn names(group: &Reader<'_>) -> Option<Vec<String>> {
    let name = |mut item: Reader<'_>| {
        let name = item.name();
        // A length, which a foreign key does not have, is not looked at.
        item.group();
        name
    };
    group.items().into_iter().map(name).collect()
}

impl Key {
    /// As the catalog has it.
    pub(super) fn definition(&self, name: &str) -> String {
        let parts = self.parts.join(", ");
        let using = if self.options.to_lowercase().contains("using hash") { " USING HASH" } else { "" };
        let hidden = if self.options.to_lowercase().contains("invisible") { " INVISIBLE" } else { "" };
        let kind = match self.kind {
            KeyKind::Primary => return format!("PRIMARY KEY ({parts})"),
            KeyKind::Unique => "UNIQUE KEY",
            KeyKind::Plain => "KEY",
            KeyKind::Fulltext => "FULLTEXT KEY",
            KeyKind::Spatial => "SPATIAL KEY",
        };
        format!("{kind} {} ({parts}){using}{hidden}", q(name))
    }

    /// As a statement says it, with all that was written.
    pub(super) fn written(&self, name: &str) -> String {
        let plain = self.definition(name);
        let plain = plain.strip_suffix(" INVISIBLE").unwrap_or(&plain);
        let plain = plain.strip_suffix(" USING HASH").unwrap_or(plain);
        if self.options.is_empty() { plain.to_owned() } else { format!("{plain} {}", self.options) }
    }

    /// The columns, where all parts are plain ones.
    pub(super) fn plain_columns(&self) -> Option<Vec<String>> {
        self.columns.iter().cloned().collect()
    }
}

impl ForeignKey {
    /// As the catalog has it.
    pub(super) fn definition(&self) -> String {
        format!(
            "FOREIGN KEY ({}) REFERENCES {} ({}){}",
            q_list(&self.columns),
            q(&self.target),
            q_list(&self.target_columns),
            self.rules
        )
    }

    /// Reads the catalog's definition.
    pub(super) fn of(name: &str, definition: &str) -> Option<Self> {
        let tokens = super::text::tokens(definition);
        let mut reader = Reader::new(definition, &tokens);
        match read(&mut reader)? {
            Constraint::ForeignKey(key) => Some(Self { name: Some(name.to_owned()), ..key }),
            _ => None,
        }
    }
}

/// Reads the catalog's definition of an index.
pub(super) fn of_index(definition: &str) -> Option<Key> {
    let tokens = super::text::tokens(definition);
    let mut reader = Reader::new(definition, &tokens);
    match read(&mut reader)? {
        Constraint::Key(key) => Some(key),
        _ => None,
    }
}
