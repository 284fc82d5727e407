//! That each lie is found, and the truth is not taken for one.

use super::*;

/// Plugin `p` with checks `a` and `b`, of which `a` is critical.
fn scene() -> (Model, Foundry, Version, Version) {
    let foundry = Foundry::new();
    let (old, new) = (foundry.next().0, foundry.next().0);
    let mut model = Model::default();
    model.add_plugin("p", old);
    model.add_check("a", "p", true);
    model.add_check("b", "p", false);
    (model, foundry, old, new)
}

fn check(name: &str, status: &str, message: &str) -> Value {
    json!({
        "name": name, "status": status, "message": message, "latency_ms": 0.1, "details": {},
        "checked_at": if message == "not run yet" { Value::Null } else { json!("2026-01-27T10:30:00Z") },
    })
}

fn healthy(name: &str, version: Version) -> Value {
    check(name, "healthy", &version.to_string())
}

fn failed(name: &str, code: &str) -> Value {
    let mut check = check(name, "unhealthy", "why");
    check["error"] = json!({"code": code});
    check
}

fn health(status: &str, checks: &[Value]) -> Response {
    let body = json!({"status": status, "timestamp": "2026-01-27T10:30:00Z", "checks": checks});
    answer(200, &body)
}

fn answer(status: u16, body: &Value) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body: body.to_string(),
    }
}

fn faults(model: &Model, foundry: &Foundry, page: &Page, answer: &Response) -> Vec<String> {
    let judge = Judge {
        model,
        foundry,
        is_faint: false,
        without: &[],
    };
    judge.faults(page, answer, &mut Memory::default())
}

#[track_caller]
fn one_fault(faults: &[String], words: &str) {
    let found = faults.iter().any(|fault| fault.contains(words));
    assert!(found, "`{words}` is not in {faults:#?}");
}

#[test]
fn the_truth_is_no_fault() {
    let (mut model, foundry, old, new) = scene();
    let well = health("healthy", &[healthy("a", old), healthy("b", old)]);
    assert!(faults(&model, &foundry, &Page::Health, &well).is_empty());
    model.may_serve("p", new);
    let well = health("healthy", &[healthy("a", new), healthy("b", new)]);
    assert!(faults(&model, &foundry, &Page::Health, &well).is_empty());
    model.may_be_away("p");
    let away = health("unhealthy", &[failed("a", "load"), failed("b", "load")]);
    assert!(faults(&model, &foundry, &Page::Health, &away).is_empty());
}

#[test]
fn an_answer_that_mixes_two_versions() {
    let (mut model, foundry, old, new) = scene();
    model.may_serve("p", new);
    let mixed = health("healthy", &[healthy("a", old), healthy("b", new)]);
    let faults = faults(&model, &foundry, &Page::Health, &mixed);
    one_fault(&faults, "one answer has 00000001, 00000002 of plugin p");
    assert_eq!(faults.len(), 1);
}

#[test]
fn a_version_that_was_never_written_or_is_gone() {
    let (model, foundry, old, new) = scene();
    let shown = health("healthy", &[healthy("a", new), healthy("b", old)]);
    let faults = faults(&model, &foundry, &Page::Health, &shown);
    one_fault(&faults, "which can't serve now");
}

#[test]
fn a_broken_version_in_a_result() {
    let (mut model, foundry, old, _) = scene();
    model.may_be_refused("p");
    for code in ["trap", "load", "timeout"] {
        let shown = health("unhealthy", &[failed("a", code), healthy("b", old)]);
        let faults = faults(&model, &foundry, &Page::Health, &shown);
        one_fault(&faults, "a can't be so now");
    }
}

#[test]
fn checks_that_are_missing_too_many_or_without_a_result() {
    let (model, foundry, old, _) = scene();
    let shown = |checks: &[Value]| {
        let answer = health("healthy", checks);
        faults(&model, &foundry, &Page::Health, &answer)
    };
    one_fault(&shown(&[healthy("a", old)]), "check b is missing");
    let more = [healthy("a", old), healthy("b", old), healthy("c", old)];
    one_fault(&shown(&more), "nobody asked for check c");
    let new = check("b", "unknown", "not run yet");
    one_fault(&shown(&[healthy("a", old), new]), "b can't be so now");
    let twice = [healthy("a", old), healthy("b", old), healthy("b", old)];
    one_fault(&shown(&twice), "there twice");
}

