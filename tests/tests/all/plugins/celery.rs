//! The plugin `celery` on a real broker with real workers, as a real Flower tells of them.

use std::fmt::Write as _;

use vitals_tests::servers::Celery;
use vitals_tests::{Reply, Target, TestHost, guests};

use super::{measured, told, watch};

/// A host with these checks, each with its settings without the URL.
async fn host(celery: &Celery, checks: &[(&str, &str)]) -> TestHost {
    let flower = celery.flower.address();
    let mut config = "[defaults]\ninterval = '1s'\ntimeout = '1s'\n".to_owned();
    for (name, settings) in checks {
        let user = match *name {
            "stranger" => "ops:wrong",
            _ => "ops:secret",
        };
        // Flower waits a second for what the workers answer.
        let time = match *name {
            "named" | "missing" => "interval = '3s'\ntimeout = '3s'\n",
            _ => "",
        };
        write!(
            config,
            "[checks.{name}]\nplugin = 'celery'\n{time}config = {{ url = 'http://{user}@{flower}', {settings} }}\n"
        )
        .expect("a text takes it");
    }
    let host = TestHost::builder().library("celery", guests::CELERY);
    host.config(&config).start().await
}

/// Waits until a check says this, with the address of Flower left out.
async fn eventually(host: &TestHost, celery: &Celery, name: &str, status: &str, message: &str) {
    let flower = format!("http://{}/", celery.flower.address());
    let what = format!("`{name}` is {status}: {message}");
    host.eventually_check(name, &what, |check| {
        let (is, says) = told(check);
        is == status && says.replace(&flower, "<flower>/").starts_with(message)
    })
    .await;
}

#[tokio::test]
async fn workers_and_queues_are_what_flower_tells_of_them() {
    let celery = Celery::start().await;
    // These come later than Flower, which has not asked them for their queues then.
    let workers = ["shop@one", "shop@two"].map(|name| celery.worker(name, "mail"));
    let host = host(
        &celery,
        &[
            (
                "named",
                "workers = ['shop@one', 'shop@two'], queues = ['mail']",
            ),
            ("counted", "min_workers = 1, degraded_below_workers = 2"),
            (
                "queue",
                "min_workers = 0, queues = ['mail'], degraded_above = 5, unhealthy_above = 20",
            ),
            ("missing", "queues = ['post']"),
            ("stranger", ""),
        ],
    )
    .await;
    let sees = async |name: &str, status: &str, message: &str| {
        eventually(&host, &celery, name, status, message).await;
    };
    sees(
        "named",
        "healthy",
        "2 workers are online, queue mail has no messages",
    )
    .await;
    sees("counted", "healthy", "2 workers are online, ").await;
    sees(
        "missing",
        "unhealthy",
        "no worker consumes the queue post (known: mail), 2 workers are online",
    )
    .await;
    sees(
        "stranger",
        "unhealthy",
        "<flower>/api/workers?… responded with 401 Unauthorized: `url` lacks a valid user and password",
    )
    .await;
    let check = host.check("counted").await;
    let online = measured(&check, "workers_online");
    assert_eq!(online["value"], 2.0, "{check:#}");
    assert_eq!(online["degraded_at"]["below"], 2.0, "{check:#}");

    let [one, two] = workers;
    two.kill();
    sees(
        "named",
        "unhealthy",
        "1 of 2 workers is online, shop@two is not",
    )
    .await;
    sees(
        "counted",
        "degraded",
        "1 of 2 workers is online (degraded below 2), shop@two is not",
    )
    .await;

    one.kill();
    sees("counted", "unhealthy", "none of 2 workers is online").await;
    for (count, status, message) in [
        (
            10,
            "degraded",
            "queue mail has 10 messages (degraded above 5), none of 2 workers is online",
        ),
        (
            15,
            "unhealthy",
            "queue mail has 25 messages (unhealthy above 20), none of 2 workers is online",
        ),
    ] {
        celery.send("mail", count);
        sees("queue", status, message).await;
    }
    let check = host.check("queue").await;
    assert_eq!(
        measured(&check, "longest_queue")["value"],
        25.0,
        "{check:#}"
    );
    assert_eq!(check["details"]["queues"]["mail"], 25, "{check:#}");

    let _again = celery.worker("shop@one", "mail");
    sees(
        "queue",
        "healthy",
        "1 of 2 workers is online, shop@two is not, queue mail has no messages",
    )
    .await;
}

#[tokio::test]
async fn a_flower_or_broker_that_is_away_is_said() {
    let mut celery = Celery::start().await;
    let host = host(&celery, &[("any", "min_workers = 0")]).await;
    let sees = async |celery: &Celery, status: &str, message: &str| {
        eventually(&host, celery, "any", status, message).await;
    };
    let well = "Flower knows no workers, queue celery has no messages";
    sees(&celery, "healthy", well).await;

    celery.flower.freeze();
    sees(
        &celery,
        "unhealthy",
        "Flower does not respond: cannot get <flower>/api/workers?…: timed out after ",
    )
    .await;
    celery.flower.thaw();
    sees(&celery, "healthy", well).await;

    celery.broker.stop();
    sees(
        &celery,
        "unhealthy",
        "<flower>/api/queues/length responded with 500 Internal Server Error: Flower probably cannot reach the broker",
    )
    .await;

    celery.flower.stop();
    let refused = "Flower does not respond: cannot get <flower>/api/workers?…: connection refused";
    sees(&celery, "unhealthy", refused).await;
}

#[tokio::test]
async fn what_is_no_flower_is_said() {
    for (reply, message) in [
        (
            Reply::ok("<html>"),
            "<flower>/api/workers?… did not return a Flower response: ",
        ),
        (
            Reply::ok(r#"["shop@one"]"#),
            "<flower>/api/workers?… did not return a Flower response: ",
        ),
        (
            Reply::status("404 Not Found", "no"),
            "<flower>/api/workers?… responded with 404 Not Found: ",
        ),
        (
            Reply::redirect("/login?next=%2Fapi"),
            "<flower>/api/workers?… responded with 302 Found: it requires an interactive login",
        ),
        (
            Reply::Bytes(b"\x00\x01garbage\r\n".to_vec()),
            "Flower does not respond: ",
        ),
    ] {
        let target = Target::start(reply);
        let config = format!("config = {{ url = '{}' }}", target.url(""));
        let check = watch(guests::CELERY, &config).await;
        let (status, says) = told(&check);
        let says = says.replace(&target.url("/"), "<flower>/");
        assert_eq!(status, "unhealthy", "{check:#}");
        assert!(says.starts_with(message), "{message}\n{check:#}");
    }
}
