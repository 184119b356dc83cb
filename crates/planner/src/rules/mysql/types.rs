//! Data types as the server prints them (`information_schema.COLUMNS.COLUMN_TYPE`).

use super::text::{Kind, Reader, content, literal};
use lockstep_core::Engine;

/// A type as it was written, with what may stand behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// As the server prints it.
    pub(super) printed: String,
    /// `JSON`, which MariaDB keeps as text with a check.
    pub(super) is_json: bool,
    /// `SERIAL`: an unsigned bigint that counts, NOT NULL and UNIQUE.
    pub(super) is_serial: bool,
    /// `NATIONAL`, which is a character set.
    pub(super) is_national: bool,
}

/// Reads a type.
pub(super) fn read(engine: Engine, reader: &mut Reader<'_>) -> Option<Written> {
    let mut is_national = reader.word("national");
    let mut name = reader.name()?.to_lowercase();
    if ["nchar", "nvarchar"].contains(&name.as_str()) {
        is_national = true;
        name.remove(0);
    }
    let two = |reader: &mut Reader<'_>, word: &str| reader.word(word);
    name = match name.as_str() {
        "double" if two(reader, "precision") => "double".to_owned(),
        "char" | "character" if reader.word("varying") => "varchar".to_owned(),
        "long" if two(reader, "varchar") => "mediumtext".to_owned(),
        "long" if two(reader, "varbinary") => "mediumblob".to_owned(),
        _ => name,
    };
    let arguments = reader.group().map(|group| arguments(&group));
    let (mut unsigned, mut zerofill) = (false, false);
    loop {
        if reader.word("unsigned") {
            unsigned = true;
        } else if reader.word("zerofill") {
            (unsigned, zerofill) = (true, true);
        } else if !reader.word("signed") {
            break;
        }
    }
    let mut printed = base(engine, &name, arguments, unsigned, zerofill);
    if unsigned {
        printed.push_str(" unsigned");
    }
    if zerofill {
        printed.push_str(" zerofill");
    }
    let is_serial = name == "serial";
    Some(Written { printed, is_json: name == "json", is_serial, is_national })
}

fn arguments(group: &Reader<'_>) -> String {
    let one = |item: Reader<'_>| match item.rest {
        [token] if token.kind == Kind::Text => literal(&content(&token.value)),
        _ => item.text().to_owned(),
    };
    group.items().into_iter().map(one).collect::<Vec<_>>().join(",")
}

fn base(engine: Engine, name: &str, arguments: Option<String>, unsigned: bool, zerofill: bool) -> String {
    let name = match name {
        "integer" | "int4" => "int",
        "bool" | "boolean" => return "tinyint(1)".to_owned(),
        "int1" => "tinyint",
        "int2" => "smallint",
        "int3" | "middleint" => "mediumint",
        "int8" => "bigint",
        "dec" | "numeric" | "fixed" | "number" => "decimal",
        "real" | "float8" => "double",
        "float4" => "float",
        "character" => "char",
        "varcharacter" | "varchar2" => "varchar",
        "serial" => {
            return if engine == Engine::Mariadb { "bigint(20) unsigned" } else { "bigint unsigned" }.to_owned();
        }
        "json" if engine == Engine::Mariadb => "longtext",
        other => other,
    };
    let width = |signed: &str, other: &str| if unsigned { other.to_owned() } else { signed.to_owned() };
    let arguments = match (name, arguments) {
        ("tinyint", Some(width)) if width == "1" => Some(width),
        ("tinyint" | "smallint" | "mediumint" | "int" | "bigint", given) if engine == Engine::Mysql => {
            given.filter(|_| zerofill)
        }
        ("tinyint", None) => Some(width("4", "3")),
        ("smallint", None) => Some(width("6", "5")),
        ("mediumint", None) => Some(width("9", "8")),
        ("int", None) => Some(width("11", "10")),
        ("bigint", None) => Some("20".to_owned()),
        ("decimal", None) => Some("10,0".to_owned()),
        ("decimal", Some(one)) if !one.contains(',') => Some(format!("{one},0")),
        ("char" | "binary" | "bit", None) => Some("1".to_owned()),
        ("year", _) => (engine == Engine::Mariadb).then(|| "4".to_owned()),
        ("float" | "double", Some(one)) if !one.contains(',') => None,
        ("datetime" | "timestamp" | "time", Some(one)) if one == "0" => None,
        // A length of text only chooses among the kinds of text.
        ("text" | "blob", Some(_)) => None,
        (_, given) => given,
    };
    match arguments {
        Some(arguments) => format!("{name}({arguments})"),
        None => name.to_owned(),
    }
}

