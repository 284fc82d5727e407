//! The guests by name: those of the tests, the first-party plugins, and guests in WebAssembly text.

use std::fs;
use std::path::{Path, PathBuf};

use vitals_servers::check_need;

use crate::hostile;

/// A guest that `cargo xtask` builds.
#[derive(Clone, Copy, Debug)]
pub struct Guest {
    name: &'static str,
    directory: Directory,
}

#[derive(Clone, Copy, Debug)]
enum Directory {
    Tests,
    Scripts,
    Plugins,
}

/// Says hello; needs no settings.
pub const HELLO: Guest = test("hello");
/// Computes for some milliseconds, over memory in `passes`.
pub const BUSY: Guest = test("busy");
/// Loops for ever, with `calls` host calls before.
pub const SPIN: Guest = test("spin");
/// Waits `times` times for `time`.
pub const SLEEP: Guest = test("sleep");
/// Takes `mebibytes` of memory.
pub const FILL: Guest = test("fill");
/// Calls itself `depth` times.
pub const RECURSE: Guest = test("recurse");
/// Hands over a text of `size` bytes `by` one of several ways.
pub const HUGE: Guest = test("huge");
/// Opens `pollables` resources of the host and keeps them.
pub const LEAK: Guest = test("leak");
/// Answers with `status` and `message`, or fails as `fail` says.
pub const STATUS: Guest = test("status");
/// Unhealthy after healthy, healthy after all else.
pub const FLIP: Guest = test("flip");
/// Fetches `url`, which is granted by being written, and `others`, which are not.
pub const HTTP_GET: Guest = test("http-get");
/// Opens `connections` to `address`, which is granted by being written, and one to each of `others`.
pub const TCP_CONNECT: Guest = test("tcp-connect");
/// Opens a connection to `address`, which is granted by being written, shakes hands and says a line.
pub const TLS_CONNECT: Guest = test("tls-connect");
/// Does `steps` with the contract's TLS, and says what became of each.
pub const TLS_STEPS: Guest = test("tls-steps");
/// Asks for files: `granted` is granted by being written, what `asks` names is not.
pub const FILES_READ: Guest = test("files-read");
/// Asks for the machine's facts: `disks` are granted by being written, `others` are not.
pub const SYSTEM_FACTS: Guest = test("system-facts");
/// Sends datagrams to `address`, which is granted by being written, and to `others`, which are not.
pub const UDP: Guest = test("udp");
/// Marks neither of its two addresses.
pub const MARKS_NONE: Guest = test("marks-none");
/// Marks the first of its two addresses.
pub const MARKS_ONE: Guest = test("marks-one");
/// Marks both of its addresses.
pub const MARKS_TWO: Guest = test("marks-two");
/// Tries everything that the contract and WASI offer.
pub const IMPORTS: Guest = test("imports");
/// Details and measurements, `case` valid, invalid or many.
pub const MEASURE: Guest = test("measure");
/// Makes `calls` of the contract's metrics, and says what became of each; without them it counts as
/// another version of `METRICS` would.
pub const METER: Guest = test("meter");
/// Uses the contract's metrics.
pub const METRICS: Guest = test("metrics");
/// Writes a line of each level to the log.
pub const LOG: Guest = test("log");
/// Writes many lines to standard output, standard error and the log.
pub const NOISE: Guest = test("noise");
/// Answers with its own settings.
pub const SETTINGS: Guest = test("settings");
/// Puts foul characters into every text.
pub const TEXT: Guest = test("text");
/// Needs a setting, so that it stays idle when dropped in.
pub const WANTS_CONFIG: Guest = test("wants-config");
/// Imports an interface that no host has, with the whole contract beside it.
pub const WANTS_THING: Guest = test("wants-thing");
/// Has the host keep requests for it in `describe`.
pub const FILL_DESCRIBE: Guest = test("fill-describe");
/// Loops in `describe`.
pub const SPIN_DESCRIBE: Guest = test("spin-describe");
/// Hostile on the network, as `does` tells.
pub const HOSTILE_NET: Guest = test("hostile-net");
/// Hostile without a network, as `does` tells.
pub const HOSTILE_LOCAL: Guest = test("hostile-local");
/// The check of `examples/check`, built as its README says.
pub const EXAMPLE_CLOCK: Guest = test("example-clock");
/// A check in Python.
pub const PYTHON_EXPIRY: Guest = script("python-expiry");
/// A check in JavaScript, with the small engine of that language.
pub const JS_QUOTA: Guest = script("js-quota");
/// The same with the large one, of a browser.
pub const JS_QUOTA_STARLINGMONKEY: Guest = script("js-quota-starlingmonkey");
/// The first-party plugin `celery`.
pub const CELERY: Guest = plugin("celery");
/// The first-party plugin `disk`.
pub const DISK: Guest = plugin("disk");
/// The first-party plugin `dns`.
pub const DNS: Guest = plugin("dns");
/// The first-party plugin `file`.
pub const FILE: Guest = plugin("file");
/// The first-party plugin `grpc`.
pub const GRPC: Guest = plugin("grpc");
/// The first-party plugin `icmp`.
pub const ICMP: Guest = plugin("icmp");
/// The first-party plugin `load`.
pub const LOAD: Guest = plugin("load");
/// The first-party plugin `memory`.
pub const MEMORY: Guest = plugin("memory");
/// The first-party plugin `prometheus`.
pub const PROMETHEUS: Guest = plugin("prometheus");
/// The first-party plugin `http`.
pub const HTTP: Guest = plugin("http");
/// The first-party plugin `postgres`.
pub const POSTGRES: Guest = plugin("postgres");
/// The first-party plugin `redis`.
pub const REDIS: Guest = plugin("redis");
/// The first-party plugin `smtp`.
pub const SMTP: Guest = plugin("smtp");
/// The first-party plugin `tcp`.
pub const TCP: Guest = plugin("tcp");
/// The first-party plugin `tls`.
pub const TLS: Guest = plugin("tls");
/// The first-party plugin `websocket`.
pub const WEBSOCKET: Guest = plugin("websocket");

