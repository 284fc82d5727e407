//! The binary as a host: a process that serves pages, takes signals and writes a log.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::place::Place;
use crate::wait::when;
use vitals_servers::{Response, eventually};

/// A running `vitals serve`, killed on drop.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    reader: Arc<LogReader>,
    place: Place,
}

/// A lower limit on the open descriptors of a host, until this is dropped.
#[derive(Debug)]
pub struct LimitedDescriptors {
    process: Pid,
    whole: Rlimit,
}

/// Controls the thread that reads the log.
#[derive(Debug, Default)]
struct LogReader {
    state: Mutex<Reading>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    On,
    /// The pipe is open, and nobody reads it.
    Paused,
    /// The pipe is closed.
    Closed,
}

impl LogReader {
    fn set(&self, state: Reading) {
        *self.state.lock() = state;
        self.changed.notify_all();
    }

    /// Waits while reading is paused, and returns whether the pipe stays open.
    fn reads_on(&self) -> bool {
        let mut state = self.state.lock();
        let is_paused = |state: &mut Reading| *state == Reading::Paused;
        self.changed.wait_while(&mut state, is_paused);
        *state == Reading::On
    }
}

impl Serving {
    /// Starts a process that may not listen yet: [`Serving::up`] waits for that.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be started.
    pub fn begin(mut command: Command, place: Place) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it can be started");
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let reader = Arc::<LogReader>::default();
        let control = Arc::clone(&reader);
        thread::spawn(move || {
            let mut stderr = BufReader::new(stderr).lines().map_while(Result::ok);
            while control.reads_on()
                && let Some(line) = stderr.next()
            {
                lines.lock().push(line);
            }
        });
        Self {
            child,
            address: ([0, 0, 0, 0], 0).into(),
            log,
            reader,
            place,
        }
    }

    /// Waits until it is up.
    ///
    /// # Panics
    ///
    /// Panics if it does not come up.
    pub async fn up(mut self) -> Self {
        self.address = eventually("the host is up", async || {
            let log = self.log();
            let up = log.iter().find(|line| line.contains("host started"));
            let address = up.and_then(|line| {
                let words = [("listen=", ' '), ("\"listen\":\"", '"')].into_iter();
                let mut listen =
                    words.filter_map(|(key, end)| line.split_once(key)?.1.split(end).next());
                listen.find_map(|listen| listen.parse().ok())
            });
            address.ok_or_else(|| log.join("\n"))
        })
        .await;
        self
    }

    /// Its directory.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The address on which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines that it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().clone()
    }

    /// Waits until a line of the log contains a text, and returns the first one.
    ///
    /// # Panics
    ///
    /// Panics if none does in time.
    pub async fn eventually_logs(&self, text: &str) -> String {
        eventually(&format!("`{text}` is logged"), async || {
            let log = self.log();
            let line = log.iter().find(|line| line.contains(text));
            line.cloned().ok_or_else(|| log.join("\n"))
        })
        .await
    }

    /// Stops reading the log, so that the host writes into a pipe that fills up.
    pub fn pause_log(&self) {
        self.reader.set(Reading::Paused);
    }

    /// Continues to read the log.
    pub fn resume_log(&self) {
        self.reader.set(Reading::On);
    }

    /// Closes the pipe of the log at the next line.
    pub fn close_log(&self) {
        self.reader.set(Reading::Closed);
    }

    /// Gets a page.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no response.
    pub async fn get(&self, path: &str) -> Result<Response, String> {
        vitals_servers::get(self.address, path).await
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

    /// Its process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    ///
    /// # Panics
    ///
    /// Panics if it cannot be waited for.
    pub fn is_running(&mut self) -> bool {
        let ended = self.child.try_wait().expect("it can be waited for");
        ended.is_none()
    }

    /// The bytes of memory that it holds, or 0 if it has ended.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most bytes of memory that it has held since [`Serving::forget_peak`], or 0 if it has ended.
    pub fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Resets the peak of its memory.
    pub fn forget_peak(&self) {
        // It may have ended. The 5 is in proc_pid_clear_refs(5).
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
    }

    fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kibibytes.unwrap_or(0) << 10
    }

    /// The soft and the hard limit on its open descriptors.
    ///
    /// # Panics
    ///
    /// Panics if it has ended.
    pub fn descriptors(&self) -> (String, String) {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.child.id()));
        let limits = limits.expect("it is running");
        let mut lines = limits.lines();
        let line = lines.find_map(|line| line.strip_prefix("Max open files"));
        let mut words = line.expect("it has such a limit").split_whitespace();
        let mut next = || words.next().unwrap_or_default().to_owned();
        (next(), next())
    }

    /// Limits it to so many further open descriptors, until the returned value is dropped.
    ///
    /// # Panics
    ///
    /// Panics if it has ended, or has too many open.
    pub async fn limit_descriptors(&self, further: usize) -> LimitedDescriptors {
        // A descriptor that is open only now would be free for it later.
        let mut open = self.open_descriptors();
        for _ in 0..MOMENTS {
            tokio::time::sleep(MOMENT).await;
            let still = self.open_descriptors();
            open.retain(|descriptor| still.contains(descriptor));
        }
        let mut free = (0..).filter(|descriptor| !open.contains(descriptor));
        let process = self.pid();
        let limited = Rlimit {
            current: free.nth(further),
            maximum: self.descriptors().1.parse().ok(),
        };
        let whole = prlimit(Some(process), Resource::Nofile, limited);
        LimitedDescriptors {
            process,
            whole: whole.expect("it is our own"),
        }
    }

    fn open_descriptors(&self) -> BTreeSet<u64> {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        let name = |entry: std::io::Result<DirEntry>| entry.ok()?.file_name().into_string().ok();
        let names = open.expect("it is running").filter_map(name);
        names.filter_map(|name| name.parse().ok()).collect()
    }

    /// Sends it SIGTERM.
    ///
    /// # Panics
    ///
    /// Panics if it has ended.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it SIGHUP.
    ///
    /// # Panics
    ///
    /// Panics if it has ended.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Freezes it, and waits until it is.
    ///
    /// # Panics
    ///
    /// Panics if it has ended.
    pub async fn freeze(&self) {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.child.id());
        eventually("the process is frozen", async || {
            let stat = std::fs::read_to_string(&stat).expect("it is running");
            // The name before the state is in parentheses.
            let state = stat.rsplit(") ").next().unwrap_or_default();
            when(state.starts_with('T'), stat.clone())
        })
        .await;
    }

    /// Lets it continue.
    ///
    /// # Panics
    ///
    /// Panics if it has ended.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is running");
    }

    fn pid(&self) -> Pid {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        pid.expect("a process has a number")
    }

    /// Waits for it to end.
    ///
    /// # Panics
    ///
    /// Panics if it does not end in time.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("the process ends", async || {
            let ended = self.child.try_wait().expect("it can be waited for");
            ended.ok_or_else(|| self.log().join("\n"))
        })
        .await
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for LimitedDescriptors {
    fn drop(&mut self) {
        // The process may have ended.
        let _ = prlimit(Some(self.process), Resource::Nofile, self.whole);
    }
}

/// How often the open descriptors are listed, and the pause in between.
const MOMENTS: u32 = 5;
const MOMENT: Duration = Duration::from_millis(20);
