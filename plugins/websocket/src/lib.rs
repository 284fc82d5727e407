//! The `websocket` check.
