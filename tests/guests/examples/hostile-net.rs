//! Hostile on the network: one action of many, as its settings say.

#![cfg(target_family = "wasm")]

use std::fmt::Debug;

use vitals_test_guests::instructions::{Instructions, any_settings, outcome_of};
use vitals_test_guests::raw::{Guest, export, tls, types};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::streams::StreamError;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
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
        Ok(outcome_of(match settings.text("does") {
            "http" => http(&settings),
            "http-at-once" => http_at_once(&settings),
            "headers" => headers(&settings),
            "bind" => bind(&settings),
            "connect" => connect(&settings),
            "reconnect" => reconnect(&settings),
            "udp-bind" => udp_bind(&settings),
            "udp-send" => udp_send(&settings),
            "udp-leak" => udp_leak(&settings),
            "udp-receive" => udp_receive(&settings),
            "look-up" => look_up(&settings),
            "look-up-many" => look_up_many(&settings),
            "tls" => handshake(&settings),
            "tls-each" => handshake_each(&settings),
            "tls-read" => tls_read(&settings),
            "tls-write" => tls_write(&settings),
            "tls-leak" => tls_leak(&settings),
            other => Err(format!("I can't {other}")),
        }))
    }
}

fn debug_text(error: impl Debug) -> String {
    format!("{error:?}")
}

/// Sends one request, with each part from the settings.
fn http(args: &Instructions) -> Result<String, String> {
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
    let authority = args.text("authority");
    request
        .set_authority(Some(authority))
        .map_err(|()| "authority")?;
    let path = match args.number("long") {
        0 => args.text("path").to_owned(),
        long => "/".repeat(usize::try_from(long).map_err(debug_text)?),
    };
    request
        .set_path_with_query(Some(&path))
        .map_err(|()| "path")?;
    let options = RequestOptions::new();
    let time = |key| args.maybe_number(key);
    options
        .set_connect_timeout(time("connect"))
        .map_err(|()| "connect timeout")?;
    options
        .set_first_byte_timeout(time("first-byte"))
        .map_err(|()| "first byte timeout")?;
    options
        .set_between_bytes_timeout(time("between-bytes"))
        .map_err(|()| "between bytes timeout")?;
    let body = request.body().map_err(|()| "body")?;
    let answer = outgoing_handler::handle(request, Some(options)).map_err(debug_text)?;
    match args.number("send") {
        0 => OutgoingBody::finish(body, None).map_err(debug_text)?,
        count => send(body, count)?,
    }
    answer.subscribe().block();
    let answer = answer.get().ok_or("no answer")?.map_err(|()| "twice")?;
    let answer = answer.map_err(debug_text)?;
    let status = answer.status();
    let headers = answer.headers().entries().len();
    let body = answer.consume().map_err(|()| "no body")?;
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
                let why = error.to_debug_string();
                return Err(format!("after {read} bytes: {why}"));
            }
        }
    }
    let start = String::from_utf8_lossy(&start);
    Ok(format!(
        "{status}, {headers} headers, {read} bytes: {start}"
    ))
}

/// Sends the same request repeatedly, starting all before waiting for the first. Returns the result
/// of the last.
fn http_at_once(args: &Instructions) -> Result<String, String> {
    let mut answers = Vec::new();
    for _ in 0..args.number("count") {
        let request = OutgoingRequest::new(Fields::new());
        let scheme = match args.text("scheme") {
            "https" => Scheme::Https,
            _ => Scheme::Http,
        };
        request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
        let authority = args.text("authority");
        request
            .set_authority(Some(authority))
            .map_err(|()| "authority")?;
        request
            .set_path_with_query(Some("/"))
            .map_err(|()| "path")?;
        let body = request.body().map_err(|()| "body")?;
        answers.push(outgoing_handler::handle(request, None).map_err(debug_text)?);
        OutgoingBody::finish(body, None).map_err(debug_text)?;
    }
    let mut last = Err("nothing to ask".to_owned());
    for answer in answers {
        answer.subscribe().block();
        let answer = answer.get().ok_or("no answer")?.map_err(|()| "twice")?;
        last = match answer {
            Ok(answer) => whole(&answer.consume().map_err(|()| "no body")?),
            Err(error) => Err(debug_text(error)),
        };
    }
    last
}

fn whole(body: &IncomingBody) -> Result<String, String> {
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut read = 0;
    loop {
        match stream.blocking_read(1 << 20) {
            Ok(bytes) => read += bytes.len(),
            Err(StreamError::Closed) => return Ok(format!("{read} bytes")),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(format!("after {read} bytes: {}", error.to_debug_string()));
            }
        }
    }
}

