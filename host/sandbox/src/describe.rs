//! What a plugin says about itself, validated against the contract.

use serde::Serialize;

use super::contract::RawDescription;
use vitals_model::Text;

/// What a plugin says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// A short, stable code: `postgres`.
    pub code: String,
    /// The plugin's own semantic version, at most 32 characters.
    pub version: String,
    /// One line that says what the plugin checks.
    pub summary: Text,
    /// Further information: author, licence, homepage.
    pub annotations: Vec<(Text, Text)>,
}

impl Description {
    /// Validates the result of `describe`. The error names the violation.
    pub(super) fn new(raw: &RawDescription) -> Result<Self, String> {
        if !is_code(&raw.code) {
            let code = Text::line(&raw.code, SHOWN_BYTES);
            return Err(format!(
                "its code is `{code}`: `describe` must return a code of 1 to 64 of a-z, 0-9 and `-`, starting with a letter"
            ));
        }
        if !is_version(&raw.version) {
            let version = Text::line(&raw.version, SHOWN_BYTES);
            return Err(format!(
                "its version is `{version}`: `describe` must return a semantic version of at most \
                 {VERSION_BYTES} characters, for example 1.0.0"
            ));
        }
        let pair = |(key, value): &(String, String)| {
            (
                Text::line(key, SHOWN_BYTES),
                Text::line(value, ANNOTATION_BYTES),
            )
        };
        Ok(Self {
            code: raw.code.clone(),
            version: raw.version.clone(),
            summary: Text::line(&raw.summary, SUMMARY_BYTES),
            annotations: raw.annotations.iter().take(ANNOTATIONS).map(pair).collect(),
        })
    }
}

fn is_code(text: &str) -> bool {
    let follows = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len())
        && text.as_bytes()[0].is_ascii_lowercase()
        && text.bytes().all(follows)
}

/// Semantic versioning 2.0.0: three numbers, then an optional part after `-` or `+`.
fn is_version(text: &str) -> bool {
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(end);
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_identifier = |b: u8| b.is_ascii_alphanumeric() || b"-+.".contains(&b);
    text.len() <= VERSION_BYTES
        && core.split('.').count() == 3
        && core.split('.').all(number)
        && rest.bytes().all(is_identifier)
}

const VERSION_BYTES: usize = 32;
const SHOWN_BYTES: usize = 80;
const SUMMARY_BYTES: usize = 256;
const ANNOTATION_BYTES: usize = 256;
const ANNOTATIONS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(code: &str, version: &str) -> RawDescription {
        RawDescription {
            code: code.into(),
            version: version.into(),
            summary: "two\nlines".into(),
            config_schema: "{}".into(),
            annotations: vec![("a\0".into(), "b".into())],
        }
    }

    #[test]
    fn descriptions_are_validated() {
        let description = Description::new(&raw("my-check2", "1.2.3-rc.1+x")).unwrap();
        assert_eq!(description.summary.as_str(), "two lines");
        assert_eq!(description.annotations[0].0.as_str(), "a ");
        for code in ["", "2x", "X", "a_b", &"x".repeat(65)] {
            assert!(Description::new(&raw(code, "1.0.0")).is_err(), "{code}");
        }
        for version in [
            "",
            "1.0",
            "v1.0.0",
            "1.0.0 beta",
            "1.0.0\n",
            &"1".repeat(33),
        ] {
            assert!(Description::new(&raw("a", version)).is_err(), "{version}");
        }
    }
}
