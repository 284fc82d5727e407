//! Returns its own settings, so that a test sees how the host passes a configuration: defaults,
//! nesting, durations, sizes, addresses and secrets.

use vitals_sdk::prelude::*;

/// Every kind of setting.
#[derive(Config)]
struct Settings {
    /// A required text.
    name: String,
    /// A number with a default.
    #[config(default = 3)]
    retries: u32,
    /// A duration with a default.
    #[config(default = "1m 30s")]
    patience: Duration,
    /// A size.
    room: Option<Size>,
    /// A host and a port.
    address: Option<Address>,
    /// A secret.
    #[config(secret)]
    token: Option<String>,
    /// Nested settings.
    #[config(default)]
    pool: Pool,
    /// A list.
    #[config(default)]
    tags: Vec<String>,
}

/// Nested settings.
#[derive(Config)]
struct Pool {
    /// The size of the pool.
    #[config(default = 10)]
    size: u32,
    /// One of two words.
    #[config(default)]
    mode: Mode,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            size: 10,
            mode: Mode::default(),
        }
    }
}

/// One of two words.
#[derive(Config, Default, Debug)]
enum Mode {
    #[default]
    Eager,
    Lazy,
}

/// Returns its settings as details. It reveals the secret on purpose: the host must redact it.
#[health_check(code = "settings")]
fn check(settings: Settings, request: &Request) -> Outcome {
    let token = settings.token.unwrap_or_default();
    Outcome::healthy(format!("{} with token {token}", settings.name))
        .detail("check", request.check())
        .detail("retries", settings.retries)
        .detail("patience_ms", json!(settings.patience.as_millis()))
        .detail("room_bytes", json!(settings.room.map(Size::bytes)))
        .detail(
            "address",
            json!(settings.address.map(|address| address.to_string())),
        )
        .detail("token", token)
        .detail(
            "pool",
            json!({ "size": settings.pool.size, "mode": format!("{:?}", settings.pool.mode) }),
        )
        .detail("tags", json!(settings.tags))
}
