//! Proxies that the environment names: neither the host nor its commands use them.

use vitals_tests::{Inbox, Reply, Target, Vitals, eventually, guests};

/// Each by the names that are in use, in both spellings.
fn with_proxy(vitals: Vitals, proxy: &str) -> Vitals {
    let names = ["http_proxy", "https_proxy", "all_proxy"];
    names.into_iter().fold(vitals, |vitals, name| {
        let vitals = vitals.env(name, proxy);
        vitals.env(&name.to_uppercase(), proxy)
    })
}

#[tokio::test]
async fn the_host_and_its_commands_connect_without_the_proxy_of_the_environment() {
    let proxy = Target::start(Reply::status("502 Bad Gateway", ""));
    let (webhook, alertmanager) = (Inbox::start().await, Inbox::start().await);
    let sentry = Target::start(Reply::ok("{}"));
    let config = format!(
        "[server]\nadmin_token = 'an-admin-token'\n\
         [sentry]\ndsn = '{}'\n\
         [notify.webhooks.ops]\nurl = '{}'\n[notify.alertmanager]\nurls = ['{}']\n\
         [checks.orders]\nplugin = 'status'\nconfig = {{ status = 'unhealthy' }}\n",
        sentry.url("/1").replace("http://", "http://key@"),
        webhook.url("/"),
        alertmanager.url(""),
    );
    let host = Vitals::new(["serve", "--listen", "127.0.0.1:0"]).config(&config);
    let host = host.plugin("status", guests::STATUS);
    let host = with_proxy(host, &proxy.url("/")).serve().await;
    eventually("each receiver is told, or the proxy asked", async || {
        let told = [
            webhook.taken().len(),
            alertmanager.taken().len(),
            sentry.requests().len(),
        ];
        let is_over = !told.contains(&0) || !proxy.requests().is_empty();
        is_over.then_some(()).ok_or(format!("{told:?}"))
    })
    .await;
    assert_eq!(proxy.requests(), [""; 0]);
    let url = format!("http://{}", host.address());
    let page = format!("{url}/health/live");
    for arguments in [
        vec!["probe", &page],
        vec!["plugins", "--url", &url],
        vec!["reload", "--url", &url],
    ] {
        let command = Vitals::new(&arguments).env("VITALS_ADMIN_TOKEN", "an-admin-token");
        let ended = with_proxy(command, &proxy.url("/")).run();
        assert_eq!(ended.status, Some(0), "{arguments:?}: {ended:?}");
    }
}
