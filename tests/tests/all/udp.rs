//! A guest's datagrams: to granted peers and from them, and nothing else.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use vitals_tests::guests;

use crate::grants::{denials, orders};

/// A server of datagrams on a free port.
struct Datagrams {
    address: SocketAddr,
    received: Arc<AtomicUsize>,
}

impl Datagrams {
    /// Passes each datagram to `answer`, with the server's own socket and another one.
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

#[tokio::test]
async fn a_granted_peer_is_sent_to_and_answers() {
    let server = Datagrams::echo();
    let other = Datagrams::echo();
    for connected in [false, true] {
        let config = format!(
            "config = {{ address = '{}', others = ['{}'], connected = {connected}, bind = 5353 }}",
            server.address, other.address
        );
        let check = orders(guests::UDP, &config).await;
        assert_eq!(check["status"], "healthy", "{check:#}");
        assert_eq!(check["details"]["answer"], "ping", "{check:#}");
        assert_eq!(
            check["details"]["others"][0], "permission denied",
            "{check:#}"
        );
        assert_eq!(check["details"]["bound"], "permission denied", "{check:#}");
        assert_eq!(
            denials(&check),
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
        "allow = {{ udp = ['127.0.0.0/8:{1}'] }}\n\
         config = {{ address = 'localhost:{0}', others = ['127.0.0.1:{1}'] }}",
        server.address.port(),
        other.address.port()
    );
    let check = orders(guests::UDP, &config).await;
    assert_eq!(check["details"]["answer"], "ping", "{check:#}");
    assert_eq!(check["details"]["others"][0], "sent", "{check:#}");
    assert_eq!(denials(&check), "");
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
    let answered = orders(guests::UDP, &config).await;
    assert_eq!(answered["details"]["answer"], "ping", "{answered:#}");

    let forger = Datagrams::start(|_, stranger, _, from| {
        stranger.send_to(b"forged", from).ok();
    });
    let config = format!("config = {{ address = '{}' }}", forger.address);
    let silent = orders(guests::UDP, &config).await;
    assert_eq!(silent["status"], "unhealthy", "{silent:#}");
    assert_eq!(forger.received(), 1);
    // What came from elsewhere is nothing that the guest did.
    assert_eq!(denials(&silent), "");
}
