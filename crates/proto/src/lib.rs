//! The public gRPC services of Lockstep: generated code, conversions to and from core, errors and limits.
//!
//! * [`v1`]: messages, clients and servers, generated from `proto/lockstep/v1`.
//! * [`view`]: what the services show, in core's types.
//! * [`convert`]: between the two; from messages fallible, with the name of the field.
//! * [`status`] (server) and [`problem`] (client): rich errors, both directions.
//! * [`metadata`]: who asks. [`limits`]: what both ends agree on.
//!
//! Deliberately absent: any channel, server or retry (those are in `lockstep-client` and `lockstep-agent`).

pub mod convert;
pub mod limits;
pub mod metadata;
pub mod problem;
pub mod reason;
pub mod status;
pub mod view;

pub use problem::Problem;

/// Messages, clients and servers of package `lockstep.v1`, generated from `proto/lockstep/v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    rustdoc::all,
    reason = "generated; documented in the proto files"
)]
pub mod v1 {
    tonic::include_proto!("lockstep.v1");
}

/// The encoded `google.protobuf.FileDescriptorSet` of package `lockstep.v1` and what it imports, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("lockstep.v1");
