//! Agreement on one order of commands: Raft over gRPC.
