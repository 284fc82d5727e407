//! Removes secrets from all texts of an event.

use sentry_types::protocol::v7::{Event, Exception, Value};

use vitals_config::Secrets;

/// The secrets of the current and of the previous configuration. Reports that were in progress
/// during a change must not leak the old ones.
pub(super) struct Scrubber {
    now: Secrets,
    all: Secrets,
}

impl Scrubber {
    pub(super) fn new(now: &Secrets) -> Self {
        Self {
            now: now.clone(),
            all: now.clone(),
        }
    }

    /// Returns the scrubber for a new configuration, or `None` if its secrets are the same.
    pub(super) fn updated(&self, next: &Secrets) -> Option<Self> {
        (!self.now.is_equivalent(next)).then(|| Self {
            now: next.clone(),
            all: next.with_shared_of(&self.now),
        })
    }

    /// Returns one bounded line without secrets.
    pub(super) fn clean(&self, text: &str) -> String {
        self.all.line(text, TEXT_BYTES).into()
    }

    /// Cleans every text of an event, except the release and the environment, which the operator
    /// chose.
    pub(super) fn scrub(&self, event: &mut Event<'static>) {
        let clean = |text: &mut String| *text = self.clean(text);
        event.message.iter_mut().for_each(clean);
        event.tags.values_mut().for_each(clean);
        event.extra.values_mut().for_each(|it| self.scrub_value(it));
        for part in event.fingerprint.to_mut() {
            *part = self.clean(part).into();
        }
        for exception in &mut event.exception.values {
            self.scrub_exception(exception);
        }
        for crumb in &mut event.breadcrumbs.values {
            crumb.message.iter_mut().for_each(clean);
            crumb.data.values_mut().for_each(|it| self.scrub_value(it));
        }
    }

    fn scrub_exception(&self, exception: &mut Exception) {
        exception.ty = self.clean(&exception.ty);
        for text in exception.value.iter_mut().chain(&mut exception.module) {
            *text = self.clean(text);
        }
        let frames = exception.stacktrace.iter_mut();
        for frame in frames.flat_map(|trace| &mut trace.frames) {
            for text in frame.function.iter_mut().chain(&mut frame.module) {
                *text = self.clean(text);
            }
        }
    }

    fn scrub_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.clean(text),
            Value::Array(all) => all.iter_mut().for_each(|it| self.scrub_value(it)),
            Value::Object(all) => all.values_mut().for_each(|it| self.scrub_value(it)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

const TEXT_BYTES: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_previous_configuration_are_still_redacted() {
        let first = Scrubber::new(&Secrets::new(["the-old-one-and-more"]));
        let second = first.updated(&Secrets::new(["the-old-one"])).unwrap();
        assert_eq!(second.clean("<the-old-one-and-more>"), "<[redacted]>");
        assert_eq!(second.clean("<the-old-one>"), "<[redacted]>");
        assert!(second.updated(&Secrets::new(["the-old-one"])).is_none());
        let third = second.updated(&Secrets::new(["a-third"])).unwrap();
        assert_eq!(third.clean("the-old-one a-third"), "[redacted] [redacted]");
    }
}
