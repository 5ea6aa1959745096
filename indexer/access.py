"""The reader, and the access filter that every request to an index carries."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Protocol

from connectors.values import Access, authority_of, normalize_principals


@dataclass(frozen=True, slots=True)
class Reader:
    """The one who asks, and their principals as far as every authority answered.

    `unanswered` names the authorities that did not answer. Without an agent, the
    reader has no principals and reads nothing. Principals are held in the form in which
    `Access` holds those of a document (`principal_form`).
    """

    agent_id: str | None = None
    principals: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "principals", normalize_principals(self.principals))
        object.__setattr__(self, "unanswered", normalize_principals(self.unanswered))


NOBODY = Reader()


class PrincipalLookup(Protocol):
    """What tells whether denials name anybody. One object stands for one state of knowledge."""

    def strangers(self, principals: Collection[str]) -> frozenset[str]:
        """Those of these principals that name nobody known."""
        ...


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """What a document's access must satisfy. Made by `access_filter` and nowhere else.

    `sources` are those whose documents may be read at all; None stands for every one.
    `known` tells denials that name somebody from those that name nobody; without it all do.
    """

    principals: frozenset[str]
    unanswered: frozenset[str]
    sources: frozenset[str] | None = None
    known: PrincipalLookup | None = None

    def admits(self, access: Access) -> bool:
        """The reference of what every engine's translation must do.

        At least one allowed principal is the reader's, no denied one is, none is denied
        by an authority that did not answer, and each denied one names somebody known.
        """
        return (
            not self.principals.isdisjoint(access.allowed)
            and self.principals.isdisjoint(access.denied)
            and self.unanswered.isdisjoint(map(authority_of, access.denied))
            and not self.strangers(access.denied)
        )

    def strangers(self, denied: Collection[str]) -> frozenset[str]:
        """Those of these denied principals that name nobody known."""
        return self.known.strangers(denied) if self.known and denied else frozenset()

    def reaches(self, source: str) -> bool:
        """Whether any document of a source may be read; `admits` must hold besides."""
        return self.sources is None or source in self.sources

    def within(self, sources: frozenset[str]) -> "AccessFilter":
        """The same for documents of these sources alone: it never widens."""
        held = sources if self.sources is None else self.sources & sources
        return replace(self, sources=held)

    def knowing(self, known: PrincipalLookup) -> "AccessFilter":
        """The same without documents whose denials name nobody known: it never widens."""
        return replace(self, known=known)


def access_filter(reader: Reader) -> AccessFilter:
    """The access filter of a reader. What an unanswered authority says is not trusted."""
    trusted = frozenset(p for p in reader.principals if authority_of(p) not in reader.unanswered)
    if reader.agent_id is None:
        trusted = frozenset()
    return AccessFilter(principals=trusted, unanswered=reader.unanswered)
