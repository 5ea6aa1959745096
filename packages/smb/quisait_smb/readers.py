"""From an access list to readers: whom a file's entries and the share's rights let read it.

Windows goes through the entries in order, and the first that speaks of a right decides it
(MS-DTYP 2.5.3.2). Readers are two sets, those allowed and those denied, and a denial wins. What the
sets cannot say becomes fewer readers, never more, and is told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
"""The beginning of the SIDs of a domain's accounts and groups (MS-DTYP 2.4.2.4)."""

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
    """Who reads a file, and what of its rights could not be said so."""

    access: Access
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SidReading:
    """How SIDs become principals.

    `principals` of the settings come first. Else an account or group of a domain is
    `authority:sid:…` of the directory, as are « everyone » and « authenticated users »; others are
    those of the file server alone, and nobody here.
    """

    authority: str
    principals: Mapping[str, Sequence[str]] = field(default_factory=dict)
    share: Access = field(default_factory=lambda: Access(frozenset({EVERYONE})))

    def of_sid(self, sid: str) -> tuple[str, ...]:
        """The principals that a SID stands for; none for one that is nobody here."""
        if sid in self.principals:
            return tuple(self.principals[sid])
        if sid in (_NETWORK, _THIS_ORGANIZATION):
            return self.of_sid(AUTHENTICATED)
        if self.authority and (sid.startswith(_DOMAIN) or sid in (ALL, AUTHENTICATED)):
            return (f"{self.authority}:sid:{sid}",)
        return ()

    def of_name(self, name: str) -> tuple[str, ...]:
        """The principals of a SID of the settings, or a principal itself."""
        return self.of_sid(name) if name.startswith("S-1-") else (name,)

    def readers(self, descriptor: Descriptor) -> SidReaders:
        """Who reads the file, by its list and by the share's rights."""
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
    """Whether one of them lets in all whom the other does, as far as their names tell."""
    return both.allowed in (one.allowed, other.allowed)


def _of_owner(descriptor: Descriptor) -> Iterator[Ace]:
    """The entries, those of « owner rights » as the owner's."""
    for ace in descriptor.aces or ():
        is_owners = ace.sid == _OWNER_RIGHTS and descriptor.owner
        yield Ace(ace.kind, descriptor.owner, ace.mask, ace.conditional) if is_owners else ace


@dataclass(frozen=True, slots=True)
class Decided:
    """The SIDs that a list allows and denies to read; a denial wins."""

    allowed: frozenset[str]
    denied: frozenset[str]
    reasons: tuple[str, ...] = ()


def decide(aces: Iterator[Ace] | Sequence[Ace]) -> Decided:
    """Whom a list allows and denies.

    A SID is allowed where entries that name it give all of `NEEDED` before one takes any of it. It
    is denied where an entry takes a part that none had given it before. Whoever holds an allowed
    SID and no denied one is let in by Windows too: no entry takes from them what they had not yet.
    Windows also lets in holders of a denied SID if other SIDs gave them the denied bits before:
    `ORDER` tells of them.
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
