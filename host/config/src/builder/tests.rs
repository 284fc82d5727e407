//! What a program builds is what a file would say, and is rejected in the same words.

use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use crate::{Details, NotifyStatus, Sources, TlsIdentity, UnhealthyStatus, Webhook};
use vitals_model::Root;

const SHA256: &str = "5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f";

fn text() -> String {
    format!(
        r#"
[server]
listen = "[::1]:9000"
unhealthy_status = 503
details = "authorized"
admin_token = "token-of-the-admin"
hosts = ["vitals.example.com", "*.example.org"]
startup_grace = "61s"
shutdown_grace = "11s"
[plugins]
dir = ""
library = "there"
auto = false
cache_dir = "cache"
rescan = "31s"
[engine]
max_runs = 65
guest_threads = 1
[tls]
roots = ["system", "ca.pem"]
[tls.identities.shop]
certificate = "cert.pem"
key = "key.pem"
[proxies.corp]
url = "http://proxy.example.com:3128"
user = "user-of-proxy"
password = "password-of-proxy"
[metrics]
enabled = true
token = "token-of-prometheus"
[sentry]
dsn = "https://key@sentry.example.com/1"
environment = "production"
release = "1.2.3"
[notify]
on = ["degraded", "unhealthy"]
external_url = "https://vitals.example.com"
instance = "eu-1"
timeout = "3s"
[notify.alertmanager]
urls = ["http://one:9093"]
username = "vitals"
password = "password-of-vitals"
labels.team = "shop"
resend = "30s"
[notify.webhooks.ops]
url = "https://hooks.example.com/key-of-hook"
headers = {{ Authorization = "Bearer token-of-hook" }}
[tools]
wiki = "https://wiki.example.com"
[defaults]
interval = "1m"
timeout = "4s"
fall = 3
limits.memory = "128MiB"
[checks.native]
interval = "15s"
[checks.full]
plugin = "postgres"
timeout = "2s"
interval = "10s"
critical = false
fall = 2
rise = 4
retry_interval = "5s"
trial = false
notify = false
dir = true
enabled = false
sha256 = "{SHA256}"
config = {{ address = "db:5432", tags = ["a", 1, 1.5, true], password = "${{PASSWORD}}" }}
tls.roots = ["ca.pem"]
limits = {{ fuel = 5, output = "4KiB", connections = 3, http_body = "5KiB" }}
[checks.full.allow]
http = ["https://*.example.com"]
tcp = ["10.0.0.0/8:5432"]
udp = ["1.1.1.1:53"]
tls = ["*.example.com:443"]
icmp = ["10.0.0.0/8"]
names = ["example.com"]
files = ["/var/backups"]
env = ["TZ"]
system = ["load"]
identities = ["shop"]
proxies = ["corp"]
"#
    )
}

