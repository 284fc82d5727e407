//! Fetches a URL that its configuration grants, and others that it does not.

use vitals_sdk::prelude::*;

/// What to fetch.
#[derive(Config)]
struct Settings {
    /// Granted by this setting.
    #[config(grant = "http")]
    url: Url,
    /// Not granted by this setting.
    #[config(default)]
    others: Vec<Url>,
    /// The timeout of each request.
    timeout: Option<Duration>,
    /// The limit on the body; a longer one is an error.
    limit: Option<usize>,
    /// The number of bytes to read of the body; the rest is dropped.
    prefix: Option<usize>,
}

/// Fetches the URL, then the others, whose results are in the details.
#[health_check(code = "http-get")]
fn check(settings: Settings) -> Result<Outcome> {
    let get = |url: &Url| {
        let mut request = http::get(url);
        if let Some(timeout) = settings.timeout {
            request = request.timeout(timeout);
        }
        if let Some(limit) = settings.limit {
            request = request.body_limit(limit);
        }
        if let Some(prefix) = settings.prefix {
            request = request.body_prefix(prefix);
        }
        request.send()
    };
    let response = get(&settings.url)?;
    let others: Vec<String> = settings
        .others
        .iter()
        .map(|url| match get(url) {
            Ok(response) => response.status().to_string(),
            Err(error) => format!("{:#}", Error::from(error)),
        })
        .collect();
    Ok(Outcome::healthy("fetched")
        .detail("status", response.status().as_u16())
        .detail("size", response.body().len())
        .detail("truncated", response.is_truncated())
        .detail("others", json!(others))
        .measure(seconds("response_time", response.elapsed())))
}
