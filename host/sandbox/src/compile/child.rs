//! The host's side of a compiling child: starts it, hands it the file, takes its answer, and says
//! how it ended. It trusts nothing that comes back but an answer that is whole.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use rustix::fs::{Mode, OFlags};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use super::frame::{HEAD, Head, Word};
use super::{Artifact, CompileError, CompileLimits};
use crate::engine::CODE_VERSION;
use vitals_model::Text;

/// A program, opened once, so that it stays the same when its file is replaced.
#[derive(Clone, Debug)]
pub(super) struct Program {
    file: Arc<OwnedFd>,
    shown: PathBuf,
}

/// An answer that was read to its end.
struct CompilerReply {
    head: Head,
    body: Vec<u8>,
}

/// Why there is no answer.
enum ReplyError {
    /// The pipe ended first; how the child ended says why.
    Ended,
    /// What came is no answer.
    Garbage(String),
    /// More was announced than may come.
    TooLarge(u64, u64),
}

impl Program {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let shown = fs::canonicalize(path)?;
        // Not read, only executed: who may run a program need not be allowed to read it.
        let file = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let program = Self {
            file: Arc::new(file),
            shown,
        };
        // It is started through this path, too.
        fs::metadata(program.path())?;
        Ok(program)
    }

    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_raw_fd())
    }

    fn start(&self, limits: &CompileLimits) -> io::Result<Child> {
        let seconds = limits.time.as_secs().max(1);
        Command::new(self.path())
            .arg0("vitals")
            .arg("compile")
            .args(["--engine", CODE_VERSION])
            .args(["--seconds", &seconds.to_string()])
            .args(["--bytes", &limits.memory.to_string()])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // A terminal that closes sends its SIGHUP to the whole group, and the host goes on.
            .process_group(0)
            .spawn()
    }
}

/// Compiles `wasm` in a child process. Dropping the future kills it.
pub(super) async fn compile(
    program: &Program,
    limits: &CompileLimits,
    wasm: &[u8],
) -> Result<Artifact, CompileError> {
    let started = program.start(limits);
    let mut child = started.map_err(|error| CompileError::Start {
        program: program.shown.clone(),
        why: error.to_string(),
    })?;
    let number = child.id();
    let ended = in_time(converse(&mut child, wasm), limits.time, number).await;
    let ended = match ended {
        Ok(ended) => ended,
        Err(late) => {
            // It may have ended by itself in this moment.
            let _ = child.kill().await;
            return Err(late);
        }
    };
    let (answer, status, said) = ended.map_err(|error| CompileError::Start {
        program: program.shown.clone(),
        why: format!("it cannot be waited for: {error}"),
    })?;
    let no_answer = |what: String| CompileError::Answer {
        program: program.shown.clone(),
        what,
        said: said.clone(),
    };
    match answer {
        Ok(answer) if status.success() => {
            // Hashing takes a moment where the code is large.
            let fits = move || answer.head.fits(&answer.body).then_some(answer);
            let answer = tokio::task::spawn_blocking(fits).await.ok().flatten();
            let answer = answer.ok_or_else(|| no_answer("its digest is wrong".into()))?;
            heard(answer, program, limits)
        }
        Ok(_) | Err(ReplyError::Ended) if !status.success() => Err(crashed(status, said, limits)),
        Ok(_) | Err(ReplyError::Ended) => Err(no_answer("it ended without an answer".into())),
        Err(ReplyError::Garbage(what)) => Err(no_answer(what)),
        Err(ReplyError::TooLarge(size, limit)) => Err(CompileError::Code { size, limit }),
    }
}

/// Waits for `work` of a child process.
///
/// The limit is one on processor time, to which the kernel holds the child in whole seconds. So by the
/// clock it is over only for a child that has had half of the processor; one that is starved, because
/// it runs at low priority on a busy machine, has a few times as long.
async fn in_time<T>(
    work: impl Future<Output = T>,
    limit: Duration,
    process: Option<u32>,
) -> Result<T, CompileError> {
    let mut work = std::pin::pin!(work);
    let mut waited = Duration::ZERO;
    let mut next = limit;
    loop {
        if let Ok(done) = tokio::time::timeout(next, &mut work).await {
            return Ok(done);
        }
        waited += next;
        next = limit / 4;
        let used = process.and_then(processor_time).unwrap_or(limit);
        if used >= limit / 2 {
            return Err(CompileError::Time { limit });
        }
        if waited >= limit * PATIENCE {
            return Err(CompileError::Starved { waited, used });
        }
    }
}

