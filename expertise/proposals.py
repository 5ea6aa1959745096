"""Topics that the last build proposes, as far as what they rest on still stands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from connectors.values import Agent
from expertise.build import MARK_CHARS
from expertise.corpus import is_universal
from expertise.decisions import Decision
from expertise.discovery import LEAST_DOCUMENTS, LEAST_WITH_TERM
from expertise.overview import Reading
from expertise.peers import by_area_then_name
from expertise.records import ProposalRecord
from expertise.refusals import refuses
from expertise.showing import may_be_shown
from expertise.weights import counting_rows
from indexer.access import Reader, access_filter
from indexer.values import Card, Question, ShowRequest

PEOPLE = 10
"""How many of those who contributed are named."""
CITED = 5
"""How many documents are named."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A subject that nobody listed. `terms` tell it, the most telling first.

    `documents` counts what it rests on, `cited` are some of it, all open to every agent;
    `people` contributed to it and may be shown, by area and name. `communities` are the
    spaces of all that it rests on, with an empty one for documents that stand in none.
    """

    id: str
    terms: tuple[str, ...]
    documents: int
    cited: tuple[Card, ...]
    people: tuple[Agent, ...]
    communities: frozenset[str]


def proposals(reading: Reading, made: Sequence[Decision]) -> tuple[Proposal, ...]:
    """Those that nobody decided about, the largest first. Raises `IndexUnreachable`."""
    waiting = [one for one in reading.builds.proposals(reading.stamp.id) if not _decided(one, made)]
    open_now = standing_documents(reading, {pair for one in waiting for pair in one.documents})
    found = [_proposal(reading, one, open_now) for one in waiting]
    return tuple(one for one in found if one is not None)


def proposal_record(reading: Reading, proposal_id: str) -> ProposalRecord | None:
    """The build's record of a proposal, or None."""
    records = reading.builds.proposals(reading.stamp.id)
    return next((one for one in records if one.id == proposal_id), None)


def _decided(one: ProposalRecord, made: Sequence[Decision]) -> bool:
    documents, terms = frozenset(id_ for id_, _ in one.documents), terms_of(one)
    return any(decision.is_about(documents, terms) for decision in made)


def terms_of(one: ProposalRecord) -> frozenset[str]:
    """All its terms."""
    return frozenset(written for written, _ in one.terms)


def standing_documents(
    reading: Reading, pairs: Collection[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """The (id, mark) pairs that are as they were, and that every agent may still read."""
    kept = reading.standing.index.kept({id_ for id_, _ in pairs}) if pairs else {}
    universal = reading.standing.universal
    return frozenset(
        (id_, mark)
        for id_, mark in pairs
        if id_ in kept
        and is_universal(kept[id_].access, universal)
        and kept[id_].record_hash[:MARK_CHARS] == mark
    )


def _proposal(
    reading: Reading, one: ProposalRecord, open_now: frozenset[tuple[str, str]]
) -> Proposal | None:
    """None where too little is left; a term stays where enough of its documents do."""
    places = {n for n, pair in enumerate(one.documents) if pair in open_now}
    terms = tuple(
        written for written, where in one.terms if len(places & set(where)) >= LEAST_WITH_TERM
    )
    if len(places) < LEAST_DOCUMENTS or not terms:
        return None
    ids = tuple(one.documents[n][0] for n in sorted(places))
    cards = open_cards(reading, ids)
    communities = frozenset(card.space for card in cards)
    people = _people(reading, cards)
    return Proposal(one.id, terms, len(ids), tuple(cards[:CITED]), people, communities)


def open_cards(reading: Reading, document_ids: Sequence[str]) -> list[Card]:
    """Cards of those that every agent may read now."""
    everyone = access_filter(Reader("everyone", reading.standing.universal))
    wanted = ShowRequest(everyone, tuple(document_ids), Question())
    return [found.card for found in reading.standing.index.show(wanted)]


def _people(reading: Reading, cards: Sequence[Card]) -> tuple[Agent, ...]:
    accounts = {row.account for card in cards for row in counting_rows(card)}
    owners = {agent.id: agent for agent in reading.book.by_account(accounts).values()}
    today = reading.standing.today
    shown = [
        agent
        for agent in owners.values()
        if may_be_shown(agent, today) and not _refused(agent, cards)
    ]
    return tuple(sorted(shown, key=by_area_then_name)[:PEOPLE])


def _refused(agent: Agent, cards: Sequence[Card]) -> bool:
    """Whether the agent refused a topic that one of the titles names, or that counted one."""
    ids = {card.document_id for card in cards}
    counted = any(not ids.isdisjoint(topic.documents) for topic in agent.refused)
    return counted or any(refuses(agent, card.title) for card in cards)
