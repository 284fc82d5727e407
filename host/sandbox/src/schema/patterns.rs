//! Limits the regular expressions of a schema as a whole.
//!
//! Each pattern is compiled here first, in the same way as the validator does, within what the
//! previous patterns left of the limit: the validator library limits single patterns but not their
//! sum. Knows nothing of where the patterns are used.

use std::collections::HashMap;

use regex_automata::meta;

use vitals_model::Text;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    #[error("its pattern `{0}` has {1} bytes, at most {MAX_BYTES} are allowed")]
    TooLong(Text, usize),
    #[error(
        "its pattern `{0}` sets a flag, which patterns of JSON Schema do not have; write what it \
         matches in full, such as `[Aa]`"
    )]
    Flag(Text),
    #[error(
        "its pattern `{0}` is not a regular expression that runs in linear time; look-around and \
         back-references are not supported"
    )]
    Syntax(Text),
    #[error(
        "its patterns have more than {MAX_TOTAL_BYTES} bytes together; use fewer or shorter ones"
    )]
    TotalSize,
    #[error(
        "its patterns have too many escapes such as `\\d` and `\\s` together; write `[0-9]`, or use \
         fewer patterns"
    )]
    Escapes,
    #[error(
        "its compiled patterns take more than {} KiB together; use fewer of them, \
         smaller counts and smaller classes than `\\p{{L}}`",
        MAX_COMPILED / 1024
    )]
    Compiled,
}

/// The patterns of a schema, with the size of each when compiled.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    sizes: HashMap<String, usize>,
    text_bytes: usize,
    translation_cost: usize,
    compiled_bytes: usize,
}

impl Patterns {
    /// Counts a pattern each time that the validator compiles it.
    pub(super) fn add(&mut self, pattern: &str) -> Result<(), PatternError> {
        let known = self.sizes.get(pattern).copied();
        if known.is_none() {
            self.check_text(pattern)?;
        }
        self.translation_cost = self
            .translation_cost
            .saturating_add(translation_cost(pattern));
        if self.translation_cost > MAX_TRANSLATION {
            return Err(PatternError::Escapes);
        }
        let size = match known {
            Some(size) => size,
            None => compiled_size(pattern, MAX_COMPILED.saturating_sub(self.compiled_bytes))?,
        };
        self.sizes.insert(pattern.to_owned(), size);
        self.compiled_bytes = self
            .compiled_bytes
            .saturating_add(size + PATTERN_OVERHEAD_BYTES);
        if self.compiled_bytes > MAX_COMPILED {
            return Err(PatternError::Compiled);
        }
        Ok(())
    }

    /// The compiled size of a pattern; 0 for one that is never compiled.
    pub(super) fn size(&self, pattern: &str) -> usize {
        self.sizes.get(pattern).copied().unwrap_or(0)
    }

    /// Checks a pattern before it is parsed.
    fn check_text(&mut self, pattern: &str) -> Result<(), PatternError> {
        if pattern.len() > MAX_BYTES {
            return Err(PatternError::TooLong(bounded_text(pattern), pattern.len()));
        }
        self.text_bytes += pattern.len();
        if self.text_bytes > MAX_TOTAL_BYTES {
            return Err(PatternError::TotalSize);
        }
        if has_flags(pattern) {
            return Err(PatternError::Flag(bounded_text(pattern)));
        }
        Ok(())
    }
}

/// Compiles a pattern as the validator does, and returns its size in bytes.
fn compiled_size(pattern: &str, limit: usize) -> Result<usize, PatternError> {
    let syntax = || PatternError::Syntax(bounded_text(pattern));
    let translated = jsonschema_regex::to_rust_regex(pattern).map_err(|()| syntax())?;
    let config = meta::Config::new()
        .nfa_size_limit(Some(limit))
        .hybrid_cache_capacity(DFA_CACHE_BYTES);
    match meta::Builder::new().configure(config).build(&translated) {
        Ok(regex) => Ok(regex.memory_usage()),
        Err(error) if error.size_limit().is_some() => Err(PatternError::Compiled),
        Err(_) => Err(syntax()),
    }
}

/// The cost of translating a pattern from the dialect of ECMA-262: for each escape the whole text
/// is parsed again, including the classes that replaced previous escapes.
fn translation_cost(pattern: &str) -> usize {
    let escapes = pattern.matches('\\').count();
    escapes.saturating_mul(pattern.len() + escapes * MAX_CLASS_BYTES)
}

