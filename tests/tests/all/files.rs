//! Files of the machine: what a grant covers, what it doesn't, and that nothing in a file system makes
//! the host wait or do anything.

mod ground;
mod odd;

use std::fs;

use serde_json::json;
use vitals_tests::{TestHost, guests};

use self::ground::{Ground, answers, ask, files_allowed, refusals, start};

#[tokio::test]
async fn a_directory_grants_what_is_below_it_and_nothing_beside() {
    let ground = Ground::new();
    let (within, beside) = (ground.path("in"), ground.path("in2/file"));
    let asks = [
        ("read", ground.path("in/file")),
        ("read", ground.path("in//below/./deep/")),
        ("read", beside.clone()),
        ("read", ground.path("out/secret")),
        ("read", ground.path("out/nothing")),
        ("stat", ground.path("in")),
        ("stat", ground.path("")),
    ];
    let asks: Vec<_> = asks
        .iter()
        .map(|(call, path)| (*call, path.as_str()))
        .collect();
    let check = ask(&[&within], &asks).await;
    let answers = answers(&check);
    assert_eq!(answers[..2], ["inside", "deep inside"], "{check:#}");
    assert_eq!(
        check["status"], "healthy",
        "a refusal changes no status: {check:#}"
    );
    assert!(answers[2].starts_with("denied: cannot read"), "{check:#}");
    // What is there and what is not look the same.
    let same = |line: &str| line.replace("secret", "_").replace("nothing", "_");
    assert_eq!(same(&answers[3]), same(&answers[4]));
    assert!(answers[5].contains("\"directory\":true"), "{check:#}");
    assert!(answers[6].starts_with("denied"), "{check:#}");
    let refusals = refusals(&check);
    assert_eq!(
        ground.tidy(&refusals[0]),
        "denied: file <dir>/in2/file (add it to `allow.files` of check `orders`)"
    );
    assert_eq!(refusals.len(), 4);
    assert_eq!(check["result"]["denials"][0]["kind"], "file");
}

#[tokio::test]
async fn a_file_that_is_written_is_granted_and_just_that() {
    let ground = Ground::new();
    let (granted, other) = (ground.path("in/file"), ground.path("in/below/deep"));
    let host = TestHost::builder()
        .library("guest", guests::FILES_READ)
        .config(&format!(
            "[checks.orders]\nplugin = 'guest'\nconfig = {{ granted = '{granted}' }}\n\
             [checks.other]\nplugin = 'guest'\nconfig = {{ granted = '{granted}', \
             asks = [{{ call = 'read', path = '{other}' }}, {{ call = 'entries', path = '{granted}' }}] }}"
        ))
        .start()
        .await;
    let check = host.check("orders").await;
    assert_eq!(answers(&check), ["inside"], "{check:#}");
    let check = host.check("other").await;
    let answers = answers(&check);
    assert!(answers[0].starts_with("denied"), "{check:#}");
    assert!(answers[1].ends_with("it is not a directory"), "{check:#}");
    let page = host.get("/plugins").await.text().to_owned();
    assert!(
        page.contains(&format!("file {granted}")),
        "the grants are shown: {page}"
    );
}

#[tokio::test]
async fn a_file_that_is_asked_for_without_any_grant_is_denied() {
    let check = ask(&[], &[("read", "/etc/hostname"), ("stat", "/etc/nothing")]).await;
    assert_eq!(
        refusals(&check),
        [
            "denied: file /etc/hostname (add it to `allow.files` of check `orders`)",
            "denied: file /etc/nothing (add it to `allow.files` of check `orders`)"
        ]
    );
}

