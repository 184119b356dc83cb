//! Waiting for conditions.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// How long a condition may take to come true before a test fails. Generous: machines are slow and shared, and nothing is measured.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a condition that nothing announces.
const INTERVAL: Duration = Duration::from_millis(25);

/// Looks until `look` gives a value, and returns it.
///
/// # Panics
///
/// When [`PATIENCE`] is over, with `what` and the newest answer.
pub async fn until<T, E, F, Fut>(what: &str, mut look: F) -> T
where
    E: Display,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(value) => return value,
            Err(seen) if Instant::now() > deadline => panic!("waited in vain for: {what}\nlast seen: {seen}"),
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}
