//! `deploy/Dockerfile`: its last stage, copied into an empty root and run like a container: read-only, as
//! nobody, as process 1, in namespaces of its own. The host is the binary of the tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;
use vitals_tests::servers::{NOBODY, installed};
use vitals_tests::{Finished, Place, Serving, binary, eventually, guests, repository, when};

use super::{Tree, run};

/// The instructions of the last stage: their names and arguments.
fn last_stage() -> Vec<(String, String)> {
    let text = Tree::new().read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let instructions = lines.filter_map(|line| line.trim().split_once(' '));
    let mut stage = Vec::new();
    for (name, says) in instructions {
        if name == "FROM" {
            stage.clear();
        }
        stage.push((name.to_owned(), says.trim().to_owned()));
    }
    stage
}

/// The arguments of an instruction that occurs once.
fn says(name: &str) -> String {
    let stage = last_stage();
    let mut found = stage.into_iter().filter(|(it, _)| it == name);
    found.next().unwrap_or_else(|| panic!("no {name}")).1
}

/// A command as a list in JSON.
fn exec_form(name: &str) -> Vec<String> {
    let says = says(name);
    let list = &says[says.find('[').expect("the form without a shell")..];
    serde_json::from_str(list).expect("a list")
}

/// A root directory with the files that the last stage copies, and what the binary needs of the base
/// image: shared libraries and trusted roots.
struct Root(TempDir);

impl Root {
    fn lay_out() -> Self {
        let root = Self(TempDir::with_prefix("vitals-root-").expect("a directory"));
        for directory in ["proc", "dev"] {
            fs::create_dir(root.path(directory)).expect("an empty root");
        }
        let copies = last_stage().into_iter().filter(|(name, _)| name == "COPY");
        for (_, says) in copies {
            let words: Vec<_> = says.split(' ').filter(|it| !it.starts_with("--")).collect();
            let [from, to] = words[..] else {
                panic!("COPY {says}");
            };
            root.copy(from, to);
        }
        for library in libraries(&binary()) {
            root.put(&library, &library);
        }
        root.put(Path::new(ROOTS), Path::new(ROOTS));
        let secrets = super::secrets();
        for name in ["admin-token", "metrics-token"] {
            root.put(
                &secrets.path().join(name),
                &Path::new("/run/secrets").join(name),
            );
        }
        fs::set_permissions(root.0.path(), Permissions::from_mode(0o755)).expect("it is ours");
        root
    }

    fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        self.0
            .path()
            .join(inside.strip_prefix("/").unwrap_or(inside))
    }

    /// Copies what the stage `build` leaves in `/built`.
    fn copy(&self, from: &str, to: &str) {
        match from {
            "/built/vitals" => self.put(&binary(), Path::new(to)),
            "/built/library/" => {
                for plugin in super::files(&guests::target().join("plugins"), "wasm") {
                    let name = plugin.file_name().expect("a file has a name");
                    self.put(&plugin, &Path::new(to).join(name));
                }
            }
            "/built/empty/" => fs::create_dir_all(self.path(to)).expect("an empty root"),
            "/built/cache/" => {
                let cache = self.path(to).join("vitals");
                fs::create_dir_all(cache).expect("an empty root");
            }
            other => panic!("this test does not know {other}"),
        }
    }

    fn put(&self, from: &Path, to: &Path) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().expect("a file has a directory")).expect("an empty root");
        let copied = fs::copy(from, &to);
        copied.unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }

    /// Starts the command of the image in the root.
    fn start(&self) -> Serving {
        let mut command = installed("bubblewrap", "bwrap");
        command
            .args(["user", "pid", "net", "ipc"].map(|kind| format!("--unshare-{kind}")))
            .args(["--as-pid-1", "--die-with-parent", "--clearenv"]);
        let user = says("USER");
        let (user, group) = user.split_once(':').expect("user and group");
        command.args(["--uid", user, "--gid", group]);
        command.arg("--ro-bind").arg(self.0.path()).arg("/");
        command.args(["--proc", "/proc", "--dev", "/dev"]);
        // Like an `emptyDir` of Kubernetes.
        for volume in exec_form("VOLUME") {
            command.args(["--perms", "0777", "--tmpfs"]).arg(volume);
        }
        let config = guests::root().join("deploy/compose");
        let directory = says("WORKDIR");
        command.arg("--ro-bind").arg(config).arg(&directory);
        command.args(["--chdir", &directory]);
        for (_, says) in last_stage().iter().filter(|(name, _)| name == "ENV") {
            let (name, value) = says.split_once('=').expect("a name and a value");
            command.args(["--setenv", name, value]);
        }
        command
            .arg("--")
            .args(exec_form("ENTRYPOINT"))
            .args(exec_form("CMD"));
        if geteuid().is_root() {
            // It is nobody outside of its namespaces too.
            command.uid(NOBODY).gid(NOBODY);
        }
        Serving::begin(command, Place::new())
    }
}

/// The shared libraries of a program, the loader among them.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let list = run(Command::new("ldd").arg(program), "").stdout;
    let words = list.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(PathBuf::from).collect()
}

/// The process that is process 1 inside.
async fn inside(host: &Serving) -> u32 {
    let children = format!("/proc/{0}/task/{0}/children", host.id());
    eventually("there is a process inside", async || {
        let found = fs::read_to_string(&children).map_err(|error| error.to_string())?;
        found.trim().parse().map_err(|_| found)
    })
    .await
}

