//! Checks the content of the file. A problem never shows the content.

use regex_lite::Regex;
use vitals_sdk::config::{ConfigError, Definitions, Schema};
use vitals_sdk::prelude::*;

use crate::newest::File;
use crate::{Part, Settings};

/// Returns what is wrong with the content, to follow the file's name.
pub(crate) fn problem(settings: &Settings, file: &File) -> Result<Option<String>> {
    if settings.contains.is_none() && settings.matches.is_none() {
        return Ok(None);
    }
    let most = usize::try_from(settings.search_kib)?.saturating_mul(1024);
    let bytes = match settings.search {
        Part::Beginning => files::read_at(&file.path, 0, most)?,
        Part::End => files::read_tail(&file.path, most)?,
    };
    let is_cut = file.metadata.size_bytes > bytes.len() as u64;
    Ok(missing(settings, &String::from_utf8_lossy(&bytes), is_cut))
}

fn missing(settings: &Settings, text: &str, is_cut: bool) -> Option<String> {
    let place = match (is_cut, settings.search) {
        (false, _) => String::new(),
        (true, Part::Beginning) => format!(" in its first {} KiB", settings.search_kib),
        (true, Part::End) => format!(" in its last {} KiB", settings.search_kib),
    };
    if let Some(wanted) = &settings.contains
        && !text.contains(wanted)
    {
        let wanted = shortened(wanted, CHARS_SHOWN);
        return Some(format!("does not contain `{wanted}`{place}"));
    }
    if let Some(Pattern(pattern)) = &settings.matches
        && !pattern.is_match(text)
    {
        let pattern = shortened(pattern.as_str(), CHARS_SHOWN);
        return Some(format!("does not match `{pattern}`{place}"));
    }
    None
}

/// A regular expression, in time linear in the length of the text.
pub(crate) struct Pattern(Regex);

impl Config for Pattern {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("string").called("regular expression")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let text = String::read(value)?;
        Regex::new(&text).map(Self).map_err(|error| {
            ConfigError::new(format_args!(
                "`{text}` is not a regular expression: {error}"
            ))
        })
    }

    fn to_value(&self) -> Value {
        self.0.as_str().into()
    }
}

/// The number of characters of a setting in a message.
const CHARS_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(settings: Value, text: &str, is_cut: bool) -> Option<String> {
        let mut settings = settings;
        settings["path"] = "/var/log/backup.log".into();
        missing(&Settings::read(settings).unwrap(), text, is_cut)
    }

    #[test]
    fn missing_text_is_named_with_its_place() {
        let text = "private\ncompleted 12 of 12\n";
        for (settings, is_cut, problem) in [
            (json!({ "contains": "completed" }), false, None),
            (
                json!({ "matches": "(?m)^completed (\\d+) of" }),
                false,
                None,
            ),
            (
                json!({ "contains": "done" }),
                false,
                Some("does not contain `done`"),
            ),
            (
                json!({ "contains": "done", "search_kib": 8 }),
                true,
                Some("does not contain `done` in its last 8 KiB"),
            ),
            (
                json!({ "contains": "completed", "matches": "^completed", "search": "beginning" }),
                true,
                Some("does not match `^completed` in its first 64 KiB"),
            ),
        ] {
            assert_eq!(problem_of(settings, text, is_cut).as_deref(), problem);
        }
    }

    #[test]
    fn an_invalid_regular_expression_is_rejected() {
        let error = Pattern::read("(".into()).err().unwrap().to_string();
        assert!(error.contains("is not a regular expression"), "{error}");
    }
}
