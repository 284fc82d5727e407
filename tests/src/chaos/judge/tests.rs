//! Tests that each lie is found, and that nothing true is taken for one.

use std::sync::LazyLock;

use super::*;

const OLD: Version = Version(1);
const NEW: Version = Version(2);

static VERSIONS: LazyLock<Versions> = LazyLock::new(|| {
    let versions = Versions::new();
    assert_eq!([versions.next(), versions.next()], [OLD, NEW]);
    versions
});

/// Changes what may be true. At first plugin `p` serves the old version, its check `a` is critical,
/// and its check `b` is not.
type Change = fn(&mut Model);
const NOTHING: Change = |_| {};
const REPLACED: Change = |model| model.may_serve("p", NEW);
const REJECTED: Change = |model| model.may_be_rejected("p");
const ABSENT: Change = |model| model.plugin_may_be_absent("p");
const DIRECTORY: Change = |model| model.directory_may_be_absent();

/// Judges responses that one probe receives.
fn faults(
    change: Change,
    is_stalled: bool,
    page: &Page,
    responses: &[(u16, String)],
) -> Vec<String> {
    let mut model = Model::default();
    model.add_plugin("p", OLD);
    model.add_check("a", "p", true);
    model.add_check("b", "p", false);
    change(&mut model);
    let (mut seen, mut faults) = (SeenVersions::new(), Vec::new());
    for (status, body) in responses {
        let judge = Judge {
            model: &model,
            versions: &VERSIONS,
            is_stalled,
            without: &[],
            seen: &mut seen,
            faults: Faults::default(),
        };
        let response = Response {
            status: *status,
            headers: Vec::new(),
            body: body.clone(),
        };
        faults.extend(judge.faults(page, &response));
    }
    faults
}

/// Requires that a response has this fault, or none if it is empty.
#[track_caller]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the tests pass texts and documents that they make in place"
)]
fn judge(change: Change, page: Page, status: u16, body: impl fmt::Display, fault: &str) {
    let body = body.to_string();
    let faults = faults(change, false, &page, &[(status, body)]);
    let is_found = match fault {
        "" => faults.is_empty(),
        _ => faults.iter().any(|found| found.contains(fault)),
    };
    assert!(is_found, "`{fault}` is not {faults:#?}");
}

/// A check that is healthy by a version or with another message, waits, or fails with a code.
fn check(name: &str, state: &str) -> Value {
    let (status, message) = match state {
        "old" => ("healthy", OLD.to_string()),
        "new" => ("healthy", NEW.to_string()),
        "well" => ("healthy", state.to_owned()),
        "stale" => ("unknown", STALE.to_owned()),
        "waiting" => ("unknown", "not run yet".to_owned()),
        _ => ("unhealthy", "why".to_owned()),
    };
    let checked_at = (state != "waiting").then_some("2026-01-27T10:30:00Z");
    let mut check = json!({
        "name": name, "status": status, "message": message, "latency_ms": 0.1, "details": {},
        "checked_at": checked_at,
    });
    if status == "unhealthy" {
        check["error"] = json!({"code": state});
    }
    check
}

/// The page of health that lists checks, `a:old b:new`.
fn health(status: &str, checks: &str) -> Value {
    let checks = checks
        .split(' ')
        .map(|check| check.split_once(':').unwrap());
    let checks: Vec<_> = checks.map(|(name, state)| check(name, state)).collect();
    json!({"status": status, "timestamp": "2026-01-27T10:30:00Z", "checks": checks})
}

/// A plugin with a name, a version, and the digest of a version.
fn plugin(name: &str, version: Version, file: Version) -> Value {
    let (version, digest) = (version.described(), VERSIONS.digest(file));
    json!({"name": name, "version": version, "digest": digest, "last_error": null})
}

