//! Postfix, with TLS and login, in a directory of its own. Its master must run as root.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;

use crate::{certificate, check_need, installed, program, run_with_input, write};

/// The user and password of its login.
pub const POSTFIX_USER: (&str, &str) = ("monitor", "hunter2-0815");

/// Starts it as `mail.test`, which accepts mail for `known@example.test` and from authenticated
/// users. `root.pem` in its directory is the issuer of its certificate.
pub fn postfix(directory: &Path, address: SocketAddr) -> Command {
    assert!(
        geteuid().is_root(),
        "Postfix runs only as root: run the tests as root, in a container"
    );
    check_need("libsasl2-modules");
    if !directory.join("main.cf").exists() {
        certificate(directory, "mail.test");
        lay_out(directory, address);
    }
    // Runs in the foreground and in the test's session, so that it ends with the test.
    let master = program("master", &["/usr/lib/postfix/sbin", "/usr/libexec/postfix"]);
    let mut command = installed("postfix", master);
    command.arg("-c").arg(directory).arg("-d");
    command
}

fn lay_out(directory: &Path, address: SocketAddr) {
    let place = directory.display();
    // No queue manager runs, and each mail would wait for it.
    let main = format!(
        "compatibility_level = 3.6\nqueue_directory = {place}/queue\ndata_directory = {place}/data\n\
         inet_interfaces = loopback-only\ninet_protocols = ipv4\nmyhostname = mail.test\nmydestination = example.test\n\
         alias_maps =\nlocal_recipient_maps = inline:{{known=known}}\n\
         smtpd_recipient_restrictions = permit_sasl_authenticated, reject_unauth_destination\n\
         smtpd_tls_cert_file = {place}/chain.pem\nsmtpd_tls_key_file = {place}/key.pem\n\
         smtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\n\
         smtpd_sasl_auth_enable = yes\nsmtpd_sasl_path = smtpd\ncyrus_sasl_config_path = {place}/sasl\n\
         smtpd_sasl_local_domain = example.test\nin_flow_delay = 0\n"
    );
    let master = format!(
        "{address} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\ntlsmgr unix - - n 1000? 1 tlsmgr\n\
         rewrite unix - - n - - trivial-rewrite\nproxymap unix - - n - - proxymap\nanvil unix - - n - 1 anvil\n"
    );
    let sasl = format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {place}/sasldb2\nmech_list: PLAIN LOGIN\n"
    );
    let queue = [
        "pid", "private", "public", "incoming", "active", "deferred", "hold", "maildrop",
    ]
    .map(|name| format!("queue/{name}"));
    for name in queue.iter().map(String::as_str).chain(["data", "sasl"]) {
        fs::create_dir_all(directory.join(name)).expect("a directory");
    }
    for (name, text) in [
        ("main.cf", main),
        ("master.cf", master),
        ("sasl/smtpd.conf", sasl),
    ] {
        write(directory, name, &text);
    }
    let (user, password) = POSTFIX_USER;
    let mut command = installed("sasl2-bin", program("saslpasswd2", &["/usr/sbin"]));
    command
        .args(["-c", "-p", "-u", "example.test", "-f"])
        .arg(directory.join("sasldb2"))
        .arg(user);
    let added = run_with_input(&mut command, password);
    assert!(added.status.success(), "{command:?}: {added:?}");
    // Its servers run as another user, who must read and write here.
    let given = Command::new("chown")
        .arg("-R")
        .arg("postfix")
        .args(["queue", "data", "sasldb2"].map(|name| directory.join(name)))
        .status();
    assert!(
        given.is_ok_and(|given| given.success()),
        "there is no user `postfix`"
    );
    // The directories of master itself stay owned by root.
    for name in ["queue", "queue/pid"] {
        std::os::unix::fs::chown(directory.join(name), Some(0), Some(0)).expect("root can take it");
    }
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(directory, open).expect("it is ours");
}
