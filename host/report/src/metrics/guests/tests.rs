//! Tests of plugins' metrics: when they are shown, and when they are removed.

use super::*;
use crate::metrics::Metrics;
use vitals_model::Text;

fn check(name: &str) -> CheckName {
    name.parse().unwrap()
}

fn plugin(name: &str) -> PluginName {
    name.parse().unwrap()
}

/// Creates the metrics of a host with one check on each of these plugins: `a` on the first, `b` on
/// the next.
fn placed(plugins: &[&str]) -> Metrics {
    let metrics = Metrics::enabled("0.1.0", "48.0.8");
    for (name, plugin) in ["a", "b", "c"].into_iter().zip(plugins) {
        metrics.check_upserted(&check(name), plugin, true);
    }
    metrics
}

fn version(metrics: &Metrics, name: &str) -> Arc<dyn VersionMetrics> {
    metrics.of_guests().unwrap().version(&plugin(name))
}

fn active(metrics: &Metrics, name: &str) -> Arc<dyn VersionMetrics> {
    let version = version(metrics, name);
    Arc::clone(&version).activate();
    version
}

fn take(
    version: &Arc<dyn VersionMetrics>,
    of: &str,
    name: &str,
    labels: &[(&str, &str)],
    update: MetricUpdate<'_>,
) -> Result<(), SampleError> {
    let label = |(name, value): &(&str, &str)| ((*name).to_owned(), Text::line(value, 128));
    let help = || Text::line("Help.", 128);
    let labels = labels.iter().map(label).collect();
    let sample = Sample::new(name, &help, labels, update);
    version.record(&check(of), &sample)
}

