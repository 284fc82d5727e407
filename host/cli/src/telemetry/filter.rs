//! Validates `VITALS_LOG`, more strictly than the crate that reads it: there a misspelled level is
//! the name of a target, and nothing is logged.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use vitals_host::check::Text;
use vitals_host::config::Diagnostic;

/// Returns what is wrong with a filter.
pub(crate) fn fault(filter: &str) -> Option<Diagnostic> {
    let directives = filter.split(',').map(str::trim);
    let is_no_level =
        |word: &&str| !word.contains(['=', '[', ']']) && word.parse::<LevelFilter>().is_err();
    let is_wrong = |filter: &&str| EnvFilter::try_new(filter).is_err();
    let wrong = directives.clone().find(is_no_level).or_else(|| {
        // If no directive is invalid by itself, the filter as a whole is.
        let whole = Some(filter).filter(is_wrong)?;
        directives.clone().find(is_wrong).or(Some(whole))
    })?;
    Some(Diagnostic::of_variable(
        "VITALS_LOG",
        format!("`{}` is not a log filter", Text::line(wrong, 80)),
        "write `error`, `warn`, `info`, `debug`, `trace` or `off`, or directives with a level for a \
         target, as in `info,vitals::guest=off`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_valid() {
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
    fn an_unknown_level_is_reported() {
        for (filter, wrong) in [
            ("inof", "inof"),
            ("info,vitals_host", "vitals_host"),
            ("info,vitals_host=loud", "vitals_host=loud"),
            ("vitals_host=info;debug", "vitals_host=info;debug"),
            ("warn, vitals_host=debug", "warn, vitals_host=debug"),
        ] {
            let diagnostic = fault(filter).map(|diagnostic| diagnostic.to_string());
            let diagnostic = diagnostic.unwrap_or_default();
            let expected =
                format!("environment variable VITALS_LOG: `{wrong}` is not a log filter");
            assert!(diagnostic.starts_with(&expected), "{filter}: {diagnostic}");
        }
    }
}
