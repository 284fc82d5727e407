//! The `memory` check: available memory and used swap space of the machine.

use vitals_sdk::prelude::*;
use vitals_sdk::system::Memory;

/// Checks how much memory of the machine is available.
#[derive(Config)]
struct Settings {
    /// The check is degraded if a smaller share of memory is available: 0.1 for 10 %, 0 for never.
    #[config(default = 0.1, range(0..=1))]
    degraded_below: f64,
    /// The check is unhealthy if a smaller share of memory is available.
    #[config(default = 0.05, range(0..=1))]
    unhealthy_below: f64,
    /// The check is degraded if a larger share of swap space is used.
    #[config(range(0..=1))]
    swap_degraded_above: Option<f64>,
    /// The check is unhealthy if a larger share of swap space is used.
    #[config(range(0..=1))]
    swap_unhealthy_above: Option<f64>,
}

#[health_check(code = "memory")]
fn check(settings: Settings) -> Result<Outcome> {
    Ok(judge(&settings, &system::memory()?))
}

fn judge(settings: &Settings, memory: &Memory) -> Outcome {
    let available = ratio("memory_available", memory.available_ratio())
        .degraded_below(settings.degraded_below)
        .unhealthy_below(settings.unhealthy_below);
    let text = format!(
        "{} of the memory is available{}, {} of {}",
        available.value_text(),
        available.remark(),
        bytes_text(memory.available_bytes),
        bytes_text(memory.total_bytes)
    );
    let mut parts = vec![(available.status(), text)];
    let mut measurements = vec![
        available,
        bytes("memory_available_bytes", memory.available_bytes),
    ];
    if memory.swap_total_bytes > 0 {
        let swap = ratio("swap_used", memory.swap_used_ratio())
            .degraded(Bound::above(settings.swap_degraded_above))
            .unhealthy(Bound::above(settings.swap_unhealthy_above));
        let text = format!(
            "{} of the swap space is in use{}",
            swap.value_text(),
            swap.remark()
        );
        parts.push((swap.status(), text));
        measurements.push(swap);
    }
    measurements
        .into_iter()
        .fold(Outcome::worst(parts), Outcome::measure)
        .detail("total_bytes", memory.total_bytes)
        .detail("swap_total_bytes", memory.swap_total_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Settings {
        Settings::from_json(json).unwrap()
    }

    fn memory(available: u64, swap_free: u64) -> Memory {
        Memory {
            total_bytes: 100 << 28,
            available_bytes: available << 28,
            swap_total_bytes: 100,
            swap_free_bytes: swap_free,
        }
    }

    #[test]
    fn memory_and_swap_are_judged_each_by_their_bounds() {
        let swapless = Memory {
            swap_total_bytes: 0,
            swap_free_bytes: 0,
            ..memory(50, 0)
        };
        let swapping = r#"{ "swap_degraded_above": 0.5, "swap_unhealthy_above": 0.8 }"#;
        for (json, memory, status, message) in [
            (
                "{}",
                swapless,
                Status::Healthy,
                "50 % of the memory is available, 12.5 GiB of 25 GiB",
            ),
            (
                "{}",
                memory(50, 0),
                Status::Healthy,
                "50 % of the memory is available, 12.5 GiB of 25 GiB; 100 % of the swap space is in use",
            ),
            (
                "{}",
                memory(7, 100),
                Status::Degraded,
                "7 % of the memory is available (degraded below 10 %), 1.8 GiB of 25 GiB",
            ),
            (
                "{}",
                memory(4, 100),
                Status::Unhealthy,
                "4 % of the memory is available (unhealthy below 5 %), 1 GiB of 25 GiB",
            ),
            (
                swapping,
                memory(7, 10),
                Status::Unhealthy,
                "90 % of the swap space is in use (unhealthy above 80 %); \
                 7 % of the memory is available (degraded below 10 %), 1.8 GiB of 25 GiB",
            ),
            (
                swapping,
                memory(70, 40),
                Status::Degraded,
                "60 % of the swap space is in use (degraded above 50 %)",
            ),
        ] {
            let outcome = judge(&settings(json), &memory);
            assert_eq!((outcome.status(), outcome.message()), (status, message));
        }
    }

    #[test]
    fn measurements_carry_the_bounds() {
        let outcome = judge(
            &settings(r#"{ "swap_degraded_above": 0.5 }"#),
            &memory(50, 50),
        );
        let [available, size, swap] = outcome.measurements() else {
            panic!("{outcome:?}");
        };
        assert_eq!(
            (available.name(), available.unit()),
            ("memory_available", "ratio")
        );
        assert_eq!(available.degraded_at(), Some(Bound::Below(0.1)));
        assert_eq!(available.unhealthy_at(), Some(Bound::Below(0.05)));
        assert_eq!(
            (size.name(), size.unit()),
            ("memory_available_bytes", "bytes")
        );
        assert_eq!(swap.degraded_at(), Some(Bound::Above(0.5)));
        assert_eq!(swap.unhealthy_at(), None);
    }

    #[test]
    fn facts_need_a_host_and_shares_are_not_percentages() {
        assert!(check(settings("{}")).is_err());
        assert!(Settings::from_json(r#"{ "degraded_below": 10 }"#).is_err());
    }
}