fn builder() -> ConfigBuilder {
    let seconds = Duration::from_secs;
    Config::builder()
        .server(|server| {
            server.listen = "[::1]:9000".parse().expect("an address");
            server.unhealthy_status = UnhealthyStatus::ServiceUnavailable;
            server.details = Details::Authorized;
            server.admin_token = Some("token-of-the-admin".into());
            let hosts = ["vitals.example.com", "*.example.org"];
            server.hosts = hosts.map(|host| host.parse().expect("a name")).into();
            server.startup_grace = seconds(61);
            server.shutdown_grace = seconds(11);
        })
        .plugins(|plugins| {
            plugins.dir = "".into();
            plugins.library = "there".into();
            plugins.auto = false;
            plugins.cache_dir = Some("cache".into());
            plugins.rescan = seconds(31);
        })
        .engine(|engine| {
            engine.max_runs = 65;
            engine.guest_threads = 1;
        })
        .tls(|tls| {
            tls.roots.push(Root::File("ca.pem".into()));
            let identity = TlsIdentity::new("cert.pem", "key.pem");
            tls.identities.insert("shop".into(), identity);
        })
        .proxy("corp", {
            let url = "http://proxy.example.com:3128".parse().expect("a URL");
            Proxy::new(url).user("user-of-proxy", "password-of-proxy")
        })
        .metrics(|metrics| {
            metrics.enabled = true;
            metrics.token = Some("token-of-prometheus".into());
        })
        .sentry(|sentry| {
            sentry.dsn = Some("https://key@sentry.example.com/1".into());
            sentry.environment = "production".into();
            sentry.release = Some("1.2.3".into());
        })
        .notify(|notify| {
            notify.on = vec![NotifyStatus::Degraded, NotifyStatus::Unhealthy];
            notify.external_url = Some("https://vitals.example.com/".into());
            notify.instance = Some("eu-1".into());
            notify.timeout = seconds(3);
            let alertmanager = &mut notify.alertmanager;
            alertmanager.urls = vec!["http://one:9093".into()];
            alertmanager.username = Some("vitals".into());
            alertmanager.password = Some("password-of-vitals".into());
            alertmanager.labels.insert("team".into(), "shop".into());
            alertmanager.resend = seconds(30);
            let webhook = Webhook::new("https://hooks.example.com/key-of-hook")
                .header("Authorization", "Bearer token-of-hook");
            notify.webhooks.insert("ops".into(), webhook);
        })
        .tool("wiki", "https://wiki.example.com")
        .defaults(
            CheckBuilder::default()
                .interval(seconds(60))
                .timeout(seconds(4))
                .fall(3)
                .memory(128 << 20),
        )
        .check("native", CheckBuilder::native().interval(seconds(15)))
        .check("full", full())
}

fn full() -> CheckBuilder {
    let seconds = Duration::from_secs;
    CheckBuilder::plugin("postgres")
        .timeout(seconds(2))
        .interval(seconds(10))
        .critical(false)
        .fall(2)
        .rise(4)
        .retry_interval(seconds(5))
        .trial(false)
        .notify(false)
        .dir(true)
        .enabled(false)
        .sha256(SHA256.parse().expect("a digest"))
        .setting("address", "db:5432")
        .setting("tags", serde_json::json!(["a", 1, 1.5, true]))
        .secret_setting("password", "password-of-db")
        .roots([Root::File("ca.pem".into())])
        .fuel(5)
        .output(4 << 10)
        .connections(3)
        .http_body(5 << 10)
        .allow_http(["https://*.example.com"])
        .allow_tcp(["10.0.0.0/8:5432"])
        .allow_udp(["1.1.1.1:53"])
        .allow_tls(["*.example.com:443"])
        .allow_icmp(["10.0.0.0/8"])
        .allow_names(["example.com"])
        .allow_files(["/var/backups"])
        .allow_env(["TZ"])
        .allow_system(["load"])
        .allow_identities(["shop"])
        .allow_proxies(["corp"])
}

#[test]
fn a_builder_and_a_file_make_equal_configurations() {
    let sources = Sources {
        environment: Environment::fixed([("PASSWORD", "password-of-db")]),
        ..Sources::default()
    };
    let file = Config::parse(&text(), "vitals.toml".as_ref(), &sources).expect("valid");
    let built = builder().build().expect("valid");
    assert!(built.is_equivalent(&file), "{built:#?}\n{file:#?}");
    let (_, differing) = built.clone().merge_reloadable(&file);
    assert_eq!(differing, Vec::<String>::new());
    assert!(built.secrets.occur_in("password-of-db"));
    assert_eq!((built.validate(), file.validate()), (Ok(()), Ok(())));
    let debugged = format!("{built:?} {:?}", builder());
    for secret in ["token-of", "key-of-hook", "password-of", "user-of", "key@"] {
        assert!(!debugged.contains(secret), "{debugged}");
    }
}

