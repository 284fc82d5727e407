//! Hostile without a network: output, resources, files or results, one action of many as its
//! settings say.

#![expect(
    clippy::unnecessary_wraps,
    reason = "all actions have the type of one table, and some can fail"
)]
#![cfg(target_family = "wasm")]

use std::convert::Infallible;
use std::fmt::{Debug, Write as _};
use std::hint::black_box;

use vitals_test_guests::instructions::{Instructions, any_settings, debug_text, outcome_of};
use vitals_test_guests::raw::metrics::{self, Label};
use vitals_test_guests::raw::types::{self, Bound, Detail, Measurement, Outcome, Value};
use vitals_test_guests::raw::{Guest, export, files, healthy, reporting, system, text};
use vitals_test_guests::requests::request;
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::http::types::{Fields, OutgoingRequest};
use wasip2::io::poll::poll;
use wasip2::{cli, filesystem, random};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        any_settings("hostile-local")
    }

    fn check(request: types::Request) -> Result<Outcome, String> {
        let settings = Instructions::of(&request);
        match settings.text("does") {
            "tell" => Ok(reveal(&settings)),
            "foul-message" => Ok(healthy(FOUL)),
            "long-message" => Ok(healthy(&"long ".repeat(100_000))),
            "foul-error" => Err(FOUL.to_owned()),
            "bad-measurements" => Ok(with_measurements(bad_measurements())),
            "many-measurements" => Ok(with_measurements(many(|number| {
                measurement(&format!("m_{number}"), 1.0)
            }))),
            "many-details" => Ok(with_details(many(|number| {
                text(&format!("{number:05}"), "x")
            }))),
            "same-details" => Ok(with_details(many(|_| text("same", "x")))),
            "foul-details" => Ok(with_details(vec![
                text(FOUL, FOUL),
                document(r#"{"\u001b[2J":1}"#),
            ])),
            "deep-json" => {
                let depth = settings.size("count");
                Ok(with_document(&("[".repeat(depth) + &"]".repeat(depth))))
            }
            "wide-json" => Ok(with_document(&format!("[{}0]", "0,".repeat(8000)))),
            "huge-number" => Ok(with_document(&format!("[1e999999,{}]", "9".repeat(4000)))),
            _ => Ok(outcome_of(act(&settings, request.timeout_ms))),
        }
    }
}

fn act(args: &Instructions, timeout_ms: u32) -> Result<String, String> {
    let at = args.text("at");
    match args.text("does") {
        "nap-then-fill" => nap_then_fill(args, timeout_ms),
        "random" => random_bytes(args),
        "timers" => timers(args),
        "timers-poll" => timers_poll(args),
        "streams" => args.keep(|| made(cli::stdout::get_stdout())),
        "fields" => args.keep(|| made(Fields::new())),
        "requests" => args.keep(|| made(OutgoingRequest::new(Fields::new()))),
        "requests-full" => args.keep(|| request(|part| args.size(part))),
        "stdout" => stdout(args),
        "zeroes" => {
            let zeroes = args.number("count").unwrap_or_default();
            shown(cli::stdout::get_stdout().write_zeroes(zeroes))
        }
        "splice" => splice(),
        "log" => log(args),
        "capture" => capture(args),
        "series" => series(args),
        "histograms" => histograms(args),
        "surroundings" => Ok(surroundings()),
        "clocks" => Ok(format!(
            "{} {}",
            monotonic_clock::resolution(),
            wall_clock::resolution().nanoseconds
        )),
        "stdin" => Ok(format!(
            "{:?}",
            cli::stdin::get_stdin().blocking_read(1 << 20)
        )),
        "preopens" => {
            let all = filesystem::preopens::get_directories();
            let opened = std::fs::read("/etc/passwd").map_err(|error| error.kind());
            Ok(format!("{} {opened:?}", all.len()))
        }
        "read" => read(args),
        "entries" => files::entries(at)
            .map(|all| format!("{} entries", all.len()))
            .map_err(debug_text),
        "disk" => shown(system::disk_usage(at)),
        "memory" => shown(system::memory_usage()),
        "load" => shown(system::load_average()),
        other => Err(format!("I can't {other}")),
    }
}

fn shown(result: Result<impl Debug, impl Debug>) -> Result<String, String> {
    result.map(debug_text).map_err(debug_text)
}

fn made<T>(resource: T) -> Result<T, Infallible> {
    Ok(resource)
}

fn many<T>(make: impl Fn(u32) -> T) -> Vec<T> {
    (0..10_000).map(make).collect()
}

