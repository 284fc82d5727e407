//! Receivers that make themselves expensive: neither the pages nor other receivers wait for them.

use std::time::{Duration, Instant};

use vitals_tests::{Identity, Inbox, Opening, Serving, TlsTarget, Vitals, eventually, guests};

/// A host that has something to tell from the first, to `hostile` and to the webhook `good`.
async fn serving(hostile: &str, good: &Inbox) -> Serving {
    let config = format!(
        "[server]\nlisten = '127.0.0.1:0'\n[notify]\ntimeout = '2s'\n{hostile}\n\
         [notify.webhooks.good]\nurl = '{}'\n\
         [checks.orders]\nplugin = 'status'\nconfig = {{ fail = 'panic' }}\n",
        good.url("/")
    );
    Vitals::new(["serve"])
        .config(&config)
        .plugin("status", guests::STATUS)
        .serve()
        .await
}

/// Asks for pages for a while. Each is answered as if nothing else went on.
async fn pages_are_answered(host: &Serving) {
    let over = Instant::now() + Duration::from_secs(4);
    while Instant::now() < over {
        for page in ["/health/live", "/health"] {
            let asked = Instant::now();
            let answer = tokio::time::timeout(SLOWEST, host.get(page)).await;
            let answer = answer.unwrap_or_else(|_| panic!("{page} took {:?}", asked.elapsed()));
            answer.unwrap_or_else(|error| panic!("{page}: {error}"));
        }
    }
}

#[tokio::test]
async fn handshakes_that_take_seconds_to_verify_hold_up_neither_pages_nor_other_receivers() {
    let identity = Identity::costly_to_verify(&["127.0.0.1"]);
    let good = Inbox::start().await;
    let hostile: Vec<_> = (0..4)
        .map(|_| TlsTarget::start(&identity, Opening::Tls))
        .collect();
    let mut receivers = String::new();
    for (number, target) in hostile.iter().enumerate() {
        let receiver = format!(
            "[notify.webhooks.h{number}]\nurl = 'https://{}'\n",
            target.address()
        );
        receivers.push_str(&receiver);
    }
    let mut host = serving(&receivers, &good).await;
    eventually("each of them is connected to", async || {
        let reached = hostile
            .iter()
            .filter(|target| target.accepted() > 0)
            .count();
        if reached == hostile.len() {
            Ok(())
        } else {
            Err(format!("{reached} of {}", hostile.len()))
        }
    })
    .await;
    pages_are_answered(&host).await;
    eventually("the good one is told", async || {
        if good.taken().is_empty() {
            Err(host.log().join("\n"))
        } else {
            Ok(())
        }
    })
    .await;
    host.terminate();
    assert!(host.ended().await.success());
}

/// A page is there before it is asked for; other tests may keep the processors busy.
const SLOWEST: Duration = Duration::from_secs(2);
