//! All queries in `deploy/monitoring`, and those of them that have no result.

use std::fmt;

use regex_lite::Regex;
use vitals_tests::Prometheus;

use super::shipped::{Dashboard, Rules, string};

/// A query and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) place: String,
    pub(super) text: String,
}

impl Query {
    fn new(place: String, text: &str) -> Self {
        let mut text = text.to_owned();
        // Grafana does this too, here with everything selected.
        for (variable, value) in [
            ("$__rate_interval", "1m"),
            ("$__range", "5m"),
            ("$instance", ".+"),
            ("$check", ".+"),
            ("$plugin", ".+"),
            ("$node", ".+"),
        ] {
            text = text.replace(variable, value);
        }
        assert!(!text.contains('$'), "{place}: a variable is left in {text}");
        Self { place, text }
    }

    /// The query and each series in it: without a misspelt one, the rest may still have a result.
    fn parts(&self) -> Vec<String> {
        let selector = r"[a-zA-Z_:][\w:]*\{[^}]*\}|\{[^}]*\}|\b(?:vitals|process|node|scrape|instance\w*:)\w[\w:]*";
        let selector = Regex::new(selector).expect("it is written here");
        let parts = selector.find_iter(&self.text);
        let mut parts: Vec<_> = parts.map(|part| part.as_str().to_owned()).collect();
        assert!(!parts.is_empty(), "no series are found in {self}");
        parts.push(self.text.clone());
        parts
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// All queries of rules, panels and variables.
pub(super) fn shipped() -> Vec<Query> {
    let rules = Rules::shipped();
    let mut queries = Vec::new();
    for record in rules.records {
        queries.push(Query::new(
            format!("the record {}", record.name),
            &record.query,
        ));
        queries.push(Query::new("the recorded series".to_owned(), &record.name));
    }
    for alert in rules.alerts {
        let place = format!("the alert {}, {}", alert.name, alert.severity);
        queries.push(Query::new(place.clone(), &alert.query));
        let fires = format!(
            "ALERTS{{alertname=\"{}\", severity=\"{}\", alertstate=\"firing\"}}",
            alert.name, alert.severity
        );
        queries.push(Query::new(format!("{place}, firing"), &fires));
    }
    for board in Dashboard::shipped() {
        let file = &board.file;
        for (title, query) in board.queries() {
            queries.push(Query::new(format!("{file}, the panel {title}"), &query));
        }
        for variable in board.variables() {
            let place = format!("{file}, the variable {}", variable["name"]);
            let definition = string(&variable["query"]["query"]);
            let asked = definition.strip_prefix("label_values(");
            let asked = asked.and_then(|rest| rest.strip_suffix(')')?.rsplit_once(", "));
            let (series, label) = asked.unwrap_or_else(|| panic!("{place}: {definition}"));
            queries.push(Query::new(place, &with_label(series, label)));
        }
    }
    assert!(queries.len() > 100, "{queries:#?}");
    queries
}

/// Selects the series that have a label.
fn with_label(series: &str, label: &str) -> String {
    match series.strip_suffix('}') {
        Some(open) => format!("{open}, {label}!=\"\"}}"),
        None => format!("{series}{{{label}!=\"\"}}"),
    }
}

/// A query without a result, and the part of it that has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unanswered {
    pub(super) query: Query,
    pub(super) part: String,
}

/// The queries that have had no result so far.
///
/// # Errors
///
/// Returns an error if Prometheus rejects one, or does not respond.
pub(super) async fn unanswered(
    prometheus: &Prometheus,
    queries: &[Query],
) -> Result<Vec<Unanswered>, String> {
    let mut found = Vec::new();
    for query in queries {
        for part in query.parts() {
            let answered = prometheus.ever(&part).await;
            if !answered.map_err(|error| format!("{query}: {error}"))? {
                let query = query.clone();
                found.push(Unanswered { query, part });
                break;
            }
        }
    }
    Ok(found)
}
