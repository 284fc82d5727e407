//! What each first-party plugin looks at while it is measured: the same real servers as in the tests.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;

use futures_lite::FutureExt as _;
use serde_json::{Map, Value, json};
use vitals_host::workbench::AdHoc;
use vitals_servers::{self as servers, Celery, POSTFIX_USER, Postgres, Prometheus, Redis, Server};

use crate::served::Served;

/// What a plugin is told to look at.
pub(crate) struct Target {
    settings: Map<String, Value>,
    allow: Option<(&'static str, &'static str)>,
    /// A file with whom to trust besides.
    pub(crate) roots: Option<PathBuf>,
    /// How its runs have to end: what fails costs something else.
    pub(crate) expected: &'static [&'static str],
    /// The server, which runs for as long as it is here.
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

    /// Facts of this machine, whatever they are.
    fn of_the_machine(settings: Value, allow: Option<(&'static str, &'static str)>) -> Self {
        Self {
            allow,
            expected: &["healthy", "degraded", "unhealthy"],
            ..Self::new(settings, ())
        }
    }

    /// A server with a certificate of its own making.
    fn trusting(settings: Value, server: Server) -> Self {
        Self {
            roots: Some(server.directory().join("root.pem")),
            ..Self::new(settings, server)
        }
    }

    pub(crate) fn told(&self) -> AdHoc {
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

/// What the plugin of this code looks at; else why there is nothing, and what to type.
pub(crate) async fn of(code: &str, server: &Served) -> Result<Target, String> {
    let at = server.address;
    let here = env!("CARGO_MANIFEST_DIR");
    Ok(match code {
        "http" => Target::new(json!({ "url": format!("http://{at}/") }), ()),
        "tcp" => Target::new(json!({ "address": at.to_string() }), ()),
        "file" => Target::new(json!({ "path": format!("{here}/Cargo.toml") }), ()),
        "disk" => Target::of_the_machine(json!({ "paths": ["/"] }), None),
        "load" => Target::of_the_machine(json!({}), Some(("system", "load"))),
        "memory" => Target::of_the_machine(json!({}), Some(("system", "memory"))),
        "celery" => started(celery()).await?,
        "dns" => started(dns()).await?,
        "postgres" => started(postgres()).await?,
        "prometheus" => started(prometheus(server.address)).await?,
        "redis" => started(redis()).await?,
        "smtp" => started(smtp()).await?,
        "tls" => started(tls()).await?,
        _ => {
            return Err(
                "there is nothing for it to look at: name it in bench/src/targets.rs".into(),
            );
        }
    })
}

async fn celery() -> Target {
    let celery = Celery::start().await;
    let worker = celery.worker("shop@one", "mail");
    let flower = celery.flower.address();
    servers::eventually("Flower hears of the worker", async || {
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
    Target::trusting(settings, postfix)
}

async fn tls() -> Target {
    let nginx = Server::start("nginx", servers::nginx).await;
    let address = nginx.address().to_string();
    Target::trusting(json!({ "address": address, "name": "shop.test" }), nginx)
}

/// Starts a server. Where that can't be it panics, as a test wants it, and says what to do: here that is a line.
async fn started(target: impl Future<Output = Target>) -> Result<Target, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let started = AssertUnwindSafe(target).catch_unwind().await;
    panic::set_hook(hook);
    started.map_err(|why| {
        let text = why.downcast_ref::<&str>().copied();
        let text = text.or_else(|| why.downcast_ref::<String>().map(String::as_str));
        text.unwrap_or("its server does not start").to_owned()
    })
}
