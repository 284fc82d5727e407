//! `#[health_check]` on functions with every signature: each compiles and stays an ordinary
//! function.

use vitals_sdk::prelude::*;

mod without_settings {
    use super::*;

    #[health_check(code = "bare")]
    pub(super) fn check() -> Outcome {
        Outcome::healthy("")
    }
}

mod with_settings {
    use super::*;

    #[derive(Config)]
    pub(super) struct Settings {
        pub(super) port: String,
    }

    /// Reads a port.
    #[health_check(code = "port")]
    pub(super) fn check(settings: Settings) -> Result<Outcome> {
        let port: u16 = settings.port.parse().context("cannot read the port")?;
        Ok(Outcome::healthy("").detail("port", port))
    }
}

mod with_request {
    use super::*;

    #[derive(Config)]
    pub(super) struct Settings {}

    #[health_check(code = "mood", summary = "Keeps its mood.")]
    pub(super) fn check(_: Settings, request: &Request) -> Result<Outcome, String> {
        match request.previous() {
            Some(status) => Ok(Outcome::new(status, request.check())),
            None => Err("no mood yet".to_owned()),
        }
    }
}

#[test]
fn the_function_stays_an_ordinary_one() {
    assert_eq!(without_settings::check().status(), Status::Healthy);
    let settings = |port: &str| with_settings::Settings {
        port: port.to_owned(),
    };
    let outcome = with_settings::check(settings("80")).unwrap();
    assert_eq!(outcome.detail_of("port"), Some(&json!(80)));
    let error = with_settings::check(settings("x")).unwrap_err();
    assert_eq!(
        format!("{error:#}"),
        "cannot read the port: invalid digit found in string"
    );
    let request = Request::new("a").with_previous(Status::Degraded);
    assert_eq!(
        with_request::check(with_request::Settings {}, &request)
            .unwrap()
            .message(),
        "a"
    );
    assert!(with_request::check(with_request::Settings {}, &Request::new("a")).is_err());
}
