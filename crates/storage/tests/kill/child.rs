//! The process that writes until it is killed.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lockstep_storage::{OpenOptions, Store};
use rand::{Rng as _, RngExt as _};
use tokio::sync::{Mutex, Notify};

use crate::account::{fingerprint, snapshot_content};

const APPENDERS: usize = 6;

/// What the writers have to agree on.
struct Shared {
    store: Store,
    log: Mutex<Log>,
    /// Signalled with each append: the other writers keep step with it.
    appended: Notify,
}

struct Log {
    next: u64,
    epoch: u64,
}

/// Opens the store and writes, without end.
pub(crate) fn write_until_killed(directory: &Path, round: u64) -> ! {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = Store::open(directory, OpenOptions::default()).unwrap();
        let bounds = store.log_bounds();
        let next = bounds.last.or(bounds.last_purged.map(|(index, _)| index)).map_or(0, |last| last + 1);
        // Epochs of a later process are higher than all of an earlier one.
        let log = Mutex::new(Log { next, epoch: round * 1_000_000 });
        let shared = Arc::new(Shared { store, log, appended: Notify::new() });
        for _ in 0..APPENDERS {
            tokio::spawn(append(Arc::clone(&shared)));
        }
        tokio::spawn(truncate_and_purge(Arc::clone(&shared)));
        tokio::spawn(take_snapshots(Arc::clone(&shared), round));
        count_votes(&shared).await
    })
}

/// One line, one system call: a line is said as a whole or not at all.
fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("\n:{line}\n").as_bytes()).unwrap();
}

async fn append(shared: Arc<Shared>) {
    loop {
        let (pending, lines) = {
            let mut log = shared.log.lock().await;
            let count = rand::rng().random_range(1..4);
            let entries: Vec<_> = (log.next..log.next + count).map(|index| (index, payload(log.epoch))).collect();
            log.next += count;
            let line =
                |(index, payload): &(u64, Vec<u8>)| format!("A {index} {} {}", log.epoch, fingerprint(payload));
            let lines: Vec<String> = entries.iter().map(line).collect();
            (shared.store.submit_append(entries).unwrap(), lines)
        };
        pending.await.unwrap();
        lines.iter().for_each(|line| say(line));
        shared.appended.notify_one();
    }
}

/// Begins with the epoch, so that the parent can tell an entry from the one it replaced.
fn payload(epoch: u64) -> Vec<u8> {
    let mut random = rand::rng();
    let length = match random.random_range(0..400) {
        0 => 300_000,
        1..5 => 50_000,
        _ => random.random_range(8..400),
    };
    let mut bytes = vec![0; length];
    random.fill_bytes(&mut bytes);
    bytes[..8].copy_from_slice(&epoch.to_be_bytes());
    bytes
}

async fn truncate_and_purge(shared: Arc<Shared>) {
    for turn in 0_u64.. {
        for _ in 0..8 {
            shared.appended.notified().await;
        }
        let mut log = shared.log.lock().await;
        let bounds = shared.store.log_bounds();
        let (Some(first), Some(last)) = (bounds.first, bounds.last) else {
            continue;
        };
        if turn % 4 == 0 {
            let index = rand::rng().random_range(first..=last);
            drop(log);
            say(&format!("p {index}"));
            shared.store.purge_to(index, index.to_be_bytes().to_vec()).await.unwrap();
            say(&format!("P {index}"));
        } else {
            let index = last.saturating_sub(rand::rng().random_range(0..10)).max(first);
            log.epoch += 1;
            say(&format!("t {index} {}", log.epoch));
            shared.store.truncate_from(index).await.unwrap();
            say(&format!("T {index} {}", log.epoch));
            log.next = index;
        }
    }
}

async fn take_snapshots(shared: Arc<Shared>, round: u64) {
    for number in round * 1_000_000.. {
        say(&format!("s {number}"));
        let mut writer = shared.store.begin_snapshot(number.to_be_bytes().to_vec()).unwrap();
        writer.write(&snapshot_content(number)).await.unwrap();
        writer.finish().await.unwrap();
        say(&format!("S {number}"));
        if number % 3 == 2 {
            shared.store.compact().await.unwrap();
            say("C");
        }
    }
}

async fn count_votes(shared: &Shared) -> ! {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let read = |bytes: Option<Vec<u8>>| bytes.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()));
    NEXT.store(read(shared.store.vote()).max(read(shared.store.meta("count"))), Ordering::Relaxed);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) + 1;
        say(&format!("v {number}"));
        shared.store.save_vote(number.to_be_bytes().to_vec()).await.unwrap();
        say(&format!("V {number}"));
        shared.store.put_meta("count", number.to_be_bytes().to_vec()).await.unwrap();
        say(&format!("M {number}"));
    }
}
