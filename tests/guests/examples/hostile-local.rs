//! Hostile without a network: output, resources, files or results, one action of many as its
//! settings say.

#![expect(
    clippy::unnecessary_wraps,
    reason = "all actions have the type of one table, and some can fail"
)]
#![cfg(target_family = "wasm")]

use std::fmt::{Debug, Write as _};
use std::hint::black_box;

use vitals_test_guests::instructions::{Instructions, any_settings, outcome_of};
use vitals_test_guests::raw::types::{self, Bound, Detail, Measurement, Outcome, Value};
use vitals_test_guests::raw::{Guest, export, files, healthy, metrics, reporting, system, text};
use vitals_test_guests::requests;
use wasip2::clocks::monotonic_clock;
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
        let does = settings.text("does");
        if does == "tell" {
            return Ok(reveal(&settings));
        }
        if let Some(outcome) = answer(does) {
            return outcome;
        }
        Ok(outcome_of(match does {
            "nap-then-fill" => nap_then_fill(&settings, request.timeout_ms),
            "random" => random_bytes(&settings),
            "timers" => timers(&settings),
            "timers-poll" => timers_poll(&settings),
            "streams" => keep(&settings, cli::stdout::get_stdout),
            "fields" => keep(&settings, Fields::new),
            "requests" => keep(&settings, || OutgoingRequest::new(Fields::new())),
            "requests-full" => requests::keep(&settings),
            "stdout" => stdout(&settings),
            "zeroes" => zeroes(&settings),
            "splice" => splice(),
            "log" => log(&settings),
            "capture" => capture(&settings),
            "series" => series(&settings),
            "histograms" => histograms(&settings),
            "surroundings" => Ok(surroundings()),
            "clocks" => Ok(clocks()),
            "stdin" => stdin(),
            "preopens" => preopens(),
            "stat" => files::stat(settings.text("at"))
                .map(|it| format!("{it:?}"))
                .map_err(debug_text),
            "read" => read(&settings),
            "entries" => files::entries(settings.text("at"))
                .map(|all| format!("{} entries", all.len()))
                .map_err(debug_text),
            "disk" => system::disk_usage(settings.text("at"))
                .map(|it| format!("{it:?}"))
                .map_err(debug_text),
            "memory" => system::memory_usage()
                .map(|it| format!("{it:?}"))
                .map_err(debug_text),
            "load" => system::load_average()
                .map(|it| format!("{it:?}"))
                .map_err(debug_text),
            other => Err(format!("I can't {other}")),
        }))
    }
}

fn debug_text(error: impl Debug) -> String {
    format!("{error:?}")
}

