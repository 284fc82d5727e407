//! nginx, serving TLS with a certificate in its own directory.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::{certificate, installed, program, write};

/// Starts it, with TLS and an empty response to every request. The first start makes a certificate
/// for `shop.test` and 127.0.0.1; `root.pem` in its directory is the issuer.
pub fn nginx(directory: &Path, address: SocketAddr) -> Command {
    nginx_with(directory, address, "ssl", "return 204;")
}

/// Starts it with these parameters of `listen` and these rules of its server. With `chain.pem`,
/// `key.pem` and `root.pem` in its directory, it uses those.
pub fn nginx_with(directory: &Path, address: SocketAddr, listen: &str, rules: &str) -> Command {
    certificate(directory, "shop.test");
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {what};\n"))
        .concat();
    let config = format!(
        "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}\
         server {{ listen {address} {listen}; ssl_certificate chain.pem; ssl_certificate_key key.pem; {rules} }}\n}}\n"
    );
    let file = write(directory, "nginx.conf", &config);
    let mut command = installed("nginx-light", program("nginx", &["/usr/sbin"]));
    command.args(["-e", "stderr", "-c"]).arg(file);
    command.arg("-p").arg(directory);
    command
}
