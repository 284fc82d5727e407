//! Accesses files: one that its configuration grants, and others that it does not.

use std::path::PathBuf;

use vitals_sdk::prelude::*;

/// The calls to make.
#[derive(Config)]
struct Settings {
    /// Granted by this setting; it is read if there are no other calls.
    #[config(grant = "file")]
    granted: Option<PathBuf>,
    /// Calls, in order.
    #[config(default)]
    asks: Vec<Ask>,
    /// How often the calls are repeated; of the repetitions only new results are kept.
    #[config(default = 1)]
    times: u32,
}

#[derive(Config, Clone)]
struct Ask {
    call: Call,
    path: String,
    #[config(default = 0)]
    offset: u64,
    #[config(default = 4096)]
    most: usize,
}

#[derive(Config, Clone, Copy)]
enum Call {
    Stat,
    Read,
    Whole,
    Tail,
    Lines,
    Entries,
}

/// Makes the calls and returns their results as details, in order.
#[health_check(code = "files-read")]
fn check(settings: Settings) -> Outcome {
    let mut asks = settings.asks;
    if let (Some(path), true) = (&settings.granted, asks.is_empty()) {
        asks.push(Ask {
            call: Call::Read,
            path: path.display().to_string(),
            offset: 0,
            most: 4096,
        });
    }
    let mut answers: Vec<_> = asks.iter().map(answer).collect();
    for _ in 1..settings.times {
        for answer in asks.iter().map(answer) {
            if !answers.contains(&answer) {
                answers.push(answer);
            }
        }
    }
    Outcome::healthy("asked").detail("answers", json!(answers))
}

fn answer(ask: &Ask) -> Value {
    call(ask).unwrap_or_else(|error| {
        let kind = match error.problem() {
            files::Problem::Denied(_) => "denied",
            files::Problem::NotFound => "not-found",
            files::Problem::Failed(_) => "failed",
            _ => "other",
        };
        let mut text = error.to_string();
        // The details of a result are bounded, but a path need not be.
        if text.len() > 1000 {
            text = error.problem().to_string();
        }
        json!({ "error": kind, "text": text })
    })
}

fn call(ask: &Ask) -> Result<Value, files::Error> {
    Ok(match ask.call {
        Call::Stat => {
            let found = files::stat(&ask.path)?;
            json!({
                "directory": found.is_directory,
                "size": found.size_bytes,
                "modified": found.modified,
                "age": found.age().as_secs(),
            })
        }
        Call::Read => bytes_value(&files::read_at(&ask.path, ask.offset, ask.most)?),
        Call::Whole => files::read_to_string(&ask.path, ask.most)?.into(),
        Call::Tail => bytes_value(&files::read_tail(&ask.path, ask.most)?),
        Call::Lines => {
            use std::io::{BufRead, BufReader, Seek, SeekFrom};
            let mut file = files::File::open(&ask.path)?;
            let _ = file.seek(SeekFrom::Start(ask.offset));
            let lines = BufReader::with_capacity(ask.most, file).lines();
            json!({ "lines": lines.map_while(Result::ok).count() })
        }
        Call::Entries => {
            let names = files::entries(&ask.path)?;
            json!({ "count": names.len(), "first": names.first(), "last": names.last() })
        }
    })
}

fn bytes_value(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    json!({ "length": bytes.len(), "text": shortened(&text, 100) })
}
