//! What the system says of a process. See proc(5).

use anyhow::{Context, Result};
use std::process::Command;
use std::time::Duration;

/// Resident memory, in bytes.
pub(crate) fn resident_bytes(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: u64 = line.split_whitespace().next().context("VmRSS is empty")?.parse()?;
    Ok(kibibytes * 1024)
}

/// Time that all its threads have computed, in user and in kernel mode.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold spaces; after it, fields 14 and 15 of the manual page are the 12th and 13th.
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = fields.get(11..13).context("stat is short")?;
    let ticks = ticks.iter().map(|ticks| Ok(ticks.parse::<u64>()?)).sum::<Result<u64>>()?;
    Ok(Duration::from_secs_f64(ticks as f64 / ticks_per_second()?))
}

fn ticks_per_second() -> Result<f64> {
    let output = Command::new("getconf").arg("CLK_TCK").output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
