//! The `load` check: the load averages of the machine.

use vitals_sdk::prelude::*;
use vitals_sdk::system::Load;

/// Checks the load averages of the machine, per processor.
#[derive(Config)]
struct Settings {
    /// The average that is judged. The others are only measured.
    #[config(default = "5m")]
    average: Average,
    /// The check is degraded if the load per processor is higher. Above 1 there is more work than
    /// the processors can do.
    #[config(default = 2, min = 0)]
    degraded_above: f64,
    /// The check is unhealthy if the load per processor is higher.
    #[config(default = 4, min = 0)]
    unhealthy_above: f64,
}

/// The period of an average.
#[derive(Config, Clone, Copy, PartialEq, Eq)]
enum Average {
    #[config(rename = "1m")]
    One,
    #[config(rename = "5m")]
    Five,
    #[config(rename = "15m")]
    Fifteen,
}

impl Average {
    const ALL: [Self; 3] = [Self::One, Self::Five, Self::Fifteen];

    fn of(self, load: &Load) -> f64 {
        match self {
            Self::One => load.one,
            Self::Five => load.five,
            Self::Fifteen => load.fifteen,
        }
    }

    fn minutes(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Five => 5,
            Self::Fifteen => 15,
        }
    }
}

#[health_check(code = "load")]
fn check(settings: Settings) -> Result<Outcome> {
    Ok(judge(&settings, &system::load()?))
}

fn judge(settings: &Settings, load: &Load) -> Outcome {
    let per_cpu = |average: Average| {
        let name = format!("load_{}m", average.minutes());
        let measured = count(name, average.of(load) / f64::from(load.cpus.max(1)));
        if average == settings.average {
            measured
                .degraded_above(settings.degraded_above)
                .unhealthy_above(settings.unhealthy_above)
        } else {
            measured
        }
    };
    let judged = per_cpu(settings.average);
    let message = format!(
        "the load over {} is {} per processor{}, {} on {}",
        plural(settings.average.minutes().into(), "minute"),
        judged.value_text(),
        judged.remark(),
        settings.average.of(load),
        plural(load.cpus, "processor")
    );
    Average::ALL
        .into_iter()
        .map(per_cpu)
        .fold(Outcome::new(judged.status(), message), Outcome::measure)
        .detail("averages", json!([load.one, load.five, load.fifteen]))
        .detail("processors", load.cpus)
}

fn plural(count: u32, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        one: 18.0,
        five: 12.4,
        fifteen: 2.0,
        cpus: 4,
    };

    #[test]
    fn the_chosen_average_is_judged_for_each_processor() {
        for (json, status, message) in [
            (
                "{}",
                Status::Degraded,
                "the load over 5 minutes is 3.1 per processor (degraded above 2), 12.4 on 4 processors",
            ),
            (
                r#"{ "average": "1m" }"#,
                Status::Unhealthy,
                "the load over 1 minute is 4.5 per processor (unhealthy above 4), 18 on 4 processors",
            ),
            (
                r#"{ "average": "15m", "degraded_above": 0.5 }"#,
                Status::Healthy,
                "the load over 15 minutes is 0.5 per processor, 2 on 4 processors",
            ),
        ] {
            let outcome = judge(&Settings::from_json(json).unwrap(), &LOAD);
            assert_eq!((outcome.status(), outcome.message()), (status, message));
        }
    }

    #[test]
    fn all_averages_are_measured_and_the_judged_one_has_bounds() {
        let settings = Settings::from_json(r#"{ "average": "15m" }"#).unwrap();
        let outcome = judge(&settings, &Load { cpus: 1, ..LOAD });
        let shown: Vec<_> = outcome
            .measurements()
            .iter()
            .map(|measured| (measured.name(), measured.value(), measured.degraded_at()))
            .collect();
        assert_eq!(
            shown,
            [
                ("load_1m", 18.0, None),
                ("load_5m", 12.4, None),
                ("load_15m", 2.0, Some(Bound::Above(2.0)))
            ]
        );
        assert_eq!(outcome.detail_of("processors"), Some(&json!(1)));
        assert!(outcome.message().ends_with("2 on 1 processor"));
    }

    #[test]
    fn other_averages_are_rejected() {
        assert!(Settings::from_json(r#"{ "average": "10m" }"#).is_err());
        assert!(check(Settings::from_json("{}").unwrap()).is_err());
    }
}