fn send(body: OutgoingBody, count: u64) -> Result<(), String> {
    let stream = body.write().map_err(|()| "no stream")?;
    let piece = vec![b'x'; 4096];
    for _ in 0..count / 4096 {
        stream
            .blocking_write_and_flush(&piece)
            .map_err(debug_text)?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(debug_text)
}

/// Appends headers until the host rejects one.
fn headers(args: &Instructions) -> Result<String, String> {
    let fields = Fields::new();
    let value = vec![b'x'; usize::try_from(args.number("size")).map_err(debug_text)?];
    for number in 0..args.number("count") {
        let appended = fields.append(&format!("x-{number}"), &value);
        appended.map_err(|error| format!("after {number}: {error:?}"))?;
    }
    Ok("all of them".to_owned())
}

fn address(text: &str) -> Result<IpSocketAddress, String> {
    let address: std::net::SocketAddrV4 = text.parse().map_err(debug_text)?;
    let [a, b, c, d] = address.ip().octets();
    Ok(IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: address.port(),
        address: (a, b, c, d),
    }))
}

/// Binds a socket and listens on it.
fn bind(args: &Instructions) -> Result<String, String> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(debug_text)?;
    let network = instance_network();
    let bound = socket.start_bind(&network, address(args.text("at"))?);
    bound.map_err(|error| format!("bind: {error:?}"))?;
    socket.subscribe().block();
    socket
        .finish_bind()
        .map_err(|error| format!("bind: {error:?}"))?;
    socket
        .start_listen()
        .map_err(|error| format!("listen: {error:?}"))?;
    socket.subscribe().block();
    socket
        .finish_listen()
        .map_err(|error| format!("listen: {error:?}"))?;
    let accepted = loop {
        match socket.accept() {
            Err(wasip2::sockets::network::ErrorCode::WouldBlock) => socket.subscribe().block(),
            other => break other,
        }
    };
    accepted.map(|_| "accepted".to_owned()).map_err(debug_text)
}

fn dial(at: &str) -> Result<(), String> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(debug_text)?;
    let network = instance_network();
    socket
        .start_connect(&network, address(at)?)
        .map_err(|error| format!("connect: {error:?}"))?;
    loop {
        match socket.finish_connect() {
            Err(wasip2::sockets::network::ErrorCode::WouldBlock) => socket.subscribe().block(),
            Err(error) => return Err(format!("connect: {error:?}")),
            Ok(_) => return Ok(()),
        }
    }
}

fn connect(args: &Instructions) -> Result<String, String> {
    dial(args.text("at")).map(|()| "connected".to_owned())
}

/// Connects and disconnects again and again.
fn reconnect(args: &Instructions) -> Result<String, String> {
    for number in 0..args.number("count") {
        dial(args.text("at")).map_err(|error| format!("after {number}: {error}"))?;
    }
    Ok("connected each time".to_owned())
}

fn udp_socket(at: &str) -> Result<udp::UdpSocket, String> {
    let socket = create_udp_socket(IpAddressFamily::Ipv4).map_err(debug_text)?;
    let bound = socket.start_bind(&instance_network(), address(at)?);
    bound.map_err(|error| format!("bind: {error:?}"))?;
    socket.subscribe().block();
    socket
        .finish_bind()
        .map_err(|error| format!("bind: {error:?}"))?;
    Ok(socket)
}

fn udp_bind(args: &Instructions) -> Result<String, String> {
    udp_socket(args.text("at")).map(|_| "bound".to_owned())
}

/// Sends a datagram: to the address that the socket is connected to, or to an explicit address.
fn udp_send(args: &Instructions) -> Result<String, String> {
    let socket = udp_socket("0.0.0.0:0")?;
    let to = address(args.text("at"))?;
    let streams = match args.text("by") {
        "stream" => socket.stream(Some(to)),
        "turned" => socket.stream(Some(address(args.text("first"))?)),
        _ => socket.stream(None),
    };
    let (_incoming, outgoing) = streams.map_err(|error| format!("stream: {error:?}"))?;
    outgoing.subscribe().block();
    let permit = outgoing.check_send().map_err(debug_text)?;
    let remote_address = match args.text("by") {
        "stream" => None,
        _ => Some(to),
    };
    let datagram = udp::OutgoingDatagram {
        data: b"hello".to_vec(),
        remote_address,
    };
    let sent = outgoing.send(&[datagram]);
    let sent = sent.map_err(|error| format!("send: {error:?}"))?;
    Ok(format!("sent {sent} of {permit}"))
}

