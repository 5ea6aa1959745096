"""Names of entries (RFC 4514), as far as they are compared."""

import re
import unicodedata
from collections.abc import Iterator

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn

_ESCAPED = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)")


def same_name(dn: str) -> str:
    """A form that equal names share: case, spaces, escapes and Unicode forms aside.

    What is no name is compared as it stands.
    """
    dn = unicodedata.normalize("NFC", dn)
    if not any(mark in dn for mark in '\\"+'):
        return ",".join(
            "=".join(" ".join(side.split()) for side in part.split("=", 1))
            for part in dn.casefold().split(",")
        )
    try:
        parts = parse_dn(dn, escape=False, strip=True)
    except (LDAPInvalidDnError, IndexError):
        return dn.casefold()
    return ",".join(sorted_parts(parts))


def id_form(name: str) -> str:
    """A form that ids share which are one: case and Unicode forms aside."""
    return unicodedata.normalize("NFC", name).casefold()


def sorted_parts(parts: list[tuple[str, str, str]]) -> Iterator[str]:
    """Each relative name, those of several values in order."""
    held: list[str] = []
    for attribute, value, separator in parts:
        plain = unicodedata.normalize("NFC", _plain(value))
        held.append(f"{attribute}={' '.join(plain.split())}".casefold())
        if separator != "+":
            yield "+".join(sorted(held))
            held = []


def rdn_values(dn: str, attribute: str) -> list[str]:
    """The values of an attribute in the entry's own, first relative name."""
    found = []
    try:
        for name, value, separator in parse_dn(dn, escape=False, strip=True):
            if name.lower() == attribute.lower():
                found.append(_plain(value))
            if separator != "+":
                break
    except (LDAPInvalidDnError, IndexError):
        return []
    return found


def _plain(value: str) -> str:
    def unescaped(found: re.Match[str]) -> str:
        if found[1]:
            return bytes.fromhex(found[1].replace("\\", "")).decode("utf-8", "replace")
        return found[2]

    return _ESCAPED.sub(unescaped, value)
