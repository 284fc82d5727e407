//! What `cargo xtask chaos` starts: a campaign of random file operations against a real host.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool reports on standard output"
)]

use std::process::ExitCode;
use std::time::Duration;

use vitals_tests::chaos::{Campaign, Part};

/// `--seconds N --seed N [--every MILLISECONDS] [--without PART]…`
#[tokio::main]
async fn main() -> ExitCode {
    let campaign = match read(std::env::args().skip(1)) {
        Ok(campaign) => campaign,
        Err(why) => {
            eprintln!("error: {why}");
            return ExitCode::from(2);
        }
    };
    let (seconds, seed) = (campaign.time.as_secs(), campaign.seed);
    println!("{seconds} s of chaos from seed {seed}");
    match campaign.run().await {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Campaign, String> {
    let mut campaign = Campaign::new(Duration::from_mins(1));
    while let Some(argument) = arguments.next() {
        let value = arguments.next();
        let value = value.ok_or_else(|| format!("{argument} needs a value"))?;
        let number = || {
            let number = value.parse::<u64>();
            number.map_err(|_| format!("{value} is no whole number"))
        };
        match argument.as_str() {
            "--seconds" => campaign.time = Duration::from_secs(number()?),
            "--seed" => campaign.seed = number()?,
            "--every" => campaign.every = Duration::from_millis(number()?.max(1)),
            "--without" => {
                let mut parts = Part::ALL.into_iter();
                let known = || Part::ALL.map(Part::name).join(", ");
                let part = parts.find(|part| part.name() == value);
                let part = part.ok_or_else(|| format!("no part `{value}`; there are {}", known()));
                campaign.without.push(part?);
            }
            _ => return Err(format!("no option `{argument}`")),
        }
    }
    Ok(campaign)
}
