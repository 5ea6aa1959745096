"""An entry of an LDAP directory as an agent, by the settings' mapping of attributes."""

import re
from collections.abc import Iterator, Mapping
from datetime import date

from pydantic import ValidationError

from connectors.areas import DEPARTEMENTS
from connectors.changes import Malformed
from connectors.directory_lines import AgentLine
from connectors.ldap.names import rdn_values
from connectors.ldap.server import Entry
from connectors.values import Agent

SEVERAL = ("skills", "accounts")
_GENERALIZED = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})?")
"""The day of a GeneralizedTime (RFC 4517, 3.3.13)."""
_TRUTHS = {"true": "oui", "false": "non", "1": "oui", "0": "non"}


def agent_of(entry: Entry, attributes: Mapping[str, str]) -> Iterator[Agent | Malformed]:
    """The agent of an entry, and what of it could not be understood.

    Nobody where id, departure or what is said of listing cannot be understood.
    """
    try:
        said = {field: entry.values(name) for field, name in attributes.items()}
        line = AgentLine.model_validate(dict(_cells(entry, said, attributes["id"])))
    except UnicodeDecodeError:
        yield Malformed(entry.dn, "un attribut n'est pas du texte en UTF-8")
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        field = str(first["loc"][0])
        yield Malformed(entry.dn, f"« {attributes.get(field, field)} » : valeur refusée")
    else:
        departement = departement_of(line.departement)
        if line.departement and not departement:
            yield Malformed(entry.dn, "code de département inconnu : laissé vide")
        yield Agent(**line.model_copy(update={"departement": departement}).model_dump())


def _cells(
    entry: Entry, said: Mapping[str, tuple[str, ...]], id_attribute: str
) -> Iterator[tuple[str, object]]:
    for field, values in said.items():
        if field in SEVERAL:
            yield field, values
        elif field == "id":
            yield field, _single(entry, values, id_attribute)
        elif values and field in ("arrival", "departure"):
            yield field, _day(values[0])
        elif values and field == "listed":
            yield field, min(_TRUTHS.get(value.lower(), value) for value in values)
        elif values:
            yield field, values[0]


def _single(entry: Entry, values: tuple[str, ...], attribute: str) -> str:
    """The id: of several, the one that the entry is named by; empty where none is."""
    if len(values) == 1:
        return values[0]
    named = [value for value in rdn_values(entry.dn, attribute) if value in values]
    return named[0] if len(named) == 1 else ""


def _day(written: str) -> object:
    found = _GENERALIZED.match(written)
    if not found:
        return written
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return written


def departement_of(written: str) -> str:
    """An INSEE code, however padded (`035`, `1`, `2a`); empty where it is none."""
    code = written.upper()
    tried = (code, code.removeprefix("0"), code.zfill(2))
    return next((one for one in tried if one in DEPARTEMENTS), "")
