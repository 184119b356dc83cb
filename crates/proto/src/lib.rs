//! Generated gRPC code and its conversions to and from core.