/// Asks, and listens to both pipes until the child has ended.
async fn converse(
    child: &mut Child,
    wasm: &[u8],
) -> io::Result<(Result<CompilerReply, ReplyError>, ExitStatus, Text)> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = pipes else {
        return Err(io::Error::other("it has no pipes"));
    };
    // A child that does not listen any more shows by how it ended. Its input stays open until then:
    // where it closes, the host is gone, and the child ends.
    let asked = async {
        let _ = ask(&mut stdin, wasm).await;
    };
    let answered = async {
        let answer = read_answer(&mut stdout, wasm.len()).await;
        if matches!(
            answer,
            Err(ReplyError::Garbage(_) | ReplyError::TooLarge(..))
        ) {
            child.start_kill()?;
        }
        io::Result::Ok((answer, child.wait().await?))
    };
    let ((), said, ended) = tokio::join!(asked, tail(&mut stderr), answered);
    let (answer, status) = ended?;
    Ok((answer, status, said))
}

async fn ask(to: &mut (impl AsyncWrite + Unpin), wasm: &[u8]) -> io::Result<()> {
    to.write_all(&(wasm.len() as u64).to_le_bytes()).await?;
    to.write_all(wasm).await?;
    to.flush().await
}

/// Reads the answer about a file of `file` bytes.
async fn read_answer(
    from: &mut (impl AsyncRead + Unpin),
    file: usize,
) -> Result<CompilerReply, ReplyError> {
    let mut head = [0; HEAD];
    let ended = |_| ReplyError::Ended;
    from.read_exact(&mut head).await.map_err(ended)?;
    let head = Head::parse(&head);
    let head = head.ok_or_else(|| ReplyError::Garbage("it begins with something else".into()))?;
    let limit = head.word.limit(file);
    if head.length > limit {
        return Err(ReplyError::TooLarge(head.length, limit));
    }
    let mut body = Vec::new();
    let read = from.take(head.length).read_to_end(&mut body).await;
    if read.map_err(ended)? as u64 != head.length {
        return Err(ReplyError::Ended);
    }
    match from.read(&mut [0]).await {
        Ok(0) => Ok(CompilerReply { head, body }),
        _ => Err(ReplyError::Garbage("something follows its answer".into())),
    }
}

/// The end of what comes, as text that may be shown.
async fn tail(from: &mut (impl AsyncRead + Unpin)) -> Text {
    let mut kept = Vec::new();
    let mut buffer = [0; TAIL];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        kept.drain(..kept.len().saturating_sub(TAIL));
    }
    Text::line(String::from_utf8_lossy(&kept).trim(), TAIL)
}

/// What the child said.
fn heard(
    answer: CompilerReply,
    program: &Program,
    limits: &CompileLimits,
) -> Result<Artifact, CompileError> {
    let text = Text::line(&String::from_utf8_lossy(&answer.body), TAIL);
    Err(match answer.head.word {
        Word::Code => return Ok(Artifact::vouched_for(answer.body)),
        Word::Refused => CompileError::Refused(text),
        Word::Memory => CompileError::Memory {
            limit: limits.memory,
        },
        Word::Confine => CompileError::Confine(text),
        Word::Version => CompileError::Version {
            program: program.shown.clone(),
            theirs: text,
            ours: CODE_VERSION,
        },
    })
}

/// What the way in which it ended says.
fn crashed(status: ExitStatus, said: Text, limits: &CompileLimits) -> CompileError {
    let memory = CompileError::Memory {
        limit: limits.memory,
    };
    let how = match (status.signal(), status.code()) {
        (Some(SIGXCPU), _) => return CompileError::Time { limit: limits.time },
        // The standard library says so and aborts; a test holds it to these words.
        (Some(SIGABRT), _) if said.as_str().contains("memory allocation of ") => return memory,
        // Where the machine runs out of memory this process goes first.
        (Some(SIGKILL), _) => return CompileError::Killed,
        (Some(signal), _) => signal_name(signal),
        (None, code) => format!("exit status {}", code.unwrap_or_default()),
    };
    CompileError::Crashed { how, said }
}

/// Processor time that a process has had so far.
fn processor_time(process: u32) -> Option<Duration> {
    let process = procfs::process::Process::new(i32::try_from(process).ok()?).ok()?;
    let stat = process.stat().ok()?;
    let ticks = stat.utime + stat.stime;
    Some(Duration::from_millis(
        ticks * 1000 / procfs::ticks_per_second().max(1),
    ))
}

fn signal_name(signal: i32) -> String {
    match signal {
        4 => "SIGILL".into(),
        SIGABRT => "SIGABRT".into(),
        7 => "SIGBUS".into(),
        8 => "SIGFPE".into(),
        11 => "SIGSEGV".into(),
        25 => "SIGXFSZ".into(),
        other => format!("signal {other}"),
    }
}

/// How many times its limit a starved child may wait for the processor.
const PATIENCE: u32 = 5;
/// How much of what a child writes to standard error is kept, and of its answers in words.
const TAIL: usize = 512;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;
