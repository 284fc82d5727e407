//! `#[derive(Config)]`: makes the table of fields, and from it schema and reader.

mod table;
mod variants;

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Ident, Result};

use crate::attributes::Options;
use crate::docs::doc_of;
use table::Table;
use variants::of_enum;

pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let input: DeriveInput = syn::parse2(item)?;
    Options::none(&input.attrs)?;
    if !input.generics.params.is_empty() {
        return Err(Error::new(
            input.generics.span(),
            "settings can't be generic",
        ));
    }
    let doc = doc_of(&input.attrs);
    let Body {
        schema,
        read,
        to_value,
        checks,
    } = match &input.data {
        Data::Struct(data) => of_struct(&input.ident, &data.fields)?,
        Data::Enum(data) => of_enum(&input.ident, data)?,
        Data::Union(data) => {
            return Err(Error::new(
                data.union_token.span(),
                "settings must be a struct or an enum",
            ));
        }
    };
    let name = &input.ident;
    Ok(quote! {
        const _: () = {
            #(#checks)*

            impl ::vitals_sdk::Config for #name {
                const DOC: &'static str = #doc;

                fn schema(definitions: &mut ::vitals_sdk::config::Definitions) -> ::vitals_sdk::config::Schema {
                    #schema
                }

                fn read(
                    value: ::vitals_sdk::Value,
                ) -> ::core::result::Result<Self, ::vitals_sdk::config::ConfigError> {
                    #read
                }

                fn to_value(&self) -> ::vitals_sdk::Value {
                    #to_value
                }
            }
        };
    })
}

/// The bodies of the trait's functions, and assertions that must compile.
struct Body {
    schema: TokenStream,
    read: TokenStream,
    to_value: TokenStream,
    checks: Vec<TokenStream>,
}

fn of_struct(name: &Ident, fields: &Fields) -> Result<Body> {
    let Fields::Named(_) = fields else {
        return Err(Error::new(
            name.span(),
            "settings have named fields: `struct Settings { url: Url }`",
        ));
    };
    let table = Table::of(fields)?;
    let (fields, object) = (
        &table.rows,
        table.object(&quote!(<Self as ::vitals_sdk::Config>::DOC)),
    );
    let label = name.to_string();
    let (names, take, show) = (&table.names, table.take(), table.show(&quote!(&self.)));
    Ok(Body {
        schema: quote! {
            const FIELDS: &[::vitals_sdk::__private::Field] = &[#(#fields),*];
            definitions.reference::<Self>(#label, |definitions| #object)
        },
        read: quote! {
            const FIELDS: &[::vitals_sdk::__private::Field] = &[#(#fields),*];
            let mut object = ::vitals_sdk::__private::Object::read(value, FIELDS)?;
            ::core::result::Result::Ok(Self { #(#names: #take),* })
        },
        to_value: show,
        checks: table.checks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_settings_are_an_error_with_the_reason() {
        for (item, what) in [
            ("struct S(String);", "named fields"),
            ("struct S;", "named fields"),
            ("struct S<T> { a: T }", "can't be generic"),
            ("union S { a: u8 }", "a struct or an enum"),
            ("enum E {}", "without variants"),
            ("enum E { A(u8, u8) }", "one value or named fields"),
            (
                r#"enum E { A { #[config(grant = "http")] url: Url } }"#,
                "a grant in a variant",
            ),
            (
                "enum E { A(#[config(secret)] String) }",
                "options belong on a named field",
            ),
            (
                "enum E { #[config(default)] A }",
                "a variant accepts only `rename`",
            ),
            (
                r#"enum E { A, #[config(rename = "a")] B }"#,
                "two variants are written `a`",
            ),
            ("#[config(secret)] struct S { a: u8 }", "not on the type"),
            (
                r#"struct S { #[config(grant = "ftp")] a: Url }"#,
                "unknown grant, expected one of `http`, `tcp`",
            ),
            (
                "struct S { #[config(range(1..10))] a: u8 }",
                "`range(1..=10)`",
            ),
            (
                "struct S { #[config(defualt = 1)] a: u8 }",
                "unknown option, expected one of `default`",
            ),
            (
                r#"struct S { a: u8, #[config(rename = "a")] b: u8 }"#,
                "two fields are written `a`",
            ),
        ] {
            let error = expand(item.parse().unwrap()).expect_err(item).to_string();
            assert!(error.contains(what), "{item}: {error}");
        }
    }
}
