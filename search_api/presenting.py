"""What is shown of a page's documents: authors, the voice of a passage, related documents."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from connectors.values import Agent, Contribution, Role
from expertise.showing import may_be_named
from indexer.marks import Mark
from indexer.values import Card, Passage, Shown
from search_api.ranking.arranging import Placed
from search_api.ranking.succession import Succession
from search_api.results import Author, Copy, Reference, Result

_VOICES = (Role.ASKER, Role.ACCEPTED_ANSWERER, Role.ANSWERER, Role.COMMENTER)
"""Who speaks in a conversation; elsewhere a passage speaks for the document."""


def results(
    page: Sequence[Placed],
    shown: Sequence[Shown],
    named: Mapping[str, Card],
    agents: Mapping[str, Agent],
    today: date,
    succession: Succession,
) -> tuple[Result, ...]:
    """The page's documents that the reader may still read, in order.

    `succession` says who replaces whom among them and what is beside them, for the words as
    for the order. `named`: cards of the copies, and of what the documents name, as far as
    they are readable.
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
                if name in named and succession.replaces(one.card.document_id, name)
            ),
            replaced_by=tuple(
                reference(heir)
                for heir in one.successors
                if succession.replaces(heir.document_id, one.card.document_id)
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


def beside(shown: Sequence[Shown], named: Mapping[str, Card]) -> dict[str, Mark]:
    """The marks of a page's documents, of what replaces them and of what they name."""
    cards = [*named.values(), *(heir for one in shown for heir in one.successors)]
    cards += [one.card for one in shown]
    return {
        card.document_id: Mark(card.source, valid_from=card.valid_from, replaces=card.replaces)
        for card in cards
    }


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
    agent = known if known and may_be_named(known) else None
    return Author(
        name=agent.name if agent else row.label or row.account.partition(":")[2],
        role=row.role,
        agent=agent,
        departed=agent is not None and agent.departed(today),
    )
