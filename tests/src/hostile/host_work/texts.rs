//! Texts that show what nobody may be shown: secrets of the configuration, and how the host is made.

use crate::guests;
use crate::hostile::case::{HostileCase, Is};

pub(super) fn cases() -> Vec<HostileCase> {
    let tells = |name: &str, does: &'static str, mark: &str| {
        let config =
            format!("config = {{ does = 'tell', mark = \"{mark}\", secret = '${{HUNTER}}' }}");
        HostileCase::new(name, does)
            .built(guests::HOSTILE_LOCAL)
            .timeout(3000)
            .with(&config)
            .survives("healthy")
            .message("[redacted]")
            .clean()
            .fact("/result/truncated/0", Is::Equal("message".into()))
            .fact("/result/measurements", Is::Long(1))
            .fact("/details/[redacted]", Is::Equal("<[redacted]>".into()))
            .fact(
                "/details/document",
                Is::Equal(serde_json::json!({"[redacted]": ["<[redacted]>"]})),
            )
            .fact("/result/output/0", Is::Equal("<[redacted]>".into()))
    };
    vec![
        tells(
            "secret-zero-width",
            "returns its secret with a zero-width space after each letter",
            "\\u200b",
        ),
        tells(
            "secret-soft-hyphen",
            "returns its secret with a soft hyphen after each letter",
            "\\u00ad",
        ),
        tells(
            "secret-bidi",
            "returns its secret with a bidirectional mark after each letter",
            "\\u202e",
        ),
        tells(
            "secret-tags",
            "returns its secret with a tag character after each letter",
            "\\U000E0041",
        ),
        // The host runs with RUST_BACKTRACE=1.
        HostileCase::new("debug-text", "asks for the debug text of an error")
            .built(guests::HOSTILE_NET)
            .timeout(3000)
            .with(
                "config = { does = 'http', authority = '{short}', path = '/' }\n\
             allow = { http = ['http://{short}'] }",
            )
            .survives("unhealthy")
            .message("after 4 bytes: incomplete HTTP response")
            .fact("/message", Is::ShorterThan(200)),
    ]
}
