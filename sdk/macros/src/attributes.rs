//! `#[config(…)]`: its options, and where each is allowed.

use proc_macro2::{Group, TokenStream};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::parse::Parse;
use syn::{
    Attribute, Error, Expr, ExprRange, LitStr, RangeLimits, Result, Token, bracketed,
    parenthesized, token,
};

/// The options on a field or a variant.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) default: Option<Default>,
    pub(crate) grant: Vec<LitStr>,
    pub(crate) secret: bool,
    pub(crate) minimum: Option<TokenStream>,
    pub(crate) maximum: Option<TokenStream>,
    pub(crate) rename: Option<LitStr>,
    pub(crate) flatten: bool,
}

/// The value for a missing key.
pub(crate) enum Default {
    /// The `Default` of the type.
    OfType,
    /// This JSON value.
    Written(TokenStream),
}

impl Options {
    /// Parses the options of a field.
    pub(crate) fn of_field(attributes: &[Attribute]) -> Result<Self> {
        let mut count = 0;
        let options = Self::parse(attributes, |options, meta| {
            let path = &meta.path;
            count += 1;
            if path.is_ident("default") {
                options.default = Some(if meta.input.peek(Token![=]) {
                    Default::Written(json(meta)?)
                } else {
                    Default::OfType
                });
            } else if path.is_ident("grant") {
                options.grant = grant(meta)?;
            } else if path.is_ident("secret") {
                options.secret = true;
            } else if path.is_ident("min") {
                options.minimum = Some(meta.value()?.parse::<Expr>()?.into_token_stream());
            } else if path.is_ident("max") {
                options.maximum = Some(meta.value()?.parse::<Expr>()?.into_token_stream());
            } else if path.is_ident("range") {
                (options.minimum, options.maximum) = range(meta)?;
            } else if path.is_ident("rename") {
                options.rename = Some(meta.value()?.parse()?);
            } else if path.is_ident("flatten") {
                options.flatten = true;
            } else {
                return Err(meta.error(
                    "unknown option, expected one of `default`, `grant`, `secret`, `range`, `min`, `max`, `rename`, `flatten`",
                ));
            }
            Ok(())
        })?;
        if let (true, 2.., [attribute, ..]) = (options.flatten, count, attributes) {
            let text = "`flatten` allows no other option: the keys have their own";
            return Err(Error::new_spanned(attribute, text));
        }
        Ok(options)
    }

    /// Parses the options of a variant.
    pub(crate) fn of_variant(attributes: &[Attribute]) -> Result<Self> {
        Self::parse(attributes, |options, meta| {
            if !meta.path.is_ident("rename") {
                return Err(meta.error("unknown option, a variant accepts only `rename`"));
            }
            options.rename = Some(meta.value()?.parse()?);
            Ok(())
        })
    }

    /// Rejects options on a type.
    pub(crate) fn none(attributes: &[Attribute]) -> Result<()> {
        Self::parse(attributes, |_, meta| {
            Err(meta.error("options belong on a field or a variant, not on the type"))
        })
        .map(|_| ())
    }

    fn parse(
        attributes: &[Attribute],
        mut take: impl FnMut(&mut Self, &ParseNestedMeta<'_>) -> Result<()>,
    ) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("config"))
        {
            attribute.parse_nested_meta(|meta| take(&mut options, &meta))?;
        }
        Ok(options)
    }
}

/// Parses a JSON value: an object or an array in JSON syntax, otherwise any expression.
fn json(meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    let value = meta.value()?;
    if value.peek(token::Brace) || value.peek(token::Bracket) {
        return Ok(value.parse::<Group>()?.into_token_stream());
    }
    Ok(value.parse::<Expr>()?.into_token_stream())
}

/// Parses one kind of grant, or a list of kinds.
fn grant(meta: &ParseNestedMeta<'_>) -> Result<Vec<LitStr>> {
    let value = meta.value()?;
    let kinds: Vec<LitStr> = if value.peek(token::Bracket) {
        let content;
        bracketed!(content in value);
        let kinds = content.parse_terminated(<LitStr as Parse>::parse, Token![,])?;
        kinds.into_iter().collect()
    } else {
        vec![value.parse()?]
    };
    let is_unknown = |kind: &&LitStr| !GRANTS.contains(&kind.value().as_str());
    match kinds.iter().find(is_unknown) {
        None => Ok(kinds),
        Some(unknown) => Err(Error::new(
            unknown.span(),
            format!("unknown grant, expected one of `{}`", GRANTS.join("`, `")),
        )),
    }
}

type Bounds = (Option<TokenStream>, Option<TokenStream>);

fn range(meta: &ParseNestedMeta<'_>) -> Result<Bounds> {
    let content;
    parenthesized!(content in meta.input);
    let range: ExprRange = content.parse()?;
    if range.end.is_some() && matches!(range.limits, RangeLimits::HalfOpen(_)) {
        return Err(Error::new_spanned(
            range,
            "write the range inclusively: `range(1..=10)`",
        ));
    }
    let bound = |bound: Option<Box<Expr>>| bound.map(|bound| quote!(#bound));
    Ok((bound(range.start), bound(range.end)))
}

const GRANTS: [&str; 10] = [
    "http", "tcp", "udp", "tls", "name", "icmp", "file", "disk", "identity", "proxy",
];
