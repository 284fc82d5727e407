//! The host's side of a compiler child: starts it, sends it the file, reads its reply, and explains
//! how it ended. Only a complete reply is trusted.

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

/// A program that was opened once, so that replacing its file has no effect.
#[derive(Clone, Debug)]
pub(super) struct Program {
    fd: Arc<OwnedFd>,
    shown_path: PathBuf,
}

/// A complete reply.
struct CompilerReply {
    header: ReplyHeader,
    body: Vec<u8>,
}

/// Why there is no reply.
enum ReplyError {
    /// The pipe was closed early; the exit status says why.
    Ended,
    /// The bytes are not a reply.
    Garbage(String),
    /// The reply is larger than its limit: the announced size and the limit.
    TooLarge(u64, u64),
}

impl Program {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let shown_path = fs::canonicalize(path)?;
        // `O_PATH`: a user may be allowed to execute a program without being allowed to read it.
        let fd = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let program = Self {
            fd: Arc::new(fd),
            shown_path,
        };
        // Fails here if the program can't be started through this path.
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
            // Otherwise the SIGHUP of a closing terminal would reach the child too.
            .process_group(0)
            .spawn()
    }
}

/// Compiles `wasm` in a child process. Dropping the future kills the child.
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
            // The child may have just exited.
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
            // Hashing large code takes a moment.
            let is_intact = move || reply.header.matches(&reply.body).then_some(reply);
            let reply = tokio::task::spawn_blocking(is_intact).await.ok().flatten();
            let reply = reply.ok_or_else(|| bad_reply("its digest is wrong".into()))?;
            into_artifact(reply, program, limits)
        }
        Ok(_) | Err(ReplyError::Ended) if !status.success() => {
            Err(exit_error(status, stderr_tail, limits))
        }
        Ok(_) | Err(ReplyError::Ended) => Err(bad_reply("it exited without a reply".into())),
        Err(ReplyError::Garbage(reason)) => Err(bad_reply(reason)),
        Err(ReplyError::TooLarge(size, limit)) => Err(CompileError::Code { size, limit }),
    }
}

/// Runs `work` of a child process within a time limit.
///
/// The limit counts processor time, which the kernel enforces in whole seconds. By the wall clock
/// only a child that got half of the processor is late. A child that is starved, because it runs at
/// low priority on a busy machine, gets [`STARVED_FACTOR`] times as long.
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

/// Sends the request, and reads both pipes until the child has exited.
async fn exchange(
    child: &mut Child,
    wasm: &[u8],
) -> io::Result<(Result<CompilerReply, ReplyError>, ExitStatus, Text)> {
    let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(mut stdin), Some(mut stdout), Some(mut stderr)) = pipes else {
        return Err(io::Error::other("it has no pipes"));
    };
    // If the child does not read all of it, its exit status says why. Standard input stays open
    // until then, because the child exits when it is closed.
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

/// Reads the reply for a file of `wasm_bytes` bytes.
async fn read_reply(
    from: &mut (impl AsyncRead + Unpin),
    wasm_bytes: usize,
) -> Result<CompilerReply, ReplyError> {
    let mut header = [0; HEADER_BYTES];
    let ended = |_| ReplyError::Ended;
    from.read_exact(&mut header).await.map_err(ended)?;
    let header = ReplyHeader::parse(&header);
    let header =
        header.ok_or_else(|| ReplyError::Garbage("its reply has another format".into()))?;
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
        _ => Err(ReplyError::Garbage("data follows its reply".into())),
    }
}

/// Reads to the end, and returns the last bytes as clean text.
async fn tail(from: &mut (impl AsyncRead + Unpin)) -> Text {
    let mut kept = Vec::new();
    let mut buffer = [0; MAX_TAIL_BYTES];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        kept.drain(..kept.len().saturating_sub(MAX_TAIL_BYTES));
    }
    Text::line(String::from_utf8_lossy(&kept).trim(), MAX_TAIL_BYTES)
}

/// Turns a reply into the artifact or the error.
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

/// The error of a child that failed.
fn exit_error(status: ExitStatus, stderr_tail: Text, limits: &CompileLimits) -> CompileError {
    let memory = CompileError::Memory {
        limit: limits.memory,
    };
    let how = match (status.signal(), status.code()) {
        (Some(SIGXCPU), _) => return CompileError::Time { limit: limits.time },
        // The message of the standard library when an allocation fails; a test checks it.
        (Some(SIGABRT), _) if stderr_tail.as_str().contains("memory allocation of ") => {
            return memory;
        }
        // The kernel's OOM killer selects this process first.
        (Some(SIGKILL), _) => return CompileError::Killed,
        (Some(signal), _) => signal_name(signal),
        (None, code) => format!("exit status {}", code.unwrap_or_default()),
    };
    CompileError::Crashed {
        how,
        stderr: stderr_tail,
    }
}

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

/// How many times its limit a starved child may take by the wall clock.
const STARVED_FACTOR: u32 = 5;
/// How much of the standard error of a child, and of a reply that is text, is kept.
const MAX_TAIL_BYTES: usize = 512;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;
