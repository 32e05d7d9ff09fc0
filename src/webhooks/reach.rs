//! Which addresses the server may connect to when somebody else has said where to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far connections reach. Link-local addresses, those of clouds' metadata services, and those that are no single
/// machine's are out of reach always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reach {
    allows_private: bool,
}

/// An address is out of reach. The text does not tell the address, which the name's owner has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfReach {
    /// Nobody may be told anything there.
    #[error("the address is link-local, a metadata service's or no machine's; it is never called")]
    Never,
    /// It lies in a private network, or is this machine.
    #[error(
        "the address lies in a private network, where this endpoint may not be ([webhooks] allow_private_networks)"
    )]
    Private,
}

/// Metadata and control services of clouds that lie outside of the link-local range.
const METADATA_V4: [Ipv4Addr; 3] = [
    // Azure, Alibaba, Oracle.
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
];
/// Amazon's.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

impl Reach {
    /// Addresses of the internet alone.
    pub const PUBLIC: Self = Self { allows_private: false };
    /// Those of private networks and of this machine as well.
    pub const PRIVATE_TOO: Self = Self { allows_private: true };

    /// Says whether an address is out of reach.
    pub fn check(self, address: IpAddr) -> Result<(), OutOfReach> {
        let found = match address {
            IpAddr::V4(address) => check_v4(address),
            IpAddr::V6(address) => check_v6(address),
        };
        match found {
            Err(OutOfReach::Private) if self.allows_private => Ok(()),
            other => other,
        }
    }
}

fn check_v4(address: Ipv4Addr) -> Result<(), OutOfReach> {
    let [a, b, c, _] = address.octets();
    if METADATA_V4.contains(&address) || address.is_link_local() || a >= 224 {
        return Err(OutOfReach::Never);
    }
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_special = (a, b, c) == (192, 0, 0) || (a == 198 && (b == 18 || b == 19));
    // 0.0.0.0 is this machine to most systems.
    if a == 0 || address.is_private() || address.is_loopback() || is_shared || is_special {
        return Err(OutOfReach::Private);
    }
    Ok(())
}

fn check_v6(address: Ipv6Addr) -> Result<(), OutOfReach> {
    if let Some(inside) = embedded_v4(address) {
        return check_v4(inside);
    }
    let first = address.segments()[0];
    let is_link_local = first & 0xffc0 == 0xfe80;
    if address == METADATA_V6 || is_link_local || address.is_multicast() {
        return Err(OutOfReach::Never);
    }
    let is_unique_local = first & 0xfe00 == 0xfc00;
    let is_site_local = first & 0xffc0 == 0xfec0;
    if address.is_loopback() || address.is_unspecified() || is_unique_local || is_site_local {
        return Err(OutOfReach::Private);
    }
    Ok(())
}

/// The IPv4 address that an IPv6 one stands for: mapped, translated (RFC 6052, 8215) or 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Some(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) | (0, 0, 0, 0, 0xffff, 0) => of(g, h),
        // The old form without 0xffff; `::` and `::1` are themselves.
        (0, 0, 0, 0, 0, 0) if g != 0 => of(g, h),
        (0x64, 0xff9b, 1, ..) => of(g, h),
        (0x2002, high, low, ..) => of(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reach: Reach, text: &str) -> Result<(), OutOfReach> {
        reach.check(text.parse().expect("an address"))
    }

    #[test]
    fn metadata_and_link_local_addresses_are_never_called() {
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::169.254.169.254",
        ] {
            assert_eq!(check(Reach::PRIVATE_TOO, text), Err(OutOfReach::Never), "{text}");
            assert_eq!(check(Reach::PUBLIC, text), Err(OutOfReach::Never), "{text}");
        }
    }

    #[test]
    fn private_networks_are_called_by_those_who_may() {
        for text in [
            "127.0.0.1",
            "127.255.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.18.0.1",
            "192.0.0.1",
            "::1",
            "::",
            "fd12::1",
            "fc00::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert_eq!(check(Reach::PUBLIC, text), Err(OutOfReach::Private), "{text}");
            assert_eq!(check(Reach::PRIVATE_TOO, text), Ok(()), "{text}");
        }
    }

    #[test]
    fn the_internet_is_called_by_all() {
        for text in [
            "93.184.216.34",
            "100.128.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert_eq!(check(Reach::PUBLIC, text), Ok(()), "{text}");
        }
    }
}
