//! Files of the machine: what a grant covers, what it does not, and that nothing in a file system makes
//! the host wait or change anything.

mod odd;
mod tree;

use std::fs;

use serde_json::json;
use vitals_tests::TestHost;
use vitals_tests::guests::FILES_READ;

use self::tree::{Tree, answers, ask, denials, files_allowed, start};

#[tokio::test]
async fn a_directory_grants_what_is_below_it_and_nothing_beside() {
    let tree = Tree::new();
    let asks = [
        ("read", tree.path("in/file")),
        ("read", tree.path("in//below/./deep/")),
        ("read", tree.path("in2/file")),
        ("read", tree.path("out/secret")),
        ("read", tree.path("out/nothing")),
        ("stat", tree.path("in")),
        ("stat", tree.path("")),
    ];
    let check = ask(&[&tree.path("in")], &asks).await;
    let answers = answers(&check);
    assert_eq!(answers[..2], ["inside", "deep inside"], "{check:#}");
    assert_eq!(check["status"], "healthy", "a denial changes no status");
    assert!(answers[2].starts_with("denied: cannot read"), "{check:#}");
    // The guest does not learn whether a file exists.
    let same = |line: &str| line.replace("secret", "_").replace("nothing", "_");
    assert_eq!(same(&answers[3]), same(&answers[4]));
    assert!(answers[5].contains("\"directory\":true"), "{check:#}");
    assert!(answers[6].starts_with("denied"), "{check:#}");
    let denials = denials(&check);
    assert_eq!(
        tree.tidy(&denials[0]),
        "denied: file <dir>/in2/file (add it to `allow.files` of check `orders`)"
    );
    assert_eq!(denials.len(), 4);
    assert_eq!(check["result"]["denials"][0]["kind"], "file");
}

#[tokio::test]
async fn a_file_in_the_settings_is_granted_and_no_other() {
    let tree = Tree::new();
    let (granted, other) = (tree.path("in/file"), tree.path("in/below/deep"));
    let config = format!(
        "[checks.orders]\nplugin = 'files-read'\nconfig = {{ granted = '{granted}' }}\n\
         [checks.other]\nplugin = 'files-read'\nconfig = {{ granted = '{granted}', \
         asks = [{{ call = 'read', path = '{other}' }}, {{ call = 'entries', path = '{granted}' }}] }}"
    );
    let host = TestHost::start(&config, [FILES_READ]).await;
    let check = host.check("orders").await;
    assert_eq!(answers(&check), ["inside"], "{check:#}");
    let check = host.check("other").await;
    let answers = answers(&check);
    assert!(answers[0].starts_with("denied"), "{check:#}");
    assert!(answers[1].ends_with("it is not a directory"), "{check:#}");
    let page = host.get("/plugins").await.body;
    assert!(page.contains(&format!("file {granted}")), "{page}");
}

#[tokio::test]
async fn a_file_without_any_grant_is_denied() {
    let check = ask(&[], &[("read", "/etc/hostname"), ("stat", "/etc/nothing")]).await;
    assert_eq!(
        denials(&check),
        [
            "denied: file /etc/hostname (add it to `allow.files` of check `orders`)",
            "denied: file /etc/nothing (add it to `allow.files` of check `orders`)"
        ]
    );
}

#[tokio::test]
async fn symlinks_are_followed_before_the_grant_is_checked() {
    let tree = Tree::new();
    tree.link("below/deep", "in/relative");
    tree.link(&tree.path("in/below"), "in/absolute");
    tree.link("../out/secret", "in/escape");
    tree.link(&tree.path("out"), "in/way-out");
    tree.link(&tree.path("out/nothing"), "in/dangling-out");
    tree.link("nothing", "in/dangling-in");
    tree.link("loop", "in/loop");
    tree.link(&tree.path("in/file"), "out/link-in");
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
    .map(|path| tree.path(path));
    let check = ask(&[&tree.path("in")], &paths.map(|path| ("read", path))).await;
    let answers = tree.tidy(&answers(&check).join("\n"));
    insta::assert_snapshot!("symlinks", answers);
    // The operator learns where a link leads, the guest does not.
    assert!(!answers.contains("secret (add"), "{answers}");
    insta::assert_snapshot!("symlinks_refused", tree.tidy(&denials(&check).join("\n")));
}

#[tokio::test]
async fn a_link_may_lead_from_one_grant_to_another() {
    let tree = Tree::new();
    tree.link(&tree.path("out/secret"), "in/link");
    let (within, link) = (tree.path("in"), tree.path("in/link"));
    let check = ask(&[&within, &tree.path("out/secret")], &[("read", &link)]).await;
    assert_eq!(answers(&check), ["outside"], "{check:#}");
}

#[tokio::test]
async fn a_grant_may_be_a_symlink_and_is_followed_at_the_call() {
    // Kubernetes replaces `..data` of a volume by a link to another directory.
    let tree = Tree::new();
    for (version, text) in [("one", "first"), ("two", "second")] {
        fs::create_dir_all(tree.path(&format!("volume/..{version}"))).unwrap();
        fs::write(tree.path(&format!("volume/..{version}/key")), text).unwrap();
    }
    tree.link("..one", "volume/..data");
    tree.link("..data/key", "volume/key");
    tree.link("volume", "config");
    let (granted, key) = (tree.path("config/key"), tree.path("volume/..two/key"));
    let asks = [
        json!({ "call": "read", "path": granted }),
        json!({ "call": "read", "path": key }),
    ];
    let lines = format!("interval = '1s'\n{}", files_allowed(&[&granted]));
    let host = start(&lines, &asks, "1s").await;
    let check = host.check("orders").await;
    assert_eq!(answers(&check)[0], "first", "{check:#}");
    assert!(answers(&check)[1].starts_with("denied"), "{check:#}");

    tree.link("..two", "volume/..new");
    fs::rename(tree.path("volume/..new"), tree.path("volume/..data")).unwrap();
    host.eventually_check("orders", "the other version is read", |check| {
        check["details"]["answers"][0]["text"] == "second"
    })
    .await;
}

#[tokio::test]
async fn invalid_paths_are_errors_with_a_reason() {
    let tree = Tree::new();
    let long = format!("{}{}", tree.path("in"), "/x".repeat(50_000));
    let name = tree.path(&format!("in/{}", "n".repeat(300)));
    let up = tree.path("in/../out/secret");
    let nul = tree.path("in/file\0.txt");
    let paths = [up.as_str(), "in/file", "", &nul, &long, &name].map(|path| ("read", path));
    let check = ask(&[&tree.path("in"), "/"], &paths).await;
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
