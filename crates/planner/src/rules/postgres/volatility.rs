//! Whether a default is the same for all rows of a statement: then the server computes it once and notes it in its catalog.

use sqlparser::ast::{Expr, FunctionArguments};

/// Functions that are stable or immutable, and usual in defaults. What is not here counts as volatile.
const STABLE: [&str; 22] = [
    "now",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtime",
    "localtimestamp",
    "transaction_timestamp",
    "statement_timestamp",
    "current_user",
    "session_user",
    "user",
    "current_setting",
    "current_schema",
    "current_database",
    "lower",
    "upper",
    "jsonb_build_object",
    "json_build_object",
    "jsonb_build_array",
    "json_build_array",
    "timezone",
    "make_interval",
];

/// True when the expression is known to give the same value for every row.
pub(super) fn is_stable(expression: &Expr) -> bool {
    match expression {
        Expr::Value(_) | Expr::TypedString(_) => true,
        Expr::Identifier(ident) => STABLE.contains(&ident.value.to_lowercase().as_str()),
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => is_stable(inner),
        Expr::Cast { expr, .. } => is_stable(expr),
        Expr::AtTimeZone { timestamp, time_zone } => is_stable(timestamp) && is_stable(time_zone),
        Expr::BinaryOp { left, right, .. } => is_stable(left) && is_stable(right),
        Expr::Interval(interval) => is_stable(&interval.value),
        Expr::Array(array) => array.elem.iter().all(is_stable),
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
            STABLE.contains(&name) && arguments(&function.args)
        }
        _ => false,
    }
}

fn arguments(arguments: &FunctionArguments) -> bool {
    use sqlparser::ast::{FunctionArg, FunctionArgExpr};
    match arguments {
        FunctionArguments::None => true,
        FunctionArguments::Subquery(_) => false,
        FunctionArguments::List(list) => list.args.iter().all(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => is_stable(expression),
            _ => false,
        }),
    }
}
