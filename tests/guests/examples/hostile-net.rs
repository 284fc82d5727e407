//! Hostile on the network: one action of many, as its settings say.

#![cfg(target_family = "wasm")]

use vitals_test_guests::instructions::{Instructions, any_settings, debug_text, outcome_of};
use vitals_test_guests::raw::{Guest, export, http as contract, net, types};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::poll::Pollable;
use wasip2::io::streams::StreamError;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;
use wasip2::sockets::{ip_name_lookup, udp};

struct Component;

impl Guest for Component {
    fn describe() -> types::Description {
        any_settings("hostile-net")
    }

    fn check(request: types::Request) -> Result<types::Outcome, String> {
        let settings = Instructions::of(&request);
        let at = settings.text("at");
        Ok(outcome_of(match settings.text("does") {
            "http" => http(&settings),
            "fetch" => fetch(&settings),
            "headers" => headers(&settings),
            "bind" => bind(at),
            "connect" => settings.keep(|| connect(at)),
            "udp-bind" => settings.keep(|| udp_socket(at)),
            "udp-send" => udp_send(&settings),
            "udp-receive" => udp_receive(at),
            "look-up" => look_up(&settings),
            "look-up-many" => look_up_many(&settings),
            "tls" => handshake(&settings),
            "tls-read" => tls_read(&settings),
            "tls-write" => tls_write(&settings),
            "tls-leak" => settings.keep(|| open(&settings)),
            "exchange" => exchange(&settings),
            "datagram" => datagram(&settings),
            "resolve" => resolve(&settings),
            "ping" => ping(&settings),
            other => Err(format!("I can't {other}")),
        }))
    }
}

/// Sends a request `count` times, and waits for the first response only then. Returns the last
/// result.
fn http(args: &Instructions) -> Result<String, String> {
    let sent = args.rounds().map(|_| send(args));
    let sent = sent.collect::<Result<Vec<_>, _>>()?;
    let mut last = Err("nothing to ask".to_owned());
    for response in sent {
        last = receive(&response);
    }
    last
}

