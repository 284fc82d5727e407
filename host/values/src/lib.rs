//! Durations, sizes, hosts and addresses as people write them, the numbers of measurements, and the
//! rules for metrics.
//!
//! The host and the SDK parse and format these values only with this crate. So a text means the
//! same in the host's own keys and in the settings of a check. Every text that the crate formats
//! parses to the same value.
//!
//! | value | parsed | formatted |
//! |---|---|---|
//! | [duration](parse_duration) | `30s`, `1.5s`, `1m 30s`, `1 hour, 5 mins` | `1m 30s` |
//! | [size](Size) | `64MiB`, `1.5 GB`, `512k`, `65536` | `64MiB` |
//! | [host](Host) | `Example.com.`, `127.0.0.1`, `::1`, `[::1]` | `example.com`, `[::1]` |
//! | [address](Address) | `example.com:443`, `[::1]:80` | `[::1]:80` |
//!
//! The crate has no dependencies and does not know any configuration. It sets no bounds on values.
//! Parsing takes time in proportion to the length of the text, and no error is longer than a line.
//!
//! Every guest contains the parts of this crate that it uses. Therefore the parsers work on bytes
//! instead of characters and rarely allocate.

/// White space in a regular expression.
macro_rules! space {
    () => {
        "[ \t\n\x0c\r]*"
    };
}

/// A number in a regular expression.
macro_rules! number {
    () => {
        r"([0-9]+(\.[0-9]*)?|\.[0-9]+)"
    };
}

mod address;
mod duration;
mod error;
mod host;
mod metrics;
mod number;
mod quantity;
mod size;

pub use address::{Address, split_port};
pub use duration::{DURATION_PATTERN, duration_text, parse_duration};
pub use error::ValueError;
pub use host::{Host, HostError};
pub use metrics::{
    LABEL_VALUE_BYTES, METRIC_NAME_BYTES, MetricUpdate, check_labels, check_metric_name,
};
pub use quantity::{Bound, Quantity};
pub use size::{SIZE_PATTERN, Size};

/// The largest number of characters in the text of a duration or a size.
pub const MAX_CHARS: usize = 100;

/// Whether a text has more than [`MAX_CHARS`] characters. A very long text is not read.
fn is_too_long(text: &str) -> bool {
    let begins_char = |byte: &u8| byte & 0xc0 != 0x80;
    text.len() > 4 * MAX_CHARS || text.bytes().filter(begins_char).count() > MAX_CHARS
}

const TOO_LONG: &str = "it is longer than 100 characters";

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a JSON Schema with this pattern and the bound on the length accepts a text.
    pub(crate) fn matches(pattern: &str, text: &str) -> bool {
        let pattern = regex_lite::Regex::new(pattern).unwrap();
        text.chars().count() <= MAX_CHARS && pattern.is_match(text)
    }

    /// An error does not repeat megabytes of white space, digits or parts.
    #[test]
    fn no_text_makes_a_long_error() {
        for part in [" ", "1", "1s ", "1:", "a.", "ä", "%", "[", "1,"] {
            let text = part.repeat(1 << 20);
            for error in [
                parse_duration(&text).unwrap_err(),
                text.parse::<Size>().unwrap_err(),
                text.parse::<Address>().unwrap_err(),
            ] {
                assert!(error.to_string().chars().count() < 250, "{part}");
            }
            assert!(text.parse::<Host>().is_err());
        }
    }
}
