//! Why a setting could not be read, and where it stands.

use std::fmt;

use serde_json::Value;

/// A setting could not be read. It says which one, by its path: `` `targets[2].port`: expected … ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// From the outside in, with dots and brackets.
    path: String,
    problem: String,
}

impl ConfigError {
    /// An error of the value itself.
    pub fn new(problem: impl fmt::Display) -> Self {
        Self {
            path: String::new(),
            problem: problem.to_string(),
        }
    }

    /// Another kind of value was found than was expected.
    pub fn expected(what: &str, found: &Value) -> Self {
        let found = match found {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        Self::new(format_args!("expected {what}, found {found}"))
    }

    /// The same error of the value under `key`.
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

    /// The same error of the value at `index` of a list.
    #[must_use]
    pub fn inside_item(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }

    /// The same place without the problem, which may show what nobody should see.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        "it is not valid (what stands there is secret)".clone_into(&mut self.problem);
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
