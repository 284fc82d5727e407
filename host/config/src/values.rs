//! Single values of the file: durations, sizes, counts, paths, addresses. Each type deserializes
//! itself and says what it expects.

mod serialize;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vitals_values::{duration_text, parse_duration};

use super::secret::Secret;
use vitals_model::ProxyUrl;

/// Adapter for `#[serde(with)]`: the field has one type and is written as another one, `T`.
pub(super) struct As<T>(PhantomData<T>);

impl<T> As<T> {
    pub(super) fn deserialize<'de, U, D>(deserializer: D) -> Result<U, D::Error>
    where
        T: Deserialize<'de> + Into<U>,
        D: Deserializer<'de>,
    {
        T::deserialize(deserializer).map(Into::into)
    }

    pub(super) fn serialize<U, S>(value: &U, serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Serialize + From<U>,
        U: Clone,
        S: Serializer,
    {
        T::from(value.clone()).serialize(serializer)
    }
}

/// A duration from 1 ms to 24 h, as `"30s"` or `"1m 30s"`.
#[derive(Clone, Copy)]
pub(super) struct Period(pub(super) Duration);

/// A whole number within limits.
#[derive(Clone, Copy)]
pub(super) struct Count<const MIN: u64, const MAX: u64>(u64);

/// A number of runs in a row.
pub(super) type RunCount = Count<1, 1000>;

/// A size in bytes within limits, as `"64MiB"` or a number.
#[derive(Clone, Copy)]
pub(super) struct Size<const MIN: u64, const MAX: u64>(u64);

/// The URL of a page for people.
pub(super) struct PageUrl(pub(super) String);

/// The URL of a server, to which paths are appended.
struct ServerUrl(String);

impl<'de> Deserialize<'de> for ServerUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "an http or https URL without a user, a query or a fragment: write for \
                        example \"https://vitals.example.com\"";
        deserializer.deserialize_any(text_only(expected, |text| {
            parse_server_url(text).map(|_| Self(text.trim_end_matches('/').to_owned()))
        }))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = format!(
            "a duration from {} to {}: write for example \"30s\" or \"1m 30s\"",
            duration_text(MIN_DURATION),
            duration_text(MAX_DURATION)
        );
        deserializer.deserialize_any(TextOrInteger {
            expected: expected.into(),
            text: |text: &str| {
                let duration = parse_duration(text).map_err(|error| Some(error.problem()))?;
                let is_within = (MIN_DURATION..=MAX_DURATION).contains(&duration);
                is_within.then_some(Self(duration)).ok_or(None)
            },
            number: |_| None,
        })
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Count<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = match MAX {
            MAX_INTEGER => format!("a whole number from {MIN}"),
            _ => format!("a whole number from {MIN} to {MAX}"),
        };
        let within = |number| (MIN..=MAX).contains(&number).then_some(Self(number));
        // As a number first: the decoder parses the texts of the environment and the command line.
        let number = u64::deserialize(deserializer).ok();
        number
            .and_then(within)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Other("value"), &expected.as_str()))
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Size<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [min, max] = [MIN, MAX].map(vitals_values::Size::of_bytes);
        let expected =
            format!("a size from {min} to {max}: write for example \"64MiB\" or a number of bytes");
        let within = |bytes| (MIN..=MAX).contains(&bytes).then_some(Self(bytes));
        deserializer.deserialize_any(TextOrInteger {
            expected: expected.into(),
            text: |text: &str| {
                let size = text.parse::<vitals_values::Size>();
                let size = size.map_err(|error| Some(error.problem()))?;
                within(size.bytes()).ok_or(None)
            },
            number: within,
        })
    }
}

impl<'de> Deserialize<'de> for PageUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected =
            "an http or https URL: write for example \"http://grafana.example.com:3000\"";
        deserializer.deserialize_any(text_only(expected, |text| {
            parse_web_url(text).map(|_| Self(text.to_owned()))
        }))
    }
}

pub(super) fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let expected = "an IP address with a port: write for example \"127.0.0.1:8000\"";
    deserializer.deserialize_any(text_only(expected, |text| text.parse().ok()))
}

pub(super) fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
    deserializer.deserialize_any(text_only("a path", path))
}

/// Reads a token for an `Authorization` header.
pub(super) fn token<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    let expected = "a token: write printable ASCII characters without spaces";
    deserializer.deserialize_any(text_only(expected, |text| {
        let usable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        usable.then(|| Some(Secret::from(text)))
    }))
}

pub(super) fn secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    deserializer.deserialize_any(text_only("a string that is not empty", |text| {
        (!text.is_empty()).then(|| Some(Secret::from(text)))
    }))
}

pub(super) fn proxy_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ProxyUrl>, D::Error> {
    let expected = "an http, socks5 or socks5h URL without a user, a path or a query: write for \
                    example \"http://proxy.example.com:3128\"";
    deserializer.deserialize_any(text_only(expected, |text| text.parse().ok().map(Some)))
}

/// Reads the URL of a server, and drops slashes at its end.
pub(super) fn server_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    ServerUrl::deserialize(deserializer).map(|url| Some(url.0))
}

pub(super) fn server_urls<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    let urls = Vec::<ServerUrl>::deserialize(deserializer)?;
    Ok(urls.into_iter().map(|url| url.0).collect())
}

/// Reads a URL that is a secret.
pub(super) fn secret_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret>, D::Error> {
    let expected = "an http or https URL: write for example \"https://hooks.example.com/a/b\"";
    deserializer.deserialize_any(text_only(expected, |text| {
        parse_web_url(text).map(|_| Some(Secret::from(text)))
    }))
}

