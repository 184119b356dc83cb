//! Versions of engines as people write them: `15`, `10.11`. Those of MariaDB and MySQL have two parts that matter.

use crate::failure::Failure;
use lockstep_core::Engine;

fn has_two_parts(engine: Engine) -> bool {
    matches!(engine, Engine::Mariadb | Engine::Mysql)
}

/// Reads a version as the planner counts it; what stands behind the parts that matter is left out.
///
/// # Errors
///
/// Text that is no version of the engine.
pub(crate) fn read(engine: Engine, text: &str) -> Result<u32, Failure> {
    let wrong = || {
        let example = if has_two_parts(engine) { "10.11" } else { "15" };
        Failure::usage(format!("--engine-version {text}: write it as {example}"))
    };
    let mut parts = text.split('.').map(str::parse::<u32>);
    let first = parts.next().and_then(Result::ok).ok_or_else(wrong)?;
    let second = parts.next().transpose().map_err(|_| wrong())?;
    match (has_two_parts(engine), second) {
        (false, _) => Ok(first),
        (true, Some(second)) if first < 1_000 && second < 100 => Ok(first * 100 + second),
        _ => Err(wrong()),
    }
}

/// The version as people write it.
pub(crate) fn shown(engine: Engine, version: u32) -> String {
    if has_two_parts(engine) { format!("{}.{}", version / 100, version % 100) } else { version.to_string() }
}

#[cfg(test)]
mod tests {
    use super::{read, shown};
    use lockstep_core::Engine;

    #[test]
    fn versions_are_read_and_shown() {
        for (engine, text, expected, back) in [
            (Engine::Postgres, "15", Some(15), "15"),
            (Engine::Postgres, "15.4", Some(15), "15"),
            (Engine::Mariadb, "10.11", Some(1_011), "10.11"),
            (Engine::Mariadb, "10.11.6", Some(1_011), "10.11"),
            (Engine::Mysql, "8.0", Some(800), "8.0"),
            (Engine::Mysql, "8.4", Some(804), "8.4"),
            (Engine::Mysql, "8", None, ""),
            (Engine::Sqlite, "three", None, ""),
        ] {
            assert_eq!(read(engine, text).ok(), expected, "{text}");
            if let Some(version) = expected {
                assert_eq!(shown(engine, version), back);
            }
        }
    }
}