/// Sends a request, with each part from the settings.
fn send(args: &Instructions) -> Result<FutureIncomingResponse, String> {
    let fields = Fields::new();
    for (name, value) in args.pairs("headers") {
        let appended = fields.append(name, value.as_bytes());
        appended.map_err(|error| format!("header: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let method = match args.text("method") {
        "" => Method::Get,
        "CONNECT" => Method::Connect,
        other => Method::Other(other.to_owned()),
    };
    request.set_method(&method).map_err(|()| "method")?;
    let scheme = match args.text("scheme") {
        "" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    let set = request.set_authority(args.maybe("authority"));
    set.map_err(|()| "authority")?;
    let path = match args.size("long") {
        0 => args.maybe("path").unwrap_or("/").to_owned(),
        long => "/".repeat(long),
    };
    let set = request.set_path_with_query(Some(&path));
    set.map_err(|()| "path")?;
    let options = RequestOptions::new();
    options
        .set_connect_timeout(args.number("connect"))
        .and_then(|()| options.set_first_byte_timeout(args.number("first-byte")))
        .map_err(|()| "timeout")?;
    let body = request.body().map_err(|()| "body")?;
    let response = outgoing_handler::handle(request, Some(options)).map_err(debug_text)?;
    if let Some(bytes) = args.number("send") {
        let stream = body.write().map_err(|()| "no stream")?;
        for _ in 0..bytes / 4096 {
            let written = stream.blocking_write_and_flush(&[b'x'; 4096]);
            written.map_err(debug_text)?;
        }
    }
    OutgoingBody::finish(body, None).map_err(debug_text)?;
    Ok(response)
}

/// Waits for a response, and reads it to the end.
fn receive(response: &FutureIncomingResponse) -> Result<String, String> {
    response.subscribe().block();
    let response = response.get().ok_or("no answer")?.map_err(|()| "twice")?;
    let response = response.map_err(debug_text)?;
    let status = response.status();
    let headers = response.headers().entries().len();
    let body = response.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let (mut read, mut start) = (0, Vec::new());
    loop {
        match stream.blocking_read(1 << 20) {
            Ok(bytes) => {
                read += bytes.len();
                start.extend(bytes.into_iter().take(2000 - start.len().min(2000)));
            }
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(format!("after {read} bytes: {}", error.to_debug_string()));
            }
        }
    }
    let start = String::from_utf8_lossy(&start);
    Ok(format!(
        "{status}, {headers} headers, {read} bytes: {start}"
    ))
}

/// Makes a request in one call, with each part from the settings.
fn fetch(args: &Instructions) -> Result<String, String> {
    let pairs = args.pairs("headers").into_iter();
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let many = (0..args.size("many")).map(|at| (format!("x-{at}"), vec![b'x'; args.size("size")]));
    let fetched = contract::fetch(&contract::Request {
        method: args.maybe("method").unwrap_or("GET").to_owned(),
        url: args.text("url").to_owned(),
        headers: pairs.chain(many).collect(),
        body: args.number("send").map(|_| vec![b'x'; args.size("send")]),
        timeout_ms: u32::MAX,
        options: Some(contract::Options {
            redirects: u8::try_from(args.size("redirects")).unwrap_or(u8::MAX),
            cookies: true,
            decode: true,
            body_max: u64::MAX,
            version: if args.boolean("http2") {
                contract::VersionOption::Http2PriorKnowledge
            } else {
                contract::VersionOption::Auto
            },
            family: contract::Family::Any,
            server_name: args.maybe("server-name").map(str::to_owned),
            verification: match args.size("pins") {
                0 => contract::Verification::ChainAndName,
                count => contract::Verification::Pins(vec!["0".repeat(64); count]),
            },
            client_certificate: args.maybe("identity").map(str::to_owned),
            proxy: args.maybe("proxy").map(str::to_owned),
        }),
    });
    let response = fetched.map_err(|failure| debug_text(failure.error))?;
    let start = response.body.iter().copied().take(2000).collect::<Vec<_>>();
    Ok(format!(
        "{}, {} headers, {} bytes{}: {}",
        response.status,
        response.headers.len(),
        response.body.len(),
        if response.truncated {
            ", truncated"
        } else {
            ""
        },
        String::from_utf8_lossy(&start)
    ))
}

/// Appends headers until the host rejects one.
fn headers(args: &Instructions) -> Result<String, String> {
    let fields = Fields::new();
    let value = vec![b'x'; args.size("size")];
    for number in args.rounds() {
        let appended = fields.append(&format!("x-{number}"), &value);
        appended.map_err(|error| format!("after {number}: {error:?}"))?;
    }
    Ok("all of them".to_owned())
}

/// Calls `attempt` until it would not block.
fn ready<T>(
    pollable: impl Fn() -> Pollable,
    mut attempt: impl FnMut() -> Result<T, ErrorCode>,
) -> Result<T, String> {
    loop {
        match attempt() {
            Err(ErrorCode::WouldBlock) => pollable().block(),
            result => return result.map_err(debug_text),
        }
    }
}

fn address(text: &str) -> Result<IpSocketAddress, String> {
    let address: std::net::SocketAddrV4 = text.parse().map_err(debug_text)?;
    let [a, b, c, d] = address.ip().octets();
    Ok(IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: address.port(),
        address: (a, b, c, d),
    }))
}

/// Binds a socket, listens on it and accepts a connection.
fn bind(at: &str) -> Result<String, String> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(debug_text)?;
    let bound = socket.start_bind(&instance_network(), address(at)?);
    bound.map_err(debug_text)?;
    ready(|| socket.subscribe(), || socket.finish_bind())?;
    socket.start_listen().map_err(debug_text)?;
    ready(|| socket.subscribe(), || socket.finish_listen())?;
    ready(|| socket.subscribe(), || socket.accept()).map(|_| "accepted".to_owned())
}

