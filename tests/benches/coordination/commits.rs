//! (a) One commit: Lockstep, the bare disk and etcd side by side, in turns.

use crate::disk;
use crate::etcd::{Etcd, Put};
use crate::fleet::Fleet;
use crate::load::{Outcome, drive};
use crate::machine::load_average;
use crate::options::Options;
use crate::sessions::{ENTRY_BYTES, OpenAndClose};
use crate::summary::Rounds;
use anyhow::Result;
use std::time::Duration;

#[derive(Default)]
struct Cell {
    p50_ms: Rounds,
    p99_ms: Rounds,
    per_second: Rounds,
    failed: usize,
}

impl Cell {
    fn push(&mut self, outcome: &Outcome) {
        self.p50_ms.push(outcome.p50_ms);
        self.p99_ms.push(outcome.p99_ms);
        self.per_second.push(outcome.per_second);
        self.failed += outcome.failed;
    }

    fn print(&self, clients: usize, who: &str) {
        let Self { p50_ms, p99_ms, per_second, failed } = self;
        println!("{clients:>7}  {who:<9} {p50_ms:>22} {p99_ms:>22} {per_second:>20} {failed:>7}");
    }
}

/// One number of clients.
struct Case {
    clients: usize,
    lockstep: Cell,
    etcd: Cell,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let fleet = Fleet::start(3).await?;
    let etcd = Etcd::start().await?;
    let directory = tempfile::tempdir()?;
    let (mut disk_p50_ms, mut disk_p99_ms) = (Rounds::default(), Rounds::default());
    let new = |clients: &usize| Case { clients: *clients, lockstep: Cell::default(), etcd: Cell::default() };
    let mut cases: Vec<Case> = options.clients.iter().map(new).collect();
    for _ in 0..options.rounds {
        let path = directory.path().to_owned();
        let appends = move || disk::appends(&path, ENTRY_BYTES, Duration::from_secs(1));
        let (p50, p99) = tokio::task::spawn_blocking(appends).await??;
        disk_p50_ms.push(p50);
        disk_p99_ms.push(p99);
        for case in &mut cases {
            case.lockstep.push(&lockstep(&fleet, case.clients, options.lasting).await?);
            if let Some(etcd) = &etcd {
                case.etcd.push(&put(etcd, case.clients, options.lasting).await?);
            }
        }
    }
    println!(
        "\n(a) commits on 3 nodes: entries of {ENTRY_BYTES} bytes; Lockstep opens and closes sessions, etcd puts values"
    );
    println!("    {} rounds of {:?} a case, min/median/max; {}", options.rounds, options.lasting, load_average());
    println!("    append + fdatasync alone: p50 {disk_p50_ms} ms, p99 {disk_p99_ms} ms");
    println!("{:>7}  {:<9} {:>22} {:>22} {:>20} {:>7}", "clients", "", "p50 ms", "p99 ms", "commits/s", "failed");
    cases.iter().for_each(|case| print(case, etcd.is_some(), disk_p50_ms.median()));
    if etcd.is_none() {
        println!("    etcd is not installed and was left out: install etcd-server");
    }
    Ok(())
}

async fn lockstep(fleet: &Fleet, clients: usize, lasting: Duration) -> Result<Outcome> {
    let leader = fleet.leader().await?;
    let (outcome, clients) = drive(OpenAndClose::many(&leader.address, clients)?, lasting).await?;
    for client in clients {
        client.finish().await?;
    }
    Ok(outcome)
}

async fn put(etcd: &Etcd, clients: usize, lasting: Duration) -> Result<Outcome> {
    let leader = etcd.leader().await?;
    Ok(drive(Put::many(&leader, clients)?, lasting).await?.0)
}

fn print(case: &Case, has_etcd: bool, disk_ms: f64) {
    let Case { clients, lockstep, etcd } = case;
    lockstep.print(*clients, "Lockstep");
    println!("{:>18} p50 is {:.1} x append + fdatasync", "", lockstep.p50_ms.median() / disk_ms);
    if has_etcd {
        etcd.print(*clients, "etcd");
        let ratio = |ours: &Rounds, theirs: &Rounds| ours.median() / theirs.median();
        println!(
            "{:>18} Lockstep/etcd, medians: p50 {:.2}, p99 {:.2}, commits/s {:.2}",
            "",
            ratio(&lockstep.p50_ms, &etcd.p50_ms),
            ratio(&lockstep.p99_ms, &etcd.p99_ms),
            ratio(&lockstep.per_second, &etcd.per_second)
        );
    }
}
