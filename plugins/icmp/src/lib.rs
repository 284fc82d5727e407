//! The `icmp` check.
