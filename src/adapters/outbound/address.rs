//! What an IP address is for.
//!
//! Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890, kept current by
//! IANA), multicast by RFC 5771 and RFC 4291, the IPv6 global unicast space by RFC 4291 and its IANA
//! registry, and the fixed addresses of cloud metadata services by their vendors' documents.
//!
//! The list errs on the side of refusal: ranges that the registry calls globally reachable but that
//! only lead elsewhere (address translation, 6to4) are refused, because what they lead to is not
//! visible here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether `address` is an ordinary public address, and so may be called on a tenant's word.
pub fn is_public(address: IpAddr) -> bool {
    Reach::of(address) == Reach::Public
}

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To a host on the public Internet.
    Public,
    /// To this host or a private network: callable where the operator lets private networks in.
    Private(&'static str),
    /// To nothing that a callback could mean, or to a metadata service: never callable.
    Never(&'static str),
}

impl Reach {
    /// Classifies an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => special_v4(v4).unwrap_or(Self::Public),
            IpAddr::V6(v6) => special_v6(v6).unwrap_or_else(|| {
                // IANA has given out nothing else as global unicast; the rest of the space is
                // reserved, and a list of what is forbidden in it would always be behind.
                if in_v6(v6, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3) {
                    Self::Public
                } else {
                    Self::Never("outside the global unicast space")
                }
            }),
        }
    }

    /// Lets `address` through, or says why not. With `allow_private`, loopback and private networks
    /// are let through too; metadata services and the rest never are.
    ///
    /// # Errors
    /// [`ForbiddenAddress`] with the range it is in.
    pub fn admit(address: IpAddr, allow_private: bool) -> Result<(), ForbiddenAddress> {
        match Self::of(address) {
            Self::Public => Ok(()),
            Self::Private(_) if allow_private => Ok(()),
            Self::Private(why) | Self::Never(why) => Err(ForbiddenAddress {
                host: address.to_string(),
                why,
            }),
        }
    }
}

/// An address that Punchcard does not call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} is never called: {why}")]
pub struct ForbiddenAddress {
    /// The address, or the name that leads there.
    pub host: String,
    /// Which kind of address it is.
    pub why: &'static str,
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

/// Narrow ranges stand before the wide ones that hold them: the first match counts. One line each,
/// as in the registry.
#[rustfmt::skip]
const V4: &[(Ipv4Addr, u32, Reach)] = &[
    (v4(169, 254, 0, 0), 16, Reach::Never("link-local, with the clouds' metadata services (RFC 3927)")),
    (v4(168, 63, 129, 16), 32, Reach::Never("Azure's platform service")),
    (v4(100, 100, 100, 200), 32, Reach::Never("Alibaba Cloud's metadata service")),
    (v4(0, 0, 0, 0), 8, Reach::Never("this network, unspecified (RFC 791)")),
    (v4(10, 0, 0, 0), 8, Reach::Private("private network (RFC 1918)")),
    (v4(100, 64, 0, 0), 10, Reach::Private("shared carrier-grade NAT space (RFC 6598)")),
    (v4(127, 0, 0, 0), 8, Reach::Private("loopback (RFC 1122)")),
    (v4(172, 16, 0, 0), 12, Reach::Private("private network (RFC 1918)")),
    (v4(192, 168, 0, 0), 16, Reach::Private("private network (RFC 1918)")),
    // Holds 192.0.0.192, Oracle Cloud's older metadata service.
    (v4(192, 0, 0, 0), 24, Reach::Never("IETF protocol assignments (RFC 6890)")),
    (v4(192, 0, 2, 0), 24, Reach::Never("documentation (RFC 5737)")),
    (v4(192, 88, 99, 0), 24, Reach::Never("deprecated 6to4 relays (RFC 7526)")),
    (v4(198, 18, 0, 0), 15, Reach::Never("benchmarking (RFC 2544)")),
    (v4(198, 51, 100, 0), 24, Reach::Never("documentation (RFC 5737)")),
    (v4(203, 0, 113, 0), 24, Reach::Never("documentation (RFC 5737)")),
    (v4(224, 0, 0, 0), 4, Reach::Never("multicast (RFC 5771)")),
    (v4(255, 255, 255, 255), 32, Reach::Never("limited broadcast (RFC 919)")),
    (v4(240, 0, 0, 0), 4, Reach::Never("reserved (RFC 1112)")),
];

/// A prefix of up to 64 bits.
const fn v6(a: u16, b: u16, c: u16, d: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
}

/// As [`V4`]. Ranges outside 2000::/3 need no line; those that have one get a clearer reason.
#[rustfmt::skip]
const V6: &[(Ipv6Addr, u32, Reach)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, Reach::Never("unspecified (RFC 4291)")),
    (Ipv6Addr::LOCALHOST, 128, Reach::Private("loopback (RFC 4291)")),
    (v6(0, 0, 0, 0), 96, Reach::Never("deprecated IPv4-compatible (RFC 4291)")),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, Reach::Never("IPv4-mapped (RFC 4291)")),
    (Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, 0, 0), 96, Reach::Never("IPv4-translated (RFC 2765)")),
    (v6(0x64, 0xff9b, 0, 0), 96, Reach::Never("IPv4 translation, NAT64 (RFC 6052)")),
    (v6(0x64, 0xff9b, 1, 0), 48, Reach::Never("local-use IPv4 translation, NAT64 (RFC 8215)")),
    (v6(0x100, 0, 0, 0), 64, Reach::Never("discard-only (RFC 6666)")),
    (v6(0x2001, 0, 0, 0), 32, Reach::Never("Teredo tunnels (RFC 4380)")),
    (v6(0x2001, 2, 0, 0), 48, Reach::Never("benchmarking (RFC 5180)")),
    (v6(0x2001, 0, 0, 0), 23, Reach::Never("IETF protocol assignments (RFC 2928)")),
    (v6(0x2001, 0xdb8, 0, 0), 32, Reach::Never("documentation (RFC 3849)")),
    (v6(0x2002, 0, 0, 0), 16, Reach::Never("6to4 tunnels (RFC 3056)")),
    (v6(0x3ffe, 0, 0, 0), 16, Reach::Never("the returned 6bone (RFC 3701)")),
    (v6(0x3fff, 0, 0, 0), 20, Reach::Never("documentation (RFC 9637)")),
    (v6(0x5f00, 0, 0, 0), 16, Reach::Never("segment routing identifiers (RFC 9602)")),
    (v6(0xfd00, 0xec2, 0, 0), 32, Reach::Never("Amazon's metadata service")),
    (v6(0xfd20, 0xce, 0, 0), 32, Reach::Never("Google Cloud's metadata service")),
    (v6(0xfc00, 0, 0, 0), 7, Reach::Private("unique local (RFC 4193)")),
    (v6(0xfe80, 0, 0, 0), 10, Reach::Never("link-local (RFC 4291)")),
    (v6(0xfec0, 0, 0, 0), 10, Reach::Never("deprecated site-local (RFC 3879)")),
    (v6(0xff00, 0, 0, 0), 8, Reach::Never("multicast (RFC 4291)")),
];