/// Returns the part of the page with plugins' metrics.
fn page(metrics: &Metrics) -> String {
    let text = metrics.text();
    let own = text.lines().filter(|line| {
        let line = line.trim_start_matches("# HELP ");
        line.trim_start_matches("# TYPE ").starts_with("plugin_")
    });
    own.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_kind_is_exposed_with_plugin_and_check() {
    let metrics = placed(&["my-check.v2"]);
    let version = active(&metrics, "my-check.v2");
    take(&version, "a", "runs_total", &[], MetricUpdate::Add(1.0)).unwrap();
    take(&version, "a", "runs_total", &[], MetricUpdate::Add(0.5)).unwrap();
    let labels = [("queue", "a\"b\\c")];
    take(&version, "a", "depth", &labels, MetricUpdate::Set(2.0)).unwrap();
    take(&version, "a", "depth", &labels, MetricUpdate::Set(-3.0)).unwrap();
    let observe = |value, buckets| MetricUpdate::Observe { value, buckets };
    take(&version, "a", "lag_seconds", &[], observe(0.5, &[1.0])).unwrap();
    // The first call for a name fixes the buckets.
    take(&version, "a", "lag_seconds", &[], observe(5.0, &[9.0])).unwrap();
    let expected = [
        "# HELP plugin_my_check_v2_depth Help.",
        "# TYPE plugin_my_check_v2_depth gauge",
        r#"plugin_my_check_v2_depth{check="a",queue="a\"b\\c"} -3"#,
        "# HELP plugin_my_check_v2_lag_seconds Help.",
        "# TYPE plugin_my_check_v2_lag_seconds histogram",
        r#"plugin_my_check_v2_lag_seconds_bucket{check="a",le="1"} 1"#,
        r#"plugin_my_check_v2_lag_seconds_bucket{check="a",le="+Inf"} 2"#,
        r#"plugin_my_check_v2_lag_seconds_sum{check="a"} 5.5"#,
        r#"plugin_my_check_v2_lag_seconds_count{check="a"} 2"#,
        "# HELP plugin_my_check_v2_runs_total Help.",
        "# TYPE plugin_my_check_v2_runs_total counter",
        r#"plugin_my_check_v2_runs_total{check="a"} 1.5"#,
    ];
    assert_eq!(page(&metrics).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_metric_without_help_gets_one() {
    let metrics = placed(&["p"]);
    let version = active(&metrics, "p");
    let help = || Text::line("\n", 128);
    let sample = Sample::new("depth", &help, Vec::new(), MetricUpdate::Set(1.0));
    version.record(&check("a"), &sample).unwrap();
    assert!(page(&metrics).starts_with("# HELP plugin_p_depth The plugin does not say"));
}

#[test]
fn a_version_is_shown_once_active_and_starts_from_zero() {
    let metrics = placed(&["p"]);
    let old = active(&metrics, "p");
    take(&old, "a", "x", &[], MetricUpdate::Add(7.0)).unwrap();
    let new = version(&metrics, "p");
    take(&new, "a", "x", &[("by", "trial")], MetricUpdate::Set(1.0)).unwrap();
    assert!(page(&metrics).ends_with(r#"plugin_p_x{check="a"} 7"#));
    Arc::clone(&new).activate();
    // The call of a run that is still in flight.
    take(&old, "a", "x", &[], MetricUpdate::Add(7.0)).unwrap();
    take(&old, "a", "y", &[], MetricUpdate::Add(7.0)).unwrap();
    assert_eq!(
        page(&metrics),
        "# HELP plugin_p_x Help.\n# TYPE plugin_p_x gauge\nplugin_p_x{check=\"a\",by=\"trial\"} 1"
    );
    metrics.plugin_removed(&plugin("p"));
    assert_eq!(page(&metrics), "");
    take(&new, "a", "x", &[("by", "flight")], MetricUpdate::Set(1.0)).unwrap();
    assert_eq!(page(&metrics), "");
}

#[test]
fn removing_a_check_removes_its_series() {
    let metrics = placed(&["p", "p", "q"]);
    let (version, other) = (active(&metrics, "p"), active(&metrics, "q"));
    let set = |of: &str| take(&version, of, "x", &[], MetricUpdate::Set(1.0)).unwrap();
    set("a");
    set("b");
    // Neither a check of another plugin nor an unknown check can add series.
    set("c");
    set("nobody");
    let shows = |metrics: &Metrics, of: &str| page(metrics).contains(&format!("check=\"{of}\""));
    assert!(shows(&metrics, "a") && shows(&metrics, "b"));
    assert!(!shows(&metrics, "c") && !shows(&metrics, "nobody"));
    metrics.check_removed(&check("a"));
    set("a");
    assert!(!shows(&metrics, "a") && shows(&metrics, "b"));
    // The check moves to another plugin and back.
    metrics.check_upserted(&check("b"), "q", true);
    set("b");
    take(&other, "b", "y", &[], MetricUpdate::Set(1.0)).unwrap();
    assert!(!page(&metrics).contains("plugin_p_x"), "{}", page(&metrics));
    metrics.check_upserted(&check("b"), "p", false);
    assert_eq!(page(&metrics), "");
    set("b");
    // Another configuration of the same check on the same plugin.
    metrics.check_upserted(&check("b"), "p", true);
    assert!(page(&metrics).ends_with(r#"plugin_p_x{check="b"} 1"#));
}

#[test]
fn series_of_a_trial_run_are_removed_with_the_check() {
    let metrics = placed(&["p", "p"]);
    let version = version(&metrics, "p");
    for of in ["a", "b"] {
        take(&version, of, "x", &[], MetricUpdate::Set(1.0)).unwrap();
    }
    metrics.check_removed(&check("a"));
    Arc::clone(&version).activate();
    assert!(page(&metrics).ends_with("gauge\nplugin_p_x{check=\"b\"} 1"));
}

#[test]
fn each_check_has_its_own_limit_of_100_series() {
    let metrics = placed(&["p", "p"]);
    let version = active(&metrics, "p");
    let set = |of: &str, number: usize| {
        let number = number.to_string();
        take(&version, of, "x", &[("n", &number)], MetricUpdate::Set(1.0))
    };
    for number in 0..100 {
        set("a", number).unwrap();
    }
    assert_eq!(set("a", 100), Err(SampleError::TooManySeries));
    assert_eq!(
        take(&version, "a", "y", &[], MetricUpdate::Set(1.0)),
        Err(SampleError::TooManySeries)
    );
    set("a", 99).unwrap();
    set("b", 100).unwrap();
    assert_eq!(page(&metrics).lines().count(), 103);
    // A check that was removed and added again starts from zero.
    metrics.check_removed(&check("a"));
    metrics.check_upserted(&check("a"), "p", true);
    set("a", 100).unwrap();
}

#[test]
fn the_series_of_a_check_share_a_limit_of_bytes() {
    let (long, quotes) = ("x".repeat(128), "\"".repeat(128));
    let bounds: Vec<_> = (0..32)
        .map(|number| f64::MIN + 1e300 * f64::from(number))
        .collect();
    let (value, buckets) = (f64::MAX, &bounds[..]);
    let names: Vec<_> = (0..7)
        .map(|number| format!("{number}").repeat(64))
        .collect();
    for update in [
        MetricUpdate::Set(f64::MIN_POSITIVE),
        MetricUpdate::Observe {
            value,
            buckets: &[],
        },
        MetricUpdate::Observe { value, buckets },
    ] {
        let metrics = placed(&["p", "p"]);
        let version = active(&metrics, "p");
        let mut taken = 0;
        let refused = (0..100).find_map(|number| {
            let number = format!("{number}{}", &quotes[..100]);
            let mut labels: Vec<_> = names.iter().map(|name| (&name[..], &quotes[..])).collect();
            labels.push(("n", &number));
            let name = format!("{}{taken}", &long[..62]);
            let result = take(&version, "a", &name, &labels, update);
            taken += usize::from(result.is_ok());
            result.err()
        });
        assert!(taken > 1, "{update:?}");
        assert_eq!(refused, Some(SampleError::TooManySeries), "{update:?}");
        let shown = page(&metrics).len();
        assert!(
            shown < 256 << 10,
            "{shown} bytes of {taken} series, {update:?}"
        );
        // Another check has its own budget.
        take(&version, "b", "y", &[], update).unwrap();
    }
}

#[test]
fn a_hundred_usual_histograms_fit_the_limit() {
    let metrics = placed(&["p"]);
    let version = active(&metrics, "p");
    for number in 0..100 {
        let (value, buckets) = (0.1, &[][..]);
        let labels = [("queue", &*format!("orders-{number}"))];
        take(
            &version,
            "a",
            "age_seconds",
            &labels,
            MetricUpdate::Observe { value, buckets },
        )
        .unwrap();
    }
}

#[test]
fn another_type_or_other_labels_are_conflicts_in_one_version() {
    let metrics = placed(&["p", "p"]);
    let version = active(&metrics, "p");
    take(&version, "a", "x", &[("by", "1")], MetricUpdate::Add(1.0)).unwrap();
    let conflict = |labels, update| match take(&version, "b", "x", labels, update) {
        Err(SampleError::Conflict(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        conflict(&[("by", "1")], MetricUpdate::Set(1.0)),
        "`x` is already a counter, not a gauge: use another name"
    );
    assert_eq!(
        conflict(&[("to", "1")], MetricUpdate::Add(1.0)),
        "`x` already has the label `by`, not the label `to`: use the same label names each time, or \
         use another name"
    );
    assert!(conflict(&[], MetricUpdate::Add(1.0)).contains("not no labels"));
    let buckets = &[][..];
    let observe = MetricUpdate::Observe {
        value: 1.0,
        buckets,
    };
    take(&version, "a", "h", &[], observe).unwrap();
    assert_eq!(
        page(&metrics).matches("le=").count(),
        11,
        "the host's bounds"
    );
    let part = take(&version, "a", "h_count", &[], MetricUpdate::Set(1.0));
    assert!(matches!(part, Err(SampleError::Conflict(_))), "{part:?}");
}

#[test]
fn plugins_with_one_exposed_name_share_a_family_or_the_first_keeps_it() {
    // The exposed name is `plugin_p_q_x` in all three cases.
    let metrics = placed(&["p", "p-q", "p.q"]);
    let (p, dash, dot) = (
        active(&metrics, "p"),
        active(&metrics, "p-q"),
        active(&metrics, "p.q"),
    );
    take(&p, "a", "q_x", &[], MetricUpdate::Set(1.0)).unwrap();
    take(&dash, "b", "x", &[("by", "1")], MetricUpdate::Set(2.0)).unwrap();
    take(&dot, "c", "x", &[], MetricUpdate::Add(3.0)).unwrap();
    let shared = "# HELP plugin_p_q_x Help.\n# TYPE plugin_p_q_x gauge\n\
                  plugin_p_q_x{check=\"a\"} 1\nplugin_p_q_x{check=\"b\",by=\"1\"} 2";
    assert_eq!(page(&metrics), shared);
    // A histogram can't use the names of existing series either.
    let buckets = &[1.0][..];
    let observe = MetricUpdate::Observe {
        value: 1.0,
        buckets,
    };
    take(&p, "a", "q_h_sum", &[], MetricUpdate::Set(1.0)).unwrap();
    take(&dash, "b", "h", &[], observe).unwrap();
    let text = page(&metrics);
    assert!(
        !text.contains("histogram") && text.contains("plugin_p_q_h_sum{check=\"a\"} 1"),
        "{text}"
    );
    metrics.plugin_removed(&plugin("p"));
    metrics.plugin_removed(&plugin("p-q"));
    assert!(page(&metrics).ends_with("counter\nplugin_p_q_x{check=\"c\"} 3"));
}

#[test]
fn a_counter_never_overflows() {
    let metrics = placed(&["p"]);
    let version = active(&metrics, "p");
    for _ in 0..3 {
        take(&version, "a", "x", &[], MetricUpdate::Add(f64::MAX)).unwrap();
    }
    assert!(!page(&metrics).contains("Inf"), "{}", page(&metrics));
}

#[test]
fn nothing_is_kept_while_metrics_are_disabled() {
    assert!(Metrics::default().of_guests().is_none());
    assert!(placed(&[]).of_guests().is_some());
}
