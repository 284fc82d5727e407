//! What `cargo xtask fuzz` starts: campaigns of fuzz targets, one after the other.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool reports on standard output"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use vitals_tests::fuzz::{Budget, Campaign, TARGETS, Target, target};
use vitals_tests::guests;

/// `--seconds N --seed N [--input FILE] [TARGET…]`; without targets all of them.
fn main() -> ExitCode {
    let told = match Told::read(std::env::args().skip(1)) {
        Ok(told) => told,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    let kept_in = guests::root().join("target/fuzz");
    let mut failed = false;
    for target in told.targets {
        let campaign = Campaign::new(target, told.seed, &kept_in);
        println!("{}: {}", target.name, target.about);
        if let Some(file) = &told.input {
            let tried = std::fs::read(file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))
                .and_then(|input| campaign.try_input(&input));
            match tried {
                Ok(elapsed) => println!("{}: fine, in {elapsed:.1?}", target.name),
                Err(why) => {
                    println!("{}: {why}", target.name);
                    failed = true;
                }
            }
            continue;
        }
        match campaign.run(Budget::Time(told.time)) {
            Ok(summary) => println!("{}: {summary}", target.name),
            Err(failure) => {
                println!("{failure}");
                failed = true;
            }
        }
    }
    ExitCode::from(u8::from(failed))
}

struct Told {
    time: Duration,
    seed: u64,
    input: Option<PathBuf>,
    targets: Vec<Target>,
}

impl Told {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut told = Self {
            time: Duration::from_mins(1),
            seed: 0,
            input: None,
            targets: Vec::new(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{argument} needs a value"))
            };
            let number = |text: String| {
                text.parse()
                    .map_err(|_| format!("{text} is no whole number"))
            };
            match argument.as_str() {
                "--seconds" => told.time = Duration::from_secs(value().and_then(number)?),
                "--seed" => told.seed = value().and_then(number)?,
                "--input" => told.input = Some(value()?.into()),
                name => {
                    let known = || TARGETS.map(|target| target.name).join(", ");
                    let found = target(name);
                    let found = found.ok_or_else(|| {
                        format!("there is no target `{name}`; there are {}", known())
                    });
                    told.targets.push(found?);
                }
            }
        }
        if told.targets.is_empty() {
            told.targets = TARGETS.to_vec();
        }
        Ok(told)
    }
}
