//! Connects to an address that its configuration grants, and to others that it doesn't.

use vitals_sdk::prelude::*;

/// Where to connect.
#[derive(Config)]
struct Settings {
    /// Granted by being written here.
    #[config(grant = "tcp")]
    address: Address,
    /// Not granted by being written here.
    #[config(default)]
    others: Vec<Address>,
    /// So many connections at once to the granted one.
    #[config(default = 1)]
    connections: u32,
    /// For each connection.
    #[config(default = "1s")]
    timeout: Duration,
}

/// Connects; what became of the others stands in the details.
#[health_check(code = "tcp-connect")]
fn check(settings: Settings) -> Result<Outcome> {
    let mut open = Vec::new();
    for number in 0..settings.connections {
        let connection = tcp::connect(&settings.address, settings.timeout)
            .with_context(|| format!("connection {number}"))?;
        open.push(connection);
    }
    let others: Vec<String> = settings
        .others
        .iter()
        .map(|address| match tcp::connect(address, settings.timeout) {
            Ok(_) => "connected".to_owned(),
            Err(error) => format!("{:#}", Error::from(error)),
        })
        .collect();
    Ok(Outcome::healthy("connected")
        .detail("open", open.len())
        .detail("others", json!(others)))
}
