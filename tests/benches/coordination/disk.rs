//! What the disk alone costs: one small append that survives a power cut, one after the other.

use crate::summary::percentile;
use anyhow::Result;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Appends an entry and waits for `fdatasync`, over and over; p50 and p99 in milliseconds.
pub(crate) fn appends(directory: &Path, entry_bytes: usize, lasting: Duration) -> Result<(f64, f64)> {
    let mut file = File::options().create(true).append(true).open(directory.join("appends"))?;
    let entry = vec![0x5a; entry_bytes];
    let end = Instant::now() + lasting;
    let mut taken = Vec::new();
    while Instant::now() < end {
        let begin = Instant::now();
        file.write_all(&entry)?;
        file.sync_data()?;
        taken.push(begin.elapsed());
    }
    taken.sort_unstable();
    Ok((percentile(&taken, 0.5), percentile(&taken, 0.99)))
}
