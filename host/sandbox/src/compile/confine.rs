//! What a compiler child gives up before it reads a file: every descriptor except its three pipes,
//! new privileges, and all resources beyond its limits.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use vitals_io::NICE;

use super::CompileLimits;

/// Closes descriptors that the parent left open by mistake.
///
/// A descriptor that no value of this process owns can only be closed by `exec`. So each is marked
/// close-on-exec, and the program executes itself with `reexec_args`; these are `None` in the
/// second execution. If no descriptor was left open, as in children of `vitals` itself, nothing
/// happens.
pub(super) fn close_inherited(reexec_args: Option<&[OsString]>) -> Result<(), String> {
    let open = inherited_fds().map_err(|error| format!("cannot look at /proc/self/fd: {error}"))?;
    if open.is_empty() {
        return Ok(());
    }
    let Some(arguments) = reexec_args else {
        return Err(format!("descriptors stay open: {open:?}"));
    };
    close_fds::set_fds_cloexec(FIRST_INHERITED, &[]);
    let error = Command::new("/proc/self/exe")
        .arg0("vitals")
        .args(arguments)
        .env_clear()
        .exec();
    Err(format!("cannot execute itself: {error}"))
}

/// The open descriptors except standard input, output and error.
fn inherited_fds() -> io::Result<Vec<i32>> {
    let directory = Path::new("/proc/self/fd");
    let mut open = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        open.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    // The descriptor of the directory itself is closed by now.
    let is_open = |number: &i32| fs::symlink_metadata(directory.join(number.to_string())).is_ok();
    open.retain(|number| *number >= FIRST_INHERITED && is_open(number));
    Ok(open)
}

/// Lowers the limits for good: none of them can be raised again.
pub(super) fn apply_limits(limits: &CompileLimits) -> Result<(), String> {
    let failed = |what: &'static str| move |error| format!("cannot {what}: {error}");
    rustix::thread::set_no_new_privs(true)
        .map_err(|error| format!("cannot give up new privileges: {error}"))?;
    std::env::set_current_dir("/").map_err(failed("leave the working directory"))?;
    // Makes the OOM killer select this process and not the host. Best effort: a container may not
    // have this file.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let _ = rustix::process::nice(NICE);
    let seconds = limits.time.as_secs().max(1);
    for (resource, max) in [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, MAX_FILES),
        (Resource::Cpu, seconds),
        // `Data` counts private writable memory: heap and stacks, however they are mapped. It does
        // not count the program and reserved address space, so the wider `As` covers kernels that
        // do not count `Data`.
        (Resource::Data, limits.memory),
        (
            Resource::As,
            limits.memory.saturating_add(MAX_RESERVED_BYTES),
        ),
    ] {
        lower_limit(resource, max)
            .map_err(|error| format!("cannot lower the limit {resource:?}: {error}"))?;
    }
    Ok(())
}

/// Forbids further processes and threads.
pub(super) fn forbid_children() -> Result<(), String> {
    lower_limit(Resource::Nproc, 0)
        .map_err(|error| format!("cannot lower the limit Nproc: {error}"))
}

fn lower_limit(resource: Resource, max: u64) -> io::Result<()> {
    // The kernel sends SIGXCPU at the soft limit and SIGKILL at the hard one, so the hard limit is
    // one second higher.
    let upper = max.saturating_add(u64::from(resource == Resource::Cpu));
    let upper = getrlimit(resource)
        .maximum
        .map_or(upper, |now| now.min(upper));
    let new = Rlimit {
        current: Some(max.min(upper)),
        maximum: Some(upper),
    };
    Ok(setrlimit(resource, new)?)
}

/// The first descriptor after standard input, output and error.
const FIRST_INHERITED: i32 = 3;
/// The three pipes, and what the standard library opens for a moment.
const MAX_FILES: u64 = 8;
/// Address space for the program, its stacks and the reserve of its allocator.
const MAX_RESERVED_BYTES: u64 = 1 << 30;
