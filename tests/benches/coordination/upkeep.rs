//! (c) What a session costs the leader: memory, and computing time to renew it.

use crate::crowd::Crowd;
use crate::fleet::{Fleet, Leader};
use crate::machine::load_average;
use crate::options::Options;
use crate::process::{cpu_time, resident_bytes};
use anyhow::Result;
use std::time::Duration;

/// How long the leader is observed at rest, and over how long each session is renewed once.
const WINDOW: Duration = Duration::from_secs(10);

pub(crate) async fn run(options: &Options) -> Result<()> {
    let count = options.kept;
    let fleet = Fleet::start(3).await?;
    let leader = fleet.leader().await?;
    let mut crowd = Crowd::new(vec![leader.address.clone()]);
    println!("\n(c) what {count} sessions cost the leader of 3 nodes; all of them are its own clients");
    // Some before, so that connections, buffers and caches are there already; few, so that what they leave free hides nothing.
    crowd.grow_to(count / 10).await?;
    crowd.close().await?;
    let empty = observe(&leader, "none open", None, count)?;
    let rest_before = at_rest(&leader).await?;
    crowd.grow_to(count).await?;
    let open = observe(&leader, "open, with the answers to their opening kept for repeats", Some(empty), count)?;
    let rest = at_rest(&leader).await?;
    let (renewing, failed, entries) = renewing(&fleet, &leader, &crowd).await?;
    let renewed = observe(&leader, "open and renewed once", Some(open), count)?;
    crowd.follow_from(0).await?;
    observe(&leader, "open and watching", Some(renewed), count)?;
    let share = |cpu: Duration| cpu.as_secs_f64() / WINDOW.as_secs_f64() * 100.0;
    println!("    CPU of the leader over {WINDOW:?}, in % of one core; {}", load_average());
    println!("      without sessions {:.1}, with sessions at rest {:.1}", share(rest_before), share(rest));
    println!("      each renewed once {:.1} ({failed} renewals failed)", share(renewing));
    let per_renewal = renewing.saturating_sub(rest).as_secs_f64() * 1e6 / count as f64;
    println!("      that is {per_renewal:.0} us a renewal; log entries meanwhile: {entries}");
    crowd.close().await
}

fn observe(leader: &Leader, what: &str, before: Option<u64>, count: usize) -> Result<u64> {
    let now = resident_bytes(leader.process)?;
    let mebibytes = now as f64 / f64::from(1 << 20);
    match before {
        None => println!("    resident memory {mebibytes:>7.1} MiB: {what}"),
        Some(before) => {
            let each = (now as f64 - before as f64) / count as f64;
            println!("    resident memory {mebibytes:>7.1} MiB: {what}; {each:+.0} B a session");
        }
    }
    Ok(now)
}

async fn at_rest(leader: &Leader) -> Result<Duration> {
    let before = cpu_time(leader.process)?;
    tokio::time::sleep(WINDOW).await;
    Ok(cpu_time(leader.process)? - before)
}

/// Computing time, failed renewals and log entries while each session is renewed once.
async fn renewing(fleet: &Fleet, leader: &Leader, crowd: &Crowd) -> Result<(Duration, usize, u64)> {
    let client = fleet.client_at(&leader.address).await?;
    let revision = client.status().await?.revision;
    let before = cpu_time(leader.process)?;
    let failed = crowd.renew_over(WINDOW).await?;
    let taken = cpu_time(leader.process)? - before;
    let entries = client.status().await?.revision.0 - revision.0;
    Ok((taken, failed, entries))
}
