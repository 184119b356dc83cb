//! Generated gRPC code and its conversions to and from core.

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
