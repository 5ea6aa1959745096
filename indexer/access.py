"""The reader, and the access filter that every request to an index carries."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Protocol

from connectors.values import Access, authority_of, normalize_principals


@dataclass(frozen=True, slots=True)
class Reader:
    """The person who asks, with the principals given by the authorities that answered.

    `unanswered` names the authorities that did not answer. Without an agent, the reader has no
    principals and reads nothing. Principals have the same normal form (`normalize_principal`) as
    those of `Access`. `sources` and `spaces` limit the documents that a program reads in the
    agent's name; None means no limit.
    """

    agent_id: str | None = None
    principals: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()
    sources: frozenset[str] | None = None
    spaces: frozenset[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "principals", normalize_principals(self.principals))
        object.__setattr__(self, "unanswered", normalize_principals(self.unanswered))

    @property
    def limited(self) -> bool:
        """Return whether the reader is limited to a part of what the agent may read."""
        return self.sources is not None or self.spaces is not None


NOBODY = Reader()


class PrincipalLookup(Protocol):
    """Finds principals that name nobody known. The answers of one instance never change."""

    def strangers(self, principals: Collection[str]) -> frozenset[str]:
        """Return the principals that name nobody known."""


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """The condition that a document's access must satisfy. Only `access_filter` makes it.

    Only documents of `sources` and of `spaces` may be read; None means all. `known` finds denials
    that name nobody known; without it, every denial counts as naming somebody.
    """

    principals: frozenset[str]
    unanswered: frozenset[str]
    sources: frozenset[str] | None = None
    spaces: frozenset[str] | None = None
    known: PrincipalLookup | None = None

    def admits(self, access: Access) -> bool:
        """Return whether a document with this access may be read. All engines must agree with it.

        The reader must hold at least one allowed principal and no denied one. No denied principal
        may belong to an authority that did not answer, and each must name somebody known.
        """
        return (
            not self.principals.isdisjoint(access.allowed)
            and self.principals.isdisjoint(access.denied)
            and self.unanswered.isdisjoint(map(authority_of, access.denied))
            and not self.strangers(access.denied)
        )

    def strangers(self, denied: Collection[str]) -> frozenset[str]:
        """Return the denied principals that name nobody known."""
        return self.known.strangers(denied) if self.known and denied else frozenset()

    def reaches(self, source: str, space: str) -> bool:
        """Return whether documents of source and space may be read, if `admits` holds too."""
        return (self.sources is None or source in self.sources) and (
            self.spaces is None or space in self.spaces
        )

    def within(self, sources: frozenset[str]) -> "AccessFilter":
        """Return this filter limited to these sources. It never widens access."""
        held = sources if self.sources is None else self.sources & sources
        return replace(self, sources=held)

    def knowing(self, known: PrincipalLookup) -> "AccessFilter":
        """Return this filter without documents that deny unknown principals.

        It never widens access.
        """
        return replace(self, known=known)


def access_filter(reader: Reader) -> AccessFilter:
    """Return the access filter of a reader, without principals of unanswered authorities."""
    trusted = frozenset(p for p in reader.principals if authority_of(p) not in reader.unanswered)
    if reader.agent_id is None:
        trusted = frozenset()
    return AccessFilter(trusted, reader.unanswered, reader.sources, reader.spaces)
