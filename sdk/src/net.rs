//! How connections are made, and what `tcp` and `tls` share.
//!
//! This module knows neither the words of their errors nor the environment: `backend` connects.

mod failure;
mod options;
mod settings;
mod stream;

pub(crate) use failure::{Failed, Failure};
pub use options::{ConnectOptions, Family};
pub use settings::{ConnectSettings, FamilySettings};
pub(crate) use stream::{Protocol, Stream, Until, line_text, stream_methods, stream_traits};
