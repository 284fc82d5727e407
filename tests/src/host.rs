//! A host in this process, started and asked as a user would.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vitals_host::config::{Argument, Config, Diagnostics, Environment, Sources};
use vitals_host::plugin::Compiler;
use vitals_host::{Host, HostBuilder};
use vitals_host::{Reloader, reload::ReloadReport};

use crate::place::Place;
use crate::tidy::tidy;
use crate::vitals;
use vitals_servers::Response;
use vitals_servers::eventually;

/// A host that listens on a free port, with a plugins directory and a library of its own.
#[derive(Debug)]
pub struct TestHost {
    address: SocketAddr,
    place: Place,
    reloader: Reloader,
    stop: oneshot::Sender<()>,
    served: JoinHandle<usize>,
}

/// A [`TestHost`] that is being set up.
#[derive(Debug)]
pub struct TestHostBuilder {
    place: Place,
    config: String,
    arguments: Vec<Argument>,
    variables: Vec<(String, String)>,
    host: HostBuilder,
    is_reloading: bool,
}

impl TestHost {
    /// Begins to set a host up.
    pub fn builder() -> TestHostBuilder {
        TestHostBuilder {
            place: Place::new(),
            config: String::new(),
            arguments: Vec::new(),
            variables: Vec::new(),
            host: Host::builder().compiler(compiler()),
            is_reloading: false,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its directories.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Gets a page.
    ///
    /// # Panics
    ///
    /// There is no answer.
    pub async fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[]).await
    }

    /// Sends a request without a body.
    ///
    /// # Panics
    ///
    /// There is no answer.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let answer = vitals_servers::ask(self.address, method, path, headers).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// `GET /health`, once the first round is over.
    ///
    /// # Panics
    ///
    /// There is no answer.
    pub async fn health(&self) -> Value {
        self.get("/health").await.json()
    }

    /// Everything known of a check, once the first round is over.
    ///
    /// # Panics
    ///
    /// There is no such check.
    pub async fn check(&self, name: &str) -> Value {
        self.health().await;
        let answer = self.get(&format!("/health/checks/{name}")).await;
        assert_eq!(answer.status, 200, "check `{name}`: {}", answer.text());
        answer.json()
    }

    /// What `GET /plugins` says of a plugin.
    ///
    /// # Panics
    ///
    /// It says nothing.
    pub async fn plugin(&self, name: &str) -> Value {
        let page = self.get("/plugins").await.json();
        let plugins = page["plugins"].as_array().expect("a list of plugins");
        let plugin = plugins
            .iter()
            .find(|plugin| plugin["name"] == name)
            .cloned();
        plugin.unwrap_or_else(|| panic!("`{name}` is not in {page:#}"))
    }

    /// Waits until `/health` is as `is_so` wants it, and answers it.
    ///
    /// # Panics
    ///
    /// It does not become so in time.
    pub async fn eventually(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let health = self.health().await;
            if is_so(&health) {
                Ok(health)
            } else {
                Err(format!("{health:#}"))
            }
        })
        .await
    }

    /// Waits until a check is as `is_so` wants it, and answers everything known of it.
    ///
    /// # Panics
    ///
    /// It does not become so in time.
    pub async fn eventually_check(
        &self,
        name: &str,
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(what, async || {
            let answer = self.get(&format!("/health/checks/{name}")).await;
            let check = answer.json();
            if answer.status == 200 && is_so(&check) {
                Ok(check)
            } else {
                Err(format!("{check:#}"))
            }
        })
        .await
    }

    /// Drops a plugin into the plugins directory, or replaces it there.
    pub fn drop_in(&self, name: &str, guest: impl Into<Vec<u8>>) {
        self.place
            .write(&format!("plugins/{name}.wasm"), guest.into());
    }

    /// Takes a plugin out of the plugins directory.
    ///
    /// # Panics
    ///
    /// It is not there.
    pub fn take_out(&self, name: &str) {
        fs::remove_file(self.place.plugins().join(format!("{name}.wasm"))).expect("it was there");
    }

    /// Writes the configuration, whole: for a host that was [reloading](TestHostBuilder::reloading).
    pub fn reconfigure(&self, toml: &str) {
        self.place.write("vitals.toml", toml);
    }

    /// Looks at files and configuration now, and answers what came of it.
    ///
    /// # Panics
    ///
    /// The host is shutting down.
    pub async fn reload(&self, accept_grants: &[&str]) -> ReloadReport {
        let accepted = accept_grants.iter().map(|name| name.parse());
        let accepted = accepted.collect::<Result<_, _>>().expect("names of checks");
        self.reloader.reload(accepted).await.expect("it is running")
    }

    /// A text of this host without what differs from run to run.
    pub fn tidy(&self, text: &str) -> String {
        tidy(self.place.path(), text)
    }

    /// Begins the shutdown; answers what ends with it, and how many runs had to be dropped then.
    pub fn begin_to_stop(self) -> (Place, JoinHandle<usize>) {
        let Self {
            place,
            stop,
            served,
            ..
        } = self;
        stop.send(()).expect("the host is running");
        (place, served)
    }

    /// Shuts it down; answers how many runs had to be dropped.
    ///
    /// # Panics
    ///
    /// It panicked.
    pub async fn stop(self) -> usize {
        let (_place, served) = self.begin_to_stop();
        served.await.expect("the host shuts down without a panic")
    }
}

