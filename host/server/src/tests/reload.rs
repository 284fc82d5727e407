//! Tests of `POST /-/reload`.

use std::mem::replace;
use std::time::Duration;

use http::Method;
use http::header::{ALLOW, WWW_AUTHENTICATE};
use tokio::sync::mpsc;

use super::guarded;
use super::rig::Rig;
use vitals_config::Server;
use vitals_core::Command;
use vitals_model::CheckName;
use vitals_model::reload::ReloadReport;

#[tokio::test]
async fn a_reload_is_requested_and_awaited() {
    let mut rig = Rig::new(&guarded(Some("s3cret")));
    let mut commands = replace(&mut rig.commands, mpsc::unbounded_channel().1);
    let path = "/-/reload?accept_grants=orders-db&accept_grants=module:billing";
    let mut asking = std::pin::pin!(rig.ask(Method::POST, path, Some(bearer("s3cret"))));
    let early = tokio::time::timeout(Duration::from_millis(20), asking.as_mut()).await;
    assert!(early.is_err(), "answered before the reload was over");
    let Some(Command::Reload(accepted, answer)) = commands.recv().await else {
        panic!("nobody was asked");
    };
    let accepted: Vec<_> = accepted.iter().map(CheckName::as_str).collect();
    assert_eq!(accepted, ["module:billing", "orders-db"]);
    let mut report = ReloadReport::default();
    report.problems.push("out of cheese".into());
    answer.send(report).unwrap();
    let expected = r#"{"configuration":{"state":"unchanged","errors":[],"restart_needed":[]},"checks":{"added":[],"changed":[],"removed":[]},"plugins":[],"problems":["out of cheese"]}"#;
    asking.await.is(200, expected);
}

#[tokio::test]
async fn a_reload_needs_the_token_even_with_public_details() {
    let shown = |admin_token: Option<&str>| {
        let mut server = Server::default();
        server.admin_token = admin_token.map(Into::into);
        server
    };
    let mut closed = Rig::new(&shown(None));
    for token in [None, Some(bearer("")), Some(bearer("s3cret"))] {
        let answer = closed.ask(Method::POST, "/-/reload", token).await;
        assert_eq!(answer.status, 403);
        for said in [
            "`admin_token` under `[server]`",
            "VITALS_ADMIN_TOKEN",
            "restart",
        ] {
            assert!(answer.body.contains(said), "{said}: {}", answer.body);
        }
    }
    let mut open = Rig::new(&shown(Some("s3cret")));
    for token in [None, Some(bearer("s3cre")), Some("Basic s3cret".into())] {
        let answer = open.ask(Method::POST, "/-/reload", token).await;
        let text = r#"{"error":"this needs the admin token: send it as `Authorization: Bearer`"}"#;
        answer.is(401, text);
        assert_eq!(answer.headers[WWW_AUTHENTICATE], "Bearer");
    }
    for rig in [&mut closed, &mut open] {
        assert!(rig.commands.try_recv().is_err(), "a reload was asked for");
    }
}

#[tokio::test]
async fn a_reload_says_what_is_wrong_with_its_request() {
    let mut rig = Rig::new(&guarded(Some("s3cret")));
    let wrong = "/-/reload?accept_grants=orders&accept_grants=No";
    let answer = rig.ask(Method::POST, wrong, Some(bearer("s3cret"))).await;
    answer.is(400, &answer.body);
    assert!(
        answer.body.contains("has an invalid check name: `No`"),
        "{}",
        answer.body
    );
    // A client without the token does not learn what would be valid.
    assert_eq!(rig.ask(Method::POST, wrong, None).await.status, 401);
    for method in [Method::GET, Method::HEAD, Method::PUT] {
        let is_head = method == Method::HEAD;
        let answer = rig.ask(method, "/-/reload", Some(bearer("s3cret"))).await;
        assert_eq!(answer.headers[ALLOW], "POST");
        let text = r#"{"error":"this changes something, and answers POST only"}"#;
        answer.is(405, if is_head { "" } else { text });
    }
    assert!(rig.commands.try_recv().is_err(), "a reload was asked for");
}

#[tokio::test]
async fn a_host_that_shuts_down_refuses_reloads() {
    let body = r#"{"error":"cannot reload: the host is shutting down"}"#;
    let mut rig = Rig::new(&guarded(Some("s3cret")));
    rig.closing.cancel();
    let answer = rig
        .ask(Method::POST, "/-/reload", Some(bearer("s3cret")))
        .await;
    answer.is(503, body);
    assert!(rig.commands.try_recv().is_err(), "a reload was asked for");
    // The shutdown begins during the reload.
    let mut rig = Rig::new(&guarded(Some("s3cret")));
    let mut commands = replace(&mut rig.commands, mpsc::unbounded_channel().1);
    let asking = rig.ask(Method::POST, "/-/reload", Some(bearer("s3cret")));
    let (answer, ()) = tokio::join!(asking, async {
        drop(commands.recv().await);
    });
    answer.is(503, body);
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
