//! The fields of a struct or a variant, as the table from which schema and reader are made.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, Field, Fields, Result, Type};

use crate::attributes::{Default, Options};
use crate::docs::doc_of;

/// The fields of a struct or a variant.
pub(super) struct Table {
    pub(super) names: Vec<Ident>,
    keys: Vec<String>,
    types: Vec<Type>,
    /// Expressions of type `Field`.
    pub(super) rows: Vec<TokenStream>,
    /// Assertions that must compile.
    pub(super) checks: Vec<TokenStream>,
}

impl Table {
    pub(super) fn of(fields: &Fields) -> Result<Self> {
        let mut table = Self {
            names: Vec::new(),
            keys: Vec::new(),
            types: Vec::new(),
            rows: Vec::new(),
            checks: Vec::new(),
        };
        for field in fields {
            table.add(field)?;
        }
        Ok(table)
    }

    fn add(&mut self, field: &Field) -> Result<()> {
        let Some(name) = &field.ident else {
            return Err(Error::new(field.span(), "settings have named fields"));
        };
        let options = Options::of_field(&field.attrs)?;
        let key = match &options.rename {
            Some(rename) => rename.value(),
            None => plain(name),
        };
        if self.keys.contains(&key) {
            return Err(Error::new(
                name.span(),
                format!("two fields are written `{key}`"),
            ));
        }
        let (of, doc, secret) = (&field.ty, doc_of(&field.attrs), options.secret);
        let json = |value: &TokenStream| {
            quote! { ::core::option::Option::Some(|| ::vitals_sdk::__private::json!(#value)) }
        };
        let none = quote!(::core::option::Option::None);
        let default = match &options.default {
            None => none.clone(),
            Some(Default::Written(value)) => json(value),
            Some(Default::OfType) => quote_spanned! {of.span()=>
                ::core::option::Option::Some(|| {
                    ::vitals_sdk::Config::to_value(&<#of as ::core::default::Default>::default())
                })
            },
        };
        let grant = &options.grant;
        let minimum = options.minimum.as_ref().map_or(none.clone(), &json);
        let maximum = options.maximum.as_ref().map_or(none, &json);
        self.rows.push(quote! {
            ::vitals_sdk::__private::Field {
                key: #key,
                doc: #doc,
                default: #default,
                grant: &[#(#grant),*],
                secret: #secret,
                minimum: #minimum,
                maximum: #maximum,
            }
        });
        if !options.grant.is_empty() {
            self.checks.push(quote_spanned! {of.span()=>
                const _: () = ::vitals_sdk::__private::grantable::<#of>();
            });
        }
        if options.minimum.is_some() || options.maximum.is_some() {
            self.checks.push(quote_spanned! {of.span()=>
                const _: () = ::vitals_sdk::__private::numeric::<#of>();
            });
        }
        self.names.push(name.clone());
        self.keys.push(key);
        self.types.push(of.clone());
        Ok(())
    }

    /// Returns the schema of the object, with `FIELDS` and `definitions` in scope.
    pub(super) fn object(&self, doc: &TokenStream) -> TokenStream {
        let types = &self.types;
        quote! {
            definitions.object(#doc, FIELDS, |properties| {
                let _ = &properties;
                #(properties.next::<#types>();)*
            })
        }
    }

    /// Returns for each field an expression that reads it, with `FIELDS` and `object` in scope.
    pub(super) fn take(&self) -> Vec<TokenStream> {
        self.types
            .iter()
            .enumerate()
            .map(|(index, of)| quote_spanned!(of.span()=> object.take::<#of>(&FIELDS[#index])?))
            .collect()
    }

    /// Returns the object that reads back as these fields, which are accessed through `prefix`.
    pub(super) fn show(&self, prefix: &TokenStream) -> TokenStream {
        let (names, keys) = (&self.names, &self.keys);
        quote! {
            ::vitals_sdk::__private::object_of([
                #((#keys, ::vitals_sdk::Config::to_value(#prefix #names))),*
            ])
        }
    }
}

/// Returns the name without `r#`.
pub(super) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}
