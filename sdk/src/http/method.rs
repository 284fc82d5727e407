//! The method of a request.

use std::fmt;

/// The method of a request.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Method {
    /// Reads a resource.
    #[default]
    Get,
    /// Reads a resource's headers without its body.
    Head,
    /// Submits data.
    Post,
    /// Replaces a resource.
    Put,
    /// Changes a resource.
    Patch,
    /// Removes a resource.
    Delete,
    /// Asks for the supported methods.
    Options,
    /// Any other method, in the case that the server expects.
    Other(String),
}

impl Method {
    /// Returns the method as sent in a request.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other(method) => method,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
