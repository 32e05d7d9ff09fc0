//! Special-purpose networks, which are not part of the public internet.
//!
//! Sources: the IANA Special-Purpose Address Registries (RFC 6890) as of 2026-07-18,
//! <https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry-1.csv> and
//! <https://www.iana.org/assignments/iana-ipv6-special-registry/iana-ipv6-special-registry-1.csv>, whose blocks the tests
//! list; the IANA multicast registries, the IANA registry of the IPv6 address space, and the clouds' documentation of their
//! metadata services. Blocks that the registries call globally reachable are anycast services, AS112 sinks and identifiers
//! for protocols: none is a target of requests, and all are special here, but for translated IPv4 addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Category of a special network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// Link-local, multicast, reserved, unallocated, for documentation, an anycast sink, or with an IPv4 address at a place
    /// that is not known.
    NotRoutable,
    /// A cloud's metadata or control service, which returns credentials.
    Metadata,
    /// This machine, or a private network.
    Private,
}

use Special::{Metadata, NotRoutable, Private};

/// Network, length of its prefix, category. The most specific network decides.
const V4: &[(Ipv4Addr, u32, Special)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, Private), // RFC 791; most systems connect to themselves
    (Ipv4Addr::new(10, 0, 0, 0), 8, Private), // RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10, Private), // RFC 6598, shared address space
    (Ipv4Addr::new(100, 100, 100, 200), 32, Metadata), // Alibaba Cloud
    (Ipv4Addr::new(127, 0, 0, 0), 8, Private), // RFC 1122, loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32, Metadata), // Azure
    (Ipv4Addr::new(169, 254, 0, 0), 16, NotRoutable), // RFC 3927, link-local, most metadata services
    (Ipv4Addr::new(172, 16, 0, 0), 12, Private), // RFC 1918
    (Ipv4Addr::new(192, 0, 0, 0), 24, Private), // RFC 6890, IETF protocol assignments
    (Ipv4Addr::new(192, 0, 0, 192), 32, Metadata), // Oracle Cloud
    (Ipv4Addr::new(192, 0, 2, 0), 24, NotRoutable), // RFC 5737, documentation
    (Ipv4Addr::new(192, 31, 196, 0), 24, NotRoutable), // RFC 7535, AS112
    (Ipv4Addr::new(192, 52, 193, 0), 24, NotRoutable), // RFC 7450, AMT relays
    (Ipv4Addr::new(192, 88, 99, 0), 24, NotRoutable), // RFC 7526, deprecated 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16, Private), // RFC 1918
    (Ipv4Addr::new(192, 175, 48, 0), 24, NotRoutable), // RFC 7534, AS112
    (Ipv4Addr::new(198, 18, 0, 0), 15, Private), // RFC 2544, benchmarking
    (Ipv4Addr::new(198, 51, 100, 0), 24, NotRoutable), // RFC 5737, documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24, NotRoutable), // RFC 5737, documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4, NotRoutable), // RFC 5771, multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4, NotRoutable), // RFC 1112, reserved; limited broadcast
];

/// As above; IPv6 networks that embed an IPv4 address at a known position are not listed, their IPv4 address decides.
const V6: &[(Ipv6Addr, u32, Special)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 0]), 127, Private), // RFC 4291, unspecified and loopback
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0]), 48, NotRoutable), // RFC 8215, local NAT64 prefixes of any length
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0]), 64, NotRoutable), // RFC 6666, discard-only
    (v6([0x100, 0, 0, 1, 0, 0, 0, 0]), 64, NotRoutable), // RFC 9780, dummy prefix
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0]), 23, NotRoutable), // RFC 2928, IETF protocol assignments; Teredo, benchmarking, ORCHID
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 32, NotRoutable), // RFC 3849, documentation
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0]), 48, NotRoutable), // RFC 7534, AS112
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0]), 20, NotRoutable), // RFC 9637, documentation
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0]), 16, NotRoutable), // RFC 9602, segment routing
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7, Private),      // RFC 4193, unique local
    (v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0]), 32, Metadata), // Scaleway
    (v6([0xfd00, 0xc1, 0, 0, 0, 0, 0, 0]), 32, Metadata), // Oracle Cloud
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0]), 32, Metadata), // Amazon EC2
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0]), 32, Metadata), // Google Cloud
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0]), 10, NotRoutable), // RFC 4291, link-local
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0]), 10, Private),     // RFC 3879, deprecated site-local
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8, NotRoutable),  // RFC 4291, multicast
];

const fn v6(segments: [u16; 8]) -> Ipv6Addr {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Addr::new(a, b, c, d, e, f, g, h)
}

/// The category of an IPv4 address; `None` for a public one.
pub(super) fn of_v4(address: Ipv4Addr) -> Option<Special> {
    let found = V4.iter().filter(|(network, length, _)| {
        let shift = 32 - length;
        address.to_bits() >> shift == network.to_bits() >> shift
    });
    found
        .max_by_key(|(_, length, _)| length)
        .map(|(_, _, special)| *special)
}

