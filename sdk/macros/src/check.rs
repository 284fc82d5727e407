//! `#[health_check]`: keeps the function and adds the plugin's exports beside it.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, LitStr, Result, ReturnType, Type};

use crate::docs::doc_of;

pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = Options::parse(attribute)?;
    let function: ItemFn = syn::parse2(item)?;
    let settings = settings_of(&function)?;

    let name = &function.sig.ident;
    let code = &options.code;
    let summary = options.summary.unwrap_or_else(|| {
        doc_of(&function.attrs)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    });
    let no_settings = quote!(::vitals_sdk::__private::NoSettings);
    let settings_type = settings
        .first()
        .map_or(no_settings, |settings| quote!(#settings));
    let arguments = match settings.len() {
        0 => quote!(),
        1 => quote!(settings),
        _ => quote!(settings, request),
    };
    let return_span = match &function.sig.output {
        ReturnType::Type(_, returned) => returned.span(),
        ReturnType::Default => Span::call_site(),
    };
    // This span makes the compiler point at a wrong return type where the author wrote it.
    let into_result =
        quote_spanned!(return_span=> ::vitals_sdk::__private::CheckReturn::into_result);

    Ok(quote! {
        #[allow(clippy::needless_pass_by_value, reason = "the check owns its settings")]
        #function

        const _: () = {
            struct Plugin;

            impl ::vitals_sdk::__private::Check for Plugin {
                type Settings = #settings_type;

                const IDENTITY: ::vitals_sdk::__private::Identity = ::vitals_sdk::__private::Identity {
                    code: #code,
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    summary: #summary,
                    annotations: &[
                        ("license", ::core::env!("CARGO_PKG_LICENSE")),
                        ("authors", ::core::env!("CARGO_PKG_AUTHORS")),
                        ("homepage", ::core::env!("CARGO_PKG_HOMEPAGE")),
                        ("repository", ::core::env!("CARGO_PKG_REPOSITORY")),
                    ],
                };

                fn run(
                    settings: Self::Settings,
                    request: &::vitals_sdk::Request,
                ) -> ::vitals_sdk::Outcome {
                    #[allow(unused_imports, reason = "the error type selects one of the traits")]
                    use ::vitals_sdk::__private::{ViaDisplay as _, ViaError as _};
                    let _ = (&settings, request);
                    match #into_result(#name(#arguments)) {
                        ::core::result::Result::Ok(outcome) => outcome,
                        ::core::result::Result::Err(error) => {
                            ::vitals_sdk::Outcome::unhealthy((&error).line())
                        }
                    }
                }
            }

            // Outside a component nothing calls `run`; this keeps it from being reported as dead
            // code.
            const _: fn(<Plugin as ::vitals_sdk::__private::Check>::Settings, &::vitals_sdk::Request)
                -> ::vitals_sdk::Outcome = <Plugin as ::vitals_sdk::__private::Check>::run;

            #[cfg(target_family = "wasm")]
            ::vitals_sdk::__private::bindings::export!(
                Plugin with_types_in ::vitals_sdk::__private::bindings
            );
        };
    })
}

struct Options {
    code: String,
    summary: Option<String>,
}

impl Options {
    fn parse(attribute: TokenStream) -> Result<Self> {
        let (mut code, mut summary) = (None, None);
        syn::meta::parser(|meta| {
            if meta.path.is_ident("code") {
                code = Some(meta.value()?.parse::<LitStr>()?);
            } else if meta.path.is_ident("summary") {
                summary = Some(meta.value()?.parse::<LitStr>()?.value());
            } else {
                return Err(meta.error("unknown option, expected `code` or `summary`"));
            }
            Ok(())
        })
        .parse2(attribute)?;
        let code = code.ok_or_else(|| {
            let text = "a health check needs a code: `#[health_check(code = \"postgres\")]`";
            Error::new(Span::call_site(), text)
        })?;
        if !is_code(&code.value()) {
            let text = "a code is `[a-z][a-z0-9-]*` and at most 64 characters long";
            return Err(Error::new(code.span(), text));
        }
        Ok(Self {
            code: code.value(),
            summary,
        })
    }
}

