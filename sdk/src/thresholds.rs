//! Thresholds for response times, and the message when one is exceeded.
//!
//! This module judges measured times only; `measurement` has the bounds of other numbers.

use std::time::Duration;

use vitals_values::duration_text;

use crate::elapsed::{elapsed_milliseconds, elapsed_text};
use crate::{Bound, Outcome, Status, seconds};

/// Times above which an outcome is degraded or unhealthy. A threshold that is `None` never applies;
/// a time that equals a threshold is within it.
///
/// Two optional settings of a check make a `Thresholds`, and [`Outcome::timed`] applies it:
///
/// ```
/// use vitals_sdk::prelude::*;
///
/// #[derive(Config)]
/// struct Settings {
///     /// A longer response time is degraded.
///     degraded_above: Option<Duration>,
///     /// A longer response time is unhealthy.
///     unhealthy_above: Option<Duration>,
/// }
///
/// impl Settings {
///     fn thresholds(&self) -> Thresholds {
///         Thresholds {
///             degraded_above: self.degraded_above,
///             unhealthy_above: self.unhealthy_above,
///         }
///     }
/// }
///
/// let settings = Settings::from_json(r#"{ "degraded_above": "500ms" }"#)?;
/// let elapsed = Duration::from_millis(612);
/// let outcome = Outcome::healthy("db:5432 answered").timed(elapsed, settings.thresholds());
/// assert_eq!(outcome.status(), Status::Degraded);
/// assert_eq!(outcome.message(), "db:5432 answered after 612ms, above 500ms");
/// # Ok::<(), vitals_sdk::config::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thresholds {
    /// A longer time is degraded.
    pub degraded_above: Option<Duration>,
    /// A longer time is unhealthy. This threshold takes precedence.
    pub unhealthy_above: Option<Duration>,
}

impl Thresholds {
    /// Returns the status of a time and the threshold that it exceeds, or `None` within the
    /// thresholds.
    fn exceeded(self, elapsed: Duration) -> Option<(Status, Duration)> {
        [
            (Status::Unhealthy, self.unhealthy_above),
            (Status::Degraded, self.degraded_above),
        ]
        .into_iter()
        .find_map(|(status, bound)| Some((status, bound.filter(|bound| elapsed > *bound)?)))
    }
}

impl Outcome {
    /// Records the elapsed time and judges it.
    ///
    /// Adds the detail `latency_ms`, in milliseconds with three decimals, and the measurement
    /// `response_time` with its bounds. A time above a threshold can only make the status worse; if
    /// it does, the message is extended by `after 612ms, above 500ms`.
    #[must_use]
    pub fn timed(mut self, elapsed: Duration, thresholds: Thresholds) -> Self {
        if let Some((status, bound)) = thresholds.exceeded(elapsed)
            && status > self.status()
        {
            self = self.worsened(
                status,
                &format!(
                    "after {}, above {}",
                    elapsed_text(elapsed),
                    duration_text(bound)
                ),
            );
        }
        let time = seconds("response_time", elapsed)
            .degraded(Bound::above(thresholds.degraded_above))
            .unhealthy(Bound::above(thresholds.unhealthy_above));
        self.detail("latency_ms", elapsed_milliseconds(elapsed))
            .measure(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    const BOTH: Thresholds = Thresholds {
        degraded_above: Some(Duration::from_millis(100)),
        unhealthy_above: Some(Duration::from_secs(1)),
    };

    #[test]
    fn the_worst_exceeded_threshold_decides() {
        for (elapsed, status, message) in [
            (Duration::from_millis(100), Status::Healthy, "up"),
            (
                Duration::from_nanos(100_000_001),
                Status::Degraded,
                "up after 101ms, above 100ms",
            ),
            (
                Duration::from_secs(1),
                Status::Degraded,
                "up after 1s, above 100ms",
            ),
            (
                Duration::from_millis(1_500),
                Status::Unhealthy,
                "up after 1.5s, above 1s",
            ),
        ] {
            let outcome = Outcome::healthy("up").timed(elapsed, BOTH);
            assert_eq!((outcome.status(), outcome.message()), (status, message));
        }
    }

    #[test]
    fn a_threshold_of_zero_is_shown_as_0s() {
        let never = Thresholds {
            degraded_above: Some(Duration::ZERO),
            ..Thresholds::default()
        };
        let outcome = Outcome::healthy("up").timed(Duration::from_micros(400), never);
        assert_eq!(outcome.message(), "up after 400us, above 0s");
        let outcome = Outcome::healthy("").timed(Duration::from_micros(400), never);
        assert_eq!(outcome.message(), "after 400us, above 0s");
    }

    #[test]
    fn a_slow_response_never_improves_or_annotates_a_worse_status() {
        let slow = Duration::from_millis(500);
        for bad in [Outcome::unhealthy("down"), Outcome::degraded("half")] {
            let timed = bad.clone().timed(slow, BOTH);
            assert_eq!(
                (timed.status(), timed.message()),
                (bad.status(), bad.message())
            );
            assert_eq!(timed.detail_of("latency_ms"), Some(&json!(500.0)));
        }
        let timed = Outcome::degraded("half").timed(Duration::from_secs(2), BOTH);
        assert_eq!(timed.status(), Status::Unhealthy);
        assert_eq!(timed.message(), "half after 2s, above 1s");
    }

    #[test]
    fn the_time_is_a_detail_and_a_measurement() {
        let elapsed = Duration::from_nanos(412_345_678);
        let outcome = Outcome::healthy("").timed(elapsed, BOTH);
        assert_eq!(outcome.detail_of("latency_ms"), Some(&json!(412.346)));
        let [time] = outcome.measurements() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            (time.name(), time.unit(), time.value()),
            ("response_time", "seconds", 0.412_345_678)
        );
        assert_eq!(time.degraded_at(), Some(Bound::Above(0.1)));
        assert_eq!(time.unhealthy_at(), Some(Bound::Above(1.0)));
        let outcome = Outcome::healthy("").timed(elapsed, Thresholds::default());
        assert_eq!(outcome.measurements()[0].degraded_at(), None);
        assert_eq!(outcome.measurements()[0].unhealthy_at(), None);
    }
}