#[test]
fn a_builder_reports_all_errors_as_a_file_does() {
    let wrong = builder()
        .plugins(|plugins| plugins.rescan = Duration::ZERO)
        .notify(|notify| {
            notify.alertmanager.urls.clear();
            let webhook = Webhook::new("ftp://hunter2").header("Host", "hunter2");
            notify.webhooks.insert("ops".into(), webhook);
        })
        .tool("wiki", "nowhere")
        .check("Orders", CheckBuilder::native().critical(true))
        .check(
            "db",
            CheckBuilder::plugin("db").timeout(Duration::from_secs(61)),
        )
        .check("own", CheckBuilder::native().fuel(1).fall(0))
        .check(
            "roots",
            CheckBuilder::plugin("db").memory(1).setting("x", f64::MAX),
        );
    let found = wrong.build().expect_err("it is wrong").to_string();
    let expected = [
        "`[checks.Orders]` cannot be the table of a check: `Orders` is not a valid check name",
        "`checks.own.fall` is 0, which is not a whole number from 1 to 1000",
        "`checks.roots.limits.memory` is 1, which is not a size from 64KiB to 4GiB",
        "`notify.alertmanager` has no `urls`",
        "`notify.webhooks.ops.headers.Host` is a header that the host sets",
        "`notify.webhooks.ops.url` is a secret, which is not an http or https URL",
        "`plugins.rescan` is `0s`, which is not a duration from 1ms to 24h",
        "`timeout` (1m 1s) of check `db` is above its `interval` (1m, from `[defaults]`)",
        "`tools.wiki` is `nowhere`, which is not an http or https URL",
    ];
    let mut lines: Vec<_> = found.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines.len(), expected.len(), "{found}");
    for (line, expected) in lines.into_iter().zip(expected) {
        let beginning = format!("configuration: {expected}");
        assert!(line.starts_with(&beginning), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn a_cache_directory_from_the_environment_need_not_be_utf8() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    let home = OsString::from_vec(b"/home/\xff".to_vec());
    let sources = Sources {
        environment: Environment::fixed([("HOME", home)]),
        ..Sources::default()
    };
    let config = Config::parse("", "vitals.toml".as_ref(), &sources).expect("valid");
    assert!(config.plugins.cache_dir.is_some());
    assert_eq!(config.validate(), Ok(()));
}

fn check(config: &mut Config) -> &mut crate::CheckConfig {
    config.checks.values_mut().next().expect("a check")
}

#[test]
fn validate_rejects_fields_outside_their_limits() {
    let diagnostic = |set: fn(&mut Config)| {
        let mut config = "[checks.db]\nplugin = 'postgres'"
            .parse::<Config>()
            .expect("valid");
        assert_eq!(config.validate(), Ok(()));
        set(&mut config);
        let found = config.validate().expect_err("invalid");
        found.iter().next().expect("a diagnostic").key.clone()
    };
    let keys = [
        diagnostic(|config| config.server.startup_grace = Duration::MAX),
        diagnostic(|config| config.server.shutdown_grace = Duration::ZERO),
        diagnostic(|config| config.server.admin_token = Some("two words".into())),
        diagnostic(|config| config.engine.guest_threads = 5000),
        diagnostic(|config| config.notify.timeout = Duration::ZERO),
        diagnostic(|config| config.notify.alertmanager.urls = vec!["am:9093".into()]),
        diagnostic(|config| config.defaults.schedule.rise = NonZeroU32::MAX),
        diagnostic(|config| config.defaults.limits.memory = 1),
        diagnostic(|config| check(config).schedule.interval = Duration::ZERO),
        diagnostic(|config| check(config).schedule.retry_interval = Duration::from_secs(4)),
        diagnostic(|config| check(config).limits.fuel = 0),
    ];
    let expected = [
        "server.startup_grace",
        "server.shutdown_grace",
        "server.admin_token",
        "engine.guest_threads",
        "notify.timeout",
        "notify.alertmanager.urls[0]",
        "defaults.rise",
        "defaults.limits.memory",
        "checks.db.interval",
        "checks.db.timeout",
        "checks.db.limits.fuel",
    ];
    assert_eq!(keys, expected);
}
