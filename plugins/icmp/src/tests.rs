//! The whole check against hosts whose replies are defined.

use vitals_sdk::testing::World;

use super::*;

/// Returns what the host would show of a check of `router`, which replies after these milliseconds.
fn outcome_of(times: &[Option<u64>], mut settings: Value) -> Outcome {
    let world = World::new();
    let times: Vec<_> = times
        .iter()
        .map(|time| time.map(Duration::from_millis))
        .collect();
    world.icmp("router").replies_after(&times);
    settings["host"] = "router".into();
    world.outcome(|| check(Settings::read(settings).unwrap()))
}

/// Returns status and message.
fn shown(outcome: &Outcome) -> String {
    format!("{}: {}", outcome.status(), outcome.message())
}

#[test]
fn loss_is_judged_by_its_share() {
    let (here, gone) = (Some(4), None);
    for (times, settings, expected) in [
        (
            vec![here; 3],
            json!({}),
            "healthy: router (192.0.2.1) replied to 3 of 3 echo requests, on average after 4.00 ms",
        ),
        (
            vec![here, gone, here],
            json!({}),
            "healthy: router (192.0.2.1) replied to 2 of 3 echo requests, on average after 4.00 ms",
        ),
        (
            vec![here, gone, gone],
            json!({}),
            "degraded: router (192.0.2.1) replied to 1 of 3 echo requests (degraded above 40 %)",
        ),
        (
            vec![here, gone, here],
            json!({ "loss_degraded_above": 0.0 }),
            "degraded: router (192.0.2.1) replied to 2 of 3 echo requests (degraded above 0 %)",
        ),
        (
            vec![here, gone, gone],
            json!({ "loss_unhealthy_above": 0.5 }),
            "unhealthy: router (192.0.2.1) replied to 1 of 3 echo requests (unhealthy above 50 %)",
        ),
        (
            vec![gone],
            json!({ "count": 5, "loss_unhealthy_above": 1.0, "loss_degraded_above": 1.0 }),
            "unhealthy: router (192.0.2.1) replied to none of 5 echo requests",
        ),
    ] {
        assert_eq!(shown(&outcome_of(&times, settings)), expected);
    }
}

#[test]
fn average_and_longest_round_trip_times_are_judged() {
    let times = [Some(10), Some(20), Some(60)];
    for (settings, expected) in [
        (
            json!({ "degraded_above": "30ms", "max_degraded_above": "60ms" }),
            "healthy: router (192.0.2.1) replied to 3 of 3 echo requests, on average after 30 ms",
        ),
        (
            json!({ "degraded_above": "25ms" }),
            "degraded: the average round-trip time is 30 ms (degraded above 25 ms)",
        ),
        (
            json!({ "unhealthy_above": "25ms", "max_degraded_above": "50ms" }),
            "unhealthy: the average round-trip time is 30 ms (unhealthy above 25 ms); \
             the longest round-trip time is 60 ms (degraded above 50 ms)",
        ),
        (
            json!({ "max_unhealthy_above": "50ms" }),
            "unhealthy: the longest round-trip time is 60 ms (unhealthy above 50 ms)",
        ),
    ] {
        assert_eq!(shown(&outcome_of(&times, settings)), expected);
    }
}

#[test]
fn times_and_loss_are_measured_with_their_bounds() {
    let settings = json!({ "count": 4, "degraded_above": "1s", "max_unhealthy_above": "2s" });
    let outcome = outcome_of(&[Some(10), None, Some(20), Some(60)], settings);
    let [average, min, max, loss] = outcome.measurements() else {
        panic!("{outcome:?}");
    };
    for (measurement, name, value) in [
        (average, "round_trip_time", 0.03),
        (min, "round_trip_time_min", 0.01),
        (max, "round_trip_time_max", 0.06),
        (loss, "packet_loss", 0.25),
    ] {
        assert_eq!(measurement.name(), name);
        assert!(
            (measurement.value() - value).abs() < 1e-9,
            "{measurement:?}"
        );
    }
    assert_eq!(average.degraded_at(), Some(Bound::Above(1.0)));
    assert_eq!(max.unhealthy_at(), Some(Bound::Above(2.0)));
    assert_eq!(loss.degraded_at(), Some(Bound::Above(0.4)));
    assert_eq!(loss.unhealthy_at(), Some(Bound::Above(0.8)));
    assert_eq!(outcome.detail_of("address"), Some(&json!("192.0.2.1")));
    assert_eq!(outcome.detail_of("sent"), Some(&json!(4)));
    assert_eq!(outcome.detail_of("received"), Some(&json!(3)));
    // What was not received was not measured either.
    let silent = outcome_of(&[None], json!({}));
    let names: Vec<_> = silent
        .measurements()
        .iter()
        .map(Measurement::name)
        .collect();
    assert_eq!(names, ["packet_loss"]);
}

#[test]
fn a_ping_that_cannot_be_sent_is_unhealthy_with_the_reason() {
    let world = World::new();
    let run = || {
        let settings = Settings::from_json(r#"{ "host": "router" }"#).unwrap();
        world.outcome(|| check(settings)).message().to_owned()
    };
    world.icmp("router").denied();
    assert_eq!(
        run(),
        "cannot ping router: denied: icmp router (add it to `allow.icmp` of the check)"
    );
    world.icmp("router").unreachable();
    assert_eq!(run(), "cannot ping router: no route to host");
    world.icmp("router").unresolvable(dns::Problem::TryAgain);
    assert_eq!(
        run(),
        "cannot ping router: cannot look up the host: no resolver answered, or none could find out"
    );
}

#[test]
fn impossible_intervals_are_rejected_and_the_timeout_ends_the_wait() {
    for (settings, expected) in [
        (
            json!({ "interval": "9ms" }),
            "unhealthy: `interval` is shorter than 10ms",
        ),
        (
            json!({ "count": 16, "interval": "1s" }),
            "unhealthy: sending 16 echo requests takes 15 s, longer than the timeout: set a smaller \
             `interval` or `count`",
        ),
        (
            json!({ "timeout": "200ms" }),
            "unhealthy: sending 3 echo requests takes 200 ms, longer than the timeout: set a smaller \
             `interval` or `count`",
        ),
    ] {
        assert_eq!(shown(&outcome_of(&[Some(1)], settings)), expected);
    }
    let world = World::new();
    world.icmp("2001:db8::7").replies_after(&[None]);
    let settings = json!({ "host": "2001:db8::7", "timeout": "1s", "family": "ipv6" });
    let outcome = world.outcome(|| check(Settings::read(settings).unwrap()));
    assert_eq!(
        shown(&outcome),
        "unhealthy: 2001:db8::7 replied to none of 3 echo requests"
    );
    assert_eq!(world.elapsed(), Duration::from_secs(1));
    assert_eq!(
        Settings::json_schema()["properties"]["host"]["x-vitals-grant"],
        "icmp"
    );
}
