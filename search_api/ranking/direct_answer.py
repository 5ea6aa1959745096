"""Find the sentences that answer a question, only if an answer is certain enough. Pure."""

import re
from dataclasses import dataclass
from datetime import date, datetime

from connectors.values import ContributorRole
from expertise.votes import only_asks
from indexer.french.analysis import terms
from indexer.values import ShownPassage
from search_api.query.query import ResultOrder
from search_api.ranking.results import (
    DocumentAuthor,
    DocumentReference,
    Result,
    Results,
    conversations,
    document_reference,
    excerpt_span,
)
from search_api.wording import in_force

ANSWER_CHARACTERS = 450
"""A few sentences; 300 characters cut off the requested fact in 4 of 26 answers of `demo_truth`."""


_SENTENCE = re.compile(r"[^.!?]{20}[.!?](?:\s|[»”\"]|\Z)")


@dataclass(frozen=True, slots=True)
class DirectAnswer:
    """Sentences of an accepted answer (`accepted`), or of a note in force.

    `author` wrote them; `dated` is the document's last change, or its creation.
    """

    text: str
    reference: DocumentReference
    author: DocumentAuthor
    accepted: bool
    dated: datetime | None


def direct_answer(results: Results, today: date) -> DirectAnswer | None:
    """Return the direct answer in the first document, or None.

    Never from a comment, a question, or a document that is no longer in force.
    """
    by_relevance = results.order is ResultOrder.RELEVANCE and results.question.names_something
    first = next((one for one in results.results if not only_asks(one.card)), None)
    if first is None or not results.first_answers or not by_relevance:
        return None
    if first.replaced_by or not in_force(first.card, today):
        return None
    said = _answering(first)
    if said is None:
        return None
    shown, author, accepted = said
    begins = 0 if accepted else _after_title(shown.passage.text, first.card.title)
    text = shown.passage.text[begins:]
    # Accepted answers, and notes after their title, begin with the answering sentences; elsewhere
    # the marked words show where these are.
    marks = () if accepted or begins else shown.highlights
    start, end = excerpt_span(text, marks, ANSWER_CHARACTERS)
    if not _SENTENCE.search(text[start:end]):
        return None  # a slide's title, or the cells of a table
    dated = first.card.modified or first.card.created
    return DirectAnswer(
        text[start:end].strip(), document_reference(first.card), author, accepted, dated
    )


def _after_title(text: str, title: str) -> int:
    """Return the end of a first line that only repeats the title, else 0."""
    line, _, rest = text.partition("\n")
    again = rest.strip() and set(terms(line)) <= set(terms(title))
    return len(line) + 1 if again else 0


def unsaid_passages(
    result: Result, direct: DirectAnswer | None
) -> tuple[tuple[ShownPassage, DocumentAuthor | None], ...]:
    """Return a result's passages without the one that the direct answer already shows."""
    if direct is None or direct.reference.document_id != result.card.document_id:
        return result.answering
    return tuple(pair for pair in result.answering if direct.text not in pair[0].passage.text)


def _answering(first: Result) -> tuple[ShownPassage, DocumentAuthor, bool] | None:
    """Return (passage, its author, whether it is an accepted answer), or None."""
    if not first.passages or first.passages[0].passage.path:
        return None
    shown, voice = first.passages[0], first.voices[0]
    if conversations([first.card]):
        accepted = voice is not None and voice.role is ContributorRole.ACCEPTED_ANSWERER
        return (shown, voice, True) if voice and accepted else None
    if not shown.highlights:
        return None
    author = next((one for one in first.authors if one.role is ContributorRole.AUTHOR), None)
    return (shown, author, False) if author else None