impl TestHostBuilder {
    /// Puts a plugin into the plugins directory.
    #[must_use]
    pub fn plugin(self, name: &str, guest: impl Into<Vec<u8>>) -> Self {
        self.place
            .write(&format!("plugins/{name}.wasm"), guest.into());
        self
    }

    /// Puts a plugin into the library.
    #[must_use]
    pub fn library(self, name: &str, guest: impl Into<Vec<u8>>) -> Self {
        self.place
            .write(&format!("library/{name}.wasm"), guest.into());
        self
    }

    /// Adds lines to the configuration file.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self.config.push('\n');
        self
    }

    /// Sets an environment variable of the host.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets one key above all else, as an argument of the command line does.
    #[must_use]
    pub fn argument(mut self, key: &str, value: &str) -> Self {
        self.arguments.push(Argument {
            name: format!("--{key}"),
            key: key.to_owned(),
            value: value.to_owned(),
        });
        self
    }

    /// Lets the host read `vitals.toml` in its place again when it changes.
    #[must_use]
    pub fn reloading(self) -> Self {
        Self {
            is_reloading: true,
            ..self
        }
    }

    /// Changes the host's own builder: native checks go in here.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        self.host = change(self.host);
        self
    }

    /// The directories that the host will have.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Reads the configuration and answers what is wrong with it.
    ///
    /// # Panics
    ///
    /// Nothing is.
    pub fn complaints(&self) -> Diagnostics {
        self.read().expect_err("the configuration is refused")
    }

    /// Starts the host and its server.
    ///
    /// # Panics
    ///
    /// The configuration is refused, or the host can't be started.
    pub async fn start(self) -> TestHost {
        let (host, place) = self.build().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let reloader = host.reloader();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(host.serve(listener, async {
            // A test that drops its host ends it too.
            let _ = stopped.await;
        }));
        TestHost {
            address,
            place,
            reloader,
            stop,
            served,
        }
    }

    /// Starts the host alone, without a server.
    ///
    /// # Panics
    ///
    /// The configuration is refused, or the host can't be started.
    pub async fn build(self) -> (Host, Place) {
        let config = self.read().unwrap_or_else(|found| panic!("{found}"));
        let sources = self.sources();
        let mut host = self
            .host
            .config(config)
            .environment(sources.environment.clone());
        if self.is_reloading {
            host = host.sources(sources);
        }
        (host.start().await.expect("the host starts"), self.place)
    }

    fn read(&self) -> Result<Config, Diagnostics> {
        let sources = self.sources();
        if let Some(file) = &sources.file {
            fs::write(file, &self.config).expect("the place can be written");
            return Config::load(&sources);
        }
        Config::parse(&self.config, Path::new("vitals.toml"), &sources)
    }

    fn sources(&self) -> Sources {
        let directory = |key: &str, path: &Path| Argument {
            name: format!("--{key}"),
            key: key.to_owned(),
            value: path.display().to_string(),
        };
        let mut arguments = vec![
            directory("plugins.dir", &self.place.plugins()),
            directory("plugins.library", &self.place.library()),
            directory("plugins.cache_dir", &Place::cache()),
            // Unless a test says otherwise, checks take what lies in either directory.
            Argument {
                name: "--defaults.dir".to_owned(),
                key: "defaults.dir".to_owned(),
                value: "true".to_owned(),
            },
        ];
        arguments.extend(self.arguments.iter().cloned());
        let file = self.place.path().join("vitals.toml");
        let mut sources = Sources::default();
        sources.file = self.is_reloading.then_some(file);
        sources.environment = environment(&self.variables);
        sources.arguments = arguments;
        sources
    }
}

/// Child processes of the binary, as in production.
///
/// # Panics
///
/// It has not been built.
pub fn compiler() -> Compiler {
    let path = vitals::binary();
    let compiler = Compiler::program(&path);
    compiler.unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()))
}

fn environment(variables: &[(String, String)]) -> Environment {
    Environment::fixed(
        variables
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    )
}