#[tokio::test]
async fn symlinks_are_followed_before_the_grant_is_asked() {
    let ground = Ground::new();
    ground.link("below/deep", "in/relative");
    ground.link(&ground.path("in/below"), "in/absolute");
    ground.link("../out/secret", "in/escape");
    ground.link(&ground.path("out"), "in/way-out");
    ground.link(&ground.path("out/nothing"), "in/dangling-out");
    ground.link("nothing", "in/dangling-in");
    ground.link("loop", "in/loop");
    ground.link(&ground.path("in/file"), "out/link-in");
    let paths = [
        "in/relative",
        "in/absolute/deep",
        "in/escape",
        "in/way-out/secret",
        "in/way-out/nothing",
        "in/dangling-out",
        "in/dangling-in",
        "in/nothing",
        "in/file/below",
        "in/loop",
        "out/link-in",
    ]
    .map(|path| ground.path(path));
    let asks: Vec<_> = paths.iter().map(|path| ("read", path.as_str())).collect();
    let check = ask(&[&ground.path("in")], &asks).await;
    let answers = ground.tidy(&answers(&check).join("\n"));
    insta::assert_snapshot!("symlinks", answers);
    // Where a link leads is for the operator, not for the guest.
    assert!(!answers.contains("secret (add"), "{answers}");
    insta::assert_snapshot!(
        "symlinks_refused",
        ground.tidy(&refusals(&check).join("\n"))
    );
}

#[tokio::test]
async fn a_link_may_lead_from_one_grant_to_another() {
    let ground = Ground::new();
    ground.link(&ground.path("out/secret"), "in/link");
    let (within, link) = (ground.path("in"), ground.path("in/link"));
    let check = ask(&[&within, &ground.path("out/secret")], &[("read", &link)]).await;
    assert_eq!(answers(&check), ["outside"], "{check:#}");
}

#[tokio::test]
async fn a_grant_may_be_a_symlink_and_is_followed_at_the_call() {
    // As Kubernetes mounts a volume: `..data` is replaced by a link to another directory.
    let ground = Ground::new();
    for (version, text) in [("one", "first"), ("two", "second")] {
        fs::create_dir_all(ground.path(&format!("volume/..{version}"))).unwrap();
        fs::write(ground.path(&format!("volume/..{version}/key")), text).unwrap();
    }
    ground.link("..one", "volume/..data");
    ground.link("..data/key", "volume/key");
    ground.link("volume", "config");
    let (granted, key) = (ground.path("config/key"), ground.path("volume/..two/key"));
    let asks = [
        json!({ "call": "read", "path": granted }),
        json!({ "call": "read", "path": key }),
    ];
    let host = start(
        &format!("interval = '1s'\n{}", files_allowed(&[&granted])),
        &asks,
        "1s",
    )
    .await;
    let check = host.check("orders").await;
    assert_eq!(answers(&check)[0], "first", "{check:#}");
    assert!(answers(&check)[1].starts_with("denied"), "{check:#}");

    ground.link("..two", "volume/..new");
    fs::rename(ground.path("volume/..new"), ground.path("volume/..data")).unwrap();
    host.eventually_check("orders", "the other version is read", |check| {
        check["details"]["answers"][0]["text"] == "second"
    })
    .await;
}

#[tokio::test]
async fn paths_that_are_no_plain_paths_are_errors_in_words() {
    let ground = Ground::new();
    let long = format!("{}{}", ground.path("in"), "/x".repeat(50_000));
    let name = ground.path(&format!("in/{}", "n".repeat(300)));
    let up = ground.path("in/../out/secret");
    let nul = ground.path("in/file\0.txt");
    let check = ask(
        &[&ground.path("in"), "/"],
        &[
            ("read", up.as_str()),
            ("read", "in/file"),
            ("read", ""),
            ("read", nul.as_str()),
            ("read", long.as_str()),
            ("read", name.as_str()),
        ],
    )
    .await;
    let reasons: Vec<_> = answers(&check)
        .iter()
        .map(|line| {
            let (kind, _) = line.split_once(": ").unwrap();
            let (_, why) = line.rsplit_once(": ").unwrap();
            format!("{kind}: {why}")
        })
        .collect();
    assert_eq!(
        reasons,
        [
            "failed: the path contains `..`",
            "failed: the path is not absolute",
            "failed: the path is not absolute",
            "failed: the path contains a NUL",
            "failed: the path is too long",
            "failed: the path is too long",
        ],
        "{check:#}"
    );
}