/// Whether a pattern may set flags (`(?i)`, `(?s-u:…)`). Case folding its classes would take a
/// hundred times as long as parsing them. Patterns that escape `(?` or have it in a class may count
/// too.
fn has_flags(pattern: &str) -> bool {
    let groups = pattern
        .match_indices("(?")
        .map(|(at, _)| &pattern[at + 2..]);
    let mut unnamed = groups.filter(|rest| !rest.starts_with("P<"));
    unnamed.any(|rest| rest.starts_with(|first: char| first == '-' || first.is_ascii_alphabetic()))
}

fn bounded_text(pattern: &str) -> Text {
    Text::line(pattern, SHOWN_BYTES)
}

/// The maximum length of a pattern.
const MAX_BYTES: usize = 512;
/// The maximum length of all distinct patterns: classes take time and memory before a size limit
/// applies.
const MAX_TOTAL_BYTES: usize = 4 << 10;
/// The maximum number of bytes parsed during translation.
const MAX_TRANSLATION: usize = 256 << 10;
/// The maximum size of all compiled patterns.
pub(super) const MAX_COMPILED: usize = 2 << 20;
/// The size of a matcher's cache, for each direction.
pub(super) const DFA_CACHE_BYTES: usize = 256 << 10;
/// The overhead of a compiled pattern.
const PATTERN_OVERHEAD_BYTES: usize = 32 << 10;
/// The length of the class that replaces `\S`.
const MAX_CLASS_BYTES: usize = 24;
const SHOWN_BYTES: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn add<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<(), PatternError> {
        let mut all = Patterns::default();
        patterns
            .into_iter()
            .try_for_each(|pattern| all.add(pattern))
    }

    #[test]
    fn patterns_of_real_checks_are_accepted() {
        let common = [
            r"^[0-9]+(ms|s|m|h)$",
            r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
            r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
            r"^((25[0-5]|(2[0-4]|1\d|[1-9]|)\d)\.?\b){4}$",
            r"^(?P<name>[a-z]+)(?:-(?<rest>[a-z0-9]+))*$",
            r"^\p{L}[\p{L}\p{N}_-]*$",
            r"^.{1,255}$",
            r"^[a-zA-Z0-9_.-]{1,63}$",
        ];
        assert_eq!(add(common), Ok(()));
        assert_eq!(add(common.repeat(3)), Ok(()));
        let values = [vitals_values::DURATION_PATTERN, vitals_values::SIZE_PATTERN];
        assert_eq!(add(values.repeat(20)), Ok(()), "durations and sizes");
    }

    #[test]
    fn the_sum_of_all_patterns_is_bounded() {
        let large: Vec<_> = (1..=60).map(|n| format!(r"\p{{L}}{{4}}x{{{n}}}")).collect();
        assert_eq!(add(large.iter().take(3).map(String::as_str)), Ok(()));
        let all = large.iter().map(String::as_str);
        assert_eq!(add(all), Err(PatternError::Compiled));
        let same = std::iter::repeat_n(r"\p{L}{4}", 60);
        assert_eq!(add(same), Err(PatternError::Compiled), "each use counts");

        let small: Vec<_> = (0..100).map(|n| format!("a{n}")).collect();
        let all = small.iter().map(String::as_str);
        assert_eq!(add(all), Err(PatternError::Compiled), "small ones add up");

        let long: Vec<_> = (0..9)
            .map(|n| format!("[{n}{}]", "a".repeat(500)))
            .collect();
        assert_eq!(
            add(long.iter().map(String::as_str)),
            Err(PatternError::TotalSize)
        );
        let spaces: Vec<_> = (1..9).map(|n| r"\S".repeat(40 + n)).collect();
        let all = spaces.iter().map(String::as_str);
        assert_eq!(add(all), Err(PatternError::Escapes));
    }

    #[test]
    fn a_single_pattern_is_bounded() {
        assert!(matches!(
            add(["a".repeat(600).as_str()]),
            Err(PatternError::TooLong(_, 600))
        ));
        for large in [
            r"\p{L}{80}",
            "((a{100}){100}){100}",
            &format!("({}){{300}}", "a?".repeat(90)),
        ] {
            assert_eq!(add([large]), Err(PatternError::Compiled), "{large}");
        }
        for folded in [r"(?i)[\p{any}]", "(?s-u:a)", "a(?-u)b", "(?im)a"] {
            assert!(
                matches!(add([folded]), Err(PatternError::Flag(_))),
                "{folded}"
            );
        }
        for other in [
            "(?=a)b",
            "(?!a)b",
            "(?<=a)b",
            "(?<!a)b",
            r"(a)\1",
            "(",
            r"\p{nothing}",
        ] {
            assert!(
                matches!(add([other]), Err(PatternError::Syntax(_))),
                "{other}"
            );
        }
    }
}
