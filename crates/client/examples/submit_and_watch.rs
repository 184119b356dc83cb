//! Submits a change and follows it to its end.
//!
//! ```console
//! cargo run -p lockstep-client --example submit_and_watch -- 127.0.0.1:7000
//! ```
//!
//! `LOCKSTEP_OPERATOR_TOKEN` may hold the operator token, for clusters that ask for one. Run it twice: the second time the name
//! of the change is taken, and the example says so.

use lockstep_client::{Client, Kind, Options};
use lockstep_core::Engine;
use lockstep_core::change::Spec;
use lockstep_core::step::{Action, ClientRequirement, Phase, Step};
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut endpoints: Vec<String> = std::env::args().skip(1).collect();
    if endpoints.is_empty() {
        endpoints.push("127.0.0.1:7000".to_owned());
    }
    let operator_token = std::env::var("LOCKSTEP_OPERATOR_TOKEN").ok();
    let options = Options { operator_token, ..Options::new(endpoints, "example") };
    let client = Client::connect(options).await?;

    let engine = client.status().await?.engine;
    let submitted = match client.submit(spec(engine)).await {
        Ok(submitted) => submitted,
        Err(error) if error.kind() == Kind::Conflict => {
            println!("{error}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    println!("submitted as change {}", submitted.change);

    let mut watch = client.watch_change("example_notes", submitted.revision);
    while let Some(change) = watch.next().await {
        let change = change?;
        println!("{} at log index {}", change.status.name(), change.revision);
        for holdout in change.gate.iter().flat_map(|gate| &gate.gate.holdouts) {
            println!("  waits for {}: {}", holdout.name, holdout.reason);
        }
    }
    Ok(())
}

/// One step: a new table, which no client can notice.
fn spec(engine: Engine) -> Spec {
    let statements = |text: &str| Action::Statements { statements: vec![text.to_owned()], transactional: true };
    let step = Step {
        name: "create".to_owned(),
        phase: Phase::Expand,
        forward: statements("CREATE TABLE example_notes (id integer PRIMARY KEY, note text)"),
        revert: Some(statements("DROP TABLE example_notes")),
        preconditions: Vec::new(),
        targets: vec!["example_notes".to_owned()],
        requires: ClientRequirement::Nothing,
        needs_approval: false,
    };
    Spec {
        name: "example_notes".to_owned(),
        engine,
        description: "a table for notes".to_owned(),
        steps: vec![step],
        block_deadline_ms: 15 * 60 * 1_000,
        retention_ms: None,
        source: None,
        limits: Default::default(),
    }
}
