//! The limits that a host can be built without: where each stands in the sources, and what stands in
//! its place in a host that is one short.
//!
//! A test holds every text against the sources: each is found exactly once.

/// A limit.
pub(super) struct Limit {
    /// What it is called here and in the page of the docs.
    pub(super) name: &'static str,
    /// What the host lacks without it, in a few words.
    pub(super) without: &'static str,
    /// What is changed in the sources.
    pub(super) edits: &'static [Edit],
}

/// A change of one place in the sources.
pub(super) struct Edit {
    /// The file, seen from the root of the repository.
    pub(super) file: &'static str,
    /// What stands there.
    pub(super) is: &'static str,
    /// What stands there in a host that is short.
    pub(super) becomes: &'static str,
}

const fn limit(name: &'static str, without: &'static str, edits: &'static [Edit]) -> Limit {
    Limit {
        name,
        without,
        edits,
    }
}

const fn edit(file: &'static str, is: &'static str, becomes: &'static str) -> Edit {
    Edit { file, is, becomes }
}

/// The name of the host that lacks nothing.
pub(super) const NOTHING: &str = "nothing";

/// All of them.
pub(super) const LIMITS: &[Limit] = &[
    // For comparison: what is red here is red without a reason.
    limit(NOTHING, "all of them are there", &[]),
    limit(
        "deadline-computing",
        "nothing ends or interrupts a guest that computes",
        &[edit(
            "host/sandbox/src/call.rs",
            "            if Instant::now() >= state.deadline {
                return Err(DeadlinePassed.into());
            }
            state.interrupted.store(true, Ordering::Relaxed);
            Ok(UpdateDeadline::Yield(1))",
            "            let _ = (&state.interrupted, DeadlinePassed, Ordering::Relaxed);
            Ok(UpdateDeadline::Continue(1))",
        )],
    ),
    limit(
        "deadline-waiting",
        "nothing ends a run that waits for the host",
        &[edit(
            "host/sandbox/src/call.rs",
            "        let ended = tokio::time::timeout_at(deadline.into(), in_time).await;
        ended.ok().flatten()",
            "        in_time.await",
        )],
    ),
    limit(
        "fuel",
        "fuel without end",
        &[edit(
            "host/sandbox/src/call.rs",
            ".set_fuel(limits.fuel)",
            ".set_fuel(u64::MAX)",
        )],
    ),
    limit(
        "memory",
        "memory without end",
        &[edit(
            "host/sandbox/src/limiter.rs",
            "if asked > self.limit {",
            "if asked == usize::MAX {",
        )],
    ),
    limit(
        "memory-sum",
        "the limit holds for each memory by itself",
        &[edit(
            "host/sandbox/src/limiter.rs",
            "self.grow(desired.saturating_sub(current), desired, maximum)",
            "self.held = current;
        self.grow(desired.saturating_sub(current), desired, maximum)",
        )],
    ),
    limit(
        "memory-tables",
        "tables do not count as memory",
        &[edit(
            "host/sandbox/src/limiter.rs",
            "elements.saturating_mul(size_of::<usize>());",
            "elements.saturating_mul(0);",
        )],
    ),
    limit(
        "stack",
        "a stack of 8 MiB",
        &[edit(
            "host/sandbox/src/engine.rs",
            "const WASM_STACK: usize = 512 << 10;",
            "const WASM_STACK: usize = 8 << 20;",
        )],
    ),
    limit(
        "output",
        "as many bytes in one call as a guest likes",
        &[edit(
            "host/sandbox/src/call.rs",
            "store.set_hostcall_fuel(usize::try_from(limits.output).unwrap_or(usize::MAX));",
            "store.set_hostcall_fuel(usize::MAX);",
        )],
    ),
    limit(
        "handles",
        "as many handles as a guest likes",
        &[edit(
            "host/sandbox/src/call.rs",
            "store.set_max_component_handles(limits.resources);",
            "store.set_max_component_handles(usize::MAX);",
        )],
    ),
    limit(
        "handles-and-table",
        "as many handles, and things of the host's behind them, as a guest likes",
        &[
            edit(
                "host/sandbox/src/call.rs",
                "store.set_max_component_handles(limits.resources);",
                "store.set_max_component_handles(usize::MAX);",
            ),
            edit(
                "host/sandbox/src/state.rs",
                "table.set_max_capacity(limits.resources.saturating_mul(2));",
                "table.set_max_capacity(usize::MAX);",
            ),
        ],
    ),
    limit(
        "random",
        "as many random bytes in one call as wasmtime allows by itself, 64 MiB",
        &[edit(
            "host/sandbox/src/state.rs",
            "            .max_random_size(RANDOM_BYTES)\n",
            "            .max_random_size(RANDOM_BYTES << 6)\n",
        )],
    ),
    limit(
        "header-size",
        "headers as large as wasmtime allows by itself, 128 KiB",
        &[edit(
            "host/sandbox/src/state.rs",
            "http.set_field_size_limit(HEADER_BYTES);",
            "http.set_field_size_limit(HEADER_BYTES << 1);",
        )],
    ),
    limit(
        "kept",
        "headers, requests and bodies of one run without end",
        &[edit(
            "host/sandbox/src/egress/requests.rs",
            "const KEPT_OF_ANY: u64 = 4 << 20;",
            "const KEPT_OF_ANY: u64 = 1 << 40;",
        )],
    ),
    limit(
        "request-method",
        "methods of any length",
        &[edit(
            "host/sandbox/src/egress/requests.rs",
            "const MAX_METHOD: usize = 64;",
            "const MAX_METHOD: usize = usize::MAX;",
        )],
    ),
    limit(
        "request-authority",
        "authorities of any length",
        &[edit(
            "host/sandbox/src/egress/requests.rs",
            "const MAX_AUTHORITY: usize = 1 << 10;",
            "const MAX_AUTHORITY: usize = usize::MAX;",
        )],
    ),
    limit(
        "stdout",
        "all of standard output is kept",
        &[edit(
            "host/sandbox/src/output.rs",
            "const TAIL_BYTES: usize = 16 << 10;",
            "const TAIL_BYTES: usize = 64 << 20;",
        )],
    ),
    limit(
        "stdout-line",
        "a line of standard output may be as long as all of it",
        &[edit(
            "host/sandbox/src/output.rs",
            "const LINE_BYTES: usize = 2 << 10;",
            "const LINE_BYTES: usize = 2 << 20;",
        )],
    ),
    limit(
        "log-lines",
        "as many log lines as a guest likes",
        &[edit(
            "host/sandbox/src/journal.rs",
            "const LOG_LINES: u32 = 64;",
            "const LOG_LINES: u32 = u32::MAX;",
        )],
    ),
    limit(
        "log-line",
        "log lines of 64 KiB",
        &[edit(
            "host/sandbox/src/journal.rs",
            "const LINE_BYTES: usize = 2 << 10;",
            "const LINE_BYTES: usize = 64 << 10;",
        )],
    ),
    limit(
        "captures",
        "as many reports to the error tracker as a guest likes",
        &[edit(
            "host/sandbox/src/journal.rs",
            "const CAPTURES: u32 = 5;",
            "const CAPTURES: u32 = u32::MAX;",
        )],
    ),
    limit(
        "series",
        "as many series of metrics as a guest likes",
        &[edit(
            "host/src/metrics/guests.rs",
            "const SERIES: usize = 100;",
            "const SERIES: usize = usize::MAX;",
        )],
    ),
    limit(
        "metric-labels",
        "as many labels of a metric as a guest likes",
        &[edit(
            "host/sandbox/src/metrics.rs",
            "const LABELS: usize = 8;",
            "const LABELS: usize = usize::MAX;",
        )],
    ),
    limit(
        "metric-label-value",
        "labels of a mebibyte",
        &[edit(
            "host/sandbox/src/metrics.rs",
            "const VALUE_BYTES: usize = 128;",
            "const VALUE_BYTES: usize = 1 << 20;",
        )],
    ),
    limit(
        "metric-buckets",
        "as many buckets as a guest likes",
        &[edit(
            "host/sandbox/src/metrics.rs",
            "const BUCKETS: usize = 32;",
            "const BUCKETS: usize = usize::MAX;",
        )],
    ),
    limit(
        "metric-text",
        "series of any size",
        &[edit(
            "host/src/metrics/guests.rs",
            "const EXPOSED_BYTES: usize = 256 << 10;",
            "const EXPOSED_BYTES: usize = 1 << 40;",
        )],
    ),
    limit(
        "message",
        "messages of a mebibyte",
        &[edit(
            "host/model/src/outcome.rs",
            "const MESSAGE_BYTES: usize = 2 << 10;",
            "const MESSAGE_BYTES: usize = 1 << 20;",
        )],
    ),
    limit(
        "details",
        "a million details",
        &[edit(
            "host/model/src/outcome.rs",
            "const DETAILS: usize = 64;",
            "const DETAILS: usize = 1 << 20;",
        )],
    ),
    limit(
        "details-size",
        "details of a mebibyte",
        &[edit(
            "host/model/src/outcome.rs",
            "const DETAILS_BYTES: usize = 16 << 10;",
            "const DETAILS_BYTES: usize = 1 << 20;",
        )],
    ),
    limit(
        "measurements",
        "a million measurements",
        &[edit(
            "host/model/src/outcome.rs",
            "const MEASUREMENTS: usize = 32;",
            "const MEASUREMENTS: usize = 1 << 20;",
        )],
    ),
    limit(
        "measurement-names",
        "measurements of any name and value",
        &[edit(
            "host/model/src/outcome.rs",
            "if kept.len() < MEASUREMENTS && may_stand && fresh {",
            "if kept.len() < MEASUREMENTS && (may_stand || fresh) {",
        )],
    ),
    limit(
        "text-controls",
        "control characters and line breaks stay in texts",
        &[edit(
            "host/model/src/text.rs",
            "let breaks = character.is_control() || matches!(character, '\\u{2028}' | '\\u{2029}');",
            "let breaks = false;",
        )],
    ),
    limit(
        "text-marks",
        "marks that turn or hide text stay in it",
        &[edit(
            "host/model/src/text.rs",
            ".filter(|&character| !is_invisible(character))",
            ".filter(|&character| !is_invisible(character) || character != '\\0')",
        )],
    ),
    limit(
        "connections",
        "as many connections and look-ups as a guest likes",
        &[edit(
            "host/sandbox/src/egress.rs",
            "left.checked_sub(1)",
            "Some(left.wrapping_sub(1))",
        )],
    ),
    limit(
        "http-body",
        "bodies without end",
        &[edit(
            "host/sandbox/src/egress/body.rs",
            "(self.seen > self.limit)",
            "(self.seen == u64::MAX)",
        )],
    ),
    limit(
        "http-response-headers",
        "answers with headers of a mebibyte",
        &[edit(
            "host/sandbox/src/egress/client.rs",
            "builder.max_buf_size(HEADER_BYTES);",
            "builder.max_buf_size(HEADER_BYTES << 4);",
        )],
    ),
    limit(
        "http-grants",
        "requests to whom a guest likes",
        &[
            edit(
                "host/sandbox/src/egress/client.rs",
                "        self.granted(self.0.grants.permit(&peer)).map_err(no_way)?;\n",
                "",
            ),
            edit(
                "host/sandbox/src/egress.rs",
                "        self.granted(run.grants.permit(peer))?;\n",
                "",
            ),
        ],
    ),
    limit(
        "http-addresses",
        "the addresses that a name leads to are not looked at",
        &[edit(
            "host/sandbox/src/egress.rs",
            "match run.grants.permit_address(peer, resolved) {",
            "match run.grants.permit_address(peer, resolved).or(Ok(())) {",
        )],
    ),
    limit(
        "http-user",
        "a user may stand before the host",
        &[edit(
            "host/sandbox/src/egress/client.rs",
            "Peer::parse(channel, authority.as_str())",
            "Peer::parse(channel, authority.as_str().rsplit('@').next().unwrap_or_default())",
        )],
    ),
    limit(
        "tcp-grants",
        "connections to whom a guest likes",
        &[edit(
            "host/sandbox/src/egress/sockets.rs",
            "SocketAddrUse::TcpConnect => self.permit_peer(Channel::Tcp, address),",
            "SocketAddrUse::TcpConnect => Ok(()),",
        )],
    ),
    limit(
        "udp-grants",
        "datagrams to whom a guest likes",
        &[edit(
            "host/sandbox/src/egress/sockets.rs",
            "SocketAddrUse::UdpSend => match self.permit_peer(Channel::Udp, address) {",
            "SocketAddrUse::UdpSend => match self.permit_peer(Channel::Udp, address).or(Ok(())) {",
        )],
    ),
    limit(
        "listening",
        "guests bind and listen where they like",
        &[
            edit(
                "host/sandbox/src/egress/sockets.rs",
                "SocketAddrUse::TcpBind => only_unspecified(Kind::Tcp, address),",
                "SocketAddrUse::TcpBind => Ok(()),",
            ),
            edit(
                "host/sandbox/src/egress/sockets.rs",
                "                Err(Refusal::never(Kind::Tcp, &what))",
                "                Err(Refusal::never(Kind::Tcp, &what)).or(Ok(()))",
            ),
        ],
    ),
    limit(
        "tls-grants",
        "TLS to whom a guest likes",
        &[
            edit(
                "host/sandbox/src/egress/connect.rs",
                "        self.granted(self.0.grants.permit(peer))
            .map_err(|no_way| self.unreached(no_way))?;\n",
                "",
            ),
            edit(
                "host/sandbox/src/egress.rs",
                "        self.granted(run.grants.permit(peer))?;\n",
                "",
            ),
        ],
    ),
    limit(
        "look-up-grants",
        "look-ups of any name",
        &[edit(
            "host/sandbox/src/egress/look_up.rs",
            "        self.permitted(self.0.grants.permit_look_up(&host))?;\n",
            "",
        )],
    ),
    limit(
        "closed-addresses",
        "a network grants the closed addresses in it too",
        &[edit(
            "host/sandbox/src/grants.rs",
            "HostPattern::Net(_) => reach != Reach::Closed && granted.covers(&literal),",
            "HostPattern::Net(_) => granted.covers(&literal),",
        )],
    ),
    limit(
        "loopback-by-name",
        "any granted name may lead to this machine",
        &[edit(
            "host/sandbox/src/grants.rs",
            "Reach::Own => name.as_ref() == LOCALHOST,",
            "Reach::Own => name.as_ref() == LOCALHOST || reach == Reach::Own,",
        )],
    ),
    limit(
        "own-addresses",
        "of this machine's addresses only loopback is known",
        &[edit(
            "host/sandbox/src/egress/machine.rs",
            "address.is_loopback() || is_local_to_sockets(address) || route::is_local(address)",
            "address.is_loopback()",
        )],
    ),
    limit(
        "refusals",
        "as many refusals are kept as a guest makes",
        &[edit(
            "host/sandbox/src/egress.rs",
            "const MAX_REFUSALS: usize = 16;",
            "const MAX_REFUSALS: usize = 1 << 16;",
        )],
    ),
    limit(
        "files-as-written",
        "a path is not held against the grants as it is written",
        &[edit(
            "host/sandbox/src/files.rs",
            "if let Err(refusal) = self.grants.permit_file(&asked) {",
            "if let Err(refusal) = self.grants.permit_file(&asked).or(Ok(())) {",
        )],
    ),
    limit(
        "files-as-they-lead",
        "the place that a path leads to is not held against the grants",
        &[edit(
            "host/sandbox/src/files/place.rs",
            "                .permit_place(asked, &leads, resolve)
                .map_err(denied)?;",
            "                .permit_place(asked, &leads, resolve)
                .map_err(denied)
                .or(Ok::<(), Trouble>(()))?;",
        )],
    ),
    limit(
        "files-kinds",
        "anything that has a path is read as a file",
        &[edit(
            "host/sandbox/src/files/place.rs",
            "FileType::RegularFile | FileType::Directory => return Ok(Self { path, stat, kind }),",
            "_ if stat.st_mode > 0 => return Ok(Self { path, stat, kind }),",
        )],
    ),
    limit(
        "files-size",
        "a read of 64 MiB",
        &[edit(
            "host/sandbox/src/files/reading.rs",
            "const READ_BYTES: usize = 1 << 20;",
            "const READ_BYTES: usize = 64 << 20;",
        )],
    ),
    limit(
        "files-names",
        "all the names of a directory",
        &[edit(
            "host/sandbox/src/files/reading.rs",
            "const NAMES: usize = 10_000;",
            "const NAMES: usize = 1 << 30;",
        )],
    ),
    limit(
        "system-grants",
        "the machine's figures for everybody",
        &[edit(
            "host/sandbox/src/system.rs",
            "if let Err(refusal) = decision {",
            "if let Err(refusal) = decision.or(Ok(())) {",
        )],
    ),
    limit(
        "file-size",
        "plugins of 2 GiB",
        &[edit(
            "host/sandbox/src/admission.rs",
            "const MAX_BYTES: u64 = 64 << 20;",
            "const MAX_BYTES: u64 = 2 << 30;",
        )],
    ),
    limit(
        "file-kind",
        "whatever has the name of a plugin is read",
        &[edit(
            "host/src/regular_file.rs",
            "if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {",
            "if FileType::from_raw_mode(stat.st_mode) == FileType::Unknown {",
        )],
    ),
    limit(
        "imports",
        "unknown imports are left to the linker",
        &[edit(
            "host/sandbox/src/admission.rs",
            "    imports::check(component, sandbox.engine(), version)?;\n",
            "    let _ = imports::check(component, sandbox.engine(), version);\n",
        )],
    ),
    limit(
        "shape",
        "any number of memories and tables",
        &[
            edit(
                "host/sandbox/src/engine.rs",
                "const MAX_MEMORIES: u32 = 8;",
                "const MAX_MEMORIES: u32 = 16;",
            ),
            edit(
                "host/sandbox/src/engine.rs",
                "const MAX_TABLES: u32 = 32;",
                "const MAX_TABLES: u32 = 64;",
            ),
        ],
    ),
    limit(
        "instances",
        "any number of core instances",
        &[edit(
            "host/sandbox/src/engine.rs",
            "const MAX_CORE_INSTANCES: u32 = 64;",
            "const MAX_CORE_INSTANCES: u32 = 128;",
        )],
    ),
    limit(
        "nesting",
        "components in each other without end",
        &[edit(
            "host/sandbox/src/shape.rs",
            "const MAX_NESTING: u32 = 100;",
            "const MAX_NESTING: u32 = u32::MAX - 1;",
        )],
    ),
    limit(
        "code-size",
        "a gibibyte of compiled code of any file",
        &[
            edit(
                "host/sandbox/src/compile/frame.rs",
                "const MAX_CODE: u64 = 128 << 20;",
                "const MAX_CODE: u64 = 1 << 30;",
            ),
            edit(
                "host/sandbox/src/compile/frame.rs",
                "const CODE_OF_ANY: u64 = 8 << 20;",
                "const CODE_OF_ANY: u64 = 1 << 30;",
            ),
        ],
    ),
    limit(
        "outline",
        "as many components in an index as a file likes",
        &[edit(
            "host/sandbox/src/shape.rs",
            "const MAX_INDEX: usize = 1000;",
            "const MAX_INDEX: usize = usize::MAX;",
        )],
    ),
    limit(
        "texts",
        "texts that are converted without an interruption",
        &[edit(
            "host/sandbox/src/shape.rs",
            "has_slow_texts: has_components && has_compact_texts,",
            "has_slow_texts: has_components && has_compact_texts && false,",
        )],
    ),
    limit(
        "describe-time",
        "an hour for `describe`",
        &[edit(
            "host/sandbox/src/admission.rs",
            "const DESCRIBE_TIME: Duration = Duration::from_secs(5);",
            "const DESCRIBE_TIME: Duration = Duration::from_secs(3600);",
        )],
    ),
    limit(
        "describe-code",
        "a plugin calls itself what it likes",
        &[edit(
            "host/sandbox/src/describe.rs",
            "if !is_code(&said.code) {",
            "if !is_code(&said.code) && said.code == said.version {",
        )],
    ),
    limit(
        "describe-version",
        "a plugin has the version that it likes",
        &[edit(
            "host/sandbox/src/describe.rs",
            "if !is_version(&said.version) {",
            "if !is_version(&said.version) && said.code == said.version {",
        )],
    ),
    limit(
        "schema-size",
        "schemas of a gibibyte",
        &[edit(
            "host/sandbox/src/schema.rs",
            "const MAX_BYTES: usize = 64 << 10;",
            "const MAX_BYTES: usize = 1 << 30;",
        )],
    ),
    limit(
        "schema-depth",
        "schemas as deep as the parser of JSON takes them",
        &[edit(
            "host/sandbox/src/schema.rs",
            "const MAX_DEPTH: usize = 32;",
            "const MAX_DEPTH: usize = 1 << 10;",
        )],
    ),
    limit(
        "schema-budget",
        "schemas that multiply to whatever they do",
        &[edit(
            "host/sandbox/src/schema.rs",
            "        bounds::check(&document).map_err(|e| refuse(&e))?;\n",
            "        let _ = bounds::check(&document);\n",
        )],
    ),
    limit(
        "schema-walk",
        "schemas that multiply with the configuration",
        &[edit(
            "host/sandbox/src/schema/walk.rs",
            "const MAX_STEPS: usize = 50_000;",
            "const MAX_STEPS: usize = usize::MAX;",
        )],
    ),
    limit(
        "schema-patterns",
        "patterns that look around themselves and back",
        &[
            edit(
                "host/sandbox/src/schema.rs",
                "    let patterns = PatternOptions::regex()\n",
                "    let patterns = PatternOptions::fancy_regex()\n",
            ),
            edit(
                "host/sandbox/src/schema/patterns.rs",
                "        Err(_) => Err(syntax()),\n",
                "        Err(_) => Ok(0),\n",
            ),
        ],
    ),
    limit(
        "schema-pattern-size",
        "patterns of any size",
        &[edit(
            "host/sandbox/src/schema/patterns.rs",
            "const MAX_COMPILED: usize = 2 << 20;",
            "const MAX_COMPILED: usize = 1 << 40;",
        )],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::workspace;

    #[test]
    fn every_limit_stands_in_the_sources_exactly_once() {
        for limit in LIMITS {
            for edit in limit.edits {
                let source = fs::read_to_string(workspace::root().join(edit.file)).unwrap();
                let found = source.matches(edit.is).count();
                let (name, file, is) = (limit.name, edit.file, edit.is);
                assert_eq!(found, 1, "`{name}` in {file}:\n{is}");
                assert_ne!(edit.is, edit.becomes);
            }
        }
    }

    #[test]
    fn every_limit_has_a_name_of_its_own() {
        let names: BTreeSet<_> = LIMITS.iter().map(|limit| limit.name).collect();
        assert_eq!(names.len(), LIMITS.len());
    }
}