#[test]
fn lies_about_health_are_found() {
    let cases: [(Change, &str, &str, &str); 20] = [
        (NOTHING, "healthy", "a:old b:old", ""),
        (REPLACED, "healthy", "a:new b:new", ""),
        (ABSENT, "unhealthy", "a:load b:load", ""),
        (ABSENT, "degraded", "a:old b:waiting", ""),
        (DIRECTORY, "degraded", "a:old b:old", ""),
        (REPLACED, "healthy", "a:old b:new", "two versions"),
        (NOTHING, "healthy", "a:new b:old", "wrong state"),
        (NOTHING, "healthy", "a:well b:old", "wrong state"),
        (NOTHING, "degraded", "a:old b:waiting", "wrong state"),
        (NOTHING, "degraded", "a:old b:stale", "wrong state"),
        (REJECTED, "unhealthy", "a:load b:old", "wrong state"),
        (REJECTED, "unhealthy", "a:trap b:old", "wrong state"),
        (REJECTED, "unhealthy", "a:timeout b:old", "wrong state"),
        (ABSENT, "unhealthy", "a:trap b:old", "wrong state"),
        (NOTHING, "healthy", "a:old", "missing: b"),
        (NOTHING, "healthy", "a:old b:old c:old", "not expected"),
        (NOTHING, "healthy", "a:old b:old b:old", "listed twice"),
        (NOTHING, "degraded", "a:old b:old", "not the verdict"),
        (ABSENT, "unhealthy", "a:old b:load", "not the verdict"),
        (ABSENT, "degraded", "a:load b:old", "not the verdict"),
    ];
    for (change, status, checks, fault) in cases {
        judge(change, Page::Health, 200, health(status, checks), fault);
    }
    for (key, fault) in [
        ("/timestamp", "no timestamp"),
        ("/checks", "missing: a"),
        ("/checks/0/details", "other keys"),
    ] {
        let mut page = health("healthy", "a:old b:old");
        let (parent, key) = key.rsplit_once('/').unwrap();
        let parent = page.pointer_mut(parent).unwrap().as_object_mut();
        parent.unwrap().remove(key);
        judge(NOTHING, Page::Health, 200, page, fault);
    }
}

#[test]
fn lies_about_a_check_are_found() {
    let vanishing: Change = |model| model.check_may_vanish("a");
    let (right, other) = (plugin("p", OLD, OLD), plugin("q", OLD, OLD));
    let cases: [(Change, &str, &str, bool, Value, &str); 7] = [
        (NOTHING, "a", "old", true, right.clone(), ""),
        (REPLACED, "a", "new", true, plugin("p", NEW, NEW), ""),
        (REPLACED, "a", "new", true, right.clone(), "another file"),
        (NOTHING, "a", "new", true, right.clone(), "wrong state"),
        (NOTHING, "c", "old", true, right.clone(), "not expected"),
        (NOTHING, "a", "old", false, right, "another weight"),
        (NOTHING, "a", "old", true, other, "another plugin"),
    ];
    for (change, name, state, critical, plugin, fault) in cases {
        let mut page = check(name, state);
        (page["critical"], page["plugin"]) = (critical.into(), plugin);
        judge(change, Page::Check(name.to_owned()), 200, page, fault);
    }
    for (change, name, status, body, fault) in [
        (NOTHING, "a", 404, "{}", "status 404"),
        (NOTHING, "c", 404, "{}", ""),
        (NOTHING, "c", 404, "no JSON", "not the page"),
        (vanishing, "a", 404, "{}", ""),
        (vanishing, "a", 500, "{}", "status 500"),
    ] {
        judge(change, Page::Check(name.to_owned()), status, body, fault);
    }
}

