"""What is shown of a page's documents: authors, the voice of a passage, related documents."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from connectors.values import Agent, Contribution, Role
from indexer.values import Card, Passage, Shown
from search_api.arranging import Placed
from search_api.results import Author, Copy, Reference, Result

_VOICES = (Role.ASKER, Role.ACCEPTED_ANSWERER, Role.ANSWERER, Role.COMMENTER)
"""Who speaks in a conversation; elsewhere a passage speaks for the document."""


def results(
    page: Sequence[Placed],
    shown: Sequence[Shown],
    named: Mapping[str, Card],
    agents: Mapping[str, Agent],
    today: date,
    trust: Mapping[str, float],
) -> tuple[Result, ...]:
    """The page's documents that the reader may still read, in order.

    A document of a source that is trusted less (`trust`, 1 where it is not named) is told
    to replace none, as it moves none. `named`: cards of the copies,
    and of what the documents name, as far as they are readable.
    """
    places = {one.hit.document_id: one for one in page}
    return tuple(
        Result(
            card=one.card,
            authors=authors(one.card.contributions, agents, today),
            passages=one.passages,
            voices=tuple(
                voice(passage.passage, one.card, agents, today) for passage in one.passages
            ),
            parts=places[one.card.document_id].hit,
            replaces=tuple(
                reference(named[name])
                for name in one.card.replaces
                if name in named and _may_replace(one.card, named[name], trust)
            ),
            replaced_by=tuple(
                reference(heir)
                for heir in one.successors
                if heir.document_id != one.card.document_id
                and _begun(heir, today)
                and _may_replace(heir, one.card, trust)
            ),
            part_of=reference(named[one.card.part_of]) if one.card.part_of in named else None,
            copies=tuple(
                Copy(reference(named[copy]), named[copy].source, named[copy].space)
                for copy in places[one.card.document_id].copies
                if copy in named
            ),
            effects=places[one.card.document_id].effects,
        )
        for one in shown
    )


def _may_replace(heir: Card, former: Card, trust: Mapping[str, float]) -> bool:
    return trust.get(heir.source, 1.0) >= trust.get(former.source, 1.0)


def _begun(card: Card, today: date) -> bool:
    return card.valid_from is None or card.valid_from <= today.isoformat()


def reference(card: Card) -> Reference:
    """The document as another one names it."""
    return Reference(card.document_id, card.title, card.url)


def authors(
    rows: Iterable[Contribution], agents: Mapping[str, Agent], today: date
) -> tuple[Author, ...]:
    """In the source's order, each person once, in their first role."""
    found: dict[str, Author] = {}
    for row in rows:
        one = _author(row, agents, today)
        found.setdefault(one.agent.id if one.agent else row.account, one)
    return tuple(found.values())


def voice(passage: Passage, card: Card, agents: Mapping[str, Agent], today: date) -> Author | None:
    """Whose words a passage of a conversation is, in which role; None in any other document.

    A question has no heading, an answer has one: that tells apart who answered themselves.
    """
    rows = {row.role: row for row in card.contributions if row.account == passage.author}
    said = [role for role in _VOICES if role in rows]
    if len(said) > 1 and passage.heading and said[0] is Role.ASKER:
        said = said[1:]
    return _author(rows[said[0]], agents, today) if said else None


def _author(row: Contribution, agents: Mapping[str, Agent], today: date) -> Author:
    """Who asked not to be listed, or withdrew, is named as the source names them."""
    known = agents.get(row.account)
    agent = known if known and known.listed else None
    return Author(
        name=agent.name if agent else row.label or row.account.partition(":")[2],
        role=row.role,
        agent=agent,
        departed=agent is not None and agent.departed(today),
    )
