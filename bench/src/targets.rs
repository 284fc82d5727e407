//! The services that the first-party plugins check while they are measured: the same real servers as in the
//! tests.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;

use futures_lite::FutureExt as _;
use serde_json::{Map, Value, json};
use vitals_host::workbench::AdHoc;
use vitals_servers::{self as servers, Celery, POSTFIX_USER, Postgres, Prometheus, Redis, Server};

use crate::target_server::TargetServer;

/// The service that a plugin checks, and the settings for it.
pub(crate) struct Target {
    settings: Map<String, Value>,
    allow: Option<(&'static str, &'static str)>,
    /// A file with extra trusted roots.
    pub(crate) roots: Option<PathBuf>,
    /// The accepted results: a failing run costs something else.
    pub(crate) expected: &'static [&'static str],
    /// The server, which runs until this is dropped.
    _server: Box<dyn Any + Send>,
}

impl Target {
    fn new(settings: Value, server: impl Any + Send) -> Self {
        let settings = match settings {
            Value::Object(settings) => settings,
            _ => Map::new(),
        };
        Self {
            settings,
            allow: None,
            roots: None,
            expected: &["healthy"],
            _server: Box::new(server),
        }
    }

    /// A check of this machine, with any result.
    fn local(settings: Value, allow: Option<(&'static str, &'static str)>) -> Self {
        Self {
            allow,
            expected: &["healthy", "degraded", "unhealthy"],
            ..Self::new(settings, ())
        }
    }

    /// A server with a self-made certificate.
    fn with_own_root(settings: Value, server: Server) -> Self {
        Self {
            roots: Some(server.directory().join("root.pem")),
            ..Self::new(settings, server)
        }
    }

    pub(crate) fn ad_hoc(&self) -> AdHoc {
        let allow = self.allow.iter();
        AdHoc {
            settings: self.settings.clone(),
            allow: allow
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            timeout: None,
        }
    }
}

/// The target for the plugin with this code.
///
/// # Errors
///
/// Its server is not installed or does not start. The text says what to do.
pub(crate) async fn of(code: &str, server: &TargetServer) -> Result<Target, String> {
    let at = server.address;
    let here = env!("CARGO_MANIFEST_DIR");
    Ok(match code {
        "http" => Target::new(json!({ "url": format!("http://{at}/") }), ()),
        "tcp" => Target::new(json!({ "address": at.to_string() }), ()),
        "file" => Target::new(json!({ "path": format!("{here}/Cargo.toml") }), ()),
        "disk" => Target::local(json!({ "paths": ["/"] }), None),
        "icmp" => Target::local(json!({ "host": "127.0.0.1" }), None),
        "load" => Target::local(json!({}), Some(("system", "load"))),
        "memory" => Target::local(json!({}), Some(("system", "memory"))),
        "celery" => start(celery()).await?,
        "dns" => start(dns()).await?,
        "grpc" => start(grpc()).await?,
        "postgres" => start(postgres()).await?,
        "prometheus" => start(prometheus(server.address)).await?,
        "redis" => start(redis()).await?,
        "smtp" => start(smtp()).await?,
        "tls" => start(tls()).await?,
        "websocket" => start(websocket()).await?,
        _ => {
            return Err("it has no target: add one to bench/src/targets.rs".into());
        }
    })
}

async fn celery() -> Target {
    let celery = Celery::start().await;
    let worker = celery.worker("shop@one", "mail");
    let flower = celery.flower.address();
    servers::eventually("Flower knows the worker", async || {
        let user = [("authorization", "Basic b3BzOnNlY3JldA==")];
        let answer = servers::ask(flower, "GET", "/api/workers?status=true", &user).await?;
        let is_online = answer.text().contains(r#""shop@one": true"#);
        is_online.then_some(()).ok_or(answer.body)
    })
    .await;
    let url = format!("http://ops:secret@{flower}");
    Target::new(
        json!({ "url": url, "workers": ["shop@one"] }),
        (celery, worker),
    )
}

async fn dns() -> Target {
    let nsd = Server::start("nsd", servers::nsd).await;
    let name = "shop.example.test";
    let server = nsd.address().to_string();
    Target::new(
        json!({ "server": server, "name": name, "expect": ["192.0.2.1"] }),
        nsd,
    )
}

async fn grpc() -> Target {
    let etcd = Server::start("etcd", servers::etcd).await;
    let url = format!("http://{}", etcd.address());
    Target::new(json!({ "url": url }), etcd)
}

async fn postgres() -> Target {
    let postgres = Postgres::start().await;
    let address = postgres.address().to_string();
    let password = Postgres::PASSWORD;
    Target::new(
        json!({ "address": address, "user": "vitals", "password": password }),
        postgres,
    )
}

async fn prometheus(scraped: std::net::SocketAddr) -> Target {
    let prometheus = Prometheus::scraping(scraped);
    servers::eventually("Prometheus has a series", async || {
        let value = prometheus.value("up").await?;
        value.map(drop).ok_or_else(|| "none".to_owned())
    })
    .await;
    let url = format!("http://{}", prometheus.address());
    Target::new(json!({ "url": url, "query": "up" }), prometheus)
}

async fn redis() -> Target {
    let redis = Redis::start(&[]).await;
    Target::new(json!({ "address": redis.address().to_string() }), redis)
}

async fn smtp() -> Target {
    let postfix = Server::start("postfix", servers::postfix).await;
    let address = postfix.address().to_string();
    let (user, password) = POSTFIX_USER;
    let settings =
        json!({ "address": address, "name": "mail.test", "user": user, "password": password });
    Target::with_own_root(settings, postfix)
}

async fn tls() -> Target {
    let nginx = Server::start("nginx", servers::nginx).await;
    let address = nginx.address().to_string();
    Target::with_own_root(json!({ "address": address, "name": "shop.test" }), nginx)
}

async fn websocket() -> Target {
    let server = Server::start("websocket", servers::websocket).await;
    let address = server.address().to_string();
    Target::new(json!({ "address": address }), server)
}

/// Starts a server. The test harness panics if it cannot; here its text becomes an error.
async fn start(target: impl Future<Output = Target>) -> Result<Target, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let result = AssertUnwindSafe(target).catch_unwind().await;
    panic::set_hook(hook);
    result.map_err(|why| {
        let text = why.downcast_ref::<&str>().copied();
        let text = text.or_else(|| why.downcast_ref::<String>().map(String::as_str));
        text.unwrap_or("its server does not start").to_owned()
    })
}