/// What a printed type is made of: its name, what stands in its brackets, what stands behind.
pub(super) fn parts(printed: &str) -> (&str, &str, &str) {
    let end = printed.find(['(', ' ']).unwrap_or(printed.len());
    let (name, rest) = printed.split_at(end);
    match rest.strip_prefix('(').and_then(|rest| rest.rsplit_once(')')) {
        Some((arguments, behind)) => (name, arguments, behind.trim()),
        None => (name, "", rest.trim()),
    }
}

/// True for types that have a character set.
pub(super) fn is_text(printed: &str) -> bool {
    let name = parts(printed).0;
    name.ends_with("text") || matches!(name, "char" | "varchar" | "enum" | "set")
}

pub(super) fn is_number(printed: &str) -> bool {
    matches!(
        parts(printed).0,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" | "year"
    )
}

/// What the server itself puts into a NOT NULL column without a default when rows come into being without it, as a default that can
/// be written; `None` where that value is none that a strict server takes.
pub(super) fn implicit(engine: Engine, printed: &str) -> Option<String> {
    let (name, arguments, _) = parts(printed);
    let is_mariadb = engine == Engine::Mariadb;
    match name {
        _ if is_number(printed) => Some("0".to_owned()),
        "bit" => Some("b'0'".to_owned()),
        "char" | "varchar" | "binary" | "varbinary" => Some("''".to_owned()),
        "enum" => Some(enum_values(arguments).into_iter().next()?),
        "set" => Some("''".to_owned()),
        "time" => Some("'00:00:00'".to_owned()),
        _ if (name.ends_with("text") || name.ends_with("blob")) && is_mariadb => Some("''".to_owned()),
        _ => None,
    }
}

/// The values of an enum or set, quoted.
pub(super) fn enum_values(arguments: &str) -> Vec<String> {
    let tokens = super::text::tokens(arguments);
    tokens.into_iter().filter(|token| token.kind == Kind::Text).map(|token| token.value).collect()
}

/// A default as the server prints it; `None` for NULL.
pub(super) fn printed_default(engine: Engine, data_type: &str, written: &str) -> Option<String> {
    let lower = written.to_lowercase();
    if lower == "null" {
        return None;
    }
    if is_now(written) {
        let precision: String = lower.chars().filter(char::is_ascii_digit).collect();
        let precision = if precision == "0" { String::new() } else { precision };
        return Some(match (engine, precision.as_str()) {
            (Engine::Mysql, "") => "CURRENT_TIMESTAMP".to_owned(),
            (Engine::Mysql, digits) => format!("CURRENT_TIMESTAMP({digits})"),
            (_, digits) => format!("current_timestamp({digits})"),
        });
    }
    let text = if written.starts_with(['\'', '"']) { content(written) } else { written.to_owned() };
    let is_literal = written.starts_with(['\'', '"']) || text.parse::<f64>().is_ok();
    let text = match lower.as_str() {
        "true" => "1".to_owned(),
        "false" => "0".to_owned(),
        _ => text,
    };
    if engine == Engine::Mysql {
        return Some(if is_literal || text != written { literal(&text) } else { text });
    }
    if is_number(data_type) || (!is_literal && text == written) {
        return Some(text);
    }
    Some(literal(&text))
}