fn is_code(code: &str) -> bool {
    code.len() <= 64
        && code.starts_with(|first: char| first.is_ascii_lowercase())
        && code
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Returns the types of the parameters after checking the signature.
fn settings_of(function: &ItemFn) -> Result<Vec<&Type>> {
    let signature = &function.sig;
    let wrong = |span: Span, what: &str| Error::new(span, format!("{what}; {SHAPES}"));
    if let Some(token) = &signature.asyncness {
        return Err(wrong(token.span(), "a health check can't be async"));
    }
    if let Some(token) = &signature.unsafety {
        return Err(wrong(token.span(), "a health check can't be unsafe"));
    }
    if !signature.generics.params.is_empty() {
        return Err(wrong(
            signature.generics.span(),
            "a health check can't be generic",
        ));
    }
    if matches!(signature.output, ReturnType::Default) {
        return Err(wrong(
            signature.ident.span(),
            "a health check must return an outcome",
        ));
    }
    let mut types = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                return Err(wrong(receiver.span(), "a health check can't be a method"));
            }
            FnArg::Typed(parameter) => types.push(&*parameter.ty),
        }
    }
    match types.as_slice() {
        [settings] | [settings, _] if matches!(settings, Type::Reference(_)) => {
            return Err(wrong(
                settings.span(),
                "the settings are the first parameter and are passed by value",
            ));
        }
        [] | [_] => {}
        [_, Type::Reference(request)] if request.mutability.is_none() => {}
        [_, request] => return Err(wrong(request.span(), "the second parameter is `&Request`")),
        [_, _, third, ..] => {
            return Err(wrong(
                third.span(),
                "a health check has at most two parameters",
            ));
        }
    }
    Ok(types)
}

const SHAPES: &str = "write `fn check() -> Outcome`, `fn check(settings: Settings) -> Outcome` or \
    `fn check(settings: Settings, request: &Request) -> Outcome`, or any of them with \
    `Result<Outcome, E>`";

#[cfg(test)]
mod tests {
    use super::*;

    fn error(attribute: TokenStream, item: TokenStream) -> String {
        expand(attribute, item).expect_err("it expands").to_string()
    }

    #[test]
    fn the_three_signatures_expand() {
        for item in [
            quote!(
                fn check() -> Outcome {
                    unreachable!()
                }
            ),
            quote!(
                fn check(mut settings: my::Settings) -> Result<Outcome> {
                    unreachable!()
                }
            ),
            quote!(
                pub fn check(S { a, .. }: S, _: &Request) -> Result<Outcome, String> {
                    unreachable!()
                }
            ),
        ] {
            let expanded = expand(quote!(code = "a-1", summary = "x"), item);
            assert!(expanded.is_ok(), "{}", expanded.unwrap_err());
        }
    }

    #[test]
    fn every_other_signature_is_an_error_with_a_hint() {
        for (item, what) in [
            (
                quote!(
                    async fn check() -> Outcome {}
                ),
                "a health check can't be async",
            ),
            (
                quote!(
                    unsafe fn check() -> Outcome {}
                ),
                "a health check can't be unsafe",
            ),
            (
                quote!(
                    fn check<T>(t: T) -> Outcome {}
                ),
                "a health check can't be generic",
            ),
            (
                quote!(
                    fn check(&self) -> Outcome {}
                ),
                "a health check can't be a method",
            ),
            (
                quote!(
                    fn check() {}
                ),
                "a health check must return an outcome",
            ),
            (
                quote!(
                    fn check(s: &Settings) -> Outcome {}
                ),
                "the settings are the first parameter",
            ),
            (
                quote!(
                    fn check(r: &Request, s: S) -> Outcome {}
                ),
                "the settings are the first parameter",
            ),
            (
                quote!(
                    fn check(s: S, r: Request) -> Outcome {}
                ),
                "the second parameter is `&Request`",
            ),
            (
                quote!(
                    fn check(s: S, r: &mut Request) -> Outcome {}
                ),
                "the second parameter is `&Request`",
            ),
            (
                quote!(
                    fn check(a: S, b: &R, c: u8) -> Outcome {}
                ),
                "at most two parameters",
            ),
        ] {
            let text = error(quote!(code = "a"), item);
            assert!(
                text.contains(what) && text.contains("write `fn check() -> Outcome`"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_code_is_required_and_validated() {
        let item = || {
            quote!(
                fn check() -> Outcome {}
            )
        };
        assert!(error(quote!(), item()).contains("needs a code"));
        assert!(error(quote!(code = "a", sumary = "x"), item()).contains("unknown option"));
        let long = "a".repeat(65);
        for code in ["", "A", "1a", "-a", "a_b", "a b", "ä", &long] {
            assert!(
                error(quote!(code = #code), item()).contains("a code is"),
                "{code}"
            );
        }
    }
}
