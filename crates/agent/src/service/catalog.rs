//! The schema of this agent's own database, for whoever plans a change.

use super::Context;
use lockstep_database::Error;
use lockstep_proto::limits::{self, RESPONSE_BYTES_MAX};
use lockstep_proto::view::Catalog;
use lockstep_proto::{status, v1};
use tonic::Status;

/// Reads it now. One caller after the other: it is work for the database.
pub(super) async fn read(context: &Context) -> Result<Catalog, Status> {
    let _turn = context.catalog.lock().await;
    let database = &context.own.database;
    let version = database.ledger().await.map_err(|error| status_of(&error))?.head;
    let schema = database.schema().await.map_err(|error| status_of(&error))?;
    let sizes = database.sizes().await.map_err(|error| status_of(&error))?;
    Ok(Catalog {
        node_name: context.own.node_name.clone(),
        engine: database.engine(),
        engine_version: sizes.engine_version,
        version,
        schema,
        sizes: sizes.tables,
    })
}

/// As a message, if it is not too large for one.
pub(super) fn response(catalog: Catalog) -> Result<v1::GetCatalogResponse, Status> {
    let response = v1::GetCatalogResponse { catalog: Some(catalog.into()) };
    let bytes = limits::bytes(&response);
    if bytes > RESPONSE_BYTES_MAX {
        return Err(status::too_large(&format!(
            "the schema has {bytes} bytes, more than the {RESPONSE_BYTES_MAX} of a response; plan against a file with the schema"
        )));
    }
    Ok(response)
}

fn status_of(error: &Error) -> Status {
    let message = format!("the schema cannot be read: {error}");
    if error.retryable() { status::database_unavailable(&message) } else { status::internal(&message) }
}

#[cfg(test)]
mod tests {
    use super::response;
    use lockstep_core::{Engine, Schema, Version};
    use lockstep_proto::limits::RESPONSE_BYTES_MAX;
    use lockstep_proto::view::Catalog;

    #[test]
    fn a_schema_that_does_not_fit_into_a_response_is_refused() {
        let of = |bytes: usize| {
            let views = [("v".to_owned(), "x".repeat(bytes))].into();
            let schema = Schema { objects: [("view".to_owned(), views)].into(), ..Schema::default() };
            let node_name = "shard-1".to_owned();
            let (engine, engine_version, version) = (Engine::Sqlite, 3, Version(7));
            response(Catalog { node_name, engine, engine_version, version, schema, sizes: [].into() })
        };
        assert!(of(1_000).is_ok());
        let refused = of(RESPONSE_BYTES_MAX).unwrap_err();
        assert!(refused.message().contains("plan against a file"), "{refused}");
    }
}
