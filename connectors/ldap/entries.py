"""Turn an LDAP entry into an agent: names (RFC 4514) and the settings' attribute mapping."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date

from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.utils.dn import parse_dn
from pydantic import ValidationError

from connectors.directory import AgentRecord
from connectors.geography import DEPARTEMENTS
from connectors.ldap.client import LdapEntry
from connectors.ports import Malformed
from connectors.values import Agent

_ESCAPED = re.compile(r"((?:\\[0-9A-Fa-f]{2})+)|\\(.)")


def normalize_dn(dn: str) -> str:
    """A form in which equal DNs are equal, ignoring case, spaces, escapes and Unicode form.

    Text that is not a DN is only case-folded.
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
    return ",".join(normalized_rdns(parts))


def normalize_id(name: str) -> str:
    """A form in which equal ids are equal, ignoring case and Unicode form."""
    return unicodedata.normalize("NFC", name).casefold()


def normalized_rdns(parts: list[tuple[str, str, str]]) -> Iterator[str]:
    """Yield each relative name, the parts of multi-valued ones sorted."""
    rdn: list[str] = []
    for attribute, value, separator in parts:
        plain = unicodedata.normalize("NFC", _unescape(value))
        rdn.append(f"{attribute}={' '.join(plain.split())}".casefold())
        if separator != "+":
            yield "+".join(sorted(rdn))
            rdn = []


def rdn_values(dn: str, attribute: str) -> list[str]:
    """The values of an attribute in the first relative name of a DN."""
    found = []
    try:
        for name, value, separator in parse_dn(dn, escape=False, strip=True):
            if name.lower() == attribute.lower():
                found.append(_unescape(value))
            if separator != "+":
                break
    except (LDAPInvalidDnError, IndexError):
        return []
    return found


def _unescape(value: str) -> str:
    def unescaped(found: re.Match[str]) -> str:
        if found[1]:
            return bytes.fromhex(found[1].replace("\\", "")).decode("utf-8", "replace")
        return found[2]

    return _ESCAPED.sub(unescaped, value)


MULTI_VALUED_FIELDS = ("skills", "accounts")
_GENERALIZED_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})?")
"""The day of a GeneralizedTime (RFC 4517, 3.3.13)."""
_BOOLEANS = {"true": "oui", "false": "non", "1": "oui", "0": "non"}


def agent_of(entry: LdapEntry, attributes: Mapping[str, str]) -> Iterator[Agent | Malformed]:
    """Yield the agent of an entry, and what of it is invalid.

    There is no agent if their id, departure or listing is invalid.
    """
    try:
        values = {field: entry.values(name) for field, name in attributes.items()}
        record = AgentRecord.model_validate(dict(_cells(entry, values, attributes["id"])))
    except UnicodeDecodeError:
        yield Malformed(entry.dn, "un attribut n'est pas du texte en UTF-8")
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = str(first["loc"][0])
        yield Malformed(entry.dn, f"« {attributes.get(field, field)} » : valeur refusée")
    else:
        departement = departement_of(record.departement)
        if record.departement and not departement:
            yield Malformed(entry.dn, "code de département inconnu : laissé vide")
        yield Agent(**record.model_copy(update={"departement": departement}).model_dump())


def _cells(
    entry: LdapEntry, values_by_field: Mapping[str, tuple[str, ...]], id_attribute: str
) -> Iterator[tuple[str, object]]:
    for field, values in values_by_field.items():
        if field in MULTI_VALUED_FIELDS:
            yield field, values
        elif field == "id":
            yield field, _single(entry, values, id_attribute)
        elif values and field in ("arrival", "departure"):
            yield field, _day(values[0])
        elif values and field == "listed":
            yield field, min(_BOOLEANS.get(value.lower(), value) for value in values)
        elif values:
            yield field, values[0]


def _single(entry: LdapEntry, values: tuple[str, ...], attribute: str) -> str:
    """The id: of several, the one in the entry's DN; empty if there is none."""
    if len(values) == 1:
        return values[0]
    named = [value for value in rdn_values(entry.dn, attribute) if value in values]
    return named[0] if len(named) == 1 else ""


def _day(written: str) -> object:
    found = _GENERALIZED_TIME.match(written)
    if not found:
        return written
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return written


def departement_of(written: str) -> str:
    """The INSEE code of a text with any padding (`035`, `1`, `2a`); empty if it is not one."""
    code = written.upper()
    candidates = (code, code.removeprefix("0"), code.zfill(2))
    return next((one for one in candidates if one in DEPARTEMENTS), "")
