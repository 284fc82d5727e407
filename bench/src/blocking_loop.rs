//! The least that a check can cost: its exchange over blocking sockets, at the same pace, without a runtime.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// Makes exchanges for a round, one in `every`, each over its own connection, and returns the number
/// for each second of the thread's CPU time. Without a request, an exchange is only the connection.
pub(crate) async fn exchanges(
    address: SocketAddr,
    request: Option<String>,
    every: Duration,
) -> Result<f64> {
    let exchanges = move || {
        let (started, before, mut count) = (Instant::now(), cpu_seconds(), 0);
        while started.elapsed() < ROUND {
            std::thread::park_timeout((every * count).saturating_sub(started.elapsed()));
            let mut stream = TcpStream::connect(address)?;
            if let Some(request) = &request {
                stream.write_all(request.as_bytes())?;
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer)? > 0 {}
            }
            count += 1;
        }
        Ok(f64::from(count) / (cpu_seconds() - before))
    };
    tokio::task::spawn_blocking(exchanges).await?
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    (Duration::from_secs(seconds) + Duration::from_nanos(nanos)).as_secs_f64()
}

const ROUND: Duration = Duration::from_secs(3);
