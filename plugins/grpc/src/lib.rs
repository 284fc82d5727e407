//! The `grpc` check.