fn special_v4(address: Ipv4Addr) -> Option<Reach> {
    V4.iter()
        .find(|(base, prefix, _)| (address.to_bits() ^ base.to_bits()).leading_zeros() >= *prefix)
        .map(|(_, _, reach)| *reach)
}

fn special_v6(address: Ipv6Addr) -> Option<Reach> {
    V6.iter()
        .find(|(base, prefix, _)| in_v6(address, *base, *prefix))
        .map(|(_, _, reach)| *reach)
}

const fn in_v6(address: Ipv6Addr, base: Ipv6Addr, prefix: u32) -> bool {
    (address.to_bits() ^ base.to_bits()).leading_zeros() >= prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ordinary_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "2001:200::1",
            "2a00::1",
            "2400:cb00::1",
        ] {
            assert!(is_public(ip(text)), "{text} was refused");
        }
    }

    #[test]
    fn every_special_range_is_refused_from_its_first_address_to_its_last() {
        let v4 = V4.iter().map(|(base, prefix, _)| {
            let host_bits = u32::MAX.checked_shr(*prefix).unwrap_or(0);
            let last = Ipv4Addr::from_bits(base.to_bits() | host_bits);
            (IpAddr::V4(*base), IpAddr::V4(last))
        });
        let v6 = V6.iter().map(|(base, prefix, _)| {
            let host_bits = u128::MAX.checked_shr(*prefix).unwrap_or(0);
            let last = Ipv6Addr::from_bits(base.to_bits() | host_bits);
            (IpAddr::V6(*base), IpAddr::V6(last))
        });
        for (first, last) in v4.chain(v6) {
            assert!(!is_public(first), "{first} was let through");
            assert!(!is_public(last), "{last} was let through");
        }
    }

    #[test]
    fn the_well_known_bad_addresses_are_refused() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "100.100.100.200",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::a00:1",
            "64:ff9b:2::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:7f00:1::",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "3ffe::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert!(!is_public(ip(text)), "{text} was let through");
        }
    }

    #[test]
    fn letting_private_networks_in_does_not_let_metadata_services_in() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "100.64.0.1",
            "::1",
            "fd12::1",
        ] {
            assert_eq!(Reach::admit(ip(text), true), Ok(()), "{text}");
            assert!(Reach::admit(ip(text), false).is_err(), "{text}");
        }
        for text in [
            "169.254.169.254",
            "fd00:ec2::254",
            "0.0.0.0",
            "::ffff:127.0.0.1",
            "fe80::1",
        ] {
            assert!(Reach::admit(ip(text), true).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_in_private_space_is_public_whatever_the_host_bits(host: u32) {
            let ten = Ipv4Addr::from_bits(0x0a00_0000 | (host & 0x00ff_ffff));
            proptest::prop_assert!(!is_public(ten.into()));
            proptest::prop_assert!(!is_public(ten.to_ipv6_mapped().into()));
        }
    }
}