/// Returns results that are too large, too many or malformed.
fn answer(does: &str) -> Option<Result<Outcome, String>> {
    let of = |details, measurements| {
        Some(Ok(Outcome {
            details,
            measurements,
            ..healthy("well")
        }))
    };
    let json = |document: String| Detail {
        key: "document".to_owned(),
        value: Value::Json(document),
    };
    match does {
        "many-measurements" => {
            let name = |number: u32| measurement(&format!("m_{number}"), number.into());
            of(Vec::new(), (0..10_000).map(name).collect())
        }
        "bad-measurements" => of(Vec::new(), bad_measurements()),
        "many-details" => {
            let detail = |number: u32| text(&format!("{number:05}"), "x");
            of((0..10_000).map(detail).collect(), Vec::new())
        }
        "same-details" => of((0..10_000).map(|_| text("same", "x")).collect(), Vec::new()),
        "foul-details" => of(
            vec![
                text(FOUL, FOUL),
                json(format!("{{\"{}\":1}}", "\\u001b[2J")),
            ],
            Vec::new(),
        ),
        "deep-json" => of(vec![json("[".repeat(8000) + &"]".repeat(8000))], Vec::new()),
        "deeper-json" => of(
            vec![json("[".repeat(500_000) + &"]".repeat(500_000))],
            Vec::new(),
        ),
        "wide-json" => of(vec![json(format!("[{}0]", "0,".repeat(8000)))], Vec::new()),
        "huge-number" => of(
            vec![json(format!("[1e999999,{}]", "9".repeat(4000)))],
            Vec::new(),
        ),
        "foul-message" => Some(Ok(healthy(FOUL))),
        "long-message" => Some(Ok(healthy(&"long ".repeat(100_000)))),
        "foul-error" => Some(Err(FOUL.to_owned())),
        _ => None,
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
    let label = metrics::Label {
        name: "told".to_owned(),
        value: shown.clone(),
    };
    metrics::gauge_set("told", &shown, &[label], 1.0).expect("it is a metric");
    // The last copy is where a message is cut.
    let message = format!("{shown}{}{hidden}", ".".repeat(2030));
    Outcome {
        details: vec![
            text(&hidden, &shown),
            Detail {
                key: "document".to_owned(),
                value: Value::Json(format!("{{\"{escaped}\":[\"<{escaped}>\"]}}")),
            },
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
    let mut all: Vec<_> = [
        "",
        "Upper",
        "two words",
        "a\nb",
        "a\"b",
        "a{b=\"c\"}",
        "ünits",
        FOUL,
    ]
    .map(|name| measurement(name, 1.0))
    .into();
    all.push(measurement(&"x".repeat(100_000), 1.0));
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
    let until = u64::from(timeout_ms).saturating_sub(args.number("before"));
    monotonic_clock::subscribe_duration(until * 1_000_000).block();
    let mut heap = Vec::new();
    for _ in 0..args.number("mebibytes") {
        heap.push(black_box(vec![1_u8; 1 << 20]));
    }
    loop {
        for piece in &mut heap {
            black_box(piece).fill(2);
        }
    }
}

fn random_bytes(args: &Instructions) -> Result<String, String> {
    let bytes = match args.text("of") {
        "insecure" => random::insecure::get_insecure_random_bytes(args.number("size")),
        _ => random::random::get_random_bytes(args.number("size")),
    };
    Ok(format!("{} bytes", bytes.len()))
}

/// Creates timers and drops each.
fn timers(args: &Instructions) -> Result<String, String> {
    for _ in 0..args.number("count") {
        drop(monotonic_clock::subscribe_duration(1_000_000_000_000));
    }
    Ok("made them all".to_owned())
}

/// Creates timers and waits for any of them, again and again.
fn timers_poll(args: &Instructions) -> Result<String, String> {
    let timer = |_| monotonic_clock::subscribe_duration(u64::MAX);
    let timers: Vec<_> = (0..args.number("count")).map(timer).collect();
    let all: Vec<_> = timers.iter().collect();
    loop {
        poll(&all);
    }
}

/// Creates a host resource repeatedly and keeps all of them.
fn keep<T>(args: &Instructions, mut make: impl FnMut() -> T) -> Result<String, String> {
    let kept: Vec<_> = (0..args.number("count")).map(|_| make()).collect();
    Ok(format!("kept {}", kept.len()))
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
    for _ in 0..args.number("count") {
        stream
            .blocking_write_and_flush(&piece)
            .map_err(debug_text)?;
    }
    Ok("written".to_owned())
}

/// Makes the host itself write zeroes.
fn zeroes(args: &Instructions) -> Result<String, String> {
    let stream = cli::stdout::get_stdout();
    stream
        .write_zeroes(args.number("count"))
        .map_err(debug_text)?;
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
    for _ in 0..args.number("count") {
        reporting::log(reporting::Level::Error, &line);
    }
    Ok("logged".to_owned())
}

fn capture(args: &Instructions) -> Result<String, String> {
    let all = 0..args.number("count");
    let sent = all.filter(|_| reporting::capture(reporting::Level::Error, FOUL).is_some());
    Ok(format!("sent {}", sent.count()))
}

/// Creates one series of a metric per number.
fn series(args: &Instructions) -> Result<String, String> {
    let label = |name: String, value: String| metrics::Label { name, value };
    let own: Vec<_> = (0..args.number("labels"))
        .map(|number| label(format!("l{number}"), "x".to_owned()))
        .collect();
    let bytes = args.maybe_number("bytes").unwrap_or_default();
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let buckets = u32::try_from(args.number("buckets")).unwrap_or(u32::MAX);
    let buckets: Vec<_> = (0..buckets).map(f64::from).collect();
    for number in 0..args.number("count") {
        let value = match args.text("what") {
            "foul" => format!("{FOUL}{number}"),
            _ => format!("{}{number:08}", "0".repeat(bytes.saturating_sub(8))),
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
    let name = |letter: &str, number| format!("{letter}{number:063}");
    let label = |number| metrics::Label {
        name: name("l", number),
        value: "\"".repeat(128),
    };
    let labels: Vec<_> = (0..8).map(label).collect();
    for number in 0..args.number("count") {
        let taken =
            metrics::histogram_observe(&name("h", number), FOUL, &labels, &bounds, f64::MAX);
        taken.map_err(|error| format!("after {number}: {error:?}"))?;
    }
    Ok("observed in them all".to_owned())
}

fn surroundings() -> String {
    let variables = cli::environment::get_environment();
    let arguments = cli::environment::get_arguments();
    let directory = cli::environment::initial_cwd();
    let terminal = cli::terminal_stdout::get_terminal_stdout().is_some();
    format!("{variables:?} {arguments:?} {directory:?} {terminal}")
}

fn clocks() -> String {
    let wall = wasip2::clocks::wall_clock::resolution();
    format!("{} {}", monotonic_clock::resolution(), wall.nanoseconds)
}

fn stdin() -> Result<String, String> {
    match cli::stdin::get_stdin().blocking_read(1 << 20) {
        Ok(bytes) => Ok(format!("{} bytes", bytes.len())),
        Err(error) => Ok(format!("{error:?}")),
    }
}

fn preopens() -> Result<String, String> {
    let all = filesystem::preopens::get_directories();
    let opened = std::fs::read("/etc/passwd").map(|bytes| bytes.len());
    Ok(format!("{} {:?}", all.len(), opened.map_err(|e| e.kind())))
}

fn read(args: &Instructions) -> Result<String, String> {
    let max = u32::try_from(args.maybe_number("max").unwrap_or(64)).map_err(debug_text)?;
    let bytes = files::read(args.text("at"), args.number("offset"), max).map_err(debug_text)?;
    let start = &bytes[..bytes.len().min(100)];
    Ok(format!(
        "{} bytes: {}",
        bytes.len(),
        String::from_utf8_lossy(start)
    ))
}

export!(Component);
