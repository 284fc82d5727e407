//! The macros of vitals-sdk. They write what an author would have to: the export of a check, and how
//! settings are read and described. All that can be an ordinary function stands in the SDK.

mod attributes;
mod check;
mod config;
mod docs;

use proc_macro::TokenStream;

/// Makes a function the health check that this crate is.
///
/// - `code = "…"`: short and stable, `[a-z][a-z0-9-]*`, at most 64 long. Needed. It is for people: the host
///   names a check by its configuration, or by the file's name.
/// - `summary = "…"`: one line for a person who looks for a check. Else the first line of the function's
///   doc comment, else of the settings'.
///
/// A crate has one. The function is one of
///
/// ```text
/// fn check() -> Outcome
/// fn check(settings: Settings) -> Outcome
/// fn check(settings: Settings, request: &Request) -> Outcome
/// ```
///
/// or answers with `Result<Outcome, E>` for any `E` that can be displayed: an error is an unhealthy
/// outcome with the error and its causes as the message. `Settings` is any type with `derive(Config)`;
/// settings that don't fit it never reach the function. It stays an ordinary function, which a test can
/// call. Version, license, authors, homepage and repository are those of the crate's manifest.
#[proc_macro_attribute]
pub fn health_check(attribute: TokenStream, item: TokenStream) -> TokenStream {
    check::expand(attribute.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a struct or an enum settings of a check. The trait of the same name says what that means.
#[proc_macro_derive(Config, attributes(config))]
pub fn config(item: TokenStream) -> TokenStream {
    config::expand(item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
