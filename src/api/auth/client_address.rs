//! Address of a request's client behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderMap;

use crate::domain::access::ip_network::IpNetwork;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of a request's client: the peer of the connection, or if that is a trusted proxy, the last untrusted
/// address in `X-Forwarded-For`. Addresses to the left of it were written by untrusted clients.
pub(super) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNetwork]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if trusted.is_empty() || !is_trusted(client) {
        return client;
    }
    // Several headers form one list; a proxy appends its own.
    let values: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    let hops = values.iter().rev().flat_map(|value| value.rsplit(','));
    for hop in hops {
        // An invalid address does not identify its author: the request then counts for the proxy.
        let Some(address) = parse(hop) else { break };
        client = address;
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// Parses an address, with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = text
        .parse()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .or_else(|_| bare.unwrap_or_default().parse());
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(
                HeaderName::from_static(FORWARDED_FOR),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        let trusted: Vec<IpNetwork> = trusted
            .iter()
            .map(|text| IpNetwork::parse(text).expect("a range"))
            .collect();
        of(peer.parse().expect("an address"), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let proxies = &["10.0.0.0/8", "127.0.0.1"][..];
        for (peer, forwarded, trusted, expected) in [
            ("203.0.113.5", &["198.51.100.1"][..], proxies, "203.0.113.5"),
            ("127.0.0.1", &["198.51.100.1"], &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], proxies, "198.51.100.1"),
            ("127.0.0.1", &[], proxies, "127.0.0.1"),
            // The client's own entries are on the left.
            (
                "127.0.0.1",
                &["1.1.1.1, 198.51.100.1, 10.0.0.7"],
                proxies,
                "198.51.100.1",
            ),
            (
                "127.0.0.1",
                &["1.1.1.1", "198.51.100.1", "10.0.0.7"],
                proxies,
                "198.51.100.1",
            ),
            ("127.0.0.1", &["10.0.0.1, 10.0.0.2"], proxies, "10.0.0.1"),
            ("127.0.0.1", &["198.51.100.1, nonsense, 10.0.0.7"], proxies, "10.0.0.7"),
            ("127.0.0.1", &["198.51.100.1:4711"], proxies, "198.51.100.1"),
            ("127.0.0.1", &["[2001:db8::1]:4711"], proxies, "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], proxies, "2001:db8::1"),
            ("::ffff:127.0.0.1", &["::ffff:198.51.100.1"], proxies, "198.51.100.1"),
        ] {
            assert_eq!(client(peer, forwarded, trusted), expected, "{peer} {forwarded:?}");
        }
    }
}
