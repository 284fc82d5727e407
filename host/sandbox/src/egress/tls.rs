//! TLS handshakes by the host on behalf of guests.

mod handshake;
mod messages;

pub(crate) use self::handshake::{HandshakeOptions, verify};
pub(super) use self::messages::http_error;
pub(crate) use self::messages::{ConnectionError, connection_error, untrusted_message};

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::contract::Verification;
    use crate::egress::{Egress, Network};
    use crate::grants::{Grants, parse_host};
    use vitals_io::trust::Roots;

    #[tokio::test]
    async fn reading_roots_counts_against_the_timeout() {
        let roots = Roots::default();
        let slow = roots.clone();
        let (reads, reading) = std::sync::mpsc::channel::<()>();
        let (goes_on, go_on) = std::sync::mpsc::channel::<()>();
        let reader = std::thread::spawn(move || {
            slow.read_with_delay(|| {
                reads.send(()).unwrap();
                go_on.recv().unwrap();
            });
        });
        reading.recv().unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let host = parse_host("web.test").unwrap();
        let deadline = Instant::now() + Duration::from_millis(100);
        let egress = Egress::new(
            Arc::new(Network::new(&[]).unwrap()),
            Arc::new(Grants::new([], |_| None)),
            "orders".parse().unwrap(),
            deadline,
            1,
            0,
            roots,
        );
        let options = HandshakeOptions {
            alpn: Vec::new(),
            verification: Verification::ChainAndName,
            describes_chain: false,
            identity: None,
        };
        let handshake = egress.tls_handshake(stream.unwrap(), &host, options, deadline);
        let ended = tokio::time::timeout(Duration::from_secs(10), handshake).await;
        goes_on.send(()).unwrap();
        reader.join().unwrap();
        let error = ended.expect("it ends by itself").unwrap_err();
        assert!(matches!(error, ConnectionError::Timeout), "{error:?}");
    }
}