/// Connects, and disconnects.
fn connect(at: &str) -> Result<(), String> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(debug_text)?;
    let started = socket.start_connect(&instance_network(), address(at)?);
    started.map_err(debug_text)?;
    ready(|| socket.subscribe(), || socket.finish_connect()).map(drop)
}

fn udp_socket(at: &str) -> Result<udp::UdpSocket, String> {
    let socket = create_udp_socket(IpAddressFamily::Ipv4).map_err(debug_text)?;
    let bound = socket.start_bind(&instance_network(), address(at)?);
    bound.map_err(debug_text)?;
    ready(|| socket.subscribe(), || socket.finish_bind())?;
    Ok(socket)
}

/// Sends a datagram: to the address that the socket is connected to, or to an explicit address.
fn udp_send(args: &Instructions) -> Result<String, String> {
    let socket = udp_socket("0.0.0.0:0")?;
    let to = address(args.text("at"))?;
    let (connected, remote_address) = match args.text("by") {
        "stream" => (Some(to), None),
        "turned" => (Some(address(args.text("first"))?), Some(to)),
        _ => (None, Some(to)),
    };
    let (_incoming, outgoing) = socket.stream(connected).map_err(debug_text)?;
    outgoing.subscribe().block();
    let permit = outgoing.check_send().map_err(debug_text)?;
    let datagram = udp::OutgoingDatagram {
        data: b"hello".to_vec(),
        remote_address,
    };
    let sent = outgoing.send(&[datagram]).map_err(debug_text)?;
    Ok(format!("sent {sent} of {permit}"))
}

/// Waits for a datagram.
fn udp_receive(at: &str) -> Result<String, String> {
    let socket = udp_socket("0.0.0.0:0")?;
    let (incoming, _outgoing) = socket.stream(Some(address(at)?)).map_err(debug_text)?;
    incoming.subscribe().block();
    let datagrams = incoming.receive(u64::MAX).map_err(debug_text)?;
    Ok(format!("{} datagrams", datagrams.len()))
}

/// Looks up a name repeatedly, then connects.
fn look_up(args: &Instructions) -> Result<String, String> {
    let (network, name) = (instance_network(), args.text("at"));
    let mut found = Vec::new();
    for number in args.rounds() {
        let stream = ip_name_lookup::resolve_addresses(&network, name)
            .map_err(|error| format!("after {number}: {error:?}"))?;
        found.clear();
        while let Some(address) = ready(|| stream.subscribe(), || stream.resolve_next_address())? {
            found.push(format!("{address:?}"));
        }
    }
    // Connects while the run still remembers the look-up of the address.
    match args.maybe("then") {
        Some(at) => connect(at).map(|()| "connected".to_owned()),
        None => Ok(found.join(" ")),
    }
}

/// Looks up one name after the other, regardless of earlier results.
fn look_up_many(args: &Instructions) -> Result<String, String> {
    let mut last = Ok("nothing to look up".to_owned());
    for number in args.rounds() {
        let name = format!("n{number}.example.com");
        let stream = ip_name_lookup::resolve_addresses(&instance_network(), &name);
        last = stream.map(|_| name).map_err(debug_text);
    }
    last
}

fn open(args: &Instructions) -> Result<net::Connection, String> {
    let port = u16::try_from(args.size("port")).map_err(debug_text)?;
    let options = net::ConnectOptions {
        family: net::Family::Any,
        proxy: args.maybe("proxy").map(str::to_owned),
    };
    net::Connection::connect(args.text("host"), port, &options, u32::MAX).map_err(debug_text)
}

