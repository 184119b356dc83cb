//! What the agent's own machine tells.

use super::readings::Reading;
use lockstep_core::limits::Kind;
use lockstep_database::health::Volume;
use std::path::Path;

/// Load and room of this machine.
pub(super) fn readings(data_dir: Option<&Path>) -> Vec<Reading> {
    let load = std::fs::read_to_string("/proc/loadavg").ok().and_then(|text| load_percent(&text, cores().into()));
    let volume = data_dir.and_then(Volume::of).map(|volume| Reading {
        of: format!("the agent's {}", volume.path.display()),
        ..Reading::new(Kind::FreeDisk, Some(volume.free_bytes))
    });
    let load = load.map(|percent| Reading::new(Kind::Load, Some(percent)));
    load.into_iter().chain(volume).collect()
}

pub(super) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

/// `1.50 ...` on two cores is 75 %.
fn load_percent(loadavg: &str, cores: u64) -> Option<u64> {
    let (whole, hundredths) = loadavg.split_whitespace().next()?.split_once('.')?;
    let hundredths = whole.parse::<u64>().ok()? * 100 + hundredths.parse::<u64>().ok()?;
    hundredths.checked_div(cores)
}

#[cfg(test)]
mod tests {
    use super::load_percent;

    #[test]
    fn load_is_counted_a_core() {
        assert_eq!(load_percent("1.50 1.00 0.50 2/300 123", 2), Some(75));
        assert_eq!(load_percent("12.03 1.00 0.50 2/300 123", 4), Some(300));
        assert_eq!(load_percent("", 4), None);
    }
}
