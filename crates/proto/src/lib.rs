//! Generated gRPC code and its conversions to and from core.

/// Messages and services of package `lockstep.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; the .proto files are the documentation"
)]
pub mod v1 {
    tonic::include_proto!("lockstep.v1");
}
