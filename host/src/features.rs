//! What this library was built with, and what a configuration asks of it.

use vitals_config::Config;

/// The configuration asks for a feature that this library was built without.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{key}` needs the feature `{feature}` of `vitals-host`, and this program is built without it: \
     build it with the feature, or take the key out of the configuration"
)]
#[non_exhaustive]
pub struct MissingFeature {
    /// The key that needs it.
    pub key: &'static str,
    /// The feature.
    pub feature: &'static str,
}

/// The features that the configuration can ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Features {
    metrics: bool,
    notify: bool,
    sentry: bool,
}

impl Features {
    /// Those that this library was built with.
    pub(crate) const BUILT: Self = Self {
        metrics: cfg!(feature = "metrics"),
        notify: cfg!(feature = "notify"),
        sentry: cfg!(feature = "sentry"),
    };

    /// Refuses a configuration that asks for more.
    pub(crate) fn suffice_for(self, config: &Config) -> Result<(), MissingFeature> {
        let notify = &config.notify;
        let has_alertmanager = !notify.alertmanager.urls.is_empty();
        let has_webhook = !notify.webhooks.is_empty();
        let (key, feature) = if config.metrics.enabled && !self.metrics {
            ("metrics.enabled", "metrics")
        } else if has_alertmanager && !self.notify {
            ("notify.alertmanager.urls", "notify")
        } else if has_webhook && !self.notify {
            ("notify.webhooks", "notify")
        } else if config.sentry.dsn.is_some() && !self.sentry {
            ("sentry.dsn", "sentry")
        } else {
            return Ok(());
        };
        Err(MissingFeature { key, feature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Features = Features {
        metrics: false,
        notify: false,
        sentry: false,
    };

    #[test]
    fn what_is_configured_and_not_built_is_an_error_that_names_the_feature() {
        for (text, key, feature) in [
            ("[metrics]\nenabled = true", "metrics.enabled", "metrics"),
            (
                "[notify.alertmanager]\nurls = ['http://alerts.test:9093']",
                "notify.alertmanager.urls",
                "notify",
            ),
            (
                "[notify.webhooks.ops]\nurl = 'http://ops.test/'",
                "notify.webhooks",
                "notify",
            ),
            (
                "[sentry]\ndsn = 'https://key@sentry.test/1'",
                "sentry.dsn",
                "sentry",
            ),
        ] {
            let config = text.parse().expect(text);
            let missing = NONE.suffice_for(&config);
            assert_eq!(missing, Err(MissingFeature { key, feature }), "{text}");
            let mut built = NONE;
            match feature {
                "metrics" => built.metrics = true,
                "notify" => built.notify = true,
                _ => built.sentry = true,
            }
            assert_eq!(built.suffice_for(&config), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_says_nothing_of_them_needs_none() {
        let text = "[metrics]\nenabled = false\n[notify]\ninstance = 'a'\n[sentry]\nrelease = 'r'";
        assert_eq!(NONE.suffice_for(&text.parse().unwrap()), Ok(()));
    }
}