#[test]
fn a_verdict_that_its_checks_do_not_bear() {
    let (mut model, foundry, old, _) = scene();
    let checks = [healthy("a", old), healthy("b", old)];
    let shown = health("degraded", &checks);
    let found = faults(&model, &foundry, &Page::Health, &shown);
    one_fault(&found, "the verdict is \"degraded\"");
    model.directory_may_be_away();
    assert!(faults(&model, &foundry, &Page::Health, &shown).is_empty());
    model.may_be_away("p");
    let shown = health("unhealthy", &[healthy("a", old), failed("b", "load")]);
    let found = faults(&model, &foundry, &Page::Health, &shown);
    one_fault(&found, "where the checks are degraded");
}

#[test]
fn a_version_that_goes_back() {
    let (mut model, foundry, old, new) = scene();
    model.may_serve("p", new);
    let judge = Judge {
        model: &model,
        foundry: &foundry,
        is_faint: false,
        without: &[],
    };
    let mut memory = Memory::default();
    let shown = |version| health("healthy", &[healthy("a", version), healthy("b", version)]);
    for version in [old, new] {
        let answer = shown(version);
        assert!(judge.faults(&Page::Health, &answer, &mut memory).is_empty());
    }
    let faults = judge.faults(&Page::Health, &shown(old), &mut memory);
    one_fault(&faults, "went back from 00000002 to 00000001");
}

#[test]
fn a_page_of_a_check_with_the_facts_of_another_version() {
    let (mut model, foundry, old, new) = scene();
    model.may_serve("p", new);
    let page = |message: Version, described: Version| {
        let mut page = healthy("a", message);
        page["critical"] = json!(true);
        page["plugin"] = json!({
            "name": "p", "version": described.described(), "digest": foundry.digest(described),
        });
        let page = answer(200, &page);
        faults(&model, &foundry, &Page::Check("a".to_owned()), &page)
    };
    assert!(page(new, new).is_empty());
    one_fault(&page(new, old), "is shown as");
    let missing = answer(404, &json!({}));
    let found = faults(&model, &foundry, &Page::Check("a".to_owned()), &missing);
    one_fault(&found, "status 404");
}

#[test]
fn a_plugin_with_another_digest_or_an_error_that_nothing_was_done_for() {
    let (mut model, foundry, old, new) = scene();
    let page = |digest: Option<String>, error: Value| {
        let version = old.described();
        let plugin =
            json!({"name": "p", "version": version, "digest": digest, "last_error": error});
        answer(
            200,
            &json!({"directory": {"readable": true}, "plugins": [plugin]}),
        )
    };
    let shown = |model: &Model, answer| faults(model, &foundry, &Page::Plugins, &answer);
    let digest = foundry.digest(old);
    assert!(shown(&model, page(digest.clone(), Value::Null)).is_empty());
    let other = page(foundry.digest(new), Value::Null);
    one_fault(&shown(&model, other), "is shown as");
    let refused = || page(digest.clone(), json!("it is broken"));
    one_fault(&shown(&model, refused()), "nothing was to be refused");
    model.may_be_refused("p");
    assert!(shown(&model, refused()).is_empty());
    let none = answer(
        200,
        &json!({"directory": {"readable": true}, "plugins": []}),
    );
    one_fault(&shown(&model, none), "plugin p is missing");
}

#[test]
fn a_host_that_is_not_ready_or_not_alive_without_a_reason() {
    let (mut model, foundry, ..) = scene();
    let not_ready = answer(503, &json!({"status": "not_ready", "health": "unhealthy"}));
    let found = faults(&model, &foundry, &Page::Ready, &not_ready);
    one_fault(&found, "status 503");
    model.may_be_away("p");
    assert!(faults(&model, &foundry, &Page::Ready, &not_ready).is_empty());
    let dead = answer(503, &json!({"status": "dead"}));
    one_fault(&faults(&model, &foundry, &Page::Live, &dead), "status 503");
    let page = Response {
        body: "vitals_host_panics_total 1\n".to_owned(),
        ..answer(200, &Value::Null)
    };
    let found = faults(&model, &foundry, &Page::Metrics, &page);
    one_fault(&found, "the host panicked");
}

#[test]
fn a_result_that_is_too_old_where_the_machine_did_not_stand_still() {
    let (model, foundry, old, _) = scene();
    let checks = [healthy("a", old), check("b", "unknown", TOO_OLD)];
    let shown = health("degraded", &checks);
    for is_faint in [false, true] {
        let judge = Judge {
            model: &model,
            foundry: &foundry,
            is_faint,
            without: &[],
        };
        let faults = judge.faults(&Page::Health, &shown, &mut Memory::default());
        assert_eq!(faults.is_empty(), is_faint, "{faults:?}");
    }
}
