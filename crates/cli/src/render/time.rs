//! Times and durations as operators read them.

use lockstep_core::Timestamp;
use std::time::{Duration, UNIX_EPOCH};

/// A duration in at most two units, e.g. `4m 12s`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let two = |large: u64, large_unit, small: u64, small_unit| match small {
        0 => format!("{large}{large_unit}"),
        _ => format!("{large}{large_unit} {small}{small_unit}"),
    };
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{seconds}s"),
        60..3_600 => two(seconds / 60, "m", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "m"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// How long ago something was. The clocks of this machine and of the leader may differ a little: never negative, and never in
/// milliseconds.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    match now.since_ms(since) {
        0..1_000 => "0s".to_owned(),
        ms => duration(ms),
    }
}

/// A point in time, in UTC, to the second.
pub(crate) fn point(at: Timestamp) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(at.0)).to_string()
}

#[cfg(test)]
mod tests {
    use super::{age, duration, point};
    use lockstep_core::Timestamp;

    #[test]
    fn two_units_are_enough() {
        for (ms, expected) in [
            (0, "0ms"),
            (999, "999ms"),
            (59_999, "59s"),
            (60_000, "1m"),
            (252_000, "4m 12s"),
            (7_500_000, "2h 5m"),
            (266_400_000, "3d 2h"),
        ] {
            assert_eq!(duration(ms), expected);
        }
    }

    #[test]
    fn a_clock_that_is_ahead_makes_no_negative_age() {
        assert_eq!(age(Timestamp(5_000), Timestamp(4_000)), "0s");
        assert_eq!(age(Timestamp(5_000), Timestamp(65_000)), "1m");
    }

    #[test]
    fn points_are_utc() {
        assert_eq!(point(Timestamp(1_700_000_000_000)), "2023-11-14T22:13:20Z");
    }
}