/// True when a default is the same for all rows of a statement: a literal, or the time at which the statement began.
pub(super) fn is_stable(default: Option<&str>) -> bool {
    let Some(default) = default else { return true };
    let default = default.trim();
    let is_call = default.contains('(') && !default.starts_with(['\'', '"']);
    !is_call || is_now(default)
}

/// True when a default is the present time, and stands in no brackets.
pub(super) fn is_now(default: &str) -> bool {
    let lower = default.to_lowercase();
    let head = lower.split('(').next().unwrap_or_default().trim();
    ["current_timestamp", "now", "localtime", "localtimestamp"].contains(&head)
}

#[cfg(test)]
mod tests {
    use super::{implicit, printed_default, read};
    use crate::rules::mysql::text::{Reader, tokens};
    use lockstep_core::Engine;

    fn printed(engine: Engine, sql: &str) -> String {
        let list = tokens(sql);
        read(engine, &mut Reader::new(sql, &list)).unwrap().printed
    }

    #[test]
    fn types_are_printed_as_the_servers_do() {
        for (sql, mariadb, mysql) in [
            ("INT", "int(11)", "int"),
            ("integer unsigned", "int(10) unsigned", "int unsigned"),
            ("BIGINT(20) UNSIGNED", "bigint(20) unsigned", "bigint unsigned"),
            ("bool", "tinyint(1)", "tinyint(1)"),
            ("tinyint(4)", "tinyint(4)", "tinyint"),
            ("DECIMAL(5)", "decimal(5,0)", "decimal(5,0)"),
            ("numeric( 10 , 2 )", "decimal(10,2)", "decimal(10,2)"),
            ("double precision", "double", "double"),
            ("character varying(30)", "varchar(30)", "varchar(30)"),
            ("enum( 'a', \"b'\" )", "enum('a','b''')", "enum('a','b''')"),
            ("DATETIME(0)", "datetime", "datetime"),
            ("json", "longtext", "json"),
            ("year", "year(4)", "year"),
            ("serial", "bigint(20) unsigned", "bigint unsigned"),
        ] {
            assert_eq!(printed(Engine::Mariadb, sql), mariadb, "{sql}");
            assert_eq!(printed(Engine::Mysql, sql), mysql, "{sql}");
        }
    }

    #[test]
    fn defaults_are_printed_as_the_servers_do() {
        for (data_type, sql, mariadb, mysql) in [
            ("int(11)", "'0'", "0", "'0'"),
            ("varchar(9)", "0", "'0'", "'0'"),
            ("varchar(9)", "\"a'\"", "'a'''", "'a'''"),
            ("tinyint(1)", "TRUE", "1", "'1'"),
            ("datetime", "NOW()", "current_timestamp()", "CURRENT_TIMESTAMP"),
            ("datetime(3)", "CURRENT_TIMESTAMP(3)", "current_timestamp(3)", "CURRENT_TIMESTAMP(3)"),
            ("bit(1)", "b'0'", "b'0'", "b'0'"),
        ] {
            assert_eq!(printed_default(Engine::Mariadb, data_type, sql).as_deref(), Some(mariadb), "{sql}");
            assert_eq!(printed_default(Engine::Mysql, data_type, sql).as_deref(), Some(mysql), "{sql}");
        }
        assert_eq!(printed_default(Engine::Mysql, "int", "NULL"), None);
    }

    #[test]
    fn what_the_server_puts_in_by_itself() {
        for (data_type, expected) in
            [("int(11)", Some("0")), ("enum('b','a')", Some("'b'")), ("text", Some("''")), ("date", None)]
        {
            assert_eq!(implicit(Engine::Mariadb, data_type).as_deref(), expected);
        }
        assert_eq!(implicit(Engine::Mysql, "text"), None);
    }
}
