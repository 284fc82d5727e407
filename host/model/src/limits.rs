//! The limits of a run.
//!
//! Only values and defaults. The sandbox arms the limits.

/// The limits of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of one run, about one unit for each instruction of the guest. A run that exceeds it ends with
    /// the code `fuel`. Default: 500,000,000.
    pub fuel: u64,
    /// Memory of one run in bytes, tables included, summed over the whole component. A run that exceeds it
    /// ends with the code `memory`. Default: 64 MiB.
    pub memory: u64,
    /// Bytes that the guest passes to the host in one call, results included. A run that exceeds it ends
    /// with the code `output`. Default: 2 MiB.
    pub output: u64,
    /// Sockets, datagram peers, HTTP requests, TLS connections and name lookups of one run. Beyond this
    /// number the guest gets an error. Default: 64.
    pub connections: u32,
    /// Bytes of the body of one HTTP response. Beyond this size the guest gets an error. Default: 1 MiB.
    pub http_body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 500_000_000,
            memory: 64 * MIB,
            output: 2 * MIB,
            connections: 64,
            http_body: MIB,
        }
    }
}

const MIB: u64 = 1 << 20;
