//! How long something takes, as people read it.

/// A duration in milliseconds, in at most two units, e.g. `4m 12s`.
#[must_use]
pub fn duration(ms: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::duration;

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
}
