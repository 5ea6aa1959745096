"""Who reads: the reader, and the one access filter that every request carries."""

from dataclasses import dataclass

from connectors.values import Access, authority_of


@dataclass(frozen=True, slots=True)
class Reader:
    """The one who asks, and their principals as far as every authority answered.

    `unanswered` names the authorities that did not answer. Without an agent, the
    reader has no principals and reads nothing.
    """

    agent_id: str | None = None
    principals: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()


NOBODY = Reader()


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """What a document's access must satisfy. Made by `access_filter` and nowhere else."""

    principals: frozenset[str]
    unanswered: frozenset[str]

    def admits(self, access: Access) -> bool:
        """The reference of what every engine's translation must do.

        At least one allowed principal is the reader's, no denied one is, and none is
        denied by an authority that did not answer.
        """
        return (
            not self.principals.isdisjoint(access.allowed)
            and self.principals.isdisjoint(access.denied)
            and self.unanswered.isdisjoint(map(authority_of, access.denied))
        )


def access_filter(reader: Reader) -> AccessFilter:
    """The access filter of a reader. What an unanswered authority says is not trusted."""
    trusted = frozenset(p for p in reader.principals if authority_of(p) not in reader.unanswered)
    if reader.agent_id is None:
        trusted = frozenset()
    return AccessFilter(principals=trusted, unanswered=reader.unanswered)
