//! The macros of vitals-sdk. They generate the export of a check, and the reader and schema of its
//! settings. Whatever can be an ordinary function is in the SDK.

mod attributes;
mod check;
mod config;
mod docs;

use proc_macro::TokenStream;

/// Makes a function the health check of this crate.
///
/// - `code = "…"` (required): short and stable, `[a-z][a-z0-9-]*`, at most 64 characters. It is for
///   people: the host names a check by its configuration, or by the file's name.
/// - `summary = "…"`: one line for a person who is looking for a check. The default is the first
///   line of the function's doc comment, or of the settings'.
///
/// A crate has one health check. The function has one of these signatures:
///
/// ```text
/// fn check() -> Outcome
/// fn check(settings: Settings) -> Outcome
/// fn check(settings: Settings, request: &Request) -> Outcome
/// ```
///
/// or returns `Result<Outcome, E>` for any `E` that implements `Display`: an error is an unhealthy
/// outcome with the error and its causes as the message. `Settings` is any type with
/// `derive(Config)`; the function is never called with invalid settings. It stays an ordinary
/// function, which a test can call. Version, license, authors, homepage and repository come from
/// the crate's manifest.
#[proc_macro_attribute]
pub fn health_check(attribute: TokenStream, item: TokenStream) -> TokenStream {
    check::expand(attribute.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a struct or an enum the settings of a check. See the trait of the same name.
#[proc_macro_derive(Config, attributes(config))]
pub fn config(item: TokenStream) -> TokenStream {
    config::expand(item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