#[test]
fn lies_about_plugins_are_found() {
    let page = |plugins: &[Value]| json!({"directory": {"readable": true}, "plugins": plugins});
    let right = page(&[plugin("p", OLD, OLD)]);
    let rejected = {
        let mut plugin = plugin("p", OLD, OLD);
        plugin["last_error"] = json!("it is broken");
        page(&[plugin])
    };
    let unloaded = page(&[json!({"name": "p", "version": null, "digest": null})]);
    let mut closed = right.clone();
    closed["directory"]["readable"] = json!(false);
    let cases: [(Change, &Value, &str); 13] = [
        (NOTHING, &right, ""),
        (NOTHING, &page(&[plugin("p", OLD, NEW)]), "another file"),
        (NOTHING, &page(&[plugin("p", NEW, NEW)]), "may not serve"),
        (REPLACED, &page(&[plugin("p", NEW, NEW)]), ""),
        (NOTHING, &rejected, "may not be rejected"),
        (REJECTED, &rejected, ""),
        (NOTHING, &page(&[]), "missing: p"),
        (ABSENT, &page(&[]), ""),
        (NOTHING, &unloaded, "may not serve"),
        (ABSENT, &unloaded, ""),
        (NOTHING, &closed, "unreadable"),
        (DIRECTORY, &closed, ""),
        (|model| model.plugins.clear(), &right, "not expected"),
    ];
    for (change, page, fault) in cases {
        judge(change, Page::Plugins, 200, page, fault);
    }
}

#[test]
fn lies_of_the_other_pages_are_found() {
    let ready = r#"{"status": "ready", "health": "degraded"}"#;
    let not_ready = r#"{"status": "not_ready", "health": "unhealthy"}"#;
    let (alive, dead) = (r#"{"status": "alive"}"#, r#"{"status": "dead"}"#);
    let tools = r#"{"flower": null, "grafana": null, "prometheus": null}"#;
    let (metrics, strange) = ("vitals_build_info{} 1", "vitals_build_info{} one");
    let panicked = "vitals_build_info{} 1\nvitals_host_panics_total 1";
    let cases: [(Change, Page, u16, &str, &str); 16] = [
        (NOTHING, Page::Ready, 200, ready, ""),
        (NOTHING, Page::Ready, 200, not_ready, "not the page"),
        (NOTHING, Page::Ready, 503, not_ready, "status 503"),
        (ABSENT, Page::Ready, 503, not_ready, ""),
        (ABSENT, Page::Ready, 503, ready, "not the page"),
        (NOTHING, Page::Live, 200, alive, ""),
        (NOTHING, Page::Live, 200, dead, "not the page"),
        (NOTHING, Page::Live, 503, dead, "status 503"),
        (NOTHING, Page::Startup, 200, "{}", ""),
        (NOTHING, Page::Startup, 200, "no JSON", "not the page"),
        (NOTHING, Page::Tools, 200, tools, ""),
        (NOTHING, Page::Tools, 200, "{}", "not the page"),
        (NOTHING, Page::Metrics, 200, metrics, ""),
        (NOTHING, Page::Metrics, 200, "up 1", "not the page"),
        (NOTHING, Page::Metrics, 200, strange, "no sample"),
        (NOTHING, Page::Metrics, 200, panicked, "the host panicked"),
    ];
    for (change, page, status, body, fault) in cases {
        judge(change, page, status, body, fault);
    }
}

#[test]
fn a_version_that_goes_back_is_found() {
    let pages = ["a:old b:old", "a:new b:new", "a:old b:old"];
    let pages = pages.map(|checks| (200, health("healthy", checks).to_string()));
    assert!(faults(REPLACED, false, &Page::Health, &pages[..2]).is_empty());
    let faults = faults(REPLACED, false, &Page::Health, &pages);
    assert!(faults[0].starts_with("a version went back: a from"));
}

#[test]
fn stale_and_slow_results_are_excused_while_the_machine_stalls() {
    for checks in ["a:old b:stale", "a:old b:timeout"] {
        let page = (200, health("degraded", checks).to_string());
        for is_stalled in [false, true] {
            let faults = faults(
                NOTHING,
                is_stalled,
                &Page::Health,
                std::slice::from_ref(&page),
            );
            assert_eq!(faults.is_empty(), is_stalled, "{faults:?}");
        }
    }
}
