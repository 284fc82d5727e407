//! Facts about the machine: granted one by one, and true.

use serde_json::Value;
use vitals_tests::{TestHost, Vitals, guests};

/// Runs a check with this `allow` and `config`, and answers everything known of it.
async fn facts(allow: &str, config: &str) -> Value {
    let host = TestHost::builder()
        .library("guest", guests::SYSTEM_FACTS)
        .config(&format!(
            "[checks.facts]\nplugin = 'guest'\ntimeout = '10s'\nallow = {{ system = {allow} }}\n\
             config = {config}"
        ))
        .start()
        .await;
    host.check("facts").await
}

#[tokio::test]
async fn without_a_grant_nothing_is_told() {
    let check = facts("[]", "{ disks = [], others = ['/', 'relative'] }").await;
    let details = &check["details"];
    assert_eq!(details["memory"]["denied"], true, "{check:#}");
    assert_eq!(details["load"]["denied"], true, "{check:#}");
    assert_eq!(details["disks"][0]["denied"], true, "{check:#}");
    assert_eq!(
        details["disks"][1]["text"],
        "cannot read the disk usage of relative: the path is not absolute"
    );
    let refusals = check["result"]["denials"].as_array().expect("denials");
    let refusals: Vec<_> = refusals.iter().map(|refusal| &refusal["message"]).collect();
    assert_eq!(
        refusals,
        [
            "denied: system disk:/ (add it to `allow.system` of check `facts`)",
            "denied: system memory (add it to `allow.system` of check `facts`)",
            "denied: system load (add it to `allow.system` of check `facts`)",
        ]
    );
}

#[tokio::test]
async fn a_disk_is_granted_by_one_path() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().display();
    let config = format!("{{ disks = ['{path}'], others = ['/', '{path}/below', '/nothing'] }}");
    let check = facts("['disk:/', 'disk:/nothing']", &config).await;
    let disks = &check["details"]["disks"];
    for (disk, path) in [(&disks[0], place.path()), (&disks[1], "/".as_ref())] {
        let truth = rustix::fs::statvfs(path).unwrap();
        assert_eq!(disk["total"], truth.f_blocks * truth.f_frsize, "{check:#}");
        assert_eq!(disk["total_inodes"], truth.f_files, "{check:#}");
        // Others write there too.
        let near = |told: &Value, truth: u64| {
            told.as_u64()
                .is_some_and(|told| told.abs_diff(truth) < 4 << 30)
        };
        assert!(
            near(&disk["available"], truth.f_bavail * truth.f_frsize),
            "{check:#}"
        );
        assert!(near(&disk["available_inodes"], truth.f_favail), "{check:#}");
        let used = disk["used"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&used), "{check:#}");
    }
    assert_eq!(
        disks[2]["denied"], true,
        "what is below is another path: {check:#}"
    );
    assert_eq!(
        disks[3]["text"],
        "cannot read the disk usage of /nothing: there is no such file or directory"
    );
}

#[tokio::test]
async fn memory_and_load_are_what_the_kernel_says() {
    let check = facts("['memory', 'load']", "{ disks = [] }").await;
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let kibibytes = |key: &str| -> u64 {
        let line = meminfo.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let memory = &check["details"]["memory"];
    assert_eq!(memory["total"], kibibytes("MemTotal:") * 1024, "{check:#}");
    assert_eq!(
        memory["swap_total"],
        kibibytes("SwapTotal:") * 1024,
        "{check:#}"
    );
    let available = memory["available"].as_u64().unwrap();
    let truth = kibibytes("MemAvailable:") * 1024;
    assert!(
        available > truth / 4 && available <= kibibytes("MemTotal:") * 1024,
        "{check:#}"
    );

    let load = &check["details"]["load"];
    let online = std::fs::read_to_string("/proc/stat").unwrap();
    let online = online
        .lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "))
        .count();
    assert_eq!(load["cpus"], online, "{check:#}");
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    let fifteen: f64 = text.split(' ').nth(2).unwrap().parse().unwrap();
    let told = load["averages"][2].as_f64().unwrap();
    assert!((told - fifteen).abs() < 1.0, "{text}: {check:#}");
    // As the kernel writes it, with two decimals.
    assert!(
        told.to_string().len() <= format!("{told:.2}").len(),
        "{told}"
    );
    assert_eq!(
        check["result"]["denials"].as_array().map_or(0, Vec::len),
        0,
        "{check:#}"
    );
}

const WRITTEN: &str = "[checks.facts]\nplugin = 'facts'\nallow = { system = ['memory', 'load'] }\n\
                       config = { disks = ['/srv'] }\n\
                       [checks.files]\nplugin = 'files'\nallow = { files = ['/var//backups/'] }\n\
                       config = { granted = '/etc/hostname' }";

#[tokio::test]
async fn what_is_granted_is_on_the_page_of_the_plugins() {
    let host = TestHost::builder()
        .library("facts", guests::SYSTEM_FACTS)
        .library("files", guests::FILES_READ)
        .config(WRITTEN)
        .start()
        .await;
    host.health().await;
    let page = host.get("/plugins").await.text().to_owned();
    for grant in [
        "system disk:/srv",
        "system memory",
        "system load",
        "file /etc/hostname",
        "file /var/backups",
    ] {
        assert!(page.contains(&format!("\"{grant}\"")), "{grant}: {page}");
    }
}

#[test]
fn what_is_granted_and_wanted_is_said_on_the_command_line() {
    let with_both = |vitals: Vitals| {
        let vitals = vitals.plugin("facts", guests::SYSTEM_FACTS);
        vitals.plugin("files", guests::FILES_READ).run()
    };
    let ended = with_both(Vitals::new(["validate"]).config(WRITTEN));
    for line in [
        "facts: valid, may reach system disk:/srv, system memory, system load",
        "files: valid, may reach file /etc/hostname, file /var/backups",
    ] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
    for (plugin, wants) in [("facts", "  disk  /disks/*"), ("files", "  file  /granted")] {
        let file = format!("plugins/{plugin}.wasm");
        let ended = with_both(Vitals::new(["inspect", &file]));
        assert!(ended.stdout.contains(wants), "{}", ended.stdout);
    }
}
