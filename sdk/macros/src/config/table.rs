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
    types: Vec<Type>,
    places: Vec<Place>,
    /// The key of each row.
    keys: Vec<String>,
    /// Expressions of type `Field`.
    pub(super) rows: Vec<TokenStream>,
    /// Assertions that must compile.
    pub(super) checks: Vec<TokenStream>,
}

/// Where the value of a field is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Below the key of this row.
    Row(usize),
    /// In the object itself, below keys that its type has.
    Flat,
}

impl Table {
    pub(super) fn of(fields: &Fields) -> Result<Self> {
        let mut table = Self {
            names: Vec::new(),
            types: Vec::new(),
            places: Vec::new(),
            keys: Vec::new(),
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
        self.names.push(name.clone());
        self.types.push(field.ty.clone());
        if options.flatten {
            self.places.push(Place::Flat);
            return Ok(());
        }
        self.places.push(Place::Row(self.rows.len()));
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
        self.keys.push(key);
        Ok(())
    }

    /// Returns whether the keys of a field are those of its type.
    pub(super) fn is_flat(&self) -> bool {
        self.places.contains(&Place::Flat)
    }

    /// Returns the rows of all keys in order, as slices, with `rows` for the own ones.
    pub(super) fn parts(&self, rows: &TokenStream) -> Vec<TokenStream> {
        self.fields()
            .map(|(of, place)| match place {
                Place::Row(row) => quote!(::core::slice::from_ref(&#rows[#row])),
                Place::Flat => quote_spanned! {of.span()=>
                    <#of as ::vitals_sdk::__private::Fields>::ALL
                },
            })
            .collect()
    }

    /// Returns for each field a statement that adds it to `properties`.
    pub(super) fn add_all(&self) -> Vec<TokenStream> {
        self.fields()
            .map(|(of, place)| match place {
                Place::Row(_) => quote!(properties.next::<#of>();),
                Place::Flat => quote! {
                    <#of as ::vitals_sdk::__private::Fields>::add_to(properties);
                },
            })
            .collect()
    }

    /// Returns for each field an expression that reads it, with `object` in scope, and `rows` for
    /// the own rows.
    pub(super) fn take(&self, rows: &TokenStream) -> Vec<TokenStream> {
        self.fields()
            .map(|(of, place)| match place {
                Place::Row(row) => {
                    quote_spanned!(of.span()=> object.take::<#of>(&#rows[#row])?)
                }
                Place::Flat => quote_spanned! {of.span()=>
                    <#of as ::vitals_sdk::__private::Fields>::take_from(object)?
                },
            })
            .collect()
    }

    /// Returns the object that reads back as these fields, which are accessed through `prefix`.
    pub(super) fn show(&self, prefix: &TokenStream) -> TokenStream {
        let keys = &self.keys;
        let of_place = |is_wanted: fn(Place) -> bool| {
            let names = self.names.iter().zip(&self.places);
            names
                .filter(move |(_, place)| is_wanted(**place))
                .map(|(name, _)| name)
        };
        let names = of_place(|place| place != Place::Flat);
        let own = quote! {
            ::vitals_sdk::__private::object_of([
                #((#keys, ::vitals_sdk::Config::to_value(#prefix #names))),*
            ])
        };
        of_place(|place| place == Place::Flat).fold(own, |object, name| {
            quote! {
                ::vitals_sdk::__private::joined(#object, ::vitals_sdk::Config::to_value(#prefix #name))
            }
        })
    }

    fn fields(&self) -> impl Iterator<Item = (&Type, Place)> {
        self.types.iter().zip(self.places.iter().copied())
    }
}

/// Returns the name without `r#`.
pub(super) fn plain(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}
