"""Convert a file's access list and the share's rights to readers.

Windows goes through the entries in order; the first entry about a right decides it (MS-DTYP
2.5.3.2). Readers here are two sets, allowed and denied, and a denial wins. Rights that the sets
cannot express give fewer readers, never more, and are reported.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from connectors.values import EVERYONE, MAX_PRINCIPALS, Access
from quisait_smb.descriptors import NEEDED, READ_DATA, Ace, Descriptor

ALL, AUTHENTICATED = "S-1-1-0", "S-1-5-11"
_NETWORK, _THIS_ORGANIZATION, _ANONYMOUS, _OWNER_RIGHTS = (
    "S-1-5-2",
    "S-1-5-15",
    "S-1-5-7",
    "S-1-3-4",
)
_DOMAIN = "S-1-5-21-"
"""Prefix of SIDs of a domain's accounts and groups (MS-DTYP 2.4.2.4)."""

NO_LIST = "le fichier n'a pas de liste de droits : personne ne le lit ici"
NOT_UNDERSTOOD = "sa liste de droits ne se comprend pas : personne ne le lit ici"
UNKNOWN_DENIED = "un refus vise {}, inconnu ici : personne ne le lit ; réglez « principals »"
CONDITIONAL = "un droit dépend d'une condition : il n'ouvre rien, et ferme comme sans condition"
PARTIAL = "le droit de lire est donné en plusieurs morceaux : il n'ouvre rien"
ORDER = "un refus suit une autorisation : qui a les deux ne le lit pas ici"
SHARE = (
    "le partage et le fichier ouvrent à des groupes différents : ce qu'ils ont en commun seul lit"
)
TOO_MANY = f"plus de {MAX_PRINCIPALS} lecteurs nommés : personne ne le lit ; nommez un groupe"


@dataclass(frozen=True, slots=True)
class SidReaders:
    """The readers of a file, and French reasons for rights that could not be expressed."""

    access: Access
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SidReading:
    """Converts SIDs to principals.

    `principals` of the settings come first. Otherwise, an account or group of a domain becomes the
    directory's `authority:sid:…`, and so do « everyone » and « authenticated users »; any other SID
    is local to the file server, and means nobody here.
    """

    authority: str
    principals: Mapping[str, Sequence[str]] = field(default_factory=dict)
    share: Access = field(default_factory=lambda: Access(frozenset({EVERYONE})))

    def of_sid(self, sid: str) -> tuple[str, ...]:
        """Return the principals that a SID means; empty if it means nobody here."""
        if sid in self.principals:
            return tuple(self.principals[sid])
        if sid in (_NETWORK, _THIS_ORGANIZATION):
            return self.of_sid(AUTHENTICATED)
        if self.authority and (sid.startswith(_DOMAIN) or sid in (ALL, AUTHENTICATED)):
            return (f"{self.authority}:sid:{sid}",)
        return ()

    def of_name(self, name: str) -> tuple[str, ...]:
        """Return the principals of a SID in the settings, or the principal itself."""
        return self.of_sid(name) if name.startswith("S-1-") else (name,)

    def readers(self, descriptor: Descriptor) -> SidReaders:
        """Return the readers of a file, by its list and by the share's rights."""
        if descriptor.aces is None:
            return SidReaders(Access(), (NO_LIST,))
        if any(ace.kind is None for ace in descriptor.aces):
            return SidReaders(Access(), (NOT_UNDERSTOOD,))
        decided = decide(_of_owner(descriptor))
        reasons = list(decided.reasons)
        denied: list[str] = []
        for sid in sorted(decided.denied - {_ANONYMOUS}):
            found = self.of_sid(sid)
            if not found:
                return SidReaders(Access(), (UNKNOWN_DENIED.format(sid),))
            denied += found
        allowed = frozenset(one for sid in decided.allowed for one in self.of_sid(sid))
        listed = Access(allowed, frozenset(denied))
        access = listed.narrowed_to(self.share)
        if listed.allowed and self.share.allowed and not _is_whole(listed, self.share, access):
            reasons.append(SHARE)
        if max(len(access.allowed), len(access.denied)) > MAX_PRINCIPALS:
            return SidReaders(Access(), (TOO_MANY,))
        if EVERYONE in access.denied:
            access = Access()
        return SidReaders(access, tuple(reasons))


def _is_whole(one: Access, other: Access, both: Access) -> bool:
    """Return whether one access admits everybody whom the other admits, by comparing names."""
    return both.allowed in (one.allowed, other.allowed)


def _of_owner(descriptor: Descriptor) -> Iterator[Ace]:
    """Yield the entries; entries for « owner rights » get the owner's SID."""
    for ace in descriptor.aces or ():
        is_owners = ace.sid == _OWNER_RIGHTS and descriptor.owner
        yield replace(ace, sid=descriptor.owner) if is_owners else ace


@dataclass(frozen=True, slots=True)
class Decided:
    """The SIDs that a list allows and denies to read; a denial wins."""

    allowed: frozenset[str]
    denied: frozenset[str]
    reasons: tuple[str, ...] = ()


def decide(aces: Iterator[Ace] | Sequence[Ace]) -> Decided:
    """Return the SIDs that a list allows and denies.

    A SID is allowed if its entries give all bits of `NEEDED` before an entry takes any of them. It
    is denied if an entry takes a bit that no earlier entry gave it. Windows, too, admits the
    holders of an allowed SID and of no denied SID. Windows also admits holders of a denied SID if
    an earlier entry gave the denied bits to their other SIDs; `ORDER` reports this difference.
    """
    given: dict[str, int] = {}
    taken: dict[str, int] = {}
    given_to_any = 0
    order = False
    reasons: list[str] = []
    for ace in aces:
        bits = ace.mask & NEEDED
        if ace.conditional and bits:
            reasons.append(CONDITIONAL)
        if ace.allows:
            if not ace.conditional:
                bits &= ~taken.get(ace.sid, 0)
                given[ace.sid] = given.get(ace.sid, 0) | bits
                given_to_any |= bits
            continue
        bits &= ~given.get(ace.sid, 0)
        if bits:
            order |= not bits & ~given_to_any
            taken[ace.sid] = taken.get(ace.sid, 0) | bits
    if order and given_to_any == NEEDED:
        reasons.append(ORDER)
    allowed = frozenset(sid for sid, mask in given.items() if mask == NEEDED)
    parts = (sid for sid, mask in given.items() if mask & READ_DATA and sid not in taken)
    if not allowed.issuperset(parts):
        reasons.append(PARTIAL)
    return Decided(allowed, frozenset(taken), tuple(dict.fromkeys(reasons)))
