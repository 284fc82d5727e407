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
    use vitals_sdk::testing::World;

    use super::*;

    #[test]
    fn missing_text_is_named_with_its_place_and_content_is_not_shown() {
        let world = World::new();
        let text = format!(
            "private-0815\n{}\ncompleted 12 of 12\n",
            "x".repeat(100 << 10)
        );
        world.file("/log", text);
        for (mut settings, problem) in [
            (json!({ "contains": "completed" }), ""),
            (json!({ "matches": "(?m)^completed \\d+ of \\d+$" }), ""),
            (
                json!({ "contains": "private", "search": "beginning", "search_kib": 1 }),
                "",
            ),
            (json!({ "contains": "private", "search_kib": 1000 }), ""),
            (
                json!({ "contains": "done", "search_kib": 1000 }),
                ", and does not contain `done`",
            ),
            (
                json!({ "contains": "private" }),
                ", and does not contain `private` in its last 64 KiB",
            ),
            (
                json!({ "contains": "completed", "search": "beginning", "search_kib": 8 }),
                ", and does not contain `completed` in its first 8 KiB",
            ),
            (
                json!({ "contains": "completed", "matches": "^completed" }),
                ", and does not match `^completed` in its last 64 KiB",
            ),
        ] {
            settings["path"] = "/log".into();
            let outcome = world.outcome(|| crate::check(Settings::read(settings).unwrap()));
            let expected = format!("/log is 0 s old, 100 KiB{problem}");
            assert_eq!(outcome.message(), expected);
            let is_healthy = outcome.status() == Status::Healthy;
            assert_eq!(is_healthy, problem.is_empty(), "{outcome:?}");
            assert!(!format!("{outcome:?}").contains("0815"), "{outcome:?}");
        }
    }

    #[test]
    fn an_invalid_regular_expression_is_rejected() {
        let error = Pattern::read("(".into()).err().unwrap().to_string();
        assert!(error.contains("is not a regular expression"), "{error}");
    }
}
