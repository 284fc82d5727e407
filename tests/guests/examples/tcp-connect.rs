//! Connects to an address that its configuration grants, and to others that it does not.

use vitals_sdk::prelude::*;

/// Where to connect.
#[derive(Config)]
struct Settings {
    /// Granted by this setting.
    #[config(grant = "tcp")]
    address: Address,
    /// Not granted by this setting.
    #[config(default)]
    others: Vec<Address>,
    /// The number of simultaneous connections to the granted address.
    #[config(default = 1)]
    connections: u32,
    /// The timeout of each connection.
    #[config(default = "1s")]
    timeout: Duration,
}

/// Connects. The results for the other addresses are in the details.
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
