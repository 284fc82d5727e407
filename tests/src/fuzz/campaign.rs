//! A run of one target over many inputs: what once failed, the good inputs, then mutations of them.
//!
//! Knows nothing of what a target looks at.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use vitals_host::check::Digest;

use super::mutate::Mutator;
use super::{Target, corpus, shrink};

/// One run of a target.
#[derive(Clone, Debug)]
pub struct Campaign {
    target: Target,
    seed: u64,
    kept_in: PathBuf,
}

/// When a campaign is over.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    /// After so many mutated inputs.
    Cases(u64),
    /// After so long.
    Time(Duration),
}

/// What a campaign did that found nothing.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Inputs that were tried.
    pub cases: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// The longest that one input took.
    pub slowest: Duration,
}

/// An input that breaks a law, as small as it could be made.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The name of the target.
    pub target: &'static str,
    /// What broke.
    pub why: String,
    /// The input.
    pub input: Vec<u8>,
    /// Where it was written.
    pub file: PathBuf,
}

impl Campaign {
    /// A campaign whose inputs `seed` determines. What fails is written below `kept_in`.
    pub fn new(target: Target, seed: u64, kept_in: &Path) -> Self {
        let kept_in = kept_in.join(target.name);
        Self {
            target,
            seed,
            kept_in,
        }
    }

    /// Tries inputs until the budget is used up or one fails.
    ///
    /// # Errors
    ///
    /// The first input that fails.
    ///
    /// # Panics
    ///
    /// The directory for what fails can't be written.
    pub fn run(&self, budget: Budget) -> Result<Summary, Failure> {
        // A guest thread's stack is what strangers' inputs meet in the host, not that of `main`.
        thread::scope(|scope| {
            let work = thread::Builder::new()
                .name(self.target.name.to_owned())
                .stack_size(STACK)
                .spawn_scoped(scope, || self.run_here(budget))
                .expect("a thread can be started");
            work.join().expect("inputs that panic are caught")
        })
    }

    /// Tries one input.
    ///
    /// # Errors
    ///
    /// It fails; it is left as it is.
    pub fn try_input(&self, input: &[u8]) -> Result<Duration, String> {
        let started = Instant::now();
        catch_unwind(AssertUnwindSafe(|| (self.target.run)(input))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            text.or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("a panic without a message")
                .to_owned()
        })?;
        let elapsed = started.elapsed();
        if elapsed > self.target.patience {
            return Err(format!(
                "it took {elapsed:?}, more than {:?}",
                self.target.patience
            ));
        }
        Ok(elapsed)
    }

    fn run_here(&self, budget: Budget) -> Result<Summary, Failure> {
        let started = Instant::now();
        let seeds = (self.target.seeds)();
        let first = corpus::regressions(self.target.name)
            .into_iter()
            .chain(seeds.iter().cloned());
        let mutator = Mutator::new(&self.target, &seeds);
        let mutated = (0..).map(|index| mutator.make(self.seed, index));
        let over = |cases| match budget {
            Budget::Cases(most) => cases >= most,
            Budget::Time(most) => started.elapsed() >= most,
        };
        let mut watch = Watch::begin(&self.kept_in, self.target.patience);
        let mut summary = Summary {
            cases: 0,
            elapsed: Duration::ZERO,
            slowest: Duration::ZERO,
        };
        // What is known is tried however small the budget is.
        for input in first {
            self.one(&input, &mut watch, &mut summary)?;
        }
        for (index, input) in (0..).zip(mutated) {
            if over(index) {
                break;
            }
            self.one(&input, &mut watch, &mut summary)?;
        }
        summary.elapsed = started.elapsed();
        Ok(summary)
    }

    fn one(&self, input: &[u8], watch: &mut Watch, summary: &mut Summary) -> Result<(), Failure> {
        watch.trying(input);
        match self.try_input(input) {
            Ok(elapsed) => {
                summary.cases += 1;
                summary.slowest = summary.slowest.max(elapsed);
                Ok(())
            }
            Err(why) => Err(self.keep(input, why, watch)),
        }
    }

    /// Makes the input small and writes it down.
    fn keep(&self, input: &[u8], why: String, watch: &mut Watch) -> Failure {
        let mut last = why;
        let small = shrink::shrink(input, |smaller| {
            watch.trying(smaller);
            match self.try_input(smaller) {
                Ok(_) => false,
                Err(why) => {
                    last = why;
                    true
                }
            }
        });
        let file = self.kept_in.join(Digest::of(&small).short());
        fs::write(&file, &small).expect("the directory for failures can be written");
        Failure {
            target: self.target.name,
            why: last,
            input: small,
            file,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cases,
            elapsed,
            slowest,
        } = self;
        let rate = u128::from(*cases) * 1_000_000 / elapsed.as_micros().max(1);
        write!(
            f,
            "{cases} inputs in {:.1} s, {rate} a second, the slowest took {slowest:.1?}",
            elapsed.as_secs_f64()
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fuzz target `{}` found an input of {} bytes: {}\nrepeat it with: cargo xtask fuzz {} \
             --input {}",
            self.target,
            self.input.len(),
            self.why,
            self.target,
            self.file.display()
        )
    }
}

