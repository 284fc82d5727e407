//! Runs a campaign of random file operations against a real host. `cargo xtask chaos` starts it.

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
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    let (seconds, seed) = (campaign.time.as_secs(), campaign.seed);
    println!("{seconds} s of chaos from seed {seed}");
    let ended = campaign.run().await;
    let code = u8::from(ended.is_err());
    println!(
        "{}",
        ended.map_or_else(|report| report, |summary| summary.to_string())
    );
    ExitCode::from(code)
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Campaign, String> {
    let mut campaign = Campaign::new(Duration::from_mins(1));
    while let Some(option) = arguments.next() {
        let value = arguments.next();
        let value = value.ok_or_else(|| format!("`{option}` needs a value"))?;
        let number = || {
            let number = value.parse::<u64>();
            number.map_err(|_| format!("`{value}` is not a whole number"))
        };
        match option.as_str() {
            "--seconds" => campaign.time = Duration::from_secs(number()?),
            "--seed" => campaign.seed = number()?,
            "--every" => campaign.interval = Duration::from_millis(number()?.max(1)),
            "--without" => {
                let part = Part::ALL.into_iter().find(|part| part.name() == value);
                let known = || Part::ALL.map(Part::name).join(", ");
                let unknown = || format!("there is no part `{value}`: there are {}", known());
                campaign.without.push(part.ok_or_else(unknown)?);
            }
            _ => return Err(format!("there is no option `{option}`")),
        }
    }
    Ok(campaign)
}
