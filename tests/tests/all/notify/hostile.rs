//! Receivers that are expensive to connect to: they delay neither pages nor other receivers.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use vitals_tests::{
    Identity, Inbox, Opening, Serving, TlsTarget, Vitals, eventually, guests, when,
};

/// A host that notifies webhooks at the URLs `hostile` and `good` at once.
async fn serving(hostile: &[String], good: &Inbox) -> Serving {
    let mut config = format!(
        "[notify]\ntimeout = '2s'\n\
         [notify.webhooks.good]\nurl = '{}'\n\
         [checks.orders]\nplugin = 'status'\nconfig = {{ fail = 'panic' }}\n",
        good.url("/")
    );
    for (number, url) in hostile.iter().enumerate() {
        let webhook = format!("[notify.webhooks.h{number}]\nurl = '{url}'\n");
        config.push_str(&webhook);
    }
    Vitals::host(&config, [guests::STATUS]).serve().await
}

/// Requests pages for a while, each of which comes at once; then the good receiver is notified, and the
/// host shuts down.
async fn is_unaffected(mut host: Serving, good: &Inbox) {
    let over = Instant::now() + Duration::from_secs(4);
    while Instant::now() < over {
        for page in ["/health/live", "/health"] {
            let response = tokio::time::timeout(SLOWEST, host.get(page)).await;
            let response = response.unwrap_or_else(|_| panic!("{page} took {SLOWEST:?}"));
            response.unwrap_or_else(|error| panic!("{page}: {error}"));
        }
    }
    eventually("the good one is notified", async || {
        when(!good.taken().is_empty(), host.log().join("\n"))
    })
    .await;
    host.terminate();
    assert!(host.ended().await.success());
}

#[tokio::test]
async fn handshakes_that_take_seconds_to_verify_delay_neither_pages_nor_other_receivers() {
    let identity = Identity::costly_to_verify(&["127.0.0.1"]);
    let good = Inbox::start().await;
    let hostile = [(); 4].map(|()| TlsTarget::start(&identity, Opening::Tls));
    let urls = hostile.each_ref();
    let urls = urls.map(|target| format!("https://{}", target.address()));
    let host = serving(&urls, &good).await;
    eventually("each of them is connected to", async || {
        let accepted = hostile.each_ref().map(TlsTarget::accepted);
        when(!accepted.contains(&0), format!("{accepted:?}"))
    })
    .await;
    is_unaffected(host, &good).await;
}

#[tokio::test]
async fn an_endless_response_delays_neither_pages_nor_other_receivers() {
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
                // Until the host abandons it, or ends.
                while stream.write_all(heads.as_bytes()).is_ok() {}
            });
        }
    });
    let urls = vec![format!("http://{address}"); 4];
    let host = serving(&urls, &good).await;
    is_unaffected(host, &good).await;
    stopped.store(true, Ordering::Release);
    // Wakes the thread that accepts.
    drop(TcpStream::connect(address));
    accepting.join().expect("it ends");
}

/// Pages are ready before they are requested, but other tests may keep the processors busy.
const SLOWEST: Duration = Duration::from_secs(2);
