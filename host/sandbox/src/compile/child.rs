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

use super::frame::{HEADER_BYTES, ReplyHeader, Tag};
use super::{Artifact, CompileError, CompileLimits};
use crate::engine::CODE_VERSION;
use vitals_model::Text;

/// A program, opened once, so that it stays the same when its file is replaced.
#[derive(Clone, Debug)]
pub(super) struct Program {
    fd: Arc<OwnedFd>,
    shown_path: PathBuf,
}

/// An answer that was read to its end.
struct CompilerReply {
    header: ReplyHeader,
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
        let shown_path = fs::canonicalize(path)?;
        // Not read, only executed: who may run a program need not be allowed to read it.
        let fd = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let program = Self {
            fd: Arc::new(fd),
            shown_path,
        };
        // It is started through this path, too.
        fs::metadata(program.path())?;
        Ok(program)
    }

    fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd())
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
        program: program.shown_path.clone(),
        reason: error.to_string(),
    })?;
    let pid = child.id();
    let ended = with_time_limit(exchange(&mut child, wasm), limits.time, pid).await;
    let ended = match ended {
        Ok(ended) => ended,
        Err(late) => {
            // It may have ended by itself in this moment.
            let _ = child.kill().await;
            return Err(late);
        }
    };
    let (reply, status, stderr_tail) = ended.map_err(|error| CompileError::Start {
        program: program.shown_path.clone(),
        reason: format!("it cannot be waited for: {error}"),
    })?;
    let bad_reply = |reason: String| CompileError::BadReply {
        program: program.shown_path.clone(),
        reason,
        stderr: stderr_tail.clone(),
    };
    match reply {
        Ok(reply) if status.success() => {
            // Hashing takes a moment where the code is large.
            let is_intact = move || reply.header.matches(&reply.body).then_some(reply);
            let reply = tokio::task::spawn_blocking(is_intact).await.ok().flatten();
            let reply = reply.ok_or_else(|| bad_reply("its digest is wrong".into()))?;
            into_artifact(reply, program, limits)
        }
        Ok(_) | Err(ReplyError::Ended) if !status.success() => {
            Err(exit_error(status, stderr_tail, limits))
        }
        Ok(_) | Err(ReplyError::Ended) => Err(bad_reply("it ended without an answer".into())),
        Err(ReplyError::Garbage(reason)) => Err(bad_reply(reason)),
        Err(ReplyError::TooLarge(size, limit)) => Err(CompileError::Code { size, limit }),
    }
}

/// Waits for `work` of a child process.
///
/// The limit is one on processor time, to which the kernel holds the child in whole seconds. So by the
/// clock it is over only for a child that has had half of the processor; one that is starved, because
/// it runs at low priority on a busy machine, has a few times as long.
async fn with_time_limit<T>(
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
        if waited >= limit * STARVED_FACTOR {
            return Err(CompileError::Starved { waited, used });
        }
    }
}

/// Asks, and listens to both pipes until the child has ended.
async fn exchange(
    child: &mut Child,
    wasm: &[u8],
) -> io::Result<(Result<CompilerReply, ReplyError>, ExitStatus, Text)> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = pipes else {
        return Err(io::Error::other("it has no pipes"));
    };
    // A child that does not listen any more shows by how it ended. Its input stays open until then:
    // where it closes, the host is gone, and the child ends.
    let requested = async {
        let _ = write_request(&mut stdin, wasm).await;
    };
    let replied = async {
        let reply = read_reply(&mut stdout, wasm.len()).await;
        if matches!(
            reply,
            Err(ReplyError::Garbage(_) | ReplyError::TooLarge(..))
        ) {
            child.start_kill()?;
        }
        io::Result::Ok((reply, child.wait().await?))
    };
    let ((), stderr_tail, ended) = tokio::join!(requested, tail(&mut stderr), replied);
    let (reply, status) = ended?;
    Ok((reply, status, stderr_tail))
}

async fn write_request(to: &mut (impl AsyncWrite + Unpin), wasm: &[u8]) -> io::Result<()> {
    to.write_all(&(wasm.len() as u64).to_le_bytes()).await?;
    to.write_all(wasm).await?;
    to.flush().await
}

/// Reads the answer about a file of `wasm_bytes` bytes.
async fn read_reply(
    from: &mut (impl AsyncRead + Unpin),
    wasm_bytes: usize,
) -> Result<CompilerReply, ReplyError> {
    let mut header = [0; HEADER_BYTES];
    let ended = |_| ReplyError::Ended;
    from.read_exact(&mut header).await.map_err(ended)?;
    let header = ReplyHeader::parse(&header);
    let header =
        header.ok_or_else(|| ReplyError::Garbage("it begins with something else".into()))?;
    let limit = header.tag.limit(wasm_bytes);
    if header.length > limit {
        return Err(ReplyError::TooLarge(header.length, limit));
    }
    let mut body = Vec::new();
    let read = from.take(header.length).read_to_end(&mut body).await;
    if read.map_err(ended)? as u64 != header.length {
        return Err(ReplyError::Ended);
    }
    match from.read(&mut [0]).await {
        Ok(0) => Ok(CompilerReply { header, body }),
        _ => Err(ReplyError::Garbage("something follows its answer".into())),
    }
}

/// The end of what comes, as text that may be shown.
async fn tail(from: &mut (impl AsyncRead + Unpin)) -> Text {
    let mut kept = Vec::new();
    let mut buffer = [0; MAX_TAIL_BYTES];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        kept.drain(..kept.len().saturating_sub(MAX_TAIL_BYTES));
    }
    Text::line(String::from_utf8_lossy(&kept).trim(), MAX_TAIL_BYTES)
}

/// What the child said.
fn into_artifact(
    reply: CompilerReply,
    program: &Program,
    limits: &CompileLimits,
) -> Result<Artifact, CompileError> {
    let text = Text::line(&String::from_utf8_lossy(&reply.body), MAX_TAIL_BYTES);
    Err(match reply.header.tag {
        Tag::Code => return Ok(Artifact::from_trusted_source(reply.body)),
        Tag::Refused => CompileError::Refused(text),
        Tag::Memory => CompileError::Memory {
            limit: limits.memory,
        },
        Tag::Confine => CompileError::Confine(text),
        Tag::Version => CompileError::Version {
            program: program.shown_path.clone(),
            theirs: text,
            ours: CODE_VERSION,
        },
    })
}

/// What the way in which it ended says.
fn exit_error(status: ExitStatus, stderr_tail: Text, limits: &CompileLimits) -> CompileError {
    let memory = CompileError::Memory {
        limit: limits.memory,
    };
    let how = match (status.signal(), status.code()) {
        (Some(SIGXCPU), _) => return CompileError::Time { limit: limits.time },
        // The standard library says so and aborts; a test holds it to these words.
        (Some(SIGABRT), _) if stderr_tail.as_str().contains("memory allocation of ") => {
            return memory;
        }
        // Where the machine runs out of memory this process goes first.
        (Some(SIGKILL), _) => return CompileError::Killed,
        (Some(signal), _) => signal_name(signal),
        (None, code) => format!("exit status {}", code.unwrap_or_default()),
    };
    CompileError::Crashed {
        how,
        stderr: stderr_tail,
    }
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
const STARVED_FACTOR: u32 = 5;
/// How much of what a child writes to standard error is kept, and of its answers in words.
const MAX_TAIL_BYTES: usize = 512;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;
