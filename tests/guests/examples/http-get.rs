//! Fetches a URL that its configuration grants, and others that it doesn't.

use vitals_sdk::prelude::*;

/// What to fetch.
#[derive(Config)]
struct Settings {
    /// Granted by being written here.
    #[config(grant = "http")]
    url: Url,
    /// Not granted by being written here.
    #[config(default)]
    others: Vec<Url>,
    /// For each request.
    timeout: Option<Duration>,
}

/// Fetches the URL, then the others; what became of those stands in the details.
#[health_check(code = "http-get")]
fn check(settings: Settings) -> Result<Outcome> {
    let get = |url: &Url| {
        let request = http::get(url);
        match settings.timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        }
        .send()
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
        .detail("others", json!(others))
        .measure(seconds("response_time", response.elapsed())))
}
