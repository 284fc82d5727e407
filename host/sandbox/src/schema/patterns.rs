//! What the regular expressions of one schema take, all of them together.
//!
//! Each is compiled here first, under what those before it left, in the way that validation compiles
//! it: the library that does so bounds one of them and not their sum. Knows nothing of where in a
//! schema they stand.

use std::collections::HashMap;

use regex_automata::meta;

use vitals_model::Text;

/// A regular expression that is refused, or one too many.
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
        "its pattern `{0}` is no regular expression that runs in linear time, without look-around \
         and back-references"
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
        "its patterns come to more than {} KiB together when they are compiled; use fewer of them, \
         smaller counts and smaller classes than `\\p{{L}}`",
        MAX_COMPILED / 1024
    )]
    Compiled,
}

/// The patterns of one schema, each with the bytes that it takes when it is compiled.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    sizes: HashMap<String, usize>,
    text_bytes: usize,
    translation_cost: usize,
    compiled_bytes: usize,
}

impl Patterns {
    /// Counts a pattern that validation compiles, once for each time that it does.
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

    /// The bytes that a pattern takes when it is compiled; nothing for one that never is.
    pub(super) fn size(&self, pattern: &str) -> usize {
        self.sizes.get(pattern).copied().unwrap_or(0)
    }

    /// What has to hold before a pattern is even parsed.
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

/// Compiles a pattern as validation does, and says how many bytes it takes.
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

/// What it takes to translate a pattern from the dialect of ECMA-262: each escape has the whole text
/// parsed once more, in which those before it have grown.
fn translation_cost(pattern: &str) -> usize {
    let escapes = pattern.matches('\\').count();
    escapes.saturating_mul(pattern.len() + escapes * MAX_CLASS_BYTES)
}

/// Whether a pattern may set flags (`(?i)`, `(?s-u:…)`), under which its classes are folded: that
/// takes a hundred times as long as reading them. One that escapes or lists `(?` may count as one
/// that does.
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

/// Bytes of one pattern.
const MAX_BYTES: usize = 512;
/// Bytes of all patterns that differ: classes take time and memory before any size counts.
const MAX_TOTAL_BYTES: usize = 4 << 10;
/// Bytes that are parsed while patterns are translated.
const MAX_TRANSLATION: usize = 256 << 10;
/// Bytes of all compiled patterns.
pub(super) const MAX_COMPILED: usize = 2 << 20;
/// Bytes that a matcher may use for what it learns while it matches, for each direction.
pub(super) const DFA_CACHE_BYTES: usize = 256 << 10;
/// What a compiled pattern takes besides, however small it is.
const PATTERN_OVERHEAD_BYTES: usize = 32 << 10;
/// How long the class is that stands for `\S`.
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
    fn what_checks_use_is_taken() {
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
    fn all_are_bounded_together() {
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
    fn one_is_bounded_alone() {
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
