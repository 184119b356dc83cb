//! Types and default expressions as the server prints them.

use super::literal;
use super::table_name::{Name, as_printed};
use crate::catalog::Catalog;
use crate::name;
use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, Expr, ObjectName, TimezoneInfo, UnaryOperator,
    Value,
};

/// The type as `format_type` prints it with an empty search path. A type that the catalog does not know is taken as written.
pub(super) fn printed(catalog: &Catalog, data_type: &DataType) -> String {
    match data_type {
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) | DataType::MediumInt(_) => {
            "integer".to_owned()
        }
        DataType::BigInt(_) | DataType::Int8(_) => "bigint".to_owned(),
        DataType::SmallInt(_) | DataType::Int2(_) => "smallint".to_owned(),
        DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
            format!("character varying{}", length_of(length.as_ref(), ""))
        }
        DataType::Char(length) | DataType::Character(length) => {
            format!("character{}", length_of(length.as_ref(), "(1)"))
        }
        DataType::Bit(length) => format!("bit({})", length.unwrap_or(1)),
        DataType::BitVarying(length) | DataType::VarBit(length) => format!("bit varying{}", in_brackets(*length)),
        DataType::Text => "text".to_owned(),
        DataType::Bool | DataType::Boolean => "boolean".to_owned(),
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => {
            format!("numeric{}", exact(info))
        }
        DataType::Real | DataType::Float4 => "real".to_owned(),
        DataType::Float(ExactNumberInfo::Precision(digits)) if *digits <= 24 => "real".to_owned(),
        DataType::DoublePrecision | DataType::Float8 | DataType::Float(_) => "double precision".to_owned(),
        DataType::Timestamp(digits, zone) => format!("timestamp{} {}", in_brackets(*digits), zone_of(*zone)),
        DataType::Time(digits, zone) => format!("time{} {}", in_brackets(*digits), zone_of(*zone)),
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::Qualified(element, _)) => {
            let element = printed(catalog, element);
            // The server knows arrays of one kind only, whatever their dimensions.
            if element.ends_with("[]") { element } else { format!("{element}[]") }
        }
        DataType::Custom(written, modifiers) => custom(catalog, written, modifiers),
        other => other.to_string().to_lowercase(),
    }
}

fn custom(catalog: &Catalog, written: &ObjectName, modifiers: &[String]) -> String {
    let modifiers = if modifiers.is_empty() { String::new() } else { format!("({})", modifiers.join(",")) };
    let made = Name::of(written).ok().map(|name| name.key());
    // A table is a type, too: that of its rows.
    let is_known = |key: &String| {
        let types = catalog.schema.objects.get("type");
        types.is_some_and(|types| types.contains_key(key)) || catalog.schema.tables.contains_key(key)
    };
    match made.filter(is_known) {
        Some(key) => format!("{key}{modifiers}"),
        None => {
            let parts: Vec<String> = name::parts(written).iter().map(|part| as_printed(part)).collect();
            format!("{}{modifiers}", parts.join("."))
        }
    }
}

fn length_of(length: Option<&CharacterLength>, default: &str) -> String {
    match length {
        Some(CharacterLength::IntegerLength { length, .. }) => format!("({length})"),
        _ => default.to_owned(),
    }
}

fn in_brackets(number: Option<u64>) -> String {
    number.map(|number| format!("({number})")).unwrap_or_default()
}

fn exact(info: &ExactNumberInfo) -> String {
    match info {
        ExactNumberInfo::None => String::new(),
        ExactNumberInfo::Precision(precision) => format!("({precision},0)"),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => format!("({precision},{scale})"),
    }
}

fn zone_of(zone: TimezoneInfo) -> &'static str {
    match zone {
        TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => "with time zone",
        TimezoneInfo::None | TimezoneInfo::WithoutTimeZone => "without time zone",
    }
}

/// `serial` and its kin: the integer type below.
pub(super) fn serial(data_type: &DataType) -> Option<&'static str> {
    let DataType::Custom(written, _) = data_type else { return None };
    match name::parts(written).join(".").as_str() {
        "serial" | "serial4" => Some("integer"),
        "bigserial" | "serial8" => Some("bigint"),
        "smallserial" | "serial2" => Some("smallint"),
        _ => None,
    }
}

/// A default as the server prints it, as far as that is plain; otherwise as written.
pub(super) fn printed_default(expression: &Expr, data_type: &str) -> String {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => {
                format!("{}::{}", literal(text), without_length(data_type))
            }
            Value::Boolean(value) => value.to_string(),
            Value::Null => format!("NULL::{}", without_modifiers(data_type)),
            other => other.to_string(),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if matches!(**expr, Expr::Value(_)) => {
            format!("'-{expr}'::integer")
        }
        Expr::Nested(inner) => printed_default(inner, data_type),
        other => other.to_string(),
    }
}

/// A default in the catalog. NULL is none, unless it was coerced to a length or the like: then the server notes it.
pub(super) fn kept_default(expression: &Expr, data_type: &str) -> Option<String> {
    let printed = printed_default(expression, data_type);
    (!printed.starts_with("NULL::") || data_type.contains('(')).then_some(printed)
}

fn without_modifiers(data_type: &str) -> String {
    match data_type.split_once('(') {
        Some(("character", _)) => "bpchar".to_owned(),
        Some((head, rest)) => format!("{head}{}", rest.split_once(')').map_or("", |(_, tail)| tail)),
        None => data_type.to_owned(),
    }
}

fn without_length(data_type: &str) -> &str {
    if data_type.starts_with("character") { data_type.split('(').next().unwrap_or(data_type) } else { data_type }
}
