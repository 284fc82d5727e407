//! Why a setting could not be read, and its path.

use std::fmt;

use serde_json::Value;

/// A setting that could not be read, with its path: `` `targets[2].port`: expected … ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// From the outermost key inwards, with dots and brackets.
    path: String,
    problem: String,
}

impl ConfigError {
    /// Makes an error about the value itself.
    pub fn new(problem: impl fmt::Display) -> Self {
        Self {
            path: String::new(),
            problem: problem.to_string(),
        }
    }

    /// Makes an error about a value of another type than expected.
    pub fn expected(what: &str, found: &Value) -> Self {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        Self::new(format_args!("expected {what}, found {found}"))
    }

    /// Moves the error below `key`.
    #[must_use]
    pub fn inside(mut self, key: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{key}{dot}{}", self.path);
        self
    }

    /// Moves the error below `index` of an array.
    #[must_use]
    pub fn inside_item(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }

    /// Keeps the path and hides the problem, which may show a secret.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        "the value is not valid (hidden, because it is secret)".clone_into(&mut self.problem);
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "`{}`: {}", self.path, self.problem)
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_reads_from_the_outside_in() {
        let error = ConfigError::new("too large")
            .inside("port")
            .inside_item(2)
            .inside("targets");
        assert_eq!(error.to_string(), "`targets[2].port`: too large");
        assert_eq!(ConfigError::new("too large").to_string(), "too large");
    }
}
