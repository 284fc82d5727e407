//! A guest's datagrams: to granted peers and from them, and nothing else.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use vitals_tests::{TestHost, guests};

/// A server of datagrams on a free port.
struct Datagrams {
    address: SocketAddr,
    received: Arc<AtomicUsize>,
}

impl Datagrams {
    /// Answers each datagram with what `answer` makes of it, out of the socket that it has picked.
    fn start(answer: impl Fn(&UdpSocket, &UdpSocket, &[u8], SocketAddr) + Send + 'static) -> Self {
        let own = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let other = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = own.local_addr().expect("it is bound");
        let received = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&received);
        own.set_read_timeout(Some(Duration::from_mins(1)))
            .expect("a timeout");
        thread::spawn(move || {
            let mut bytes = [0; 1024];
            while let Ok((length, from)) = own.recv_from(&mut bytes) {
                count.fetch_add(1, Ordering::Relaxed);
                answer(&own, &other, &bytes[..length], from);
            }
        });
        Self { address, received }
    }

    /// Sends each datagram back.
    fn echo() -> Self {
        Self::start(|own, _, bytes, from| {
            own.send_to(bytes, from).ok();
        })
    }

    fn received(&self) -> usize {
        self.received.load(Ordering::Relaxed)
    }
}

async fn check(config: &str) -> Value {
    let config = format!("[checks.orders]\nplugin = 'guest'\ntimeout = '5s'\n{config}");
    let host = TestHost::builder()
        .library("guest", guests::UDP)
        .config(&config)
        .start()
        .await;
    host.check("orders").await
}

fn refusals(check: &Value) -> String {
    let refusals = check["result"]["denials"].as_array().expect("denials");
    let messages = refusals
        .iter()
        .filter_map(|refusal| refusal["message"].as_str());
    let all = messages.collect::<Vec<_>>().join("\n");
    vitals_tests::tidy(std::path::Path::new("/nowhere"), &all)
}

#[tokio::test]
async fn a_granted_peer_is_sent_to_and_answers() {
    let server = Datagrams::echo();
    let other = Datagrams::echo();
    for connected in [false, true] {
        let config = format!(
            "config = {{ address = '{}', others = ['{}'], connected = {connected}, bind = 5353 }}",
            server.address, other.address
        );
        let check = check(&config).await;
        assert_eq!(check["status"], "healthy", "{check:#}");
        assert_eq!(check["details"]["answer"], "ping", "{check:#}");
        assert_eq!(
            check["details"]["others"][0], "permission denied",
            "{check:#}"
        );
        assert_eq!(check["details"]["bound"], "permission denied", "{check:#}");
        assert_eq!(
            refusals(&check),
            "denied: udp 127.0.0.1:<port> (add it to `allow.udp` of check `orders`)\n\
             denied: udp binding to 0.0.0.0:5353 (it is never granted)"
        );
    }
    assert_eq!((server.received(), other.received()), (2, 0));
}

#[tokio::test]
async fn a_name_of_a_peer_is_looked_up_and_allow_grants_more() {
    let server = Datagrams::echo();
    let other = Datagrams::echo();
    let config = format!(
        "allow = {{ udp = ['127.0.0.0/8:{1}'] }}\n         config = {{ address = 'localhost:{0}', others = ['127.0.0.1:{1}'] }}",
        server.address.port(),
        other.address.port()
    );
    let check = check(&config).await;
    assert_eq!(check["details"]["answer"], "ping", "{check:#}");
    assert_eq!(check["details"]["others"][0], "sent", "{check:#}");
    assert_eq!(refusals(&check), "");
}

#[tokio::test]
async fn a_question_of_dns_is_answered() {
    let server = Datagrams::start(|own, _, question, from| {
        // The question itself as the head of the answer, and an address behind it.
        let mut answer = question.to_vec();
        answer[2] |= 0x80;
        answer[7] = 1;
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
        own.send_to(&answer, from).ok();
    });
    let config = format!(
        "config = {{ address = '{}', name = 'api.example.com' }}",
        server.address
    );
    let check = check(&config).await;
    assert_eq!(check["details"]["answer"], "192.0.2.7", "{check:#}");
}

#[tokio::test]
async fn what_a_stranger_sends_never_reaches_the_guest() {
    // Many datagrams from elsewhere come first, then the answer.
    let server = Datagrams::start(|own, stranger, bytes, from| {
        for _ in 0..200 {
            stranger.send_to(b"forged", from).ok();
        }
        own.send_to(bytes, from).ok();
    });
    let config = format!(
        "config = {{ address = '{}', timeout = '3s' }}",
        server.address
    );
    let answered = check(&config).await;
    assert_eq!(answered["details"]["answer"], "ping", "{answered:#}");

    let forger = Datagrams::start(|_, stranger, _, from| {
        stranger.send_to(b"forged", from).ok();
    });
    let silent = check(&format!("config = {{ address = '{}' }}", forger.address)).await;
    assert_eq!(silent["status"], "unhealthy", "{silent:#}");
    assert_eq!(forger.received(), 1);
    // What came from elsewhere is nothing that the guest did.
    assert_eq!(refusals(&silent), "");
}
