//! The recent transitions of checks, as breadcrumbs of an event.

use std::collections::VecDeque;

use parking_lot::Mutex;
use sentry_types::protocol::v7::{Breadcrumb, Level, Value};

use vitals_core::events::Transition;
use vitals_model::{Status, Text};

/// The last [`MAX_CRUMBS`] transitions.
#[derive(Debug, Default)]
pub(super) struct Breadcrumbs(Mutex<VecDeque<Breadcrumb>>);

impl Breadcrumbs {
    pub(super) fn record(&self, crumb: Breadcrumb) {
        let mut crumbs = self.0.lock();
        if crumbs.len() == MAX_CRUMBS {
            crumbs.pop_front();
        }
        crumbs.push_back(crumb);
    }

    pub(super) fn snapshot(&self) -> Vec<Breadcrumb> {
        let crumbs = self.0.lock();
        crumbs.iter().cloned().collect()
    }
}

/// Returns the breadcrumb of a transition; `message` has no secrets.
pub(super) fn transition(transition: &Transition<'_>, message: &str) -> Breadcrumb {
    let (check, status) = (transition.check, transition.status);
    let from = transition.before.map_or("new", Status::as_str);
    let level = match status {
        Status::Healthy => Level::Info,
        Status::Degraded | Status::Unknown => Level::Warning,
        Status::Unhealthy => Level::Error,
    };
    let text = format!("{check} is {}: {message}", status.as_str());
    let mut crumb = Breadcrumb {
        category: Some("check".into()),
        level,
        message: Some(Text::line(text.trim_end_matches(": "), MESSAGE_BYTES).into()),
        ..Breadcrumb::default()
    };
    let data = [
        ("check", check.as_str()),
        ("from", from),
        ("to", status.as_str()),
    ];
    crumb
        .data
        .extend(data.map(|(key, value)| (key.to_owned(), Value::from(value))));
    crumb
}

const MAX_CRUMBS: usize = 20;
const MESSAGE_BYTES: usize = 256;
