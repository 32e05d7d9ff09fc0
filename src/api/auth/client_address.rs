//! Where a request really came from, behind proxies that are trusted to say so.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::HeaderMap;

use crate::domain::access::ip_network::IpNetwork;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that a request counts for. That is the other end of the connection, unless it is a trusted proxy: then it
/// is the last address in `X-Forwarded-For` that is none. What stands further left was written by whoever is not trusted.
pub(super) fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNetwork]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if trusted.is_empty() || !is_trusted(client) {
        return client;
    }
    // Several headers are one list; a proxy adds its own at the end.
    let values: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    let hops = values.iter().rev().flat_map(|value| value.rsplit(','));
    for hop in hops {
        // What is no address says nothing of who wrote it: the proxy itself then counts.
        let Some(address) = parse(hop) else { break };
        client = address;
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// Reads an address, with or without a port.
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
            // What the client itself has written stands on the left.
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
