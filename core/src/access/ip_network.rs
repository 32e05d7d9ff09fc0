//! A range of IP addresses: `10.0.0.0/8`, or one address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A range of IP addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNetwork {
    address: IpAddr,
    prefix_bits: u8,
}

/// The text is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not an IP address or a range of addresses; write 10.0.0.1, 10.0.0.0/8 or fd00::/8")]
pub struct InvalidIpNetwork {
    /// The invalid text.
    pub given: String,
}

impl IpNetwork {
    /// Parses `10.0.0.0/8`, or a single address such as `10.0.0.1`.
    pub fn parse(text: &str) -> Result<Self, InvalidIpNetwork> {
        let invalid = || InvalidIpNetwork {
            given: text.chars().take(64).collect(),
        };
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| invalid())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match bits {
            Some(bits) => bits.trim().parse().ok().filter(|bits| *bits <= bits_max),
            None => Some(bits_max),
        };
        let prefix_bits = prefix_bits.ok_or_else(invalid)?;
        Ok(Self { address, prefix_bits })
    }

    /// True if the range contains the address. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) counts as the IPv4
    /// address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix_bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => prefix(own, self.prefix_bits) == prefix(other, self.prefix_bits),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// The first `bits` bits of an address; the others are 0.
fn prefix(address: Ipv6Addr, bits: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

/// The prefix that identifies a client: an IPv4 address, or the first 64 bits of an IPv6 address, because a client
/// usually owns the complete /64 network.
pub fn client_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(prefix(address, 64)),
    }
}

impl fmt::Display for IpNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    fn network(text: &str) -> IpNetwork {
        IpNetwork::parse(text).expect("a range")
    }

    #[test]
    fn a_range_contains_its_addresses_and_no_others() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("fd00::/8", "fdab::1", "fe80::1"),
            ("::1", "::1", "::2"),
            ("192.168.0.0/16", "::ffff:192.168.3.4", "::ffff:10.0.0.1"),
        ] {
            assert!(
                network(range).contains(inside.parse().expect("an address")),
                "{range} {inside}"
            );
            assert!(
                !network(range).contains(outside.parse().expect("an address")),
                "{range} {outside}"
            );
        }
    }

    #[test]
    fn invalid_ranges_are_rejected() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "host",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
        ] {
            assert!(IpNetwork::parse(text).is_err(), "{text} was accepted");
        }
        assert_eq!(network("10.0.0.0/8").to_string(), "10.0.0.0/8");
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one_client() {
        let of = |text: &str| client_prefix(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }

    proptest! {
        #[test]
        fn a_range_contains_the_address_in_its_notation(bits in any::<u32>(), length in 0_u8..=32) {
            let address = IpAddr::from(std::net::Ipv4Addr::from_bits(bits));
            let range = network(&format!("{address}/{length}"));
            prop_assert!(range.contains(address));
            prop_assert_eq!(IpNetwork::parse(&range.to_string()), Ok(range));
        }
    }
}
