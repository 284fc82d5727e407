//! Answers with its own settings, so that a test sees what became of a configuration on its way:
//! defaults, nesting, durations, sizes, addresses, secrets.

use vitals_sdk::prelude::*;

/// Every kind of setting.
#[derive(Config)]
struct Settings {
    /// A text that has to be there.
    name: String,
    /// A number with a default.
    #[config(default = 3)]
    retries: u32,
    /// A time with a default.
    #[config(default = "1m 30s")]
    patience: Duration,
    /// An amount of bytes.
    room: Option<Size>,
    /// A host and a port.
    address: Option<Address>,
    /// A text that is nobody's business.
    #[config(secret)]
    token: Option<String>,
    /// Settings in settings.
    #[config(default)]
    pool: Pool,
    /// A list.
    #[config(default)]
    tags: Vec<String>,
}

/// Settings in settings.
#[derive(Config)]
struct Pool {
    /// How many.
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

/// Answers with its settings as details. The secret is given away on purpose: the host has to
/// catch it.
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
