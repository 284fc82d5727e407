//! Receivers that make themselves expensive: neither the pages nor other receivers wait for them.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use vitals_tests::{Identity, Inbox, Opening, Serving, TlsTarget, Vitals, eventually, guests};

/// A host that has something to tell from the first, to webhooks at the URLs `hostile` and to `good`.
async fn serving(hostile: &[String], good: &Inbox) -> Serving {
    let mut config = format!(
        "[server]\nlisten = '127.0.0.1:0'\n[notify]\ntimeout = '2s'\n\
         [notify.webhooks.good]\nurl = '{}'\n\
         [checks.orders]\nplugin = 'status'\nconfig = {{ fail = 'panic' }}\n",
        good.url("/")
    );
    for (number, url) in hostile.iter().enumerate() {
        let webhook = format!("[notify.webhooks.h{number}]\nurl = '{url}'\n");
        config.push_str(&webhook);
    }
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

async fn is_told(good: &Inbox, host: &Serving) {
    eventually("the good one is told", async || {
        if good.taken().is_empty() {
            Err(host.log().join("\n"))
        } else {
            Ok(())
        }
    })
    .await;
}

#[tokio::test]
async fn handshakes_that_take_seconds_to_verify_hold_up_neither_pages_nor_other_receivers() {
    let identity = Identity::costly_to_verify(&["127.0.0.1"]);
    let good = Inbox::start().await;
    let hostile: Vec<_> = (0..4)
        .map(|_| TlsTarget::start(&identity, Opening::Tls))
        .collect();
    let urls: Vec<_> = hostile
        .iter()
        .map(|target| format!("https://{}", target.address()))
        .collect();
    let mut host = serving(&urls, &good).await;
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
    is_told(&good, &host).await;
    host.terminate();
    assert!(host.ended().await.success());
}

#[tokio::test]
async fn an_answer_without_end_holds_up_neither_pages_nor_other_receivers() {
    let good = Inbox::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stopped = Arc::new(AtomicBool::new(false));
    let here = Arc::clone(&stopped);
    let accepting = thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if here.load(Ordering::Acquire) {
                return;
            }
            thread::spawn(move || {
                let heads = format!("HTTP/1.1 103 \r\n{}\r\n", "a:\r\n".repeat(90)).repeat(100);
                // Until the host gives it up, or ends.
                while stream.write_all(heads.as_bytes()).is_ok() {}
            });
        }
    });
    let urls = vec![format!("http://{address}"); 4];
    let mut host = serving(&urls, &good).await;
    pages_are_answered(&host).await;
    is_told(&good, &host).await;
    host.terminate();
    assert!(host.ended().await.success());
    stopped.store(true, Ordering::Release);
    // Wakes the thread that accepts.
    drop(TcpStream::connect(address));
    accepting.join().expect("it ends");
}

/// A page is there before it is asked for; other tests may keep the processors busy.
const SLOWEST: Duration = Duration::from_secs(2);
