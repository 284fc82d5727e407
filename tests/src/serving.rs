//! The binary as a host: a process that is asked, told to end, and listened to.

use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::place::Place;
use vitals_servers::Response;
use vitals_servers::eventually;

/// A running `vitals serve`; killed when this is dropped.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
    ear: Arc<Ear>,
    place: Place,
}

/// A host that can open only so much; it can open all that it could again when this is dropped.
#[derive(Debug)]
pub struct LimitedDescriptors {
    process: Pid,
    whole: Rlimit,
}

/// What reads the log.
#[derive(Debug, Default)]
struct Ear {
    hearing: Mutex<Hearing>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hearing {
    #[default]
    Open,
    /// The pipe is there, and nobody reads it.
    Covered,
    /// There is no pipe any more.
    Lost,
}

impl Ear {
    fn set(&self, hearing: Hearing) {
        *self.hearing.lock().unwrap_or_else(PoisonError::into_inner) = hearing;
        self.changed.notify_all();
    }

    /// Waits until something is to be read; false where nothing is any more.
    fn listens(&self) -> bool {
        let hearing = self.hearing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_covered = |hearing: &mut Hearing| *hearing == Hearing::Covered;
        let hearing = self.changed.wait_while(hearing, is_covered);
        *hearing.unwrap_or_else(PoisonError::into_inner) == Hearing::Open
    }
}

impl Serving {
    /// A process that may not listen yet: [`Serving::up`] waits for that.
    ///
    /// # Panics
    ///
    /// It can't be started.
    pub fn begin(mut command: Command, place: Place) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("it can be started");
        let stderr = child.stderr.take().expect("it is piped");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let ear = Arc::<Ear>::default();
        let listening = Arc::clone(&ear);
        thread::spawn(move || {
            let mut stderr = BufReader::new(stderr).lines().map_while(Result::ok);
            while listening.listens()
                && let Some(line) = stderr.next()
            {
                lines
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        Self {
            child,
            address: ([0, 0, 0, 0], 0).into(),
            log,
            ear,
            place,
        }
    }

    /// Waits until it is up.
    ///
    /// # Panics
    ///
    /// It does not come up.
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines that it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Reads no more of the log, until it is uncovered: the host writes into a pipe that fills up.
    pub fn cover_ear(&self) {
        self.ear.set(Hearing::Covered);
    }

    /// Reads on.
    pub fn uncover_ear(&self) {
        self.ear.set(Hearing::Open);
    }

    /// Closes the end of the pipe that the log comes out of, at the next line.
    pub fn lose_ear(&self) {
        self.ear.set(Hearing::Lost);
    }

    /// Gets a page.
    ///
    /// # Errors
    ///
    /// There is no answer.
    pub async fn get(&self, path: &str) -> Result<Response, String> {
        vitals_servers::get(self.address, path).await
    }

    /// Sends a request without a body.
    ///
    /// # Panics
    ///
    /// There is no answer.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let answer = vitals_servers::ask(self.address, method, path, headers).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    ///
    /// # Panics
    ///
    /// It can't be waited for.
    pub fn is_running(&mut self) -> bool {
        let ended = self.child.try_wait().expect("it can be waited for");
        ended.is_none()
    }

    /// What of the machine's memory it holds, in bytes; 0 where it has ended.
    pub fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that it has held since [`Serving::forget_peak`], in bytes; 0 where it has
    /// ended.
    pub fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Counts the peak of its memory from here on.
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

    /// How many descriptors it may have open, and how many it could be let have.
    ///
    /// # Panics
    ///
    /// It has ended.
    pub fn descriptors(&self) -> (String, String) {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.child.id()));
        let limits = limits.expect("it is running");
        let mut lines = limits.lines();
        let line = lines.find_map(|line| line.strip_prefix("Max open files"));
        let mut words = line.expect("it has such a limit").split_whitespace();
        let mut next = || words.next().unwrap_or_default().to_owned();
        (next(), next())
    }

    /// Lets it have no more than so many further descriptors open at a time, until what is returned is
    /// dropped.
    ///
    /// # Panics
    ///
    /// It is not running any more, or has too many open.
    pub async fn limit_descriptors(&self, further: usize) -> LimitedDescriptors {
        // What is open for a moment only would be open to it afterwards.
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
    /// It is not running any more.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it SIGHUP.
    ///
    /// # Panics
    ///
    /// It is not running any more.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Stops it where it stands, until it is let go on: it takes nothing in meanwhile.
    ///
    /// # Panics
    ///
    /// It is not running any more.
    pub async fn freeze(&self) {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.child.id());
        eventually("the process stands still", async || {
            let stat = std::fs::read_to_string(&stat).expect("it is running");
            // The name before it is in parentheses.
            let state = stat.rsplit(") ").next().unwrap_or_default();
            if state.starts_with('T') {
                Ok(())
            } else {
                Err(stat)
            }
        })
        .await;
    }

    /// Lets it go on.
    ///
    /// # Panics
    ///
    /// It is not running any more.
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
    /// It does not end in time.
    pub async fn ended(&mut self) -> ExitStatus {
        let log = Arc::clone(&self.log);
        eventually("the process ends", async || {
            let ended = self.child.try_wait().expect("it can be waited for");
            let log = || {
                log.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .join("\n")
            };
            ended.ok_or_else(log)
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

/// How often is looked what a process has open, and how long lies between two looks.
const MOMENTS: u32 = 5;
const MOMENT: Duration = Duration::from_millis(20);
