"""An answer for several people at once: documents and colleagues that each of them may see.

The present rights apply: the caller passes all present members, and asks again if they change
before the answer is sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.values import Agent
from expertise.values import Candidate
from indexer.access import Reader
from search_api.context import AnswerContext
from search_api.query.query import Query
from search_api.ranking.results import DirectAnswer, Result
from search_api.search.service import answer_question

MOST_DOCUMENTS = 3
MOST_COLLEAGUES = 3
"""A message in a conversation is read quickly: the pages show the rest."""


@dataclass(frozen=True, slots=True)
class SharedAnswer:
    """Documents that every reader may read, and colleagues whose evidence they all may read.

    `direct`: sentences that answer, from documents that all may read.
    """

    documents: tuple[Result, ...] = ()
    colleagues: tuple[Agent, ...] = ()
    direct: DirectAnswer | None = None


def shared_reader(asker: Reader, others: Sequence[Reader]) -> Reader:
    """Return a reader with only the principals that all of these readers have.

    That reader may still read documents denied to one of them: `answer_to_all` checks each.
    """
    principals, unanswered = set(asker.principals), set(asker.unanswered)
    for other in others:
        principals &= other.principals
        unanswered |= other.unanswered
    return Reader(asker.agent_id, frozenset(principals), frozenset(unanswered))


def answer_to_all(
    context: AnswerContext, asker: Reader, others: Sequence[Reader], question: str
) -> SharedAnswer:
    """Answer the asker in front of all these readers; empty for an asker without an agent.

    The search uses the rights that all share. Then each reader's rights to the result are checked,
    since a document may be denied to one of them. Raises `IndexUnreachable`.
    """
    if asker.agent_id is None or not question.strip():
        return SharedAnswer()
    reader = shared_reader(asker, others)
    found = answer_question(context, reader, Query(question), candidates=MOST_COLLEAGUES)
    # Documents that are only near do not answer.
    shown = found.results.results if found.results.found else ()
    # People on the page's cards; without evidence, nobody can check who may see the reason.
    candidates = [card.candidate for card in found.people.cards if card.proposed]
    ids = {result.card.document_id for result in shown}
    ids |= {evidence.document_id for one in candidates for evidence in one.evidence}
    quotes = found.direct.quotes if found.direct else ()
    ids |= {one.card.document_id for one in quotes}
    for each in {asker, *others}:
        ids &= context.search.cards(sorted(ids), each).keys()
    return SharedAnswer(
        tuple(one for one in shown if one.card.document_id in ids)[:MOST_DOCUMENTS],
        tuple(one.agent for one in candidates if _is_known_by(one, ids)),
        found.direct.among(ids) if found.direct else None,
    )


def _is_known_by(candidate: Candidate, readable: set[str]) -> bool:
    """Return whether all evidence is readable: a part of it might not show the person."""
    evidence = {one.document_id for one in candidate.evidence}
    return bool(evidence) and evidence <= readable
