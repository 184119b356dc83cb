//! An application that works under a session: each unit of work asks its guard which form of the schema to use.
//!
//! ```console
//! cargo run -p lockstep-client --example session -- 127.0.0.1:7000
//! ```
//!
//! Let a change run meanwhile (`submit_and_watch`), and see the version move. Ctrl-C closes the session.

use lockstep_client::session::Acknowledge;
use lockstep_client::{Client, Guard, LeaseOver, Options, Session, SessionOptions};
use lockstep_core::session::Compatibility;
use lockstep_core::step::Phase;
use std::error::Error;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut endpoints: Vec<String> = std::env::args().skip(1).collect();
    if endpoints.is_empty() {
        endpoints.push("127.0.0.1:7000".to_owned());
    }
    let client = Client::connect(Options::new(endpoints, "example")).await?;

    // This release can use both forms of the tables that this change touches, whichever it is told.
    let understands = ["0042_users_email".to_owned()].into();
    let compatibility = Compatibility { understands, ..Compatibility::default() };
    let instance = format!("pid-{}", std::process::id());
    let options = SessionOptions {
        acknowledge: Acknowledge::callback(|announcement| async move {
            println!("told to use version {}", announcement.version);
            Ok(())
        }),
        ..SessionOptions::new("example", instance, compatibility)
    };
    let session = Session::open(&client, options).await?;
    println!("session {} is open", session.id());

    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = ticks.tick() => work(&session.guard()?)?,
            reason = session.closed() => return Err(reason.into()),
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    session.close().await?;
    println!("session is closed");
    Ok(())
}

/// One unit of work. All of it uses the same version, whatever is announced meanwhile.
fn work(guard: &Guard) -> Result<(), LeaseOver> {
    let phase = guard.phase("0042_users_email");
    let reads_new_form = phase >= Some(Phase::SwitchReads);
    let writes_new_form = phase >= Some(Phase::SwitchWrites);
    // Right before each effect: the process may have been paused since the guard was taken.
    guard.check()?;
    println!("version {}: writes new form {writes_new_form}, reads new form {reads_new_form}", guard.version());
    Ok(())
}
