//! Texts that show what nobody may be shown: secrets of the configuration, and how the host is
//! made.

use serde_json::json;

use crate::hostile::case::{HostileCase, Is, local, net};

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let tells = |name, does, mark: &str| {
        local(name, does, &format!("does = 'tell', mark = \"{mark}\", secret = '${{HUNTER}}'"))
            .healthy().message("[redacted]").clean()
            .fact("/result/truncated/0", Is::Equal("message".into()))
            .fact("/result/measurements", Is::Long(1))
            .fact("/details/[redacted]", Is::Equal("<[redacted]>".into()))
            .fact("/details/document", Is::Equal(json!({"[redacted]": ["<[redacted]>"]})))
            .fact("/result/output/0", Is::Equal("<[redacted]>".into()))
    };
    vec![
        tells("secret-zero-width", "returns its secret with a zero-width space after each letter", r"\u200b"),
        tells("secret-soft-hyphen", "returns its secret with a soft hyphen after each letter", r"\u00ad"),
        tells("secret-bidi", "returns its secret with a bidirectional mark after each letter", r"\u202e"),
        tells("secret-tags", "returns its secret with a tag character after each letter", r"\U000E0041"),
        // The host runs with RUST_BACKTRACE=1.
        net("debug-text", "asks for the debug text of an error", "does = 'http', authority = '{short}'")
            .allow("http = ['http://{short}']").unhealthy()
            .message("after 4 bytes: incomplete HTTP response").fact("/message", Is::ShorterThan(200)),
    ]
}
