//! What `VITALS_LOG` may say. Stricter than the crate that reads it, for which a level with a typing
//! error is the name of a target, and nothing is logged.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use vitals_host::check::Text;
use vitals_host::config::{Diagnostic, Location};

/// What is wrong with a filter.
pub(crate) fn fault(filter: &str) -> Option<Diagnostic> {
    let directives = filter.split(',').map(str::trim);
    let is_no_level =
        |word: &&str| !word.contains(['=', '[', ']']) && word.parse::<LevelFilter>().is_err();
    let is_wrong = |filter: &&str| EnvFilter::try_new(filter).is_err();
    let wrong = directives.clone().find(is_no_level).or_else(|| {
        // Where it is none of them alone it is the whole.
        let whole = Some(filter).filter(is_wrong)?;
        directives.clone().find(is_wrong).or(Some(whole))
    })?;
    Some(Diagnostic {
        location: Location::Variable("VITALS_LOG".to_owned()),
        key: String::new(),
        message: format!("`{}` is no filter of the log", Text::line(wrong, 80)),
        remedy: "write `error`, `warn`, `info`, `debug`, `trace` or `off`, or such a level for a \
                 target besides, as in `info,vitals::guest=off`"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_targets_are_taken() {
        for filter in [
            "info",
            "WARN",
            "off",
            "info,vitals::guest=off",
            "warn,vitals_sandbox=debug",
            "info,[{check=hello}]=debug",
        ] {
            assert_eq!(fault(filter), None, "{filter}");
        }
    }

    #[test]
    fn a_word_that_is_no_level_is_named() {
        for (filter, wrong) in [
            ("inof", "inof"),
            ("info,vitals_host", "vitals_host"),
            ("info,vitals_host=loud", "vitals_host=loud"),
            ("vitals_host=info;debug", "vitals_host=info;debug"),
            ("warn, vitals_host=debug", "warn, vitals_host=debug"),
        ] {
            let fault = fault(filter).map(|fault| fault.to_string());
            let fault = fault.unwrap_or_default();
            let expected = format!("environment variable VITALS_LOG: `{wrong}` is no filter");
            assert!(fault.starts_with(&expected), "{filter}: {fault}");
        }
    }
}
