"""Who reads a folder, by its access list (RFC 4314), as far as quisait can say it."""

import re
from collections.abc import Mapping, Sequence

from connectors.values import MAX_PRINCIPALS, Access, account_principal

READ = "r"
_OVERRIDE = "group-override="
"""Dovecot's mark of a group whose entry takes away what it does not name."""
_GROUPS = ("$", "#", "@")
_OF_A_KIND = re.compile("[:=]")
"""After a word that says of what kind it is: `group=` of Dovecot, `group:` of Cyrus."""
_CLASSES = ("administrators", "anonymous", "anyone", "authenticated", "owner")


def readers_of(
    source: str, entries: Sequence[tuple[str, str]], principals: Mapping[str, str]
) -> tuple[Access, tuple[str, ...]]:
    """(readers, what could not be expressed) of entries (identifier, rights).

    A user's name is the account `source:name`. A group is whom `principals` say, and nobody else.
    What takes a right away from a group that is unknown closes the folder.
    """

    def principal(identifier: str) -> str:
        if not _is_user(identifier):
            return principals.get(identifier, "")
        return principals.get(identifier) or account_principal(f"{source}:{identifier}")

    given = [(one, rights) for one, rights in entries if one and not one.startswith("-")]
    taken = [one[1:] for one, rights in entries if one.startswith("-") and READ in rights]
    readers = [one for one, rights in given if READ in rights]
    others = [one for one, rights in given if READ not in rights]
    if not all(map(_is_user, readers)):
        # Dovecot gives users their own entry in place of their groups'.
        taken += filter(_is_user, others)
    denied = set(map(principal, taken))
    if "" in denied or any(one.startswith(_OVERRIDE) for one in others):
        return Access(), ("un droit retiré à un groupe inconnu : personne ne lit le dossier",)
    allowed = set(filter(None, map(principal, readers)))
    if max(len(allowed), len(denied)) > MAX_PRINCIPALS:
        return Access(), (f"plus de {MAX_PRINCIPALS} droits : personne ne lit le dossier",)
    unknown = sorted(one for one in readers if not principal(one))
    warnings = (f"« {one} », que « identifiers » ne nomme pas, n'est personne" for one in unknown)
    return Access(frozenset(allowed), frozenset(denied)), tuple(warnings)


def _is_user(identifier: str) -> bool:
    return not (
        identifier.startswith(_GROUPS)
        or _OF_A_KIND.search(identifier)
        or identifier.lower() in _CLASSES
    )
