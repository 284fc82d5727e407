//! A host in this process, used as a user would.

use std::fmt::Display;
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

use crate::guests::Guest;
use crate::place::Place;
use crate::tidy::tidy;
use crate::vitals;
use crate::wait::when;
use vitals_servers::{Response, eventually};

/// A host that listens on a free port, with a plugins directory and a library of its own.
#[derive(Debug)]
pub struct TestHost {
    address: SocketAddr,
    place: Place,
    reloader: Reloader,
    stop: oneshot::Sender<()>,
    served: JoinHandle<usize>,
}

/// Sets up a [`TestHost`].
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
    /// Starts a host with this configuration, and these guests in the plugins directory under their
    /// own names.
    ///
    /// # Panics
    ///
    /// Panics if the configuration is rejected, or the host cannot be started.
    pub async fn start(config: &str, guests: impl IntoIterator<Item = Guest>) -> Self {
        let builder = Self::builder().config(config);
        builder.guests(guests).start().await
    }

    /// Begins to set up a host.
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

    /// The address on which it listens.
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
    /// Panics if there is no response.
    pub async fn get(&self, path: &str) -> Response {
        self.ask("GET", path, &[]).await
    }

    /// Sends a request without a body.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let answer = vitals_servers::ask(self.address, method, path, headers).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Gets `/health`, which is there once the first round is over.
    ///
    /// # Panics
    ///
    /// Panics if there is no response.
    pub async fn health(&self) -> Value {
        self.get("/health").await.json()
    }

    /// Gets the page of a check once the first round is over.
    ///
    /// # Panics
    ///
    /// Panics if there is no such check.
    pub async fn check(&self, name: &str) -> Value {
        self.health().await;
        let answer = self.get(&format!("/health/checks/{name}")).await;
        assert_eq!(answer.status, 200, "check `{name}`: {}", answer.text());
        answer.json()
    }

    /// Returns the entry of a plugin on `/plugins`.
    ///
    /// # Panics
    ///
    /// Panics if there is none.
    pub async fn plugin(&self, name: &str) -> Value {
        let plugin = self.find_plugin(name).await;
        plugin.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn find_plugin(&self, name: &str) -> Result<Value, String> {
        let page = self.get("/plugins").await.json();
        let mut plugins = page["plugins"].as_array().into_iter().flatten();
        let plugin = plugins.find(|plugin| plugin["name"] == name).cloned();
        plugin.ok_or_else(|| format!("`{name}` is not in {page:#}"))
    }

    /// Waits until `/health` meets the condition, and returns it.
    ///
    /// # Panics
    ///
    /// Panics if it does not in time.
    pub async fn eventually(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let health = self.health().await;
            when(is_so(&health), health)
        })
        .await
    }

    /// Waits until the page of a check meets the condition, and returns it.
    ///
    /// # Panics
    ///
    /// Panics if it does not in time.
    pub async fn eventually_check(
        &self,
        name: &str,
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(what, async || {
            let answer = self.get(&format!("/health/checks/{name}")).await;
            let check = answer.json();
            when(answer.status == 200 && is_so(&check), check)
        })
        .await
    }

    /// Waits until the entry of a plugin on `/plugins` meets the condition, and returns it.
    ///
    /// # Panics
    ///
    /// Panics if it does not in time.
    pub async fn eventually_plugin(
        &self,
        name: &str,
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(what, async || {
            let plugin = self.find_plugin(name).await?;
            when(is_so(&plugin), plugin)
        })
        .await
    }

    /// Drops a plugin into the plugins directory, or replaces it there.
    pub fn drop_in(&self, name: &str, guest: impl Into<Vec<u8>>) {
        self.place.write_plugin(name, guest);
    }

    /// Removes a plugin from the plugins directory.
    ///
    /// # Panics
    ///
    /// Panics if it is not there.
    pub fn take_out(&self, name: &str) {
        fs::remove_file(self.place.plugins().join(format!("{name}.wasm"))).expect("it was there");
    }

    /// Replaces the configuration file of a host that is [reloading](TestHostBuilder::reloading).
    pub fn reconfigure(&self, toml: &str) {
        self.place.write("vitals.toml", toml);
    }

    /// Reloads configuration and plugins now, and returns the report.
    ///
    /// # Panics
    ///
    /// Panics if the host is shutting down.
    pub async fn reload(&self, accept_grants: &[&str]) -> ReloadReport {
        let accepted = accept_grants.iter().map(|name| name.parse());
        let accepted = accepted.collect::<Result<_, _>>().expect("names of checks");
        self.reloader.reload(accepted).await.expect("it is running")
    }

    /// Replaces in a text of this host what differs from run to run.
    pub fn tidy(&self, text: &str) -> String {
        tidy(self.place.path(), text)
    }

    /// Begins the shutdown. The task ends with it, and returns the number of dropped runs.
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

    /// Shuts it down, and returns the number of dropped runs.
    ///
    /// # Panics
    ///
    /// Panics if it panicked.
    pub async fn stop(self) -> usize {
        let (_place, served) = self.begin_to_stop();
        served.await.expect("the host shuts down without a panic")
    }
}

impl TestHostBuilder {
    /// Puts a plugin into the plugins directory.
    #[must_use]
    pub fn plugin(self, name: &str, guest: impl Into<Vec<u8>>) -> Self {
        self.place.write_plugin(name, guest);
        self
    }

    /// Puts guests into the plugins directory under their own names.
    #[must_use]
    pub fn guests(self, guests: impl IntoIterator<Item = Guest>) -> Self {
        let put = |builder: Self, guest: Guest| builder.plugin(guest.name(), guest);
        guests.into_iter().fold(self, put)
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

    /// Sets one key that overrides all others, as an argument of the command line does.
    #[must_use]
    pub fn argument(mut self, key: &str, value: &str) -> Self {
        self.arguments.push(argument(key, value));
        self
    }

    /// Makes the host reload `vitals.toml` in its place when it changes.
    #[must_use]
    pub fn reloading(self) -> Self {
        Self {
            is_reloading: true,
            ..self
        }
    }

    /// Changes the host's own builder, for example to add native checks.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        self.host = change(self.host);
        self
    }

    /// The directories that the host will have.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Starts the host and its server.
    ///
    /// # Panics
    ///
    /// Panics if the configuration is rejected, or the host cannot be started.
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

    /// Starts the host without a server.
    ///
    /// # Panics
    ///
    /// Panics if the configuration is rejected, or the host cannot be started.
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
        let mut arguments = vec![
            argument("plugins.dir", self.place.plugins().display()),
            argument("plugins.library", self.place.library().display()),
            argument("plugins.cache_dir", Place::cache().display()),
            // Unless a test says otherwise, either directory serves a check.
            argument("defaults.dir", true),
        ];
        arguments.extend(self.arguments.iter().cloned());
        let file = self.place.path().join("vitals.toml");
        let mut sources = Sources::default();
        sources.file = self.is_reloading.then_some(file);
        sources.environment = Environment::fixed(self.variables.iter().cloned());
        sources.arguments = arguments;
        sources
    }
}

fn argument(key: &str, value: impl Display) -> Argument {
    Argument {
        name: format!("--{key}"),
        key: key.to_owned(),
        value: value.to_string(),
    }
}

/// The compiler of production: child processes of the binary.
///
/// # Panics
///
/// Panics if it has not been built.
pub fn compiler() -> Compiler {
    let path = vitals::binary();
    let compiler = Compiler::program(&path);
    compiler.unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()))
}