/// Runs a program of the image in it, as `docker exec` would.
fn exec(inside: u32, words: &[impl AsRef<str>]) -> Finished {
    let mut command = Command::new("nsenter");
    command
        .args(["--target", &inside.to_string()])
        .args("--user --mount --net --pid --preserve-credentials".split(' '))
        .arg(format!("--wd=/proc/{inside}/cwd"))
        .args(words.iter().map(AsRef::as_ref))
        .env_clear();
    run(&mut command, "")
}

#[tokio::test]
async fn the_last_stage_runs_the_host_in_a_read_only_root() {
    let root = Root::lay_out();
    let mut host = root.start().up().await;
    let inside = inside(&host).await;
    let check = says("HEALTHCHECK");
    assert!(check.contains("--interval="), "{check}");
    let check = exec_form("HEALTHCHECK");
    eventually("the container is healthy", async || {
        let ended = exec(inside, &check);
        when(ended.status == Some(0), ended)
    })
    .await;

    // The first-party plugins are the library, and their compiled code is cached.
    let probe = |page: &str| {
        let url = format!("http://127.0.0.1:8000{page}");
        exec(inside, &["/usr/bin/vitals", "probe", &url])
    };
    eventually("each check has run", async || {
        let ended = probe("/health/startup");
        when(ended.status == Some(0), ended)
    })
    .await;
    for check in ["memory", "load"] {
        let said = probe(&format!("/health/checks/{check}")).stdout;
        assert!(
            said.contains("\"error\":null") || !said.contains("\"error\""),
            "{said}"
        );
    }
    let root_of_it = PathBuf::from(format!("/proc/{inside}/root"));
    let kept = fs::read_dir(root_of_it.join("var/cache/vitals/vitals")).expect("a cache");
    assert!(kept.count() >= 2, "code is cached");

    // Nobody can write anything else.
    for directory in [
        "",
        "etc/vitals",
        "usr/lib/vitals",
        "var/lib/vitals/plugins",
        "var/cache",
    ] {
        let refused = fs::write(root_of_it.join(directory).join("new"), "");
        let refused = refused.expect_err(directory).kind();
        assert_eq!(
            refused,
            std::io::ErrorKind::ReadOnlyFilesystem,
            "{directory}"
        );
    }
    let status = fs::read_to_string(format!("/proc/{inside}/status")).expect("it is running");
    for line in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{status}");
    }
    let is_nobody = |line: &str| line.starts_with("Uid:") && !line.contains("\t0\t");
    assert!(status.lines().any(is_nobody), "{status}");

    // As process 1 it handles the signal of a container engine.
    let number = i32::try_from(inside).ok().and_then(Pid::from_raw);
    kill_process(number.expect("a number"), Signal::TERM).expect("it is running");
    assert!(host.ended().await.success());
    let log = host.log().join("\n");
    assert!(log.contains("host stopped"), "{log}");
}

#[test]
fn the_image_is_pinned_and_agrees_with_the_manifests() {
    let tree = Tree::new();
    let dockerfile = tree.read("Dockerfile");
    // Each image is an argument, so that a digest can replace its version.
    let mut images = 0;
    for line in dockerfile.lines().filter(|line| line.starts_with("FROM ")) {
        let name = line.split(['{', '}']).nth(1).unwrap_or_default();
        let argument = format!("\nARG {name}=");
        let (_, image) = dockerfile.split_once(&argument).expect("an argument");
        let image = image.lines().next().unwrap_or_default();
        assert!(image.contains(':') && !image.contains(":latest"), "{line}");
        images += 1;
    }
    assert_eq!(images, 3);
    // The last stage copies what the first one makes.
    let stage = last_stage();
    for (_, says) in stage.iter().filter(|(name, _)| name == "COPY") {
        assert!(says.starts_with("--from=build "), "{says}");
        let from = says.split(' ').find(|word| word.starts_with("/built/"));
        let from = from.expect("a source").trim_end_matches('/');
        assert!(
            dockerfile.matches(from).count() >= 2,
            "{from} is never made"
        );
    }
    let toolchain = repository::read("rust-toolchain.toml");
    let (_, channel) = toolchain.split_once("channel = \"").expect("a channel");
    let channel = channel.split('"').next().unwrap_or_default();
    assert!(dockerfile.contains(&format!("ARG RUST_IMAGE=rust:{channel}-bookworm\n")));

    let volume = exec_form("VOLUME").remove(0);
    let variables: Vec<_> = stage.iter().filter(|(name, _)| name == "ENV").collect();
    let has = |text: &str| variables.iter().any(|(_, says)| says == text);
    assert!(has(&format!("XDG_CACHE_HOME={volume}")), "{variables:?}");
    let deployment = tree.read("kubernetes/base/deployment.yaml");
    let compose = tree.read("docker-compose.yml");
    assert!(deployment.contains(&format!("mountPath: {volume}\n")));
    assert!(compose.contains(&format!("cache:{volume}\n")));
    let user = says("USER");
    let number = user.split(':').next().unwrap_or_default();
    assert!(deployment.contains(&format!("runAsUser: {number}\n")));
    assert!(compose.contains(&format!("user: \"{user}\"\n")));
    let check = serde_json::to_string(&exec_form("HEALTHCHECK")).expect("a list");
    let check = check.replace("\",\"", "\", \"").replace('[', "[\"CMD\", ");
    assert!(compose.contains(&check), "{check}");
}

/// The trusted roots of Debian and of the base image.
const ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";
