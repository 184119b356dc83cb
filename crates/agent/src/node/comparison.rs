//! In what a database that may not join differs from that of a member. The refusal names a member that has the right schema.

use crate::Error;
use lockstep_core::{Drift, Refusal, Schema, Version};
use lockstep_proto::v1;
use lockstep_proto::v1::cluster_service_client::ClusterServiceClient;
use lockstep_proto::view::Catalog;
use std::time::Duration;

/// It only explains: no start of an agent waits for it for long.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The error, with the differences by object where they can be had.
pub(super) async fn explained(error: lockstep_consensus::Error, schema: &Schema) -> Error {
    let lockstep_consensus::Error::Refused(Refusal::JoinRefused { compare_with: Some(address), .. }) = &error
    else {
        return error.into();
    };
    let answer = tokio::time::timeout(TIMEOUT, schema_at(address)).await;
    let Ok(Some(catalog)) = answer else { return error.into() };
    let drift = Drift::of(Version::BASELINE, schema, Some(&catalog.schema));
    let (refusal, node) = (error.to_string(), catalog.node_name);
    Error::SchemaDiffers { refusal, node, differences: drift.differences, left_out: drift.left_out }
}

async fn schema_at(address: &str) -> Option<Catalog> {
    let mut client = ClusterServiceClient::connect(format!("http://{address}")).await.ok()?;
    client.get_catalog(v1::GetCatalogRequest {}).await.ok()?.into_inner().catalog?.try_into().ok()
}
