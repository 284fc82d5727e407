//! The content of events: tags, fingerprints, frames.

use std::borrow::Cow;
use std::error::Error;

use sentry_types::protocol::v7::{Event, Exception, Frame, Level, Stacktrace};

use vitals_core::events::{PluginRejected, Transition};
use vitals_model::{CheckName, Digest, GuestReport, PluginName, RunError, Severity, Text};

pub(super) fn turned_unhealthy(transition: &Transition<'_>) -> Event<'static> {
    let (check, report) = (transition.check, transition.report);
    let message = report.outcome.message();
    let message = format!("{check} is unhealthy: {message}");
    let error = report.error.as_ref();
    let code = error.map_or("unhealthy", |error| error.code.as_str());
    let mut event = event(Level::Error, &message, &[check.as_str(), code]);
    tag(&mut event, "check", check.as_str());
    tag(&mut event, "code", code);
    let plugin = transition.facts.and_then(|facts| facts.plugin.as_ref());
    if let Some(plugin) = plugin {
        tag(&mut event, "plugin", &plugin.name);
        tag_version(
            &mut event,
            plugin.version.as_deref().unwrap_or_default(),
            plugin.digest,
        );
    }
    let run_ms = u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX);
    event.extra.insert("run_ms".into(), run_ms.into());
    event.extra.insert(
        "consecutive_failures".into(),
        transition.consecutive_failures.into(),
    );
    if let Some(error) = error {
        add_run_error(&mut event, error, &message);
    }
    event
}

pub(super) fn not_loaded(failure: &PluginRejected<'_>) -> Event<'static> {
    let (plugin, error) = (failure.plugin, failure.error);
    let message = format!("cannot load plugin {plugin}: {error}");
    let code = error.code();
    let mut event = event(Level::Error, &message, &["load", plugin.as_str(), code]);
    tag(&mut event, "plugin", plugin.as_str());
    tag(&mut event, "code", code);
    tag_version(
        &mut event,
        failure.version.unwrap_or_default(),
        failure.digest,
    );
    if let Some(error) = error.run_error() {
        add_run_error(&mut event, error, &message);
    }
    event
}

pub(super) fn plugin_moved(plugin: &PluginName, from: &str, to: &str) -> Event<'static> {
    let message = format!("plugin {plugin} is now loaded from the {to} instead of the {from}");
    let mut event = event(Level::Warning, &message, &["moved", plugin.as_str()]);
    tag(&mut event, "plugin", plugin.as_str());
    event
}

pub(super) fn panicked(
    place: &str,
    check: Option<&CheckName>,
    what: Option<&str>,
) -> Event<'static> {
    let colon = if what.is_some() { ": " } else { "" };
    let message = format!("the host panicked {place}{colon}{}", what.unwrap_or(""));
    let mut event = event(Level::Fatal, &message, &["host-panic", place]);
    tag(&mut event, "code", "host");
    if let Some(check) = check {
        tag(&mut event, "check", check.as_str());
    }
    event
}

/// Returns the event of a guest's report. Sentry groups it by its text, within the same check.
pub(super) fn guest_report(report: &GuestReport<'_>) -> Event<'static> {
    let (check, plugin) = (report.check.as_str(), report.plugin);
    let mut event = event(level(report.level), report.message, &[BY_TEXT, check]);
    tag(&mut event, "check", check);
    tag(&mut event, "plugin", plugin.name.as_str());
    tag_version(&mut event, &plugin.version, Some(plugin.digest));
    event
}

pub(super) fn message(severity: Severity, message: &str) -> Event<'static> {
    event(level(severity), message, &[BY_TEXT])
}

/// Returns the event of an error with its sources, innermost first.
pub(super) fn error(error: &dyn Error) -> Event<'static> {
    let mut exceptions = vec![exception(error)];
    let mut next = error.source();
    while let Some(source) = next
        && exceptions.len() < MAX_SOURCES
    {
        exceptions.push(exception(source));
        next = source.source();
    }
    exceptions.reverse();
    let mut event = Event {
        level: Level::Error,
        ..Event::default()
    };
    event.exception.values = exceptions;
    event
}

fn event(level: Level, message: &str, fingerprint: &[&str]) -> Event<'static> {
    let parts = fingerprint
        .iter()
        .map(|part| Cow::Owned((*part).to_owned()));
    Event {
        level,
        message: Some(message.to_owned()),
        fingerprint: parts.collect(),
        ..Event::default()
    }
}

fn tag(event: &mut Event<'_>, key: &str, value: &str) {
    event.tags.insert(key.to_owned(), value.to_owned());
}

fn tag_version(event: &mut Event<'_>, version: &str, digest: Option<Digest>) {
    if !version.is_empty() {
        tag(event, "version", version);
    }
    if let Some(digest) = digest {
        tag(event, "digest", &digest.short());
    }
}

/// Adds the limit that a run exceeded, and the guest's stack frames, if known.
fn add_run_error(event: &mut Event<'_>, error: &RunError, message: &str) {
    let amounts = [("limit", &error.limit), ("asked", &error.asked)];
    for (name, amount) in amounts {
        if let Some(amount) = amount {
            event.extra.insert(name.into(), amount.as_str().into());
        }
    }
    if error.frames.is_empty() {
        return;
    }
    // The host lists the innermost frame first, Sentry lists it last.
    let frames = error.frames.iter().rev().map(frame).collect();
    event.exception.values.push(Exception {
        ty: error.code.as_str().to_owned(),
        value: Some(message.to_owned()),
        stacktrace: Some(Stacktrace {
            frames,
            ..Stacktrace::default()
        }),
        ..Exception::default()
    });
}

fn frame(function: &Text) -> Frame {
    Frame {
        function: Some(function.to_string()),
        in_app: Some(true),
        ..Frame::default()
    }
}

fn exception(error: &dyn Error) -> Exception {
    let debug = Text::display(format_args!("{error:?}"), TYPE_BYTES);
    // A derived `Debug` begins with the name of the type.
    let ends = [' ', '(', '{', '\r', '\n'];
    let ty = debug.as_str().split(ends).next().unwrap_or_default();
    let is_name = |ty: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_:<>".contains(&byte);
        ty.starts_with(|first: char| first.is_ascii_alphabetic()) && ty.bytes().all(is_part)
    };
    let ty = if is_name(ty) { ty } else { "Error" };
    Exception {
        ty: ty.to_owned(),
        value: Some(Text::display(error, VALUE_BYTES).into()),
        ..Exception::default()
    }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Debug => Level::Debug,
        Severity::Info => Level::Info,
        Severity::Warning => Level::Warning,
        Severity::Error => Level::Error,
    }
}

/// Sentry's placeholder for its default grouping.
const BY_TEXT: &str = "{{ default }}";
/// The limit on sources of an error, because a chain may be circular.
const MAX_SOURCES: usize = 16;
const TYPE_BYTES: usize = 256;
/// Much more than is sent, because cutting here could split a secret and hide it from the scrubber.
const VALUE_BYTES: usize = 64 << 10;
