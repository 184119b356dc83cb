//! Names of tables, views and the like: as the catalog has them, and as statements write them.

use crate::name;
use crate::plan::Refusal;
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

/// Where unqualified names are looked for and made: what comes after `"$user"` in the server's default search path.
const DEFAULT_SCHEMA: &str = "public";

/// A name with its schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) schema: String,
    pub(super) name: String,
}

impl Name {
    pub(super) fn new(schema: &str, name: &str) -> Self {
        Self { schema: schema.to_owned(), name: name.to_owned() }
    }

    /// The written name, in schema `public` unless it says another.
    pub(super) fn of(written: &ObjectName) -> Result<Self, Refusal> {
        match name::parts(written).as_slice() {
            [table] => Ok(Self::new(DEFAULT_SCHEMA, table)),
            [schema, table] => Ok(Self::new(schema, table)),
            _ => Err(Refusal::new(
                format!("`{written}` is no name of a schema and a table"),
                "write it as `schema.table` or `table`",
            )),
        }
    }

    /// As the catalog has it: what the server prints for a `regclass` with an empty search path.
    pub(super) fn key(&self) -> String {
        format!("{}.{}", as_printed(&self.schema), as_printed(&self.name))
    }

    /// As statements write it: nothing of a session's settings can divert it.
    pub(super) fn sql(&self) -> String {
        format!("{}.{}", name::quote(&self.schema), name::quote(&self.name))
    }

    /// Another name in the same schema.
    pub(super) fn beside(&self, other: &str) -> Self {
        Self::new(&self.schema, other)
    }

    /// For the syntax tree.
    pub(super) fn object(&self) -> ObjectName {
        let part = |text: &str| ObjectNamePart::Identifier(quoted(text));
        ObjectName(vec![part(&self.schema), part(&self.name)])
    }

    /// Reads a key back.
    pub(super) fn from_key(key: &str) -> Option<Self> {
        let (schema, rest) = part_of(key)?;
        let (table, rest) = part_of(rest.strip_prefix('.')?)?;
        rest.is_empty().then(|| Self::new(&schema, &table))
    }
}

fn part_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut part = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        part.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                part.push('"');
                rest = more;
            }
            None => return Some((part, rest)),
        }
    }
}

/// A quoted identifier for the syntax tree.
pub(super) fn quoted(text: &str) -> Ident {
    // The printer of the tree doubles quotes itself.
    Ident::with_quote('"', text)
}

/// As `quote_ident` does it: quoted only where it must be.
pub(super) fn as_printed(identifier: &str) -> String {
    let mut bytes = identifier.bytes();
    let is_plain = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_plain && KEYWORDS.split(' ').all(|keyword| keyword != identifier) {
        identifier.to_owned()
    } else {
        name::quote(identifier)
    }
}

/// `SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'`, of 13 to 18.
const KEYWORDS: &str = "all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both \
    case cast char character check coalesce collate collation column concurrently constraint create cross current_catalog \
    current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc \
    distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group grouping \
    having ilike in initially inner inout int integer intersect interval into is isnull join json_array json_arrayagg json_exists \
    json_object json_objectagg json_query json_scalar json_serialize json_table json_value lateral leading least left like limit \
    localtime localtimestamp merge_action national natural nchar none normalize not notnull null nullif numeric offset on only or \
    order out outer overlaps overlay placing position precision primary real references returning right row select session_user \
    setof similar smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim true \
    union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists \
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn keys_are_what_the_server_prints_and_read_back() {
        for (schema, table, key) in [
            ("public", "users", "public.users"),
            ("public", "user", "public.\"user\""),
            ("My App", "a\"b.c", "\"My App\".\"a\"\"b.c\""),
            ("public", "ünter", "public.\"ünter\""),
            ("public", "a$", "public.\"a$\""),
        ] {
            let name = Name::new(schema, table);
            assert_eq!(name.key(), key);
            assert_eq!(Name::from_key(key), Some(name));
        }
        assert_eq!(Name::from_key("a.b.c"), None);
    }
}
