//! The plugin `celery` on a real broker with real workers, through a real Flower.

use std::fmt::Write as _;

use vitals_tests::servers::Celery;
use vitals_tests::{TestHost, guests};

use super::{measured, told};

/// A host with checks of one Flower.
struct Checks {
    host: TestHost,
    flower: String,
}

impl Checks {
    /// Starts a host with checks of these names, users and further settings.
    async fn start(celery: &Celery, checks: &[(&str, &str, &str)]) -> Self {
        let flower = celery.flower.address();
        // Flower waits a second for the queues of the workers.
        let mut config = "[defaults]\ninterval = '3s'\ntimeout = '3s'\n".to_owned();
        for (name, pair, settings) in checks {
            let (user, password) = pair.split_once(':').expect("user and password");
            write!(
                config,
                "[checks.{name}]\nplugin = 'celery'\nconfig = {{ url = 'http://{flower}', user = '{user}', \
                 password = '{password}', {settings} }}\n"
            )
            .expect("a string can grow");
        }
        let builder = TestHost::builder().library("celery", guests::CELERY);
        Self {
            host: builder.config(&config).start().await,
            flower: format!("http://{flower}/"),
        }
    }

    /// Waits until checks begin like these texts of name, status and message, with `<flower>/` for
    /// the URL of Flower.
    async fn show(&self, texts: &[&str]) {
        for text in texts {
            let (name, expected) = text.split_once(": ").expect("name, status and message");
            let is_so = |check: &_| {
                let (status, message) = told(check);
                let shown = format!("{status}: {}", message.replace(&self.flower, "<flower>/"));
                shown.starts_with(expected)
            };
            self.host.eventually_check(name, text, is_so).await;
        }
    }
}

const USER: &str = "ops:secret";

#[tokio::test]
async fn workers_and_queues_are_judged_as_they_come_and_go() {
    let celery = Celery::start().await;
    // They start after Flower, which therefore does not know their queues.
    let [one, two] = ["shop@one", "shop@two"].map(|name| celery.worker(name, "mail"));
    let named = "workers = ['shop@one', 'shop@two'], queues = ['mail']";
    let queue = "min_workers = 0, queues = ['mail'], degraded_above = 5, unhealthy_above = 20";
    let checks = [
        ("named", USER, named),
        ("counted", USER, "degraded_below_workers = 2"),
        ("queue", USER, queue),
        ("missing", USER, "queues = ['post']"),
        ("stranger", "ops:wrong", ""),
    ];
    let checks = Checks::start(&celery, &checks).await;
    let up = [
        "named: healthy: 2 workers are online, queue mail has no messages",
        "counted: healthy: 2 workers are online, ",
        "missing: unhealthy: no worker consumes the queue post (known: mail), 2 workers are online",
        "stranger: unhealthy: <flower>/api/workers?… responded with 401 Unauthorized: \
         `user` and `password` are missing or not valid",
    ];
    checks.show(&up).await;

    two.kill();
    let one_is_left = [
        "named: unhealthy: 1 of 2 workers is online, shop@two is not",
        "counted: degraded: 1 of 2 workers is online (degraded below 2), shop@two is not",
    ];
    checks.show(&one_is_left).await;
    one.kill();
    let none = "none of 2 workers is online";
    checks.show(&[&format!("counted: unhealthy: {none}")]).await;

    for (count, text) in [
        (
            10,
            "degraded: queue mail has 10 messages (degraded above 5)",
        ),
        (
            15,
            "unhealthy: queue mail has 25 messages (unhealthy above 20)",
        ),
    ] {
        celery.send("mail", count);
        checks.show(&[&format!("queue: {text}, {none}")]).await;
    }
    let check = checks.host.check("queue").await;
    let longest = &measured(&check, "longest_queue")["value"];
    assert_eq!(*longest, 25.0, "{check:#}");
    assert_eq!(check["details"]["queues"]["mail"], 25, "{check:#}");
    let _again = celery.worker("shop@one", "mail");
    let emptied =
        "queue: healthy: 1 of 2 workers is online, shop@two is not, queue mail has no messages";
    checks.show(&[emptied]).await;
}

#[tokio::test]
async fn a_flower_or_broker_that_stops_or_freezes_is_unhealthy() {
    let mut celery = Celery::start().await;
    let checks = Checks::start(&celery, &[("any", USER, "min_workers = 0")]).await;
    let up = "any: healthy: Flower knows no workers, queue celery has no messages";
    checks.show(&[up]).await;
    let down = "any: unhealthy: Flower does not respond: cannot get <flower>/api/workers?…: ";
    celery.flower.freeze();
    checks.show(&[&format!("{down}timed out after ")]).await;
    celery.flower.thaw();
    checks.show(&[up]).await;
    celery.broker.stop();
    let broker = "any: unhealthy: <flower>/api/queues/length responded with 500 Internal Server Error: \
                  Flower probably cannot reach the broker";
    checks.show(&[broker]).await;
    celery.flower.stop();
    checks.show(&[&format!("{down}connection refused")]).await;
}
