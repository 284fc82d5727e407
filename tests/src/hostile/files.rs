//! Guests that reach for the files and figures of the machine.

use super::case::{self, Group, HostileCase};

pub(super) const GROUP: Group = Group::new(
    "files and system",
    "Guests read regular files and directories below granted paths and nothing else, and no file \
     delays another check.",
);

#[rustfmt::skip]
pub(super) fn cases() -> Vec<HostileCase> {
    let local = |name, does, settings: &str| case::local(name, does, settings).timeout(1000);
    let granted = |name, does, settings: &str| {
        local(name, does, settings).allow("files = ['{files}/granted']")
    };
    let long = format!("does = 'read', at = '{{files}}/granted/{}'", "x/".repeat(50_000));
    vec![
        local("files-none", "reads a file where none is granted", "does = 'read', at = '/etc/hostname'")
            .denied("file", "allow.files"),
        granted("files-beside", "reads a file beside the granted directory",
            "does = 'read', at = '{files}/secret'").denied("file", "secret"),
        granted("files-dots", "leaves the granted directory by `..`",
            "does = 'read', at = '{files}/granted/../secret'").unhealthy(),
        granted("files-link", "follows a link out of the granted directory",
            "does = 'read', at = '{files}/granted/out'").denied("file", ""),
        granted("files-link-slash", "follows a link out, with a trailing slash",
            "does = 'entries', at = '{files}/granted/up/'").denied("file", ""),
        granted("files-link-through", "goes through a link to a directory above",
            "does = 'read', at = '{files}/granted/up/secret'").denied("file", ""),
        granted("files-inward", "a link from elsewhere into the granted directory",
            "does = 'read', at = '{files}/inward'").denied("file", "inward"),
        granted("files-circle", "follows a link that leads to itself",
            "does = 'read', at = '{files}/granted/circle'").unhealthy(),
        granted("files-prefix", "reads from a directory whose name begins like the granted one",
            "does = 'read', at = '{files}/granted-not/x'").denied("file", ""),
        granted("files-pipe", "reads a pipe that nobody writes to",
            "does = 'read', at = '{files}/granted/pipe'").unhealthy().message("Failed"),
        granted("files-directory", "reads a directory as if it were a file",
            "does = 'read', at = '{files}/granted/crowded'").unhealthy(),
        granted("files-no-directory", "lists a file as if it were a directory",
            "does = 'entries', at = '{files}/granted/open'").unhealthy(),
        granted("files-vast", "reads all that it can of a file of 64 GiB",
            "does = 'read', at = '{files}/granted/vast', max = 4_294_967_295").timeout(3000).healthy(),
        granted("files-beyond", "reads past the end of a file",
            "does = 'read', at = '{files}/granted/open', offset = 9_223_372_036_854_775_807")
            .healthy().message("0 bytes"),
        granted("files-crowded", "lists a directory of 12,000 files",
            "does = 'entries', at = '{files}/granted/crowded'")
            .timeout(3000).healthy().message("10000 entries"),
        granted("files-null", "a path with a null in it",
            r#"does = "read", at = "{files}/granted/open\u0000/../../secret""#).unhealthy(),
        granted("files-long", "a path of 100 KB", &long).unhealthy(),
        granted("files-relative", "a relative path", "does = 'read', at = 'vitals.toml'").unhealthy(),
        local("files-device", "reads a device that never ends",
            "does = 'read', at = '/dev/zero', max = 4_294_967_295").allow("files = ['/dev']").unhealthy(),
        local("files-proc", "reads the host's own memory", "does = 'read', at = '/proc/self/mem'")
            .allow("files = ['{files}']").denied("file", ""),
        granted("files-read", "reads a granted file", "does = 'read', at = '{files}/granted/open'")
            .healthy().message("7 bytes: for you"),
        local("system-disk", "asks for a disk that is not granted", "does = 'disk', at = '/'")
            .denied("system", "disk:/"),
        local("system-memory", "asks for the machine's memory", "does = 'memory'")
            .denied("system", "memory"),
        local("system-load", "asks for the machine's load", "does = 'load'").denied("system", "load"),
    ]
}
