//! What a durable append costs, beside what the disk itself takes for a write and a sync.
//!
//! `cargo run --release -p lockstep-storage --example append_cost [directory]`

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use lockstep_storage::{OpenOptions, Store};

const PAYLOAD_BYTES: usize = 256;
const RUN: Duration = Duration::from_secs(3);

type Outcome<Value> = Result<Value, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let parent = std::env::args().nth(1).unwrap_or_else(|| "target".to_owned());
    std::fs::create_dir_all(&parent)?;
    let directory = tempfile::tempdir_in(parent)?;
    println!("{PAYLOAD_BYTES} byte payloads, {} s each", RUN.as_secs());
    println!("{:<34}{:>10}{:>10}{:>10}", "", "per s", "p50 us", "p99 us");
    report("raw write + fdatasync, overwriting", &raw(&directory.path().join("raw"), false)?);
    report("raw write + fdatasync, appending", &raw(&directory.path().join("raw-append"), true)?);
    let runtime = tokio::runtime::Runtime::new()?;
    for appenders in [1, 10, 100] {
        let path = directory.path().join(format!("store-{appenders}"));
        let latencies = runtime.block_on(appends(&path, appenders))?;
        report(&format!("append, {appenders} at a time"), &latencies);
    }
    Ok(())
}

fn report(what: &str, latencies: &Histogram<u64>) {
    let per_second = latencies.len() as f64 / RUN.as_secs_f64();
    let quantile = |quantile| latencies.value_at_quantile(quantile);
    println!("{what:<34}{per_second:>10.0}{:>10}{:>10}", quantile(0.5), quantile(0.99));
}

fn microseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn raw(path: &Path, growing: bool) -> Outcome<Histogram<u64>> {
    let file = File::create(path)?;
    file.write_all_at(&[0; 64 * 1024], 0)?;
    file.sync_all()?;
    let mut latencies = Histogram::new(3)?;
    let started = Instant::now();
    while started.elapsed() < RUN {
        let before = Instant::now();
        let offset = if growing { latencies.len() * PAYLOAD_BYTES as u64 + 64 * 1024 } else { 0 };
        file.write_all_at(&[1; PAYLOAD_BYTES], offset)?;
        file.sync_data()?;
        latencies.record(microseconds(before))?;
    }
    Ok(latencies)
}

async fn appends(path: &Path, appenders: usize) -> Outcome<Histogram<u64>> {
    let store = Store::open(path, OpenOptions::default())?;
    let next = std::sync::Arc::new(std::sync::Mutex::new(1));
    let started = Instant::now();
    let tasks: Vec<_> =
        (0..appenders).map(|_| tokio::spawn(append(store.clone(), next.clone(), started))).collect();
    let mut latencies = Histogram::new(3)?;
    for task in tasks {
        latencies.add(task.await??)?;
    }
    Ok(latencies)
}

async fn append(
    store: Store,
    next: std::sync::Arc<std::sync::Mutex<u64>>,
    started: Instant,
) -> Outcome<Histogram<u64>> {
    let mut latencies = Histogram::new(3)?;
    while started.elapsed() < RUN {
        let before = Instant::now();
        let pending = {
            let mut next = next.lock().map_err(|_| "another appender failed")?;
            let pending = store.submit_append(vec![(*next, vec![7; PAYLOAD_BYTES])])?;
            *next += 1;
            pending
        };
        pending.await?;
        latencies.record(microseconds(before))?;
    }
    Ok(latencies)
}
