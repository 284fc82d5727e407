//! The `icmp` check: pings, and how many of them are lost or late.

use vitals_sdk::net::FamilySettings;
use vitals_sdk::prelude::*;

/// Pings a host and checks packet loss and round-trip times.
#[derive(Config)]
struct Settings {
    /// The host to ping: a name or an IP address.
    #[config(grant = "icmp")]
    host: String,
    /// The number of echo requests.
    #[config(default = 3, range(1..=16))]
    count: u8,
    /// The time between two echo requests, at least 10 ms.
    #[config(default = "100ms")]
    interval: Duration,
    /// The number of bytes of data in an echo request.
    #[config(default = 56, range(0..=1024))]
    size: u16,
    #[config(flatten)]
    addresses: FamilySettings,
    /// The check is degraded if a larger share of the echo requests gets no reply: 0.2 for 20 %.
    #[config(default = 0.4, range(0..=1))]
    loss_degraded_above: f64,
    /// The check is unhealthy if a larger share of the echo requests gets no reply. Without any
    /// reply it always is.
    #[config(default = 0.8, range(0..=1))]
    loss_unhealthy_above: f64,
    /// The check is degraded if the average round-trip time is longer.
    degraded_above: Option<Duration>,
    /// The check is unhealthy if the average round-trip time is longer.
    unhealthy_above: Option<Duration>,
    /// The check is degraded if the longest round-trip time is longer.
    max_degraded_above: Option<Duration>,
    /// The check is unhealthy if the longest round-trip time is longer.
    max_unhealthy_above: Option<Duration>,
    /// The timeout of all replies together. The default is the timeout of the check.
    timeout: Option<Duration>,
}

#[health_check(code = "icmp")]
fn check(settings: Settings) -> Result<Outcome> {
    settings.validate()?;
    let options = icmp::Options {
        family: settings.addresses.family(),
        count: settings.count,
        interval: settings.interval,
        size: settings.size,
    };
    let timeout = settings.timeout.unwrap_or(Duration::MAX);
    let ping = icmp::ping(&settings.host, &options, timeout)?;
    Ok(outcome(&settings, &ping))
}

impl Settings {
    /// Rejects intervals that the host would refuse, and that leave no time for the last reply.
    fn validate(&self) -> Result<()> {
        if self.interval < SHORTEST_INTERVAL {
            return Err(Error::new("`interval` is shorter than 10ms"));
        }
        let sending = self.interval.saturating_mul(u32::from(self.count) - 1);
        let left = Deadline::of_run().remaining();
        let timeout = self.timeout.map_or(left, |timeout| timeout.min(left));
        if sending >= timeout {
            return Err(Error::new(format_args!(
                "sending {} echo requests takes {}, longer than the timeout: set a smaller `interval` or `count`",
                self.count,
                span_text(sending)
            )));
        }
        Ok(())
    }

    /// Formats the host with the address that was pinged.
    fn target(&self, ping: &icmp::Ping) -> String {
        let address = ping.address.to_string();
        if self.host == address {
            address
        } else {
            format!("{} ({address})", self.host)
        }
    }
}

fn outcome(settings: &Settings, ping: &icmp::Ping) -> Outcome {
    let target = settings.target(ping);
    let (sent, received) = (ping.times.len(), ping.received());
    let lost = ratio("packet_loss", share(sent - received, sent))
        .degraded_above(settings.loss_degraded_above)
        .unhealthy_above(settings.loss_unhealthy_above);
    let outcome = match Times::of(ping) {
        None => Outcome::unhealthy(format!("{target} replied to none of {sent} echo requests")),
        Some(times) => {
            let replied = format!("{target} replied to {received} of {sent} echo requests");
            let [average, max] = times.measured(settings);
            let time = |what: &str, time: &Measurement| {
                let text = format!("the {what} round-trip time is {}", time.value_text());
                (time.status(), text + &time.remark())
            };
            let mut parts = vec![
                (lost.status(), format!("{replied}{}", lost.remark())),
                time("average", &average),
                time("longest", &max),
            ];
            parts.retain(|(status, _)| *status > Status::Healthy);
            if parts.is_empty() {
                let text = format!("{replied}, on average after {}", short_text(times.average));
                parts.push((Status::Healthy, text));
            }
            Outcome::worst(parts)
                .measure(average)
                .measure(seconds("round_trip_time_min", times.min))
                .measure(max)
        }
    };
    outcome
        .measure(lost)
        .detail("address", ping.address.to_string())
        .detail("sent", sent)
        .detail("received", received)
}

/// Formats a time with decimals if it is so short that whole milliseconds would say nothing.
fn short_text(time: Duration) -> String {
    if time < Duration::from_millis(10) {
        format!("{:.2} ms", time.as_secs_f64() * 1e3)
    } else {
        span_text(time)
    }
}

/// The round-trip times of the echo requests that got a reply.
struct Times {
    min: Duration,
    average: Duration,
    max: Duration,
}

impl Times {
    /// Returns `None` if there was no reply.
    fn of(ping: &icmp::Ping) -> Option<Self> {
        let times = || ping.times.iter().flatten().copied();
        let count = u32::try_from(ping.received()).ok()?;
        Some(Self {
            min: times().min()?,
            average: times().sum::<Duration>().checked_div(count)?,
            max: times().max()?,
        })
    }

    /// Returns the average and the longest time, with their bounds.
    fn measured(&self, settings: &Settings) -> [Measurement; 2] {
        [
            seconds("round_trip_time", self.average)
                .degraded(Bound::above(settings.degraded_above))
                .unhealthy(Bound::above(settings.unhealthy_above)),
            seconds("round_trip_time_max", self.max)
                .degraded(Bound::above(settings.max_degraded_above))
                .unhealthy(Bound::above(settings.max_unhealthy_above)),
        ]
    }
}

fn share(part: usize, of: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(part) / number(of.max(1))
}

/// The limit of the contract.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
