//! `vitals serve`: runs the host until a signal stops it.
//!
//! This file connects the host to the process: listener, signals, log and service manager.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use vitals_host::config::{Argument, LogFormat, Origin, Supervision};
use vitals_host::supervisor::Supervisor;
use vitals_host::{Host, Reloader};

use crate::telemetry;

use super::configuration::load;
use super::output::fail;
use super::{compile, reload};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen on. Overrides `server.listen` and `VITALS_LISTEN`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Plugins directory. Overrides `plugins.dir` and `VITALS_PLUGINS_DIR`.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

impl Serve {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> Result<ExitCode, ExitCode> {
        // First of all, so that no SIGHUP ends the process.
        let reload_signals = ReloadSignals::listen();
        let (config, sources) = load(file, self.arguments())?;
        let log = telemetry::start(&config.logging);
        let format = config.logging.format;
        raise_descriptor_limit();
        let address = config.server.listen;
        let grace = config.server.shutdown_grace;
        let supervisor = supervisor(&config.supervision);
        let listener = listen(address).map_err(|error| {
            let why = format!(
                "cannot listen on {address}: {error}; stop what listens there, or set \
                 `server.listen` or VITALS_LISTEN"
            );
            fail_to_start(format, &why)
        })?;
        let origin = config.origin.clone();
        let bound = listener.local_addr().unwrap_or(address);
        // Before the host starts, so that a signal during the start is not lost.
        let stop_signal = stop_signal();
        let host = Host::builder()
            .config(config)
            .environment(sources.environment.clone())
            .sources(sources)
            .compiler(compile::compiler())
            .start()
            .await;
        let host = host.map_err(|error| fail_to_start(format, &error.to_string()))?;
        let path = match &origin {
            Origin::File(path) => Some(path.display().to_string()),
            Origin::Defaults => None,
        };
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(listen = %bound, %version, path, "host started");
        let reporting_lost_lines = tokio::spawn(log.report_lost_lines());
        let reloading = tokio::spawn(reload_signals.reload(host.reloader(), supervisor.clone()));
        let supervised = tokio::spawn({
            let (supervisor, status) = (supervisor.clone(), host.status());
            async move {
                // The socket is bound, so clients can connect.
                supervisor.ready().await;
                supervisor.report_status(status).await;
            }
        });
        let shutdown = async {
            stop_signal.await;
            supervisor.stopping().await;
        };
        let unfinished = host.serve(listener, shutdown).await;
        reloading.abort();
        supervised.abort();
        reporting_lost_lines.abort();
        if unfinished > 0 {
            tracing::warn!(
                unfinished,
                ?grace,
                "runs did not finish within the shutdown grace"
            );
        }
        tracing::info!("host stopped");
        Ok(ExitCode::SUCCESS)
    }

    fn arguments(&self) -> Vec<Argument> {
        let listen = self.listen.map(|listen| Argument {
            name: "--listen".into(),
            key: "server.listen".into(),
            value: listen.to_string(),
        });
        let plugins = self.plugins.as_ref().map(|dir| Argument {
            name: "--plugins".into(),
            key: "plugins.dir".into(),
            value: dir.display().to_string(),
        });
        listen.into_iter().chain(plugins).collect()
    }
}

/// Reports in the format of the log why the host can't start, and returns exit status 1.
fn fail_to_start(format: LogFormat, why: &str) -> ExitCode {
    match format {
        LogFormat::Text => fail(why),
        LogFormat::Json => {
            tracing::error!(error = why, "host cannot start");
            ExitCode::FAILURE
        }
    }
}

/// Listens on an address.
///
/// The backlog is large, so that in a burst of connections no client must retransmit its first
/// packet, which would take a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Raises the limit on open files to its maximum.
///
/// The limit is often 1,024 for the sake of programs that use `select`. A few runs with all their
/// connections would leave no descriptors for the endpoints.
fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        let error = error.to_string();
        tracing::warn!(
            error,
            ?current,
            "limit on open files (ulimit -n) cannot be raised"
        );
    }
}

/// Connects to the service manager. An invalid socket does not keep the host from running.
fn supervisor(supervision: &Supervision) -> Supervisor {
    Supervisor::new(supervision).unwrap_or_else(|error| {
        let error = error.to_string();
        tracing::warn!(error, "cannot notify the service manager");
        Supervisor::default()
    })
}

/// SIGHUP, which reloads configuration and plugins. While this listens, the signal does not end the
/// process.
struct ReloadSignals(io::Result<Signal>);

impl ReloadSignals {
    fn listen() -> Self {
        Self(signal(SignalKind::hangup()))
    }

    /// Reloads at each signal and logs the result, until the host is shut down. Signals during a
    /// reload count as one.
    async fn reload(self, reloader: Reloader, supervisor: Supervisor) {
        let mut signals = match self.0 {
            Ok(signals) => signals,
            Err(error) => {
                let error = error.to_string();
                tracing::warn!(error, "SIGHUP cannot be handled, it ends the host");
                return;
            }
        };
        while signals.recv().await.is_some() {
            supervisor.reloading().await;
            let Ok(report) = reloader.reload(BTreeSet::new()).await else {
                return;
            };
            supervisor.ready().await;
            let changes = reload::summary(&report);
            if report.has_rejections() {
                tracing::warn!(changes, "SIGHUP: reloaded with rejections");
            } else {
                tracing::info!(changes, "SIGHUP: reloaded");
            }
        }
    }
}

/// Listens for SIGINT and SIGTERM. The returned future completes at the first of them.
fn stop_signal() -> impl Future<Output = ()> {
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
            tracing::error!("SIGINT and SIGTERM cannot be handled, only SIGKILL ends the host");
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => tracing::info!("SIGINT: shutting down"),
            _ = terminate.recv() => tracing::info!("SIGTERM: shutting down"),
        }
    }
}

/// The number of connections that wait to be accepted. The kernel may lower it
/// (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_burst_of_clients_waits_to_be_accepted() {
        raise_descriptor_limit();
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        // More connections than the server accepts at once.
        while clients.len() < 1_500 {
            let client = TcpStream::connect_timeout(&address, Duration::from_secs(10));
            let client = client
                .unwrap_or_else(|error| panic!("client {} cannot connect: {error}", clients.len()));
            clients.push(client);
        }
    }
}
