//! Asks the kernel whether an address belongs to this host. It sends no packets and does not know
//! grants.
//!
//! Comparing both ends of a connected socket is not enough: the kernel uses another source address
//! for the second address of an interface, and for a network that is routed to the host as a whole.

use std::net::{IpAddr, Ipv6Addr, UdpSocket};

/// Whether packets to `address` arrive at this host, by any of its interfaces or routes.
pub(super) fn is_local(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || is_local_to_sockets(address) || route::is_local(address)
}

/// Asks through sockets, in case a sandbox around the process forbids netlink. Finds every IPv4
/// address, and every IPv6 address of an interface.
fn is_local_to_sockets(address: IpAddr) -> bool {
    let from = match address {
        // The kernel only sends from local addresses, even where `ip_nonlocal_bind` allows binding
        // others.
        IpAddr::V4(_) => address,
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let local = UdpSocket::bind((from, 0)).and_then(|socket| {
        socket.connect((address, ANY_PORT))?;
        socket.local_addr()
    });
    local.is_ok_and(|local| local.ip() == address)
}

#[cfg(target_os = "linux")]
mod route {
    //! Asks for the kernel's route to an address: rtnetlink(7).

    use std::net::IpAddr;

    use rustix::io;
    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
    };

    pub(super) fn is_local(address: IpAddr) -> bool {
        // On errors the kernel can't be asked, or has no route.
        route_type(address).is_ok_and(|route_type| LOCAL_TYPES.contains(&route_type))
    }

    /// The type of the route, such as `RTN_UNICAST`.
    fn route_type(address: IpAddr) -> io::Result<u8> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        // Protocol 0 of netlink is `NETLINK_ROUTE`.
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(
            &socket,
            &get_route_request(address),
            SendFlags::empty(),
            &kernel,
        )?;
        let mut answer = [0; 64];
        recv(&socket, &mut answer, RecvFlags::TRUNC)?;
        let route_type = u16::from_ne_bytes([answer[4], answer[5]]);
        if route_type == NEW_ROUTE {
            Ok(answer[HEADER + TYPE_OFFSET])
        } else {
            Err(io::Errno::HOSTUNREACH)
        }
    }

    /// `RTM_GETROUTE`: header, `rtmsg`, and the address as its one attribute.
    fn get_route_request(address: IpAddr) -> Vec<u8> {
        let (family, octets) = match address {
            IpAddr::V4(address) => (AddressFamily::INET, address.octets().to_vec()),
            IpAddr::V6(address) => (AddressFamily::INET6, address.octets().to_vec()),
        };
        let narrow = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        let mut get_route_request = Vec::with_capacity(HEADER + ROUTE + ATTRIBUTE + octets.len());
        let length = narrow(HEADER + ROUTE + ATTRIBUTE + octets.len());
        get_route_request.extend(u32::from(length).to_ne_bytes());
        get_route_request.extend(GET_ROUTE.to_ne_bytes());
        get_route_request.extend(REQUEST.to_ne_bytes());
        get_route_request.extend([0; 8]);
        get_route_request.extend([
            u8::try_from(family.as_raw()).unwrap_or_default(),
            narrow(octets.len() * 8),
        ]);
        get_route_request.extend([0; ROUTE - 2]);
        get_route_request.extend(u16::from(narrow(ATTRIBUTE + octets.len())).to_ne_bytes());
        get_route_request.extend(DESTINATION.to_ne_bytes());
        get_route_request.extend(octets);
        get_route_request
    }

    /// Sizes of `nlmsghdr`, `rtmsg` and `rtattr`, and the offset of the type in `rtmsg`.
    const HEADER: usize = 16;
    const ROUTE: usize = 12;
    const ATTRIBUTE: usize = 4;
    const TYPE_OFFSET: usize = 7;
    /// `RTM_NEWROUTE`, `RTM_GETROUTE`, `NLM_F_REQUEST` and `RTA_DST`.
    const NEW_ROUTE: u16 = 24;
    const GET_ROUTE: u16 = 26;
    const REQUEST: u16 = 1;
    const DESTINATION: u16 = 1;
    /// `RTN_LOCAL`, `RTN_BROADCAST`, `RTN_ANYCAST` and `RTN_MULTICAST`: packets with these routes
    /// also arrive here.
    const LOCAL_TYPES: [u8; 4] = [2, 3, 4, 5];
}

#[cfg(not(target_os = "linux"))]
mod route {
    //! Other systems are asked through sockets only.

    pub(super) fn is_local(_: std::net::IpAddr) -> bool {
        false
    }
}

/// Nothing is sent to it; the port is `discard`.
const ANY_PORT: u16 = 9;

/// An address of this host that is not loopback.
///
/// # Panics
///
/// The host has no such address.
#[cfg(test)]
pub(super) fn non_loopback_address() -> IpAddr {
    // The source address of packets to a remote host.
    let elsewhere = [
        ("0.0.0.0:0", "198.51.100.1:9"),
        ("[::]:0", "[2001:db8::1]:9"),
    ];
    let mut local = elsewhere.into_iter().filter_map(|(from, to)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    local
        .next()
        .expect("this machine has a way out: give it an address and a default route")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_knows_which_addresses_are_this_machines() {
        let local = non_loopback_address();
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(is_local(address.parse().unwrap()), "{address}");
        }
        assert!(is_local(local), "{local}");
        assert!(is_local_to_sockets(local), "{local}");
        for address in ["198.51.100.1", "1.1.1.1", "2001:db8::1", "2606:4700::1111"] {
            assert!(!is_local(address.parse().unwrap()), "{address}");
        }
        #[cfg(target_os = "linux")]
        assert!(route::is_local(local) && !route::is_local("198.51.100.1".parse().unwrap()));
    }
}