/// Opens sockets and keeps them.
fn udp_leak(args: &Instructions) -> Result<String, String> {
    let mut kept = Vec::new();
    for number in 0..args.number("count") {
        let socket = udp_socket("0.0.0.0:0");
        kept.push(socket.map_err(|error| format!("after {number}: {error}"))?);
    }
    Ok(format!("kept {}", kept.len()))
}

/// Waits for a datagram.
fn udp_receive(args: &Instructions) -> Result<String, String> {
    let socket = udp_socket("0.0.0.0:0")?;
    let streams = socket.stream(Some(address(args.text("at"))?));
    let (incoming, _outgoing) = streams.map_err(debug_text)?;
    incoming.subscribe().block();
    let datagrams = incoming.receive(u64::MAX).map_err(debug_text)?;
    Ok(format!("{} datagrams", datagrams.len()))
}

/// Looks up a name repeatedly, then connects.
fn look_up(args: &Instructions) -> Result<String, String> {
    let mut found = Vec::new();
    for number in 0..args.number("count").max(1) {
        let stream = ip_name_lookup::resolve_addresses(&instance_network(), args.text("at"))
            .map_err(|error| format!("after {number}: {error:?}"))?;
        found.clear();
        loop {
            match stream.resolve_next_address() {
                Ok(Some(address)) => found.push(format!("{address:?}")),
                Ok(None) => break,
                Err(wasip2::sockets::network::ErrorCode::WouldBlock) => stream.subscribe().block(),
                Err(error) => return Err(format!("after {number}: {error:?}")),
            }
        }
    }
    // Connects while the run still remembers the look-up of the address.
    match args.maybe("then") {
        Some(at) => dial(at).map(|()| "connected".to_owned()),
        None => Ok(found.join(" ")),
    }
}

/// Looks up one name after the other, regardless of earlier results.
fn look_up_many(args: &Instructions) -> Result<String, String> {
    let mut last = Ok("nothing to look up".to_owned());
    for number in 0..args.number("count") {
        let name = format!("n{number}.example.com");
        let stream = ip_name_lookup::resolve_addresses(&instance_network(), &name);
        last = stream.map(|_| name).map_err(debug_text);
    }
    last
}

fn open(args: &Instructions) -> Result<tls::Connection, String> {
    let port = u16::try_from(args.number("port")).map_err(debug_text)?;
    tls::Connection::connect(args.text("host"), port, u32::MAX).map_err(debug_text)
}

/// Does a TLS handshake without a timeout, and then repeats it on the same connection.
fn handshake(args: &Instructions) -> Result<String, String> {
    let connection = open(args)?;
    let mut rounds = Vec::new();
    for _ in 0..args.number("count").max(1) {
        let handshake = connection.start_tls(args.text("host"), false, u32::MAX);
        rounds.push(format!("{:?}", handshake.map_err(debug_text)?.protocol));
    }
    Ok(rounds.join(" "))
}

/// Connects and does handshakes repeatedly. Returns why the last certificate is not trusted.
fn handshake_each(args: &Instructions) -> Result<String, String> {
    let mut verification_error = None;
    for _ in 0..args.number("count") {
        let handshake = open(args)?.start_tls("web.test", false, u32::MAX);
        verification_error = handshake.map_err(debug_text)?.verification_error;
    }
    Ok(verification_error.unwrap_or_else(|| "no verification_error".to_owned()))
}

fn tls_read(args: &Instructions) -> Result<String, String> {
    let connection = open(args)?;
    let mut read = 0;
    loop {
        let bytes = connection.read(u32::MAX, u32::MAX).map_err(debug_text)?;
        if bytes.is_empty() {
            return Ok(format!("{read} bytes"));
        }
        read += bytes.len();
    }
}

fn tls_write(args: &Instructions) -> Result<String, String> {
    let connection = open(args)?;
    let size = usize::try_from(args.number("size")).map_err(debug_text)?;
    let piece = vec![b'x'; size];
    for _ in 0..args.number("count").max(1) {
        connection.write(&piece, u32::MAX).map_err(debug_text)?;
    }
    Ok("written".to_owned())
}

/// Opens connections and keeps them.
fn tls_leak(args: &Instructions) -> Result<String, String> {
    let mut kept = Vec::new();
    for number in 0..args.number("count") {
        kept.push(open(args).map_err(|error| format!("after {number}: {error}"))?);
    }
    Ok(format!("kept {}", kept.len()))
}

export!(Component);
