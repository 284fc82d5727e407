//! Proxies in the environment: neither the host nor its commands use them.

use vitals_tests::{Inbox, Reply, Target, Vitals, eventually, guests, when};

/// Sets all variables for proxies, in both spellings.
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
    let host = Vitals::host(&config, [guests::STATUS]);
    let host = with_proxy(host, &proxy.url("/")).serve().await;
    eventually("each receiver or the proxy gets a request", async || {
        let inboxes = [&webhook, &alertmanager].map(|inbox| inbox.taken().len());
        let is_notified = !inboxes.contains(&0) && !sentry.requests().is_empty();
        let is_over = is_notified || !proxy.requests().is_empty();
        when(is_over, format!("{inboxes:?}"))
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
        with_proxy(command, &proxy.url("/")).exits(0);
    }
}
