//! The egress policy: addresses that the server may connect to on behalf of callers.

use std::net::IpAddr;

use reqwest::Url;

use super::special_networks;
use super::special_networks::Special;

/// Egress policy. Link-local addresses, metadata services of clouds and addresses that are not routable are always
/// blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EgressPolicy {
    allows_private: bool,
}

/// The address is blocked. The message does not contain the address, which the name's owner has chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockedAddress {
    /// The address is never called.
    #[error("address is link-local, a cloud metadata service or not routable, and is blocked")]
    Never,
    /// It is in a private network, or is this machine.
    #[error(
        "the address is in a private network, which is not allowed for this endpoint ([webhooks] allow_private_networks)"
    )]
    Private,
}

impl EgressPolicy {
    /// Public addresses only.
    pub const PUBLIC_ONLY: Self = Self { allows_private: false };
    /// Private networks and this machine as well.
    pub const PRIVATE_ALLOWED: Self = Self { allows_private: true };

    /// Fails if the address is blocked.
    pub fn check(self, address: IpAddr) -> Result<(), BlockedAddress> {
        let special = match address {
            IpAddr::V4(address) => special_networks::of_v4(address),
            IpAddr::V6(address) => special_networks::of_v6(address),
        };
        match special {
            None => Ok(()),
            Some(Special::NotRoutable | Special::Metadata) => Err(BlockedAddress::Never),
            Some(Special::Private) if self.allows_private => Ok(()),
            Some(Special::Private) => Err(BlockedAddress::Private),
        }
    }

    /// Fails if the URL has a literal address that is blocked.
    pub fn check_url(self, url: &Url) -> Result<(), BlockedAddress> {
        literal(url).map_or(Ok(()), |address| self.check(address))
    }
}

/// The literal address of a URL. The parser has normalised all notations of IPv4.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: EgressPolicy, text: &str) -> Result<(), BlockedAddress> {
        policy.check(text.parse().expect("an address"))
    }

    #[test]
    fn metadata_and_link_local_addresses_are_always_blocked() {
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
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
            "64:ff9b:1::808:808",
            "64:ff9b:1:ffff::1",
            "2001::4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "100:0:0:1::1",
            "5f00::1",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.255",
            "192.88.99.1",
            "::ffff:203.0.113.1",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::169.254.169.254",
            "2606:4700::5efe:169.254.169.254",
            "2606:4700::200:5efe:168.63.129.16",
            "fe80::5efe:8.8.8.8",
        ] {
            assert_eq!(
                check(EgressPolicy::PRIVATE_ALLOWED, text),
                Err(BlockedAddress::Never),
                "{text}"
            );
            assert_eq!(
                check(EgressPolicy::PUBLIC_ONLY, text),
                Err(BlockedAddress::Never),
                "{text}"
            );
        }
    }

    #[test]
    fn private_networks_are_allowed_by_the_option_only() {
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
            "2606:4700::5efe:10.1.2.3",
        ] {
            assert_eq!(
                check(EgressPolicy::PUBLIC_ONLY, text),
                Err(BlockedAddress::Private),
                "{text}"
            );
            assert_eq!(check(EgressPolicy::PRIVATE_ALLOWED, text), Ok(()), "{text}");
        }
    }

    #[test]
    fn every_network_of_the_special_purpose_registries_is_out_of_reach() {
        // One address of each entry of iana-ipv4-special-registry and iana-ipv6-special-registry, as of 2025-10.
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "100.64.0.0",
            "127.0.0.0",
            "169.254.0.0",
            "172.16.0.0",
            "192.0.0.0",
            "192.0.0.7",
            "192.0.0.8",
            "192.0.0.9",
            "192.0.0.10",
            "192.0.0.170",
            "192.0.0.171",
            "192.0.2.0",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.99.2",
            "192.168.0.0",
            "192.175.48.1",
            "192.175.48.42",
            "198.18.0.0",
            "198.51.100.0",
            "203.0.113.0",
            "240.0.0.0",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:192.175.48.1",
            "64:ff9b::192.31.196.1",
            "64:ff9b:1::",
            "100::",
            "100:0:0:1::",
            "2001::",
            "2001:1::1",
            "2001:1::2",
            "2001:1::3",
            "2001:2::",
            "2001:3::",
            "2001:4:112::",
            "2001:10::",
            "2001:20::",
            "2001:30::",
            "2001:db8::",
            "2002:c0af:3001::",
            "2620:4f:8000::1",
            "2620:4f:8000:ffff::",
            "3fff::",
            "5f00::",
            "fc00::",
            "fe80::",
        ] {
            assert!(check(EgressPolicy::PUBLIC_ONLY, text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_that_are_not_allocated_are_never_called() {
        for text in [
            "::2:0:0:1",
            "1::1",
            "200::1",
            "1fff::1",
            "4000::1",
            "8000::1",
            "e000::1",
            "fe00::1",
        ] {
            assert_eq!(
                check(EgressPolicy::PRIVATE_ALLOWED, text),
                Err(BlockedAddress::Never),
                "{text}"
            );
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
            "2001:4860:4860::8888",
            "2001:200::1",
            "192.0.3.1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2606:4700::5efe:808:808",
        ] {
            assert_eq!(check(EgressPolicy::PUBLIC_ONLY, text), Ok(()), "{text}");
        }
    }
}
