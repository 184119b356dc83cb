//! The column is added, in each way, with the application beside it or alone.

use crate::application::Application;
use crate::ground::Ground;
use crate::machine::load_average;
use crate::options::Options;
use crate::summary::{Rounds, milliseconds};
use crate::way::Way;
use anyhow::Result;
use lockstep_core::Engine;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Traffic that fills caches and connections before anything counts.
const WARM_UP: Duration = Duration::from_secs(3);

/// From the loading of a table to its filling, where nobody else is at work: so long the cores count as those of whoever loaded it.
const ALONE: Duration = Duration::from_secs(12);

/// Figures of one way over all rounds.
#[derive(Default)]
struct Figures {
    rows_per_second: Rounds,
    whole_s: Rounds,
    p99_before_ms: Rounds,
    p99_during_ms: Rounds,
    p99_ratio: Rounds,
    worst_ms: Rounds,
    failed: usize,
    failures: BTreeSet<String>,
}

pub(crate) async fn beside_traffic(engine: Engine, options: &Options) -> Result<()> {
    println!(
        "\n(a) {} rows, {} transactions/s beside it; {} rounds, min/median/max",
        options.rows, options.rate, options.rounds
    );
    println!(
        "{:<26} {:>22} {:>16} {:>18} {:>18} {:>17} {:>18} {:>6}",
        "way",
        "rows filled/s",
        "whole change, s",
        "p99 before, ms",
        "p99 during, ms",
        "during/before",
        "worst, ms",
        "failed"
    );
    let ground = Ground::warm(engine, options.rows).await?;
    let mut figures = Way::ALL.map(|_| Figures::default());
    let mut idle = Duration::from_secs(10);
    for round in 0..options.rounds {
        for (way, position) in in_turn(Way::ALL, round) {
            let took = with_traffic(&ground, way, round, idle, options, &mut figures[position]).await?;
            if way == Way::Lockstep {
                idle = took;
            }
        }
    }
    for (way, figures) in Way::ALL.iter().zip(&figures) {
        println!(
            "{:<26} {:>22} {:>16} {:>18} {:>18} {:>17} {:>18} {:>6}",
            way.name(),
            figures.rows_per_second,
            figures.whole_s,
            figures.p99_before_ms,
            figures.p99_during_ms,
            figures.p99_ratio,
            figures.worst_ms,
            figures.failed
        );
        for failure in &figures.failures {
            println!("    failed: {failure}");
        }
    }
    ratio("beside traffic", &figures[0], &figures[1]);
    Ok(())
}

pub(crate) async fn alone(engine: Engine, options: &Options) -> Result<()> {
    println!("\n(b) {} rows, nobody else; {} rounds, min/median/max", options.rows, options.rounds);
    println!("{:<26} {:>22} {:>16}", "way", "rows filled/s", "whole change, s");
    let ground = Ground::warm(engine, options.rows).await?;
    let ways = [Way::Lockstep, Way::ByHand, Way::Plain];
    let mut figures = ways.map(|_| Figures::default());
    for round in 0..options.rounds {
        for (way, position) in in_turn(ways, round) {
            let figures = &mut figures[position];
            let name = format!("alone_{}_{round}", way as u8);
            let place = ground.place(&name, options.rows).await?;
            let ready = way.prepare(&ground, &place, &name, Duration::ZERO).await?;
            tokio::time::sleep(ALONE).await;
            let begin = Instant::now();
            let filled = ready.run(&place, options.rows).await?;
            figures.took(begin.elapsed(), filled, options.rows);
            drop(ready);
            ground.clear(&name, place).await?;
        }
    }
    for (way, figures) in ways.iter().zip(&figures) {
        println!("{:<26} {:>22} {:>16}", way.name(), figures.rows_per_second, figures.whole_s);
    }
    ratio("alone", &figures[0], &figures[1]);
    Ok(())
}

/// The ways with their positions, each round beginning with another: what one leaves on the server is not always the same way's gain.
fn in_turn<const WAYS: usize>(ways: [Way; WAYS], round: usize) -> impl Iterator<Item = (Way, usize)> {
    (0..WAYS).map(move |turn| (turn + round) % WAYS).map(move |position| (ways[position], position))
}

/// One way in one round; what the whole change took.
async fn with_traffic(
    ground: &Ground,
    way: Way,
    round: usize,
    idle: Duration,
    options: &Options,
    figures: &mut Figures,
) -> Result<Duration> {
    let name = format!("traffic_{}_{round}", way as u8);
    let place = ground.place(&name, options.rows).await?;
    let ready = way.prepare(ground, &place, &name, idle).await?;
    let application = Application::start(ground.engine, &place.dsn, options.rows, options.rate).await?;
    tokio::time::sleep(WARM_UP).await;
    let before = Instant::now();
    tokio::time::sleep(options.before).await;
    let begin = Instant::now();
    let filled = ready.run(&place, options.rows).await?;
    let end = Instant::now();
    let samples = application.finish().await?;
    let (seen_before, seen) = (samples.within(before, begin), samples.within(begin, end));
    figures.took(end - begin, filled, options.rows);
    figures.p99_before_ms.push(seen_before.p99_ms);
    figures.p99_during_ms.push(seen.p99_ms);
    figures.p99_ratio.push(seen.p99_ms / seen_before.p99_ms);
    figures.worst_ms.push(seen.worst_ms);
    figures.failed += seen.failures.len();
    figures.failures.extend(seen.failures);
    eprintln!(
        "  round {round}, {}: {:.1} s, p99 {:.1} -> {:.1} ms, worst {:.1} ms; {}",
        way.name(),
        (end - begin).as_secs_f64(),
        seen_before.p99_ms,
        seen.p99_ms,
        seen.worst_ms,
        load_average()
    );
    drop(ready);
    ground.clear(&name, place).await?;
    Ok(end - begin)
}

impl Figures {
    fn took(&mut self, whole: Duration, filled: Option<Duration>, rows: u64) {
        self.whole_s.push(milliseconds(whole) / 1_000.0);
        if let Some(filled) = filled {
            self.rows_per_second.push(rows as f64 / filled.as_secs_f64());
        }
    }
}

fn ratio(what: &str, ours: &Figures, by_hand: &Figures) {
    let ratio = ours.rows_per_second.median() / by_hand.rows_per_second.median();
    println!("rows filled/s, Lockstep over by hand, {what}, medians: {ratio:.2}");
}
