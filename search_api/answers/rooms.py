"""What may be said to several people at once: what each of them may read, and who they may ask.

The rights are those of the moment: who asks gives every present member, and asks again if they
changed before the answer is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.values import Agent
from expertise.values import Candidate
from indexer.access import Reader
from search_api.answers.context import AnswerContext
from search_api.answers.question import answer_question
from search_api.questions.query import Query
from search_api.ranking.results import Result

MOST_DOCUMENTS = 3
MOST_COLLEAGUES = 3
"""A message in a conversation is read in passing: the pages have the rest."""


@dataclass(frozen=True, slots=True)
class SharedAnswer:
    """Documents that every reader may read, and colleagues whose evidence every reader may read."""

    documents: tuple[Result, ...] = ()
    colleagues: tuple[Agent, ...] = ()


def shared_reader(asker: Reader, others: Sequence[Reader]) -> Reader:
    """A reader who has the principals that all of them have, and no others.

    It may still read what is denied to one of them: `answer_to_all` asks about each.
    """
    principals, unanswered = set(asker.principals), set(asker.unanswered)
    for other in others:
        principals &= other.principals
        unanswered |= other.unanswered
    return Reader(asker.agent_id, frozenset(principals), frozenset(unanswered))


def answer_to_all(
    context: AnswerContext, asker: Reader, others: Sequence[Reader], question: str
) -> SharedAnswer:
    """Answer the asker before all these readers. Nothing for an asker without an agent.

    Searched under the rights that all share; then each is asked about what would be shown, since
    a document may be denied to one of them. Raises `IndexUnreachable`.
    """
    if asker.agent_id is None or not question.strip():
        return SharedAnswer()
    reader = shared_reader(asker, others)
    found = answer_question(context, reader, Query(question), candidates=MOST_COLLEAGUES)
    # Documents that are merely near are no answer.
    shown = found.results.results if found.results.found else ()
    # Those whom the page would show; without evidence, nobody can tell who may know why.
    candidates = [card.candidate for card in found.people.cards if card.proposed]
    ids = {result.card.document_id for result in shown}
    ids |= {evidence.document_id for one in candidates for evidence in one.evidence}
    for each in {asker, *others}:
        ids &= context.search.cards(sorted(ids), each).keys()
    return SharedAnswer(
        tuple(one for one in shown if one.card.document_id in ids)[:MOST_DOCUMENTS],
        tuple(one.agent for one in candidates if _is_known_by(one, ids)),
    )


def _is_known_by(candidate: Candidate, readable: set[str]) -> bool:
    """Whether all of the evidence may be read: a part of it might not have named them."""
    evidence = {one.document_id for one in candidate.evidence}
    return bool(evidence) and evidence <= readable
