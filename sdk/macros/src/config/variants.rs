//! Enums: a variant without data is a string, a variant with data is an object with one key.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{DataEnum, Error, Fields, Ident, Result, Variant};

use super::Body;
use super::table::{Table, plain};
use crate::attributes::Options;
use crate::docs::doc_of;

pub(super) fn of_enum(name: &Ident, data: &DataEnum) -> Result<Body> {
    if data.variants.is_empty() {
        return Err(Error::new(
            name.span(),
            "an enum without variants has no values",
        ));
    }
    let arms = data
        .variants
        .iter()
        .map(Arm::of)
        .collect::<Result<Vec<_>>>()?;
    let names: Vec<&String> = arms.iter().map(|arm| &arm.name).collect();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            let variant = &data.variants[index];
            return Err(Error::new(
                variant.span(),
                format!("two variants are written `{name}`"),
            ));
        }
    }
    let read = arms.iter().map(|arm| &arm.read);
    let to_value = arms.iter().map(|arm| &arm.to_value);
    let label = name.to_string();
    let docs = arms.iter().map(|arm| &arm.doc);
    let schema = if arms.iter().all(|arm| arm.schema.is_none()) {
        quote! {
            let _ = definitions;
            ::vitals_sdk::__private::names(<Self as ::vitals_sdk::Config>::DOC, &[#((#names, #docs)),*])
        }
    } else {
        let schemas = arms.iter().map(|arm| {
            let (name, doc) = (&arm.name, &arm.doc);
            arm.schema
                .clone()
                .unwrap_or_else(|| quote!(::vitals_sdk::__private::name(#name, #doc)))
        });
        quote! {
            definitions.reference::<Self>(#label, |definitions| {
                ::vitals_sdk::config::Schema::anything()
                    .described(<Self as ::vitals_sdk::Config>::DOC)
                    .with("oneOf", ::std::vec![#(#schemas),*])
            })
        }
    };
    Ok(Body {
        schema,
        read: quote! {
            let (name, inner) = ::vitals_sdk::__private::read_variant(value)?;
            match (name.as_str(), inner) {
                #(#read)*
                (name, _) => ::core::result::Result::Err(
                    ::vitals_sdk::__private::unknown_variant(name, &[#(#names),*]),
                ),
            }
        },
        to_value: quote! { match self { #(#to_value)* } },
        fields: None,
        checks: arms.into_iter().flat_map(|arm| arm.checks).collect(),
    })
}

/// One variant of an enum.
struct Arm {
    name: String,
    doc: String,
    /// `None` for a variant without data.
    schema: Option<TokenStream>,
    read: TokenStream,
    to_value: TokenStream,
    checks: Vec<TokenStream>,
}

impl Arm {
    fn of(variant: &Variant) -> Result<Self> {
        let options = Options::of_variant(&variant.attrs)?;
        let ident = &variant.ident;
        let name = options
            .rename
            .map_or_else(|| snake(&plain(ident)), |rename| rename.value());
        let doc = doc_of(&variant.attrs);
        reject_grants(variant)?;
        match &variant.fields {
            Fields::Unit => Ok(Self {
                read: quote! {
                    (#name, ::core::option::Option::None) => ::core::result::Result::Ok(Self::#ident),
                },
                to_value: quote! { Self::#ident => ::vitals_sdk::Value::from(#name), },
                schema: None,
                checks: Vec::new(),
                name,
                doc,
            }),
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                let of = &fields.unnamed[0].ty;
                if let Some(attribute) = fields.unnamed[0]
                    .attrs
                    .iter()
                    .find(|a| a.path().is_ident("config"))
                {
                    let text = "options belong on a named field: `Variant { field: Type }`";
                    return Err(Error::new_spanned(attribute, text));
                }
                Ok(Self {
                    schema: Some(quote! {
                        ::vitals_sdk::__private::variant(
                            #name, #doc, <#of as ::vitals_sdk::Config>::schema(definitions),
                        )
                    }),
                    read: quote! {
                        (#name, ::core::option::Option::Some(inner)) => {
                            <#of as ::vitals_sdk::Config>::read(inner)
                                .map(Self::#ident)
                                .map_err(|error| error.inside(#name))
                        }
                    },
                    to_value: quote! {
                        Self::#ident(inner) => {
                            ::vitals_sdk::__private::object_of([(#name, ::vitals_sdk::Config::to_value(inner))])
                        }
                    },
                    checks: Vec::new(),
                    name,
                    doc,
                })
            }
            Fields::Unnamed(fields) => {
                let text = "a variant holds one value or named fields";
                Err(Error::new(fields.span(), text))
            }
            Fields::Named(_) => {
                let table = Table::of(&variant.fields)?;
                if table.is_flat() {
                    let text = "`flatten` in a variant is not possible: flatten the fields into the struct";
                    return Err(Error::new(variant.span(), text));
                }
                let (rows, add_all) = (&table.rows, table.add_all());
                let (names, take, show) = (
                    &table.names,
                    table.take(&quote!(FIELDS)),
                    table.show(&quote!()),
                );
                Ok(Self {
                    schema: Some(quote! {{
                        const FIELDS: &[::vitals_sdk::__private::Field] = &[#(#rows),*];
                        let inner = definitions.object("", FIELDS, |properties| {
                            let _ = &properties;
                            #(#add_all)*
                        });
                        ::vitals_sdk::__private::variant(#name, #doc, inner)
                    }}),
                    read: quote! {
                        (#name, ::core::option::Option::Some(inner)) => {
                            const FIELDS: &[::vitals_sdk::__private::Field] = &[#(#rows),*];
                            let read = || {
                                let mut object = ::vitals_sdk::__private::Object::read(inner, FIELDS)?;
                                ::core::result::Result::Ok(Self::#ident { #(#names: #take),* })
                            };
                            read().map_err(|error: ::vitals_sdk::config::ConfigError| error.inside(#name))
                        }
                    },
                    to_value: quote! {
                        Self::#ident { #(#names),* } => {
                            ::vitals_sdk::__private::object_of([(#name, #show)])
                        }
                    },
                    checks: table.checks,
                    name,
                    doc,
                })
            }
        }
    }
}

/// Rejects grants, which the host reads only under `properties`, `items` and `$ref`.
fn reject_grants(variant: &Variant) -> Result<()> {
    let mut fields = variant.fields.iter();
    let granting = fields.find(|field| {
        Options::of_field(&field.attrs).is_ok_and(|options| !options.grant.is_empty())
    });
    let text = "a grant in a variant has no effect: move the field into the struct";
    granting.map_or(Ok(()), |field| Err(Error::new(field.span(), text)))
}

/// Converts `ReadOnly` to `read_only`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_written_in_snake_case() {
        assert_eq!(snake("ReadOnly"), "read_only");
        assert_eq!(snake("Any"), "any");
    }
}
