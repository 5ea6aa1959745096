"""Indexes that lie about marks and successors, each in one way; the contract has to reject them."""

from dataclasses import replace

from indexer.centroids import centroid
from indexer.values import SearchAnswer, SearchRequest, ShownDocument, ShowRequest
from tests.contract.lying_indexes import OMNISCIENT, HonestIndex


class MarksTheUnreadable(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        everything = self.index.search(replace(request, access=OMNISCIENT))
        return replace(self.index.search(request), attributes=everything.attributes)


class TakesAllForTwins(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        answer = self.index.search(request)
        marks = {
            one: mark._replace(text_signature=b"x" * 128) for one, mark in answer.attributes.items()
        }
        return replace(answer, attributes=marks)


class BringsTheBestPassage(HonestIndex):
    """Of a centroid, that of a question which happens to be asked."""

    def search(self, request: SearchRequest) -> SearchAnswer:
        answer = self.index.search(request)
        if request.vector is None:
            return answer
        nearest = centroid(request.vector[None, :])
        marks = {one: mark._replace(centroid=nearest) for one, mark in answer.attributes.items()}
        return replace(answer, attributes=marks)


class ForgetsValidity(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        answer = self.index.search(request)
        marks = {one: mark._replace(valid_until=None) for one, mark in answer.attributes.items()}
        return replace(answer, attributes=marks)


class NamesUnreadableHeirs(HonestIndex):
    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        everything = {
            one.card.document_id: one.successors
            for one in self.index.show(replace(request, access=OMNISCIENT))
        }
        return tuple(
            replace(one, successors=everything.get(one.card.document_id, ()))
            for one in self.index.show(request)
        )


class NamesNoSuccessors(HonestIndex):
    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        return self.index.show(replace(request, successors=False))