/// Connects and does a handshake without a timeout, repeatedly. Returns why the last certificate is
/// not trusted.
fn handshake(args: &Instructions) -> Result<String, String> {
    let mut verification_error = None;
    let options = net::TlsOptions {
        server_name: "web.test".to_owned(),
        verification: match args.size("pins") {
            0 => net::Verification::None,
            count => net::Verification::Pins(vec!["0".repeat(64); count]),
        },
        alpn: vec!["h2".to_owned(); args.size("alpn")],
        client_certificate: args.maybe("identity").map(str::to_owned),
    };
    for _ in args.rounds() {
        let handshake = open(args)?.start_tls(&options, u32::MAX);
        verification_error = handshake.map_err(debug_text)?.verification_error;
    }
    Ok(verification_error.unwrap_or_else(|| "trusted".to_owned()))
}

fn tls_read(args: &Instructions) -> Result<String, String> {
    let connection = open(args)?;
    let mut read = 0;
    loop {
        let bytes = connection.exchange(&[], &net::Until::Some, 1 << 20, u32::MAX);
        let bytes = bytes.map_err(debug_text)?;
        if bytes.is_empty() {
            return Ok(format!("{read} bytes"));
        }
        read += bytes.len();
    }
}

/// Connects, and waits without a timeout for what `until` says, repeatedly: `length` or `end` of at
/// most `max` bytes, or a delimiter of `size` bytes.
fn exchange(args: &Instructions) -> Result<String, String> {
    let connection = open(args)?;
    let max = args.number("max").unwrap_or(u64::from(u32::MAX));
    let max = u32::try_from(max).unwrap_or(u32::MAX);
    let until = match args.text("until") {
        "length" => net::Until::Length(max),
        "end" => net::Until::End,
        _ => net::Until::Delimiter(vec![b'y'; args.size("size")]),
    };
    let mut read = 0;
    for _ in args.rounds() {
        let bytes = connection.exchange(b"x", &until, max, u32::MAX);
        read += bytes.map_err(debug_text)?.len();
    }
    Ok(format!("{read} bytes"))
}

/// Sends datagrams of `size` bytes and waits for replies without a timeout, repeatedly.
fn datagram(args: &Instructions) -> Result<String, String> {
    let port = u16::try_from(args.size("port")).map_err(debug_text)?;
    let small = |name: &str| u8::try_from(args.size(name)).unwrap_or(u8::MAX);
    let options = net::DatagramOptions {
        family: net::Family::Any,
        attempts: small("attempts"),
        replies: small("replies"),
    };
    let bytes = vec![b'x'; args.size("size")];
    let mut replies = 0;
    for _ in args.rounds() {
        let received = net::datagram(args.text("host"), port, &bytes, options, u32::MAX);
        replies += received.map_err(debug_text)?.len();
    }
    Ok(format!("{replies} replies"))
}

/// Looks up a name by the contract, repeatedly.
fn resolve(args: &Instructions) -> Result<String, String> {
    let mut found = Vec::new();
    for _ in args.rounds() {
        found = net::resolve(args.text("at"), net::Family::Any, u32::MAX).map_err(debug_text)?;
    }
    Ok(found.join(" "))
}

/// Pings a host, with as many and as large requests as the settings say, repeatedly.
fn ping(args: &Instructions) -> Result<String, String> {
    let options = net::PingOptions {
        family: net::Family::Any,
        count: u8::try_from(args.size("requests")).unwrap_or(u8::MAX),
        interval_ms: u32::try_from(args.size("interval")).unwrap_or(u32::MAX),
        size: u16::try_from(args.size("size")).unwrap_or(u16::MAX),
    };
    let mut replies = 0;
    for _ in args.rounds() {
        let result = net::ping(args.text("host"), options, u32::MAX).map_err(debug_text)?;
        replies += result.times.iter().flatten().count();
    }
    Ok(format!("{replies} replies"))
}

fn tls_write(args: &Instructions) -> Result<String, String> {
    let connection = open(args)?;
    let piece = vec![b'x'; args.size("size")];
    for _ in args.rounds() {
        connection.write(&piece, u32::MAX).map_err(debug_text)?;
    }
    Ok("written".to_owned())
}

export!(Component);