const fn test(name: &'static str) -> Guest {
    Guest {
        name,
        directory: Directory::Tests,
    }
}

/// One whose language has to be installed.
const fn script(name: &'static str) -> Guest {
    Guest {
        name,
        directory: Directory::Scripts,
    }
}

const fn plugin(name: &'static str) -> Guest {
    Guest {
        name,
        directory: Directory::Plugins,
    }
}

impl Guest {
    /// Its name, which is also that of its file.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The path of its file.
    ///
    /// # Panics
    ///
    /// Panics if it has not been built, or `tests/needs.txt` lacks a line for the running test.
    pub fn path(self) -> PathBuf {
        let directory = match self.directory {
            Directory::Tests => built("VITALS_TEST_GUESTS", "test-guests"),
            Directory::Scripts => {
                check_need(self.name);
                built("VITALS_TEST_GUESTS", "test-guests")
            }
            Directory::Plugins => built("VITALS_TEST_PLUGINS", "plugins"),
        };
        let path = directory.join(format!("{}.wasm", self.name));
        assert!(
            path.exists(),
            "there is no {}: `cargo xtask test NAME` builds what a test needs",
            path.display()
        );
        path
    }

    /// The contents of its file.
    ///
    /// # Panics
    ///
    /// Panics if it has not been built, or cannot be read.
    pub fn bytes(self) -> Vec<u8> {
        let path = self.path();
        fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }
}

impl From<Guest> for Vec<u8> {
    fn from(guest: Guest) -> Self {
        guest.bytes()
    }
}

/// The first-party plugins: their codes, which are the names of their directories, and their files.
///
/// # Panics
///
/// Panics if one has not been built.
pub fn plugins() -> Vec<(String, Vec<u8>)> {
    let sources = root().join("plugins");
    let read = fs::read_dir(&sources);
    let read = read.unwrap_or_else(|error| panic!("cannot read {}: {error}", sources.display()));
    let directories = read.map(|entry| entry.expect("an entry").path());
    let mut codes: Vec<_> = directories
        .filter(|directory| directory.join("Cargo.toml").exists())
        .filter_map(|directory| Some(directory.file_name()?.to_str()?.to_owned()))
        .collect();
    codes.sort();
    let built = built("VITALS_TEST_PLUGINS", "plugins");
    let bytes = |code: &str| {
        let path = built.join(format!("{code}.wasm"));
        fs::read(&path).unwrap_or_else(|error| {
            panic!(
                "cannot read {}: {error}; run `cargo xtask plugins`",
                path.display()
            )
        })
    };
    codes
        .into_iter()
        .map(|code| (code.clone(), bytes(&code)))
        .collect()
}

/// A guest of the tests that is written as text, `tests/guests/wat/<name>.wat`.
///
/// # Panics
///
/// Panics if there is no such file, or it is no WebAssembly text.
pub fn wat(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("guests/wat/{name}.wat"));
    wat::parse_file(&path).unwrap_or_else(|error| panic!("cannot use {}: {error}", path.display()))
}

/// The smallest plugin: it is healthy with this message of at most 255 bytes, which tells versions and
/// files apart.
///
/// # Panics
///
/// Panics if the message is too long, or cannot be quoted in WebAssembly text.
pub fn tiny(message: &str) -> Vec<u8> {
    let length = u8::try_from(message.len()).expect("a short message");
    // The part `healthy` has its outcome at 128; these are the address and length of its message.
    let body = format!(
        r#"(core module $module
             ;; + memory realloc describe post healthy well
             (data (i32.const 136) "\00\02\00\00\{length:02x}\00\00\00")
             (data (i32.const 512) "{message}"))"#
    );
    hostile::made(&body)
}

/// A component or module that a test writes as text.
///
/// # Panics
///
/// Panics if it is no WebAssembly text.
pub fn text(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("cannot use {text}: {error}"))
}

/// A directory of built files: the one in the variable, else the one below `target`.
#[expect(
    clippy::disallowed_methods,
    reason = "this variable names the directory of the built guests"
)]
pub(crate) fn built(variable: &str, name: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| target().join(name), PathBuf::from)
}

/// The directory of all built files.
pub fn target() -> PathBuf {
    root().join("target")
}

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package is in the repository")
}
