//! Values of readings as people write and read them: `5s`, `100`, `80%`, `1GiB`, `off`.

use super::kind::{Kind, Unit};

/// How units are written, largest first.
const DURATIONS: [(&str, u64); 5] =
    [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];
const BYTES: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const PERCENT: [(&str, u64); 1] = [("%", 1)];
const COUNT: [(&str, u64); 1] = [("", 1)];

impl Unit {
    fn scales(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Duration => &DURATIONS,
            Self::Count => &COUNT,
            Self::Percent => &PERCENT,
            Self::Bytes => &BYTES,
        }
    }

    /// What a value looks like, for messages.
    fn example(self) -> &'static str {
        match self {
            Self::Duration => "500ms or 5s",
            Self::Count => "100",
            Self::Percent => "80%",
            Self::Bytes => "512MiB or 1GiB",
        }
    }
}

impl Kind {
    /// Reads a limit; `None` for `off`.
    ///
    /// # Errors
    ///
    /// What it must look like.
    pub fn read(self, text: &str) -> Result<Option<u64>, String> {
        if text == "off" {
            return Ok(None);
        }
        let wanted = || format!("is \"{text}\"; it must be a value such as {}, or \"off\"", self.unit().example());
        let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
        let (digits, written) = text.split_at(end);
        let scale = self.unit().scales().iter().find(|(unit, _)| *unit == written.trim());
        let value =
            digits.parse::<u64>().ok().zip(scale).and_then(|(digits, (_, scale))| digits.checked_mul(*scale));
        value.map(Some).ok_or_else(wanted)
    }

    /// As [`Kind::read`] reads it, exactly.
    #[must_use]
    pub fn write(self, value: Option<u64>) -> String {
        let Some(value) = value else { return "off".to_owned() };
        let scales = self.unit().scales();
        let exact = scales.iter().find(|(_, scale)| value >= *scale && value.is_multiple_of(*scale));
        let (unit, scale) = exact.or(scales.last()).copied().unwrap_or(("", 1));
        format!("{}{unit}", value / scale)
    }

    /// For people, rounded down: `12.3 s`, `417 ms`, `80 %`, `1.4 GiB`.
    #[must_use]
    pub fn show(self, value: u64) -> String {
        let scales = self.unit().scales();
        // Minutes and hours have no tenths: 90 s says more than 1.5 min.
        let mut decimal = scales.iter().filter(|(unit, _)| !["h", "m"].contains(unit));
        let (unit, scale) =
            decimal.clone().find(|(_, scale)| value >= *scale).or(decimal.next_back()).unwrap_or(&("", 1));
        let (whole, tenth) = (value / scale, value % scale * 10 / scale);
        let number = if whole < 100 && tenth > 0 { format!("{whole}.{tenth}") } else { whole.to_string() };
        format!("{number} {unit}").trim_end().to_owned()
    }
}

/// Reads one limit as a flag has it: `probe_p99=200ms`.
///
/// # Errors
///
/// What it must look like.
pub fn read_setting(text: &str) -> Result<(Kind, Option<u64>), String> {
    let names = || Kind::ALL.map(Kind::name).join(", ");
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("must be NAME=VALUE; names are {}", names()))?;
    let kind =
        Kind::from_name(name).ok_or_else(|| format!("there is no reading `{name}`; there are {}", names()))?;
    Ok((kind, kind.read(value).map_err(|problem| format!("`{name}` {problem}"))?))
}
