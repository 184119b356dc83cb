//! The plain statement, run as it stands.

use super::plain_ddl;
use crate::ground::Place;
use anyhow::Result;

pub(super) async fn run(place: &Place) -> Result<()> {
    Ok(place.connection.batch(&plain_ddl(place.engine)).await?)
}