pub(super) fn dsn<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    let expected = "a Sentry DSN: write for example \"https://key@sentry.example.com/1\"";
    deserializer.deserialize_any(text_only(expected, |text| {
        let url = parse_web_url(text)?;
        let project = url.path().rsplit('/').next().unwrap_or_default();
        let whole = !url.username().is_empty() && !project.is_empty();
        whole.then(|| Some(Secret::from(text)))
    }))
}

/// Parses the URL of a server: without a user, a query or a fragment.
fn parse_server_url(text: &str) -> Option<url::Url> {
    let has_more = |url: &url::Url| {
        !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
    };
    parse_web_url(text).filter(|url| !has_more(url))
}

fn parse_web_url(text: &str) -> Option<url::Url> {
    let url = url::Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// The result of parsing a text. The error can say what is wrong, and contains nothing of the text.
type Read<T> = Result<T, Option<&'static str>>;

/// Reads a value from a string, or from a whole number.
struct TextOrInteger<F, N> {
    expected: Cow<'static, str>,
    text: F,
    number: N,
}

/// Reads a value from a string only.
fn text_only<T>(
    expected: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> impl for<'de> Visitor<'de, Value = T> {
    TextOrInteger {
        expected: expected.into(),
        text: |text: &str| read(text).ok_or(None),
        number: |_| None,
    }
}

impl<T, F, N> Visitor<'_> for TextOrInteger<F, N>
where
    F: FnOnce(&str) -> Read<T>,
    N: FnOnce(u64) -> Option<T>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let expected = self.expected;
        (self.text)(text).map_err(|problem| {
            let expected = match problem {
                Some(problem) => format!("{expected} ({problem})").into(),
                None => expected,
            };
            E::invalid_value(Unexpected::Str(text), &&*expected)
        })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let expected = self.expected;
        (self.number)(number)
            .ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &&*expected))
    }
}

pub(super) const MIN_DURATION: Duration = Duration::from_millis(1);
pub(super) const MAX_DURATION: Duration = Duration::from_hours(24);
/// The largest whole number of TOML.
pub(super) const MAX_INTEGER: u64 = i64::MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn limits(written: &str) -> Result<u64, String> {
        let config = format!("[defaults.limits]\nmemory = {written}").parse::<Config>();
        config
            .map(|config| config.defaults.limits.memory)
            .map_err(|found| found.to_string())
    }

    fn interval(written: &str) -> Result<Duration, String> {
        let text = format!("[plugins]\nrescan = '{written}'");
        let config = text.parse::<Config>();
        config
            .map(|config| config.plugins.rescan)
            .map_err(|found| found.to_string())
    }

    #[test]
    fn durations_outside_their_limits_are_rejected() {
        assert_eq!(interval("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(interval("24h"), Ok(Duration::from_hours(24)));
        assert_eq!(interval("1ms"), Ok(Duration::from_millis(1)));
        for (bad, problem) in [
            ("0s", ""),
            ("999us", ""),
            ("24h 1ns", ""),
            ("", " (it is empty)"),
            ("30", " (its unit is missing)"),
        ] {
            assert_eq!(
                interval(bad),
                Err(format!(
                    "vitals.toml:2: `plugins.rescan` is `{bad}`, which is not a duration from 1ms \
                     to 24h: write for example \"30s\" or \"1m 30s\"{problem}"
                ))
            );
        }
    }

    #[test]
    fn sizes_outside_their_limits_are_rejected() {
        assert_eq!(limits("'64 MB'"), Ok(64_000_000));
        assert_eq!(limits("65536"), Ok(65536));
        assert_eq!(limits("'4GiB'"), Ok(4 << 30));
        for (bad, problem) in [
            ("65535", ""),
            ("'4097MiB'", ""),
            ("1.5", ""),
            ("-1", ""),
            ("true", ""),
            ("''", " (it is empty)"),
            ("'lots'", " (it does not begin with a number)"),
        ] {
            let error = limits(bad).expect_err(bad);
            assert!(
                error.ends_with(&format!(
                    "which is not a size from 64KiB to 4GiB: write for example \"64MiB\" or a \
                     number of bytes{problem}"
                )),
                "{error}"
            );
        }
    }

    #[test]
    fn counts_outside_their_limits_are_rejected() {
        for (text, diagnostic) in [
            (
                "[engine]\nmax_runs = 0",
                "`engine.max_runs` is 0, which is not a whole number from 1 to 4096",
            ),
            (
                "[engine]\nmax_runs = 4097",
                "`engine.max_runs` is 4097, which is not a whole number from 1 to 4096",
            ),
            (
                "[engine]\nguest_threads = 1025",
                "`engine.guest_threads` is 1025, which is not a whole number from 0 to 1024",
            ),
            (
                "[engine]\nmax_runs = 1.5",
                "`engine.max_runs` is 1.5, which is not a whole number from 1 to 4096",
            ),
            (
                "[defaults]\nrise = 1001",
                "`defaults.rise` is 1001, which is not a whole number from 1 to 1000",
            ),
            (
                "[defaults.limits]\nfuel = 0",
                "`defaults.limits.fuel` is 0, which is not a whole number from 1",
            ),
            (
                "[defaults.limits]\nconnections = 65537",
                "`defaults.limits.connections` is 65537, which is not a whole number from 0 to 65536",
            ),
            (
                "[plugins]\nlibrary = ''",
                "`plugins.library` is ``, which is not a path",
            ),
        ] {
            let error = text.parse::<Config>().expect_err(text).to_string();
            assert_eq!(error, format!("vitals.toml:2: {diagnostic}"));
        }
    }
}
