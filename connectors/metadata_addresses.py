"""Addresses by which a machine is asked about itself: no source is ever read there."""

from ipaddress import IPv4Address, IPv6Address, ip_address

METADATA_ADDRESSES = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200")))
"""Of the services that tell a machine its own secrets, beside the link-local ones."""


def is_metadata_address(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is link-local (RFC 3927, RFC 4291), or of a machine's own metadata."""
    inside = getattr(address, "ipv4_mapped", None) or address
    return inside.is_link_local or inside in METADATA_ADDRESSES