/// The category of an IPv6 address; `None` for a public one.
pub(super) fn of_v6(address: Ipv6Addr) -> Option<Special> {
    if let Some(inside) = embedded_v4(address) {
        return of_v4(inside);
    }
    // The rest of an ISATAP address is the network that its router announces, which is public.
    if let Some(special) = isatap_v4(address).and_then(of_v4) {
        return Some(special);
    }
    let found = V6.iter().filter(|(network, length, _)| {
        let shift = 128 - length;
        address.to_bits() >> shift == network.to_bits() >> shift
    });
    let listed = found
        .max_by_key(|(_, length, _)| length)
        .map(|(_, _, special)| *special);
    listed.or_else(|| (!is_global_unicast(address)).then_some(NotRoutable))
}

/// `true` for an address of 2000::/3, the only part of the address space that is allocated to the internet.
fn is_global_unicast(address: Ipv6Addr) -> bool {
    address.segments()[0] >> 13 == 1
}

/// The IPv4 address that an IPv6 address represents: mapped (RFC 4291), translated (RFC 6052, 7915) or 6to4 (RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) | (0, 0, 0, 0, 0xffff, 0) => of(g, h),
        // The deprecated compatible form; `::` and `::1` are excluded.
        (0, 0, 0, 0, 0, 0) if g != 0 => of(g, h),
        (0x2002, high, low, ..) => of(high, low),
        _ => None,
    }
}

/// The IPv4 address in an interface identifier of ISATAP (RFC 5214).
fn isatap_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., e, f, g, h] = address.segments();
    let is_isatap = matches!(e, 0 | 0x200) && f == 0x5efe;
    is_isatap.then(|| Ipv4Addr::from_bits((u32::from(g) << 16) | u32::from(h)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The blocks of the registries that lie in no other of their blocks.
    const REGISTERED_V4: &[(&str, u32)] = &[
        ("0.0.0.0", 8),
        ("10.0.0.0", 8),
        ("100.64.0.0", 10),
        ("127.0.0.0", 8),
        ("169.254.0.0", 16),
        ("172.16.0.0", 12),
        ("192.0.0.0", 24),
        ("192.0.2.0", 24),
        ("192.31.196.0", 24),
        ("192.52.193.0", 24),
        ("192.88.99.0", 24),
        ("192.168.0.0", 16),
        ("192.175.48.0", 24),
        ("198.18.0.0", 15),
        ("198.51.100.0", 24),
        ("203.0.113.0", 24),
        ("240.0.0.0", 4),
    ];

    /// As above, without 2002::/16, 64:ff9b::/96 and ::ffff:0:0/96, whose embedded IPv4 address decides.
    const REGISTERED_V6: &[(&str, u32)] = &[
        ("::1", 128),
        ("::", 128),
        ("64:ff9b:1::", 48),
        ("100::", 64),
        ("100:0:0:1::", 64),
        ("2001::", 23),
        ("2001:db8::", 32),
        ("2620:4f:8000::", 48),
        ("3fff::", 20),
        ("5f00::", 16),
        ("fc00::", 7),
        ("fe80::", 10),
    ];

    #[test]
    fn each_block_of_the_registries_is_special_from_its_first_address_to_its_last() {
        for (network, length) in REGISTERED_V4 {
            let first: Ipv4Addr = network.parse().expect("an address");
            let last = Ipv4Addr::from_bits(first.to_bits() | (u32::MAX >> length));
            assert!(of_v4(first).is_some() && of_v4(last).is_some(), "{network}/{length}");
        }
        for (network, length) in REGISTERED_V6 {
            let first: Ipv6Addr = network.parse().expect("an address");
            let last = Ipv6Addr::from_bits(first.to_bits() | u128::MAX.checked_shr(*length).unwrap_or(0));
            assert!(of_v6(first).is_some() && of_v6(last).is_some(), "{network}/{length}");
        }
    }

    #[test]
    fn addresses_beside_the_blocks_are_public() {
        for text in [
            "9.255.255.255",
            "100.128.0.0",
            "172.32.0.0",
            "192.0.1.0",
            "198.20.0.0",
            "223.255.255.255",
        ] {
            assert_eq!(of_v4(text.parse().expect("an address")), None, "{text}");
        }
        for text in ["2001:200::", "2001:db9::", "2003::", "2620:4f:8001::", "3ffe::1"] {
            assert_eq!(of_v6(text.parse().expect("an address")), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_embedded_ipv4_address_has_the_category_of_the_address_itself(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = address.octets();
            let spellings = [
                format!("::ffff:{address}"),
                format!("64:ff9b::{address}"),
                format!("::ffff:0:{address}"),
                format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
            ];
            for spelling in spellings {
                prop_assert_eq!(of_v6(spelling.parse().unwrap()), of_v4(address), "{}", spelling);
            }
        }

        #[test]
        fn a_network_is_special_from_its_first_address_to_its_last(index in 0..V6.len(), host in any::<u128>()) {
            let (network, length, special) = V6[index];
            let address = Ipv6Addr::from_bits(network.to_bits() | (host & (u128::MAX >> length)));
            // It may contain a more specific network.
            let inner = V6.iter().any(|(inner, longer, _)| {
                *longer > length && address.to_bits() >> (128 - longer) == inner.to_bits() >> (128 - longer)
            });
            let carries_v4 = embedded_v4(address).or(isatap_v4(address)).is_some();
            prop_assert!(inner || carries_v4 || of_v6(address) == Some(special), "{address}");
        }
    }
}
