"""A judged set as a source of documents, and those who read it."""

from collections.abc import Iterable, Iterator, Sequence

from connectors.changes import Change, Malformed, Upsert
from connectors.values import EVERYONE, Access, Agent, Contribution, Document, Group, Role, Section
from indexer.access import Reader
from quisait.evaluation.corpora import ExpertSet, JudgedCandidate, JudgedQuery, JudgedText

SOURCE = "evaluation"
_OWN = "evaluation:question:"
"""Stands before the principal of a question that was made of a document."""
_WRITTEN_BY = "evaluation:author:"
"""Stands before the principal of who reads nothing that a candidate wrote."""


def kept_id(document_id: str) -> str:
    """A document's id in the index."""
    return f"{SOURCE}:{document_id}"


def judged_id(kept: str) -> str:
    """The id that the judgments know."""
    return kept.partition(":")[2]


def reader_of(query: JudgedQuery, without: Iterable[str] = ()) -> Reader:
    """Reads everything, but for the document that the question was made of.

    Nor what the candidates `without` wrote. To be left out by access is to be left out
    before anything is ranked or scaled.
    """
    own = {_OWN + query.doc} if query.doc else set()
    written = {_WRITTEN_BY + candidate for candidate in without}
    return Reader("evaluation", frozenset({EVERYONE, *own, *written}))


class JudgedSource:
    """A connector: every document once, one section each, without dates."""

    def __init__(self, documents: Sequence[JudgedText], queries: Sequence[JudgedQuery]) -> None:
        self._documents = documents
        self._asked = {query.doc for query in queries if query.doc}

    @property
    def source(self) -> str:
        """The part of each kept id before its colon."""
        return SOURCE

    def changes(self, since: str | None) -> Iterator[Change]:
        """Every document, whatever `since` says."""
        for document in self._documents:
            yield Upsert(self.document(document))

    def document(self, judged: JudgedText) -> Document:
        """As it is kept: for all to read, but those whom `reader_of` leaves out."""
        denied = {_OWN + judged.id} if judged.id in self._asked else set()
        denied |= {_WRITTEN_BY + author for author in judged.authors}
        return Document(
            id=kept_id(judged.id),
            source=SOURCE,
            title=judged.title,
            access=Access(frozenset({EVERYONE}), frozenset(denied)),
            sections=(Section(judged.text),),
            contributions=tuple(
                Contribution(account_of(author), Role.AUTHOR)
                for author in dict.fromkeys(judged.authors)
            ),
        )


class JudgedDirectory:
    """A directory: every candidate is an agent with one account."""

    def __init__(self, candidates: Sequence[JudgedCandidate]) -> None:
        self._candidates = candidates

    def entries(self) -> Iterator[Agent | Group | Malformed]:
        """The candidates, all of them, so that each gets their share of votes."""
        for candidate in self._candidates:
            yield Agent(candidate.id, "", candidate.name, accounts=(account_of(candidate.id),))


def account_of(candidate_id: str) -> str:
    """A candidate's account in the source."""
    return f"{SOURCE}:{candidate_id}"


def popularity(judged: ExpertSet, query: JudgedQuery) -> list[str]:
    """The candidates by number of documents, the question's own aside: what to beat."""
    counts = dict.fromkeys(sorted(judged.ranked), 0)
    for document in judged.documents:
        if document.id != query.doc:
            for author in set(document.authors) & counts.keys():
                counts[author] += 1
    return sorted(counts, key=lambda candidate: -counts[candidate])
