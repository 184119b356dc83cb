//! The client port: services, limits, and an orderly end.

use super::change::Changes;
use super::cluster::Clusters;
use super::session::Sessions;
use super::{Context, health};
use lockstep_proto::limits;
use lockstep_proto::v1::change_service_server::ChangeServiceServer;
use lockstep_proto::v1::cluster_service_server::ClusterServiceServer;
use lockstep_proto::v1::session_service_server::SessionServiceServer;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// Serves until the context's stop token is cancelled and the calls under way are answered.
///
/// `call_timeout` bounds the time to an answer, or to the first message of a stream.
pub(crate) async fn serve(
    context: Arc<Context>,
    listener: TcpListener,
    call_timeout: Duration,
) -> Result<(), tonic::transport::Error> {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let reporting = Arc::clone(&context);
    let stop = context.stop.clone();
    let incoming =
        TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(limits::KEEPALIVE_INTERVAL));
    let server = Server::builder()
        .timeout(call_timeout)
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(limits::KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE_TIMEOUT))
        .http2_max_header_list_size(limits::HEADER_LIST_BYTES_MAX)
        .add_service(health_service)
        .add_service(reflection())
        .add_service(
            ChangeServiceServer::new(Changes { context: Arc::clone(&context) })
                .max_decoding_message_size(limits::REQUEST_BYTES_MAX)
                .max_encoding_message_size(limits::RESPONSE_BYTES_MAX),
        )
        .add_service(
            ClusterServiceServer::new(Clusters { context: Arc::clone(&context) })
                .max_decoding_message_size(limits::REQUEST_BYTES_MAX)
                .max_encoding_message_size(limits::RESPONSE_BYTES_MAX),
        )
        .add_service(
            SessionServiceServer::new(Sessions { context })
                .max_decoding_message_size(limits::REQUEST_BYTES_MAX)
                .max_encoding_message_size(limits::RESPONSE_BYTES_MAX),
        )
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned());
    let (served, ()) = tokio::join!(server, health::report(&reporting, &reporter));
    served
}

fn reflection()
-> tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(lockstep_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    let builder = health::public_services().fold(builder, tonic_reflection::server::Builder::with_service_name);
    builder.with_service_name("grpc.health.v1.Health").build_v1().expect("the descriptors are made by this build")
}
