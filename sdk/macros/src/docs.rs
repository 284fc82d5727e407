//! Doc comments as text.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Returns the doc comment: each paragraph on one line, with an empty line between paragraphs.
pub(crate) fn doc_of(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    let mut paragraph_ends = false;
    for line in attributes.iter().filter_map(doc_line) {
        for line in line.split('\n') {
            let line = line.trim();
            if line.is_empty() {
                paragraph_ends = !text.is_empty();
                continue;
            }
            if paragraph_ends {
                text.push_str("\n\n");
            } else if !text.is_empty() {
                text.push(' ');
            }
            paragraph_ends = false;
            text.push_str(line);
        }
    }
    text
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(ExprLit {
        lit: Lit::Str(line),
        ..
    }) = &meta.value
    else {
        return None;
    };
    meta.path.is_ident("doc").then(|| line.value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn lines_join_into_paragraphs() {
        let item: syn::ItemStruct = parse_quote! {
            ///
            /// One line
            /// and its end.
            ///
            /// Another.
            #[derive(Debug)]
            struct A;
        };
        assert_eq!(doc_of(&item.attrs), "One line and its end.\n\nAnother.");
    }
}
