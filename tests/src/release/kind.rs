//! What values a column takes, and how its engine writes them.

use lockstep_core::schema::Column;
use lockstep_core::{Engine, Schema};
use lockstep_database::plain::Value;

/// Values that a column takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    /// With so many digits behind the point.
    Decimal(usize),
    Real,
    Text,
    Date,
    /// True: the engine tells the time zone with it.
    Moment(bool),
    Uuid,
    Json,
    /// Of whole numbers.
    Range,
    /// A place on a plane.
    Point,
    /// One of a few: a truth value, a value of an enum, what a partition takes.
    OneOf(Vec<String>),
}

impl Kind {
    pub(super) fn of(engine: Engine, schema: &Schema, column: &Column) -> Self {
        let data_type = column.data_type.to_lowercase();
        match engine {
            Engine::Sqlite => by_affinity(&data_type),
            Engine::Postgres => postgres(schema, &column.data_type),
            // MariaDB's documents are texts with a check.
            _ if column.options.iter().any(|option| option.contains("json_valid")) => Self::Json,
            Engine::Mariadb | Engine::Mysql => by_name(&data_type),
        }
    }

    /// True: what one takes the other takes too, and tells in the same way.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        matches!((self, other), (Self::OneOf(_), Self::OneOf(_))) || self == other
    }

    /// A value made of a number, as the engine tells it when it is read with [`super::dialect::Dialect::told`].
    pub(super) fn value(&self, engine: Engine, number: i64) -> Value {
        let small = number.rem_euclid(336);
        let day = format!("20{:02}-{:02}-{:02}", small % 30, small % 12 + 1, small % 28 + 1);
        let text = match self {
            Self::Integer if engine == Engine::Sqlite => return Value::Integer(number),
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            Self::Real if engine == Engine::Sqlite => return Value::Real(number as f64 + 0.5),
            Self::Integer => number.to_string(),
            Self::Decimal(0) => number.to_string(),
            Self::Decimal(digits) => format!("{number}.{}", &"25000000"[..(*digits).min(8)]),
            Self::Real => format!("{number}.5"),
            Self::Text => format!("value{number}"),
            Self::Date => day,
            Self::Moment(zoned) => format!("{day} 10:00:00{}", if *zoned { "+00" } else { "" }),
            Self::Uuid => format!("7c1a2b6e-0000-4000-8000-{number:012}"),
            Self::Json => format!("{{\"value\": {number}}}"),
            Self::Point => format!("POINT({number} 1)"),
            Self::Range => format!("[{number},{})", number + 1),
            Self::OneOf(values) => {
                let index = usize::try_from(number).unwrap_or_default() % values.len().max(1);
                values.get(index).cloned().unwrap_or_default()
            }
        };
        Value::Text(text)
    }

    /// As [`Self::value`], where it is a text.
    pub(super) fn text(&self, engine: Engine, number: i64) -> Option<String> {
        self.value(engine, number).as_text().map(str::to_owned)
    }
}

fn by_affinity(data_type: &str) -> Kind {
    let is = |parts: &[&str]| parts.iter().any(|part| data_type.contains(part));
    if is(&["int"]) {
        Kind::Integer
    } else if is(&["real", "floa", "doub", "dec", "num"]) {
        Kind::Real
    } else {
        Kind::Text
    }
}

/// By the first word of a type, with its digits behind the point.
pub(super) fn by_name(data_type: &str) -> Kind {
    let word = data_type.split(['(', ' ']).next().unwrap_or_default();
    match word {
        "bigint" | "int" | "integer" | "smallint" | "mediumint" => Kind::Integer,
        "tinyint" | "bit" => Kind::OneOf(vec!["0".to_owned(), "1".to_owned()]),
        "decimal" | "numeric" => {
            let digits =
                data_type.split_once(',').and_then(|(_, rest)| rest.trim_end_matches(')').trim().parse().ok());
            Kind::Decimal(digits.unwrap_or(0))
        }
        "double" | "float" | "real" => Kind::Real,
        "date" => Kind::Date,
        "datetime" => Kind::Moment(false),
        "timestamp" => Kind::Moment(data_type.contains("with time zone")),
        "uuid" => Kind::Uuid,
        "json" | "jsonb" => Kind::Json,
        "int4range" | "int8range" => Kind::Range,
        "boolean" => Kind::OneOf(vec!["true".to_owned(), "false".to_owned()]),
        "point" => Kind::Point,
        "enum" => Kind::OneOf(quoted(data_type)),
        _ => Kind::Text,
    }
}

/// Types of one's own are told among the objects.
fn postgres(schema: &Schema, data_type: &str) -> Kind {
    let own = schema.objects.get("type").and_then(|types| types.get(data_type));
    match own.and_then(|definition| definition.split_once(' ')) {
        Some(("enum", labels)) => Kind::OneOf(quoted(labels)),
        Some(("domain", base)) => match base.split(" default ").next().unwrap_or(base) {
            base if schema.objects["type"].contains_key(base) => postgres(schema, base),
            base => by_name(base),
        },
        _ => by_name(data_type),
    }
}

/// The literals in a text.
fn quoted(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}
