"""Convert a folder's access list (RFC 4314) to readers, as far as quisait can express it."""

import re
from collections.abc import Mapping, Sequence

from connectors.values import MAX_PRINCIPALS, Access, account_principal

READ = "r"
_OVERRIDE = "group-override="
"""Dovecot's prefix for a group whose entry removes all rights that the entry does not name."""
_GROUPS = ("$", "#", "@")
_OF_A_KIND = re.compile("[:=]")
"""Separator after the kind of an identifier: `group=` in Dovecot, `group:` in Cyrus."""
_CLASSES = ("administrators", "anonymous", "anyone", "authenticated", "owner")


def readers_of(
    source: str, entries: Sequence[tuple[str, str]], principals: Mapping[str, str]
) -> tuple[Access, tuple[str, ...]]:
    """Convert entries (identifier, rights) to (access, French warnings).

    A user's name becomes the account `source:name`. A group becomes its principal in `principals`,
    or nobody. If an entry takes a right away from an unknown group, nobody may read the folder.
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
        # In Dovecot, a user's own entry replaces the entries of their groups.
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
