"""Addresses of cloud metadata services, which hand out a machine's secrets: never read them."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

METADATA_ADDRESSES = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba Cloud
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle Cloud
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google Cloud
        ),
    )
)
"""Metadata services at addresses that are not link-local."""
METADATA_NETWORKS = (
    IPv6Network("fd00:c1::/32"),  # Oracle Cloud
    IPv6Network("fd00:a9fe:a9fe::/48"),  # OpenStack and others: 169.254.169.254 in a local prefix
)
"""Networks in which any address may be a metadata service."""
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""Prefixes of NAT64 (RFC 6052, RFC 8215)."""


def is_metadata_address(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address, or one embedded in it, is link-local or a metadata service's."""
    return any(
        one.is_link_local
        or one in METADATA_ADDRESSES
        or any(one in network for network in METADATA_NETWORKS)
        for one in (address, *_inside(address))
    )


def _inside(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, IPv4Address):
        return
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    number = int(address)
    if any(address in network for network in _TRANSLATED):
        found.append(IPv4Address(number & 0xFFFF_FFFF))
    if address in _TRANSLATED[1]:  # after a prefix of 48 bits, byte 8 is not part of the address
        found.append(IPv4Address((number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF))
    if number >> 32 == 0:  # IPv4-compatible (RFC 4291, deprecated)
        found.append(IPv4Address(number))
    yield from (one for one in found if one is not None)
