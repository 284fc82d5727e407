//! Compilation is limited: a file that takes forever, or all memory, or crashes the compiler, fails to
//! load, and nothing else happens. Compiled code is cached safely.

mod cache;
mod child;
mod process;

use std::fs;
use std::time::Duration;

use serde_json::Value;
use vitals_host::plugin::{CompileLimits, Compiler};
use vitals_tests::{TestHost, TestHostBuilder, bomb, compiler, guests};

use self::process::compiling;

/// A host with an empty code cache.
fn fresh() -> TestHostBuilder {
    let builder = TestHost::builder();
    let cache = builder.place().path().join("cache");
    builder.argument("plugins.cache_dir", &cache.display().to_string())
}

/// A host that compiles within these limits.
fn limited(time: Duration, memory: u64) -> TestHostBuilder {
    let limits = CompileLimits { time, memory };
    fresh().with(|host| host.compiler(compiler().limits(limits)))
}

/// Why a plugin in the plugins directory is rejected.
async fn rejected(host: &TestHost, plugin: &str) -> String {
    not_loaded(host, plugin, "unhealthy").await
}

/// Why the host could not load a plugin, which is not the fault of the file.
async fn host_failed(host: &TestHost, plugin: &str) -> String {
    not_loaded(host, plugin, "unknown").await
}

async fn not_loaded(host: &TestHost, plugin: &str, status: &str) -> String {
    let check = host.check(&format!("module:{plugin}")).await;
    assert_eq!(check["status"], status, "{check:#}");
    assert_eq!(check["error"]["code"], "load", "{check:#}");
    let why = check["message"].as_str().unwrap_or_default();
    let (_, why) = why.split_once(".wasm: ").unwrap_or_default();
    why.to_owned()
}

fn is_healthy(check: &Value) -> bool {
    check["status"] == "healthy"
}

const FOREVER: Duration = Duration::from_mins(1);
const PLENTY: u64 = 2 << 30;

#[tokio::test]
async fn an_endless_compilation_is_ended() {
    let builder = limited(Duration::from_secs(1), PLENTY);
    let builder = builder.plugin("bomb", bomb::endless(100, 2000));
    let host = builder.start().await;
    let why = rejected(&host, "bomb").await;
    let busy = "it was not compiled within 5s and got ";
    assert!(
        why.starts_with("compiling it takes more than 1s: ") || why.starts_with(busy),
        "{why}"
    );
    assert_eq!(host.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_gigantic_compilation_is_ended() {
    let builder = limited(FOREVER, 64 << 20);
    let builder = builder.plugin("bomb", bomb::gigantic(20, 60_000));
    let host = builder.start().await;
    assert_eq!(
        rejected(&host, "bomb").await,
        "compiling it takes more than 64MiB of memory: build it smaller (optimised for size, \
         stripped), or leave it out"
    );
}

#[tokio::test]
async fn a_neighbour_is_compiled_and_run_beside_an_endless_compilation() {
    let builder = limited(Duration::from_secs(53), PLENTY);
    let builder = builder
        .plugin("bomb", bomb::endless(100, 2000))
        .plugin("good", guests::HELLO);
    let host = builder.start().await;
    host.eventually_check("module:good", "healthy", is_healthy)
        .await;
    let children = compiling("--seconds\u{0}53");
    let [child] = children[..] else {
        panic!("`bomb` is not being compiled: {children:?}");
    };
    let ready = host.get("/health/ready").await;
    assert_eq!(ready.json()["status"], "not_ready", "the first round");
    drop(host);
    process::gone(child).await;
}

#[tokio::test]
async fn a_compilation_in_the_program_itself_is_abandoned_but_not_ended() {
    let limits = CompileLimits {
        time: Duration::from_millis(100),
        memory: PLENTY,
    };
    let builder = fresh().with(|host| host.compiler(Compiler::default().limits(limits)));
    let builder = builder.plugin("bomb", bomb::endless(50, 1200));
    let host = builder.start().await;
    let why = rejected(&host, "bomb").await;
    let expected = "compiling it takes more than 100ms: ";
    assert!(why.starts_with(expected), "{why}");
    host.drop_in("good", guests::HELLO);
    let failed = |check: &Value| check["error"]["code"] == "load";
    host.eventually_check("module:good", "it failed", failed)
        .await;
    let why = host_failed(&host, "good").await;
    let expected = "the thread that compiles is still busy";
    assert!(why.starts_with(expected), "{why}");
    assert_eq!(host.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_program_without_a_compiler_binary_compiles_itself() {
    let builder = fresh().with(|host| host.compiler(Compiler::default()));
    let builder = builder.plugin("good", guests::HELLO);
    let broken = &guests::HELLO.bytes()[..1000];
    let host = builder.plugin("bad", broken).start().await;
    assert!(is_healthy(&host.check("module:good").await));
    let why = rejected(&host, "bad").await;
    assert!(why.starts_with("it does not compile: "), "{why}");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_read() {
    let builder = fresh().plugin("huge", b"\0asm\x0d\0\x01\0".as_slice());
    let file = builder.place().plugins().join("huge.wasm");
    let file = fs::File::options().append(true).open(file).unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let host = builder.start().await;
    assert_eq!(
        rejected(&host, "huge").await,
        "it has 67108865 bytes, the limit is 67108864"
    );
}

#[tokio::test]
async fn core_instances_are_counted_before_anything_is_compiled() {
    let component = |instances: usize| {
        let instances = "(core instance (instantiate 0))".repeat(instances);
        guests::text(&format!("(component (core module){instances})"))
    };
    let builder = fresh().plugin("few", component(64));
    let host = builder.plugin("many", component(65)).start().await;
    assert_eq!(
        rejected(&host, "many").await,
        "it has 65 core instances, the limit is 64"
    );
    let why = rejected(&host, "few").await;
    assert!(
        why.starts_with("it is a component of another world"),
        "{why}"
    );
    let kept = fs::read_dir(host.place().path().join("cache"));
    assert_eq!(kept.unwrap().count(), 1, "one of them was compiled");
}