fn with_details(details: Vec<Detail>) -> Outcome {
    Outcome {
        details,
        ..healthy("well")
    }
}

fn with_document(json: &str) -> Outcome {
    with_details(vec![document(json)])
}

fn with_measurements(measurements: Vec<Measurement>) -> Outcome {
    Outcome {
        measurements,
        ..healthy("well")
    }
}

fn document(json: &str) -> Detail {
    Detail {
        key: "document".to_owned(),
        value: Value::Json(json.to_owned()),
    }
}

/// Reveals a secret on every path out of the guest, with a mark after each letter.
#[expect(clippy::print_stdout, reason = "standard output is one of these paths")]
fn reveal(args: &Instructions) -> Outcome {
    let (secret, mark) = (args.text("secret"), args.text("mark"));
    let (mut hidden, mut escaped) = (String::new(), String::new());
    for letter in secret.chars() {
        hidden.extend([letter.to_string().as_str(), mark]);
    }
    for unit in hidden.encode_utf16() {
        write!(escaped, "\\u{unit:04x}").expect("memory takes it");
    }
    let shown = format!("<{hidden}>");
    reporting::log(reporting::Level::Error, &shown);
    reporting::capture(reporting::Level::Error, &shown);
    for letter in shown.chars() {
        print!("{letter}");
    }
    println!();
    let labels = [label("told".to_owned(), shown.clone())];
    metrics::gauge_set("told", &shown, &labels, 1.0).expect("it is a metric");
    // The last copy is where a message is cut.
    let message = format!("{shown}{}{hidden}", ".".repeat(2030));
    Outcome {
        details: vec![
            text(&hidden, &shown),
            document(&format!("{{\"{escaped}\":[\"<{escaped}>\"]}}")),
        ],
        measurements: vec![measurement(secret, 1.0), measurement("fine", 1.0)],
        ..healthy(&message)
    }
}

/// Line breaks, terminal control codes, and characters that reverse, hide or end text.
const FOUL: &str = "up\r\nstatus: healthy\x1b[2J\x1b]0;owned\x07\u{202e}dlrow\u{2066}\u{200b}\u{feff}\0\u{2028}\u{9b}31m\tend\u{7f}";

fn measurement(name: &str, value: f64) -> Measurement {
    Measurement {
        name: name.to_owned(),
        value,
        unit: String::new(),
        degraded_at: None,
        unhealthy_at: None,
    }
}

fn bad_measurements() -> Vec<Measurement> {
    let long = "x".repeat(100_000);
    let names = [
        "",
        "Upper",
        "two words",
        "a\nb",
        "a\"b",
        "a{b=\"c\"}",
        "ünits",
        FOUL,
        &long,
    ];
    let mut all: Vec<_> = names.map(|name| measurement(name, 1.0)).into();
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN];
    for (number, value) in values.into_iter().enumerate() {
        all.push(measurement(&format!("value_{number}"), value));
    }
    all.push(Measurement {
        unit: FOUL.to_owned(),
        ..measurement("unit", 1.0)
    });
    all.push(Measurement {
        unhealthy_at: Some(Bound::Below(f64::NAN)),
        ..measurement("bound", 1.0)
    });
    all.extend([measurement("twice", 1.0), measurement("twice", 2.0)]);
    all
}

/// Waits until shortly before the timeout and then writes to all the memory that it may have.
fn nap_then_fill(args: &Instructions, timeout_ms: u32) -> Result<String, String> {
    let before = args.number("before").unwrap_or_default();
    let until = u64::from(timeout_ms).saturating_sub(before);
    monotonic_clock::subscribe_duration(until * 1_000_000).block();
    let mut heap = vec![vec![1_u8; 1 << 20]; args.size("mebibytes")];
    loop {
        for piece in &mut heap {
            black_box(piece).fill(2);
        }
    }
}

fn random_bytes(args: &Instructions) -> Result<String, String> {
    let size = args.number("size").unwrap_or_default();
    let bytes = match args.text("of") {
        "insecure" => random::insecure::get_insecure_random_bytes(size),
        _ => random::random::get_random_bytes(size),
    };
    Ok(format!("{} bytes", bytes.len()))
}

/// Creates timers and drops each.
fn timers(args: &Instructions) -> Result<String, String> {
    for _ in args.rounds() {
        drop(monotonic_clock::subscribe_duration(1_000_000_000_000));
    }
    Ok("made them all".to_owned())
}

