//! File name patterns, as in a shell: `backup-*.sql.gz`.

use vitals_sdk::config::{ConfigError, Definitions, Schema};
use vitals_sdk::prelude::*;

/// A pattern with `*` for any text and `?` for one character.
pub(crate) struct Glob(String);

impl Glob {
    /// Returns whether a name matches. As in a shell, a hidden file matches only a pattern that
    /// begins with a dot.
    pub(crate) fn matches(&self, name: &str) -> bool {
        if name.starts_with('.') && !self.0.starts_with('.') {
            return false;
        }
        let (pattern, name): (Vec<char>, Vec<char>) =
            (self.0.chars().collect(), name.chars().collect());
        let (mut p, mut n) = (0, 0);
        // Where to continue if the rest does not match after the last `*`, which then takes one
        // more character.
        let mut last_star = None;
        while n < name.len() {
            match pattern.get(p) {
                Some('*') => {
                    last_star = Some((p, n));
                    p += 1;
                }
                Some(&c) if c == '?' || c == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => {
                    let Some((star, taken)) = last_star else {
                        return false;
                    };
                    last_star = Some((star, taken + 1));
                    p = star + 1;
                    n = taken + 1;
                }
            }
        }
        pattern[p..].iter().all(|&c| c == '*')
    }

    /// Returns the pattern as configured.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Config for Glob {
    fn schema(_: &mut Definitions) -> Schema {
        Schema::of_type("string")
            .with("pattern", "^[^/]+$")
            .called("name pattern")
    }

    fn read(value: Value) -> Result<Self, ConfigError> {
        let text = String::read(value)?;
        if text.is_empty() || text.contains('/') {
            return Err(ConfigError::new(format_args!(
                "`{text}` is not a file name pattern; write it like `backup-*.sql.gz`"
            )));
        }
        Ok(Self(text))
    }

    fn to_value(&self) -> Value {
        self.0.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name, matches) in [
            ("*", "a", true),
            ("*", ".hidden", false),
            (".*", ".hidden", true),
            ("backup-*.sql.gz", "backup-2026-11-20.sql.gz", true),
            ("backup-*.sql.gz", "backup-2026-11-20.sql.gz.part", false),
            ("backup-*.sql.gz", "backup-.sql.gz", true),
            ("*.gz", "a.gz.gz", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a?c", "aöc", true),
            ("a?c", "ac", false),
            ("a**", "a", true),
            ("[a]", "a", false),
            ("[a]", "[a]", true),
        ] {
            let glob = Glob::read(pattern.into()).unwrap();
            assert_eq!(glob.matches(name), matches, "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_match_quickly() {
        let glob = Glob::read("a*".repeat(100).into()).unwrap();
        assert!(!glob.matches(&("a".repeat(250) + "b" + &"c".repeat(4))[..].replace('a', "x")));
        assert!(glob.matches(&"a".repeat(250)));
    }

    #[test]
    fn a_pattern_contains_no_slash() {
        for text in ["", "a/b", "/var/*"] {
            assert!(Glob::read(text.into()).is_err(), "{text}");
        }
    }
}
