//! What one run may use.

/// What one run may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of one run; about one unit for each instruction of the guest. A run that uses it up ends
    /// in `fuel`.
    pub fuel: u64,
    /// Memory of one run, tables included, over the whole component. A run that wants more ends in
    /// `memory`.
    pub memory: u64,
    /// Bytes handed to the host in one call, results included. A run that hands over more ends in
    /// `output`.
    pub output: u64,
    /// Sockets made, peers sent datagrams, requests, TLS connections and names looked up in one run.
    /// Beyond, the guest sees an error.
    pub connections: u32,
    /// Body of one HTTP response. Beyond, the guest sees an error.
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
