//! Facts about the machine: granted one by one, and correct.

use serde_json::Value;
use vitals_tests::guests::{FILES_READ, SYSTEM_FACTS};
use vitals_tests::{TestHost, Vitals};

/// Runs a check with this `allow` and `config`, and returns its page.
async fn facts(allow: &str, config: &str) -> Value {
    let config = format!(
        "[checks.facts]\nplugin = 'system-facts'\ntimeout = '10s'\n\
         allow = {{ system = {allow} }}\nconfig = {config}"
    );
    let host = TestHost::start(&config, [SYSTEM_FACTS]).await;
    host.check("facts").await
}

#[tokio::test]
async fn without_a_grant_every_fact_is_denied() {
    let check = facts("[]", "{ disks = [], others = ['/', 'relative'] }").await;
    let details = &check["details"];
    assert_eq!(details["memory"]["denied"], true, "{check:#}");
    assert_eq!(details["load"]["denied"], true, "{check:#}");
    assert_eq!(details["disks"][0]["denied"], true, "{check:#}");
    assert_eq!(
        details["disks"][1]["text"],
        "cannot read the disk usage of relative: the path is not absolute"
    );
    let denials = check["result"]["denials"].as_array().expect("denials");
    let denials: Vec<_> = denials.iter().map(|denial| &denial["message"]).collect();
    assert_eq!(
        denials,
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
        // Other processes write there too.
        for (key, truth) in [
            ("available", truth.f_bavail * truth.f_frsize),
            ("available_inodes", truth.f_favail),
        ] {
            let difference = disk[key].as_u64().unwrap().abs_diff(truth);
            assert!(difference < 4 << 30, "{key}: {check:#}");
        }
        let used = disk["used"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&used), "{check:#}");
    }
    assert_eq!(disks[2]["denied"], true, "a path below it is another one");
    assert_eq!(
        disks[3]["text"],
        "cannot read the disk usage of /nothing: there is no such file or directory"
    );
}

#[tokio::test]
async fn memory_and_load_are_those_of_the_kernel() {
    let check = facts("['memory', 'load']", "{ disks = [] }").await;
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let kibibytes = |key: &str| -> u64 {
        let line = meminfo.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let memory = &check["details"]["memory"];
    let total = kibibytes("MemTotal:") * 1024;
    assert_eq!(memory["total"], total, "{check:#}");
    let swap = kibibytes("SwapTotal:") * 1024;
    assert_eq!(memory["swap_total"], swap, "{check:#}");
    let available = memory["available"].as_u64().unwrap();
    let truth = kibibytes("MemAvailable:") * 1024;
    assert!(available > truth / 4 && available <= total, "{check:#}");

    let load = &check["details"]["load"];
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let cpus = stat.lines().filter(|line| line.starts_with("cpu"));
    // One line is their sum.
    assert_eq!(load["cpus"], cpus.count() - 1, "{check:#}");
    let text = std::fs::read_to_string("/proc/loadavg").unwrap();
    let fifteen: f64 = text.split(' ').nth(2).unwrap().parse().unwrap();
    let average = load["averages"][2].as_f64().unwrap();
    assert!((average - fifteen).abs() < 1.0, "{text}: {check:#}");
    // The kernel writes it with two decimals.
    let digits = format!("{average:.2}").len();
    assert!(average.to_string().len() <= digits, "{average}");
    let denials = check["result"]["denials"].as_array().map_or(0, Vec::len);
    assert_eq!(denials, 0, "{check:#}");
}

const GRANTED: &str = "[checks.facts]\nplugin = 'system-facts'\n\
                       allow = { system = ['memory', 'load'] }\nconfig = { disks = ['/srv'] }\n\
                       [checks.files]\nplugin = 'files-read'\nallow = { files = ['/var//backups/'] }\n\
                       config = { granted = '/etc/hostname' }";

#[tokio::test]
async fn the_page_of_plugins_shows_the_grants() {
    let host = TestHost::start(GRANTED, [SYSTEM_FACTS, FILES_READ]).await;
    host.health().await;
    let page = host.get("/plugins").await.body;
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
fn validate_prints_the_grants_and_inspect_what_a_plugin_wants() {
    let with_both = |vitals: Vitals| vitals.guests([SYSTEM_FACTS, FILES_READ]).run();
    let ended = with_both(Vitals::new(["validate"]).config(GRANTED));
    for line in [
        "facts: valid, may reach system disk:/srv, system memory, system load",
        "files: valid, may reach file /etc/hostname, file /var/backups",
    ] {
        assert!(ended.stdout.contains(line), "{ended}");
    }
    for (plugin, wants) in [
        ("system-facts", "  disk  /disks/*"),
        ("files-read", "  file  /granted"),
    ] {
        let file = format!("plugins/{plugin}.wasm");
        let ended = with_both(Vitals::new(["inspect", &file]));
        assert!(ended.stdout.contains(wants), "{ended}");
    }
}
