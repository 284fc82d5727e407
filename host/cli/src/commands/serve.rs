//! `vitals serve`: the host, until a signal ends it.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{Signal, SignalKind, signal};
use vitals_host::Host;
use vitals_host::Reloader;
use vitals_host::config::{Argument, LogFormat, Origin, Supervision};
use vitals_host::supervisor::Supervisor;

use crate::telemetry;

use super::configuration::load;
use super::output::fail;
use super::{compile, reload};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen, above file and environment.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The plugins directory, above file and environment.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

impl Serve {
    pub(crate) async fn run(self, file: Option<PathBuf>) -> ExitCode {
        // Before all else, so that none ends the process.
        let hangups = Hangups::listen();
        let (config, sources) = match load(file, self.arguments()) {
            Ok(loaded) => loaded,
            Err(status) => return status,
        };
        let log = match telemetry::start(&config.logging) {
            Ok(log) => log,
            Err(error) => return fail(&format!("VITALS_LOG can't be read: {error}")),
        };
        let format = config.logging.format;
        raise_descriptors();
        let address = config.server.listen;
        let grace = config.server.shutdown_grace;
        let supervisor = supervisor(&config.supervision);
        let listener = match listen(address) {
            Ok(listener) => listener,
            Err(error) => {
                let why = format!(
                    "cannot listen on {address}: {error}; stop what listens there, or set \
                     `server.listen` or VITALS_LISTEN"
                );
                return fail_in(format, &why);
            }
        };
        let (origin, bound) = (
            config.origin.clone(),
            listener.local_addr().unwrap_or(address),
        );
        // From here on, so that one that comes while the host starts is not lost.
        let signals = ended();
        let host = Host::builder()
            .config(config)
            .environment(sources.environment.clone())
            .sources(sources)
            .compiler(compile::compiler())
            .start()
            .await;
        let host = match host {
            Ok(host) => host,
            Err(error) => return fail_in(format, &error.to_string()),
        };
        let path = match &origin {
            Origin::File(path) => Some(path.display().to_string()),
            Origin::Defaults => None,
        };
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(listen = %bound, %version, path, "vitals is up");
        let reporting = tokio::spawn(log.report_lost_lines());
        let reloading = tokio::spawn(hangups.reload(host.reloader(), supervisor.clone()));
        let supervised = tokio::spawn({
            let (supervisor, status) = (supervisor.clone(), host.status());
            async move {
                // The socket is bound: who connects from here on is answered.
                supervisor.ready().await;
                supervisor.report_status(status).await;
            }
        });
        let ended = async {
            signals.await;
            supervisor.stopping().await;
        };
        let dropped = host.serve(listener, ended).await;
        reloading.abort();
        supervised.abort();
        reporting.abort();
        if dropped > 0 {
            tracing::warn!(dropped, ?grace, "runs were still going on after the grace");
        }
        tracing::info!("vitals is down");
        ExitCode::SUCCESS
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

/// Says why the host can't start, in a way that who reads the log can read, and ends in exit status 1.
fn fail_in(format: LogFormat, why: &str) -> ExitCode {
    match format {
        LogFormat::Text => fail(why),
        LogFormat::Json => {
            tracing::error!(error = why, "vitals cannot start");
            ExitCode::FAILURE
        }
    }
}

/// Listens there. The kernel keeps so many connections until they are accepted that a burst of them
/// makes no probe send its first packet again, which would take a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Lets the process have as many descriptors as it may. What it begins with is often 1,024, for
/// programs that can't handle more; a handful of runs with all their connections would leave none
/// for the endpoints.
fn raise_descriptors() {
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

/// Who is told how the host does. A socket that can't be one is no reason not to run.
fn supervisor(supervision: &Supervision) -> Supervisor {
    Supervisor::new(supervision).unwrap_or_else(|error| {
        let error = error.to_string();
        tracing::warn!(error, "cannot notify the service manager");
        Supervisor::default()
    })
}

/// SIGHUPs from the moment on that they are listened for. None ends the process.
struct Hangups(io::Result<Signal>);

impl Hangups {
    fn listen() -> Self {
        Self(signal(SignalKind::hangup()))
    }

    /// Reloads for each of them and logs what became of it, until the host is shut down. Those that
    /// come in the meantime are one.
    async fn reload(self, reloader: Reloader, supervisor: Supervisor) {
        let mut hangups = match self.0 {
            Ok(hangups) => hangups,
            Err(error) => {
                let error = error.to_string();
                tracing::warn!(error, "SIGHUP cannot be listened for: it ends the host");
                return;
            }
        };
        while hangups.recv().await.is_some() {
            supervisor.reloading().await;
            let Ok(found) = reloader.reload(BTreeSet::new()).await else {
                return;
            };
            supervisor.ready().await;
            let what = reload::summary(&found);
            if found.has_refusals() {
                tracing::warn!(found = what, "SIGHUP: reloaded, not all was taken over");
            } else {
                tracing::info!(found = what, "SIGHUP: reloaded");
            }
        }
    }
}

/// Listens for SIGINT and SIGTERM from the call on; what it answers waits for one of them.
fn ended() -> impl Future<Output = ()> {
    let interrupt = signal(SignalKind::interrupt());
    let terminate = signal(SignalKind::terminate());
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
            tracing::error!(
                "SIGINT and SIGTERM cannot be listened for: only SIGKILL ends the host"
            );
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => tracing::info!("SIGINT: shutting down"),
            _ = terminate.recv() => tracing::info!("SIGTERM: shutting down"),
        }
    }
}

/// Connections that wait to be accepted; the kernel may hold it to less (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_burst_of_clients_waits_to_be_accepted() {
        raise_descriptors();
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let mut clients = Vec::new();
        // More than a server has places for.
        while clients.len() < 1_500 {
            let client = TcpStream::connect_timeout(&address, Duration::from_secs(10));
            let client = client.unwrap_or_else(|error| {
                panic!("client {} does not get through: {error}", clients.len())
            });
            clients.push(client);
        }
    }
}
