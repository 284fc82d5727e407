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
        fields,
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

            #fields

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
    /// What only a struct has.
    fields: Option<TokenStream>,
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
    let label = name.to_string();
    let (names, rows) = (&table.names, &table.rows);
    let own = quote!(<#name as ::vitals_sdk::__private::Fields>::OWN);
    let (add_all, take) = (table.add_all(), table.take(&own));
    let all = table.is_flat().then(|| {
        let parts = table.parts(&own);
        quote! {
            const ALL: &'static [::vitals_sdk::__private::Field] = {
                const PARTS: &[&[::vitals_sdk::__private::Field]] = &[#(#parts),*];
                const ALL: [::vitals_sdk::__private::Field; ::vitals_sdk::__private::count(PARTS)] =
                    ::vitals_sdk::__private::concatenated(PARTS);
                &ALL
            };
        }
    });
    Ok(Body {
        schema: quote! { ::vitals_sdk::__private::struct_schema::<Self>(#label, definitions) },
        read: quote! { ::vitals_sdk::__private::read_struct(value) },
        to_value: table.show(&quote!(&self.)),
        fields: Some(quote! {
            impl ::vitals_sdk::__private::Fields for #name {
                const OWN: &'static [::vitals_sdk::__private::Field] = &[#(#rows),*];
                #all

                fn add_to(properties: &mut ::vitals_sdk::__private::Properties<'_>) {
                    let _ = &properties;
                    #(#add_all)*
                }

                fn take_from(
                    object: &mut ::vitals_sdk::__private::Object,
                ) -> ::core::result::Result<Self, ::vitals_sdk::config::ConfigError> {
                    let _ = &object;
                    ::core::result::Result::Ok(Self { #(#names: #take),* })
                }
            }
        }),
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
            (
                "struct S { #[config(flatten, secret)] a: T }",
                "`flatten` allows no other option",
            ),
            (
                "enum E { A { #[config(flatten)] a: T } }",
                "`flatten` in a variant",
            ),
        ] {
            let error = expand(item.parse().unwrap()).expect_err(item).to_string();
            assert!(error.contains(what), "{item}: {error}");
        }
    }
}
