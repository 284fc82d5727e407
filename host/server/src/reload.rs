//! `POST /-/reload`: scans files and configuration now, and returns the changes.
//!
//! The page requests the reload and waits; the watcher performs it.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use url::form_urlencoded;

use super::answer;
use super::state::PageDeps;
use vitals_core::ShutDown;
use vitals_model::{CheckName, Text};

/// Returns the changes once all new files have been loaded or rejected. A disconnect of the client
/// does not undo anything.
pub(super) async fn reload(State(deps): State<Arc<PageDeps>>, request: Request) -> Response {
    let accept_grants = match accept_grants(request.uri().query().unwrap_or_default()) {
        Ok(checks) => checks,
        Err(why) => return answer::error(StatusCode::BAD_REQUEST, &why),
    };
    if deps.closing.is_cancelled() {
        return shut_down();
    }
    match deps.reloader.reload(accept_grants).await {
        Ok(reload) => {
            let body = serde_json::to_vec(&reload);
            answer::json(StatusCode::OK, body.expect("its keys are strings"))
        }
        Err(ShutDown) => shut_down(),
    }
}

/// Parses the checks whose grants may be widened this once. Anything invalid is an error, so that a
/// misspelt name does not go unnoticed.
fn accept_grants(query: &str) -> Result<BTreeSet<CheckName>, String> {
    let mut checks = BTreeSet::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key != ACCEPT_GRANTS {
            let key = Text::line(&key, SHOWN_BYTES);
            return Err(format!(
                "a reload takes no parameter `{key}`: it takes `{ACCEPT_GRANTS}=CHECK`, once for \
                 each check"
            ));
        }
        let name = value.parse();
        checks.insert(
            name.map_err(|error| format!("`{ACCEPT_GRANTS}` has an invalid check name: {error}"))?,
        );
    }
    Ok(checks)
}

fn shut_down() -> Response {
    answer::error(StatusCode::SERVICE_UNAVAILABLE, &ShutDown.to_string())
}

const ACCEPT_GRANTS: &str = "accept_grants";
/// The limit on the shown part of an unknown parameter.
const SHOWN_BYTES: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_grants_takes_several_checks() {
        let names = |query| {
            accept_grants(query)
                .map(|names| names.into_iter().map(String::from).collect::<Vec<_>>())
        };
        assert_eq!(names(""), Ok(vec![]));
        assert_eq!(
            names("accept_grants=orders-db&accept_grants=module%3Abilling&accept_grants=orders-db"),
            Ok(vec!["module:billing".into(), "orders-db".into()])
        );
    }

    #[test]
    fn invalid_parameters_are_errors() {
        for (query, expected) in [
            (
                "accept_grants=",
                "`accept_grants` has an invalid check name: ``",
            ),
            (
                "accept_grants=No%0AName",
                "`accept_grants` has an invalid check name: `No Name`",
            ),
            (
                "accept_grants=a&accept_grants=%FF",
                "has an invalid check name",
            ),
            ("accept-grants=a", "takes no parameter `accept-grants`"),
            ("a%1Bb", "takes no parameter `a b`"),
        ] {
            let error = accept_grants(query).unwrap_err();
            assert!(error.contains(expected), "{query}: {error}");
        }
    }
}