/// Creates timers and waits for any of them, again and again.
fn timers_poll(args: &Instructions) -> Result<String, String> {
    let timer = |_| monotonic_clock::subscribe_duration(u64::MAX);
    let timers: Vec<_> = args.rounds().map(timer).collect();
    let all: Vec<_> = timers.iter().collect();
    loop {
        poll(&all);
    }
}

/// Writes pieces without a line break.
fn stdout(args: &Instructions) -> Result<String, String> {
    let stream = match args.text("to") {
        "stderr" => cli::stderr::get_stderr(),
        _ => cli::stdout::get_stdout(),
    };
    let piece = match args.text("what") {
        "foul" => FOUL.repeat(30).into_bytes(),
        "bytes" => (0..=255).cycle().take(4096).collect(),
        _ => vec![b'x'; 4096],
    };
    for _ in args.rounds() {
        let written = stream.blocking_write_and_flush(&piece);
        written.map_err(debug_text)?;
    }
    Ok("written".to_owned())
}

/// Makes the host forward its input without end.
fn splice() -> Result<String, String> {
    let (from, to) = (cli::stdin::get_stdin(), cli::stdout::get_stdout());
    let mut rounds = 0;
    loop {
        match to.blocking_splice(&from, u64::MAX) {
            Ok(0) if rounds > 1000 => return Ok("nothing comes".to_owned()),
            Ok(_) => rounds += 1,
            Err(error) => return Err(debug_text(error)),
        }
    }
}

fn log(args: &Instructions) -> Result<String, String> {
    let line = match args.text("what") {
        "foul" => FOUL.to_owned(),
        _ => "x".repeat(100_000),
    };
    for _ in args.rounds() {
        reporting::log(reporting::Level::Error, &line);
    }
    Ok("logged".to_owned())
}

fn capture(args: &Instructions) -> Result<String, String> {
    let capture = |_: &u64| reporting::capture(reporting::Level::Error, FOUL).is_some();
    Ok(format!("sent {}", args.rounds().filter(capture).count()))
}

/// Creates one series of a metric per number.
fn series(args: &Instructions) -> Result<String, String> {
    let own = (0..args.size("labels")).map(|number| label(format!("l{number}"), "x".to_owned()));
    let own: Vec<_> = own.collect();
    let buckets = u32::try_from(args.size("buckets")).unwrap_or(u32::MAX);
    let buckets: Vec<_> = (0..buckets).map(f64::from).collect();
    for number in args.rounds() {
        let value = match args.text("what") {
            "foul" => format!("{FOUL}{number}"),
            _ => "0".repeat(args.size("bytes").saturating_sub(8)) + &format!("{number:08}"),
        };
        let labels = [own.as_slice(), &[label("number".to_owned(), value)]].concat();
        let taken = if buckets.is_empty() {
            metrics::gauge_set("flood", FOUL, &labels, 1.0)
        } else {
            metrics::histogram_observe("flood", FOUL, &labels, &buckets, 1.0)
        };
        taken.map_err(|error| format!("after {number}: {error:?}"))?;
    }
    Ok("set them all".to_owned())
}

/// Creates histograms whose bounds and label values are as long as allowed.
fn histograms(args: &Instructions) -> Result<String, String> {
    let bounds: Vec<_> = (1..=32).map(|number| 1e300 * f64::from(number)).collect();
    let labels = (0..8).map(|number| label(format!("l{number:063}"), "\"".repeat(128)));
    let labels: Vec<_> = labels.collect();
    for number in args.rounds() {
        let name = format!("h{number:063}");
        let taken = metrics::histogram_observe(&name, FOUL, &labels, &bounds, f64::MAX);
        taken.map_err(|error| format!("after {number}: {error:?}"))?;
    }
    Ok("observed in them all".to_owned())
}

fn label(name: String, value: String) -> Label {
    Label { name, value }
}

fn surroundings() -> String {
    let variables = cli::environment::get_environment();
    let arguments = cli::environment::get_arguments();
    let directory = cli::environment::initial_cwd();
    let terminal = cli::terminal_stdout::get_terminal_stdout().is_some();
    format!("{variables:?} {arguments:?} {directory:?} {terminal}")
}

fn read(args: &Instructions) -> Result<String, String> {
    let max = u32::try_from(args.number("max").unwrap_or(64)).map_err(debug_text)?;
    let offset = args.number("offset").unwrap_or_default();
    let bytes = files::read(args.text("at"), offset, max).map_err(debug_text)?;
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]);
    Ok(format!("{} bytes: {start}", bytes.len()))
}

export!(Component);