/// Has the input that is being tried on disk, for what ends the whole process, and ends the process
/// itself where one doesn't come back.
struct Watch {
    current: File,
    beats: mpsc::Sender<()>,
    path: PathBuf,
}

impl Watch {
    fn begin(directory: &Path, patience: Duration) -> Self {
        fs::create_dir_all(directory).expect("the directory for failures can be made");
        // Two campaigns of one target may go on at once.
        let name = format!("current-{}", std::process::id());
        let path = directory.join(name);
        let current = File::create(&path).expect("the directory for failures can be written");
        let (beats, heard) = mpsc::channel();
        let (told, heard) = (path.clone(), Mutex::new(heard));
        thread::spawn(move || {
            let heard = heard.into_inner().expect("nobody else has it");
            loop {
                match heard.recv_timeout(patience + GIVEN_UP) {
                    Ok(()) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => hangs(&told),
                }
            }
        });
        Self {
            current,
            beats,
            path,
        }
    }

    fn trying(&mut self, input: &[u8]) {
        let written = self
            .current
            .set_len(input.len() as u64)
            .and_then(|()| self.current.write_all_at(input, 0));
        written.expect("the input that is tried can be written down");
        let _nobody_hears = self.beats.send(());
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.path);
    }
}

/// A thread that does not come back can't be ended, only the process.
#[expect(clippy::print_stderr, reason = "nothing else is left to say it with")]
fn hangs(input: &Path) {
    eprintln!("an input does not come back: {}", input.display());
    std::process::abort();
}

/// After its patience an input has failed; so much later it does not come back.
const GIVEN_UP: Duration = Duration::from_mins(2);
/// That of the host's own threads: what overflows there must overflow here.
const STACK: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn breaks(input: &[u8]) {
        assert!(
            !input.windows(2).any(|pair| pair == b"!!"),
            "it has two marks"
        );
    }

    fn dawdles(input: &[u8]) {
        if input.len() > 8 {
            let until = Instant::now() + Duration::from_millis(30);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
        }
    }

    const PLANTED: Target = Target {
        name: "planted",
        about: "a fault that is found",
        run: breaks,
        seeds: || vec![b"nothing is wrong here, nor here!".to_vec()],
        dictionary: &[b"!"],
        longest: 100,
        patience: Duration::from_secs(5),
        cases: 0,
    };

    #[test]
    fn a_fault_is_found_made_small_and_written_down() {
        let directory = tempfile::tempdir().unwrap();
        let campaign = Campaign::new(PLANTED, 1, directory.path());
        let failure = campaign.run(Budget::Cases(100_000)).unwrap_err();
        assert_eq!(failure.input, b"!!");
        assert_eq!(fs::read(&failure.file).unwrap(), b"!!");
        assert_eq!(failure.why, "it has two marks");
        let said = failure.to_string();
        let command = format!("fuzz planted --input {}", failure.file.display());
        assert!(said.ends_with(&command), "{said}");
        let again = campaign.try_input(&failure.input);
        assert_eq!(again, Err("it has two marks".into()));
    }

    #[test]
    fn what_takes_too_long_has_failed() {
        let slow = Target {
            run: dawdles,
            patience: Duration::from_millis(10),
            ..PLANTED
        };
        let directory = tempfile::tempdir().unwrap();
        let failure = Campaign::new(slow, 1, directory.path()).run(Budget::Cases(0));
        let failure = failure.unwrap_err();
        assert!(failure.why.starts_with("it took "), "{failure}");
        assert_eq!(failure.input.len(), 9);
    }

    #[test]
    fn a_seed_says_which_inputs_there_are() {
        let seeds = (PLANTED.seeds)();
        let mutator = Mutator::new(&PLANTED, &seeds);
        let made = |seed| (0..50).map(|i| mutator.make(seed, i)).collect::<Vec<_>>();
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
        assert!(made(1).iter().all(|input| input.len() <= 100));
    }
}
