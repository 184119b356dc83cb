//! How much disk the store takes for what it holds, with and without rewriting.
//!
//! `cargo run --release -p lockstep-storage --example space [directory]`

use std::path::Path;

use lockstep_storage::{OpenOptions, Store};

const ENTRY_BYTES: usize = 512;
const ENTRIES_PER_APPEND: u64 = 8;
const ROUNDS: u64 = 20;
const ENTRIES_PER_ROUND: u64 = 8000;
const KEPT_ENTRIES: u64 = 4000;
const SNAPSHOT_BYTES: usize = 4 << 20;

type Outcome<Value> = Result<Value, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let parent = std::env::args().nth(1).unwrap_or_else(|| "target".to_owned());
    std::fs::create_dir_all(&parent)?;
    println!(
        "{ROUNDS} rounds of {ENTRIES_PER_ROUND} entries of {ENTRY_BYTES} bytes, {ENTRIES_PER_APPEND} an append;"
    );
    println!("after each a snapshot of {SNAPSHOT_BYTES} bytes and a purge that keeps {KEPT_ENTRIES} entries");
    let mut never = OpenOptions::default();
    never.rewrite_factor = u64::MAX;
    never.rewrite_floor_bytes = u64::MAX;
    run(&parent, "never rewritten", never).await?;
    run(&parent, "default options", OpenOptions::default()).await?;
    let mut early = OpenOptions::default();
    early.rewrite_floor_bytes = 24 << 20;
    run(&parent, "rewritten from 24 MiB on", early).await
}

async fn run(parent: &str, what: &str, options: OpenOptions) -> Outcome<()> {
    let directory = tempfile::tempdir_in(parent)?;
    let store = Store::open(directory.path(), options.clone())?;
    println!("\n{what}\n{:>14}{:>14}{:>14}", "written MiB", "live MiB", "on disk MiB");
    let mut next = 1;
    let mut largest = 0;
    for round in 1..=ROUNDS {
        while next <= round * ENTRIES_PER_ROUND {
            let entries = (next..next + ENTRIES_PER_APPEND).map(|index| (index, vec![index as u8; ENTRY_BYTES]));
            store.append(entries.collect()).await?;
            next += ENTRIES_PER_APPEND;
        }
        let mut snapshot = store.begin_snapshot(b"snapshot".to_vec())?;
        snapshot.write(&vec![round as u8; SNAPSHOT_BYTES]).await?;
        snapshot.finish().await?;
        store.purge_to(next - 1 - KEPT_ENTRIES, b"purged".to_vec()).await?;
        let on_disk = disk_bytes(directory.path())?;
        largest = largest.max(on_disk);
        if round == 1 || round % 5 == 0 {
            let written = (next - 1) * ENTRY_BYTES as u64 + round * SNAPSHOT_BYTES as u64;
            let live = KEPT_ENTRIES * ENTRY_BYTES as u64 + SNAPSHOT_BYTES as u64;
            println!("{:>14}{:>14}{:>14}", written >> 20, live >> 20, on_disk >> 20);
        }
    }
    store.compact().await?;
    println!("largest on disk {} MiB, after a rewrite {} MiB", largest >> 20, disk_bytes(directory.path())? >> 20);
    let before = std::time::Instant::now();
    drop(store);
    Store::open(directory.path(), options)?;
    println!("closed, reopened and verified in {} ms", before.elapsed().as_millis());
    Ok(())
}

fn disk_bytes(directory: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for item in std::fs::read_dir(directory)? {
        let item = item?;
        let metadata = item.metadata()?;
        bytes += if metadata.is_dir() { disk_bytes(&item.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
