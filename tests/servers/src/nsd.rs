//! NSD, an authoritative DNS server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::{installed, program, write};

/// Starts it with the zone `example.test` and a reverse zone, over UDP and TCP.
pub fn nsd(directory: &Path, address: SocketAddr) -> Command {
    let long = "\"some of what does not fit into a datagram\" ".repeat(30);
    write(
        directory,
        "example.test",
        &format!("{ZONE}long TXT {long}\n"),
    );
    write(directory, "2.0.192.in-addr.arpa", REVERSE);
    let place = directory.display();
    let (ip, port) = (address.ip(), address.port());
    let config = format!(
        "server:\n ip-address: {ip}@{port}\n server-count: 1\n rrl-ratelimit: 0\n username: \"\"\n zonesdir: \"{place}\"\n \
         pidfile: \"\"\n database: \"\"\n xfrdfile: \"{place}/xfrd\"\n zonelistfile: \"{place}/zones\"\n\
         remote-control:\n control-enable: no\n\
         zone:\n name: example.test\n zonefile: example.test\n\
         zone:\n name: 2.0.192.in-addr.arpa\n zonefile: 2.0.192.in-addr.arpa\n"
    );
    let file = write(directory, "nsd.conf", &config);
    let mut command = installed("nsd", program("nsd", &["/usr/sbin"]));
    command.args(["-d", "-c"]).arg(file);
    command
}

const ZONE: &str = "\
$ORIGIN example.test.
$TTL 300
@ SOA ns1 hostmaster 2026112101 3600 900 604800 300
@ NS ns1
@ MX 10 mail
@ TXT \"v=spf1 \" \"-all\"
@ CAA 0 issue \"ca.test\"
ns1 A 127.0.0.1
mail A 192.0.2.25
shop A 192.0.2.1
shop A 192.0.2.2
shop 60 AAAA 2001:db8::1
www CNAME shop
_sip._tcp SRV 10 5 5060 sip
_443._tcp.shop TLSA 3 1 1 8bd1da958bd1da958bd1da958bd1da958bd1da958bd1da958bd1da958bd1da95
child NS ns1.child
child DS 2371 13 2 1f987cc61f987cc61f987cc61f987cc61f987cc61f987cc61f987cc61f987cc6
@ DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0d
shop HTTPS 1 . alpn=h2
_dns SVCB 1 shop alpn=dot
@ NAPTR 100 10 \"S\" \"SIP+D2U\" \"\" _sip._udp
";
const REVERSE: &str = "\
$ORIGIN 2.0.192.in-addr.arpa.
$TTL 300
@ SOA ns1.example.test. hostmaster.example.test. 1 3600 900 604800 300
@ NS ns1.example.test.
25 PTR mail.example.test.
";
