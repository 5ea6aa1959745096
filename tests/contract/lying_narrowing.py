"""Indexes that lie about contributors, dates, alternatives and expansions, each in one way."""

from dataclasses import replace

from indexer.values import Byline, DateRange, Question, SearchAnswer, SearchRequest
from tests.contract.lying_indexes import HonestIndex


class ForgetsContributors(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        return self.index.search(replace(request, bylines=()))


class ForgetsContributorsForVectors(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        loose = self.index.search(replace(request, bylines=()))
        return replace(self.index.search(request), vector=loose.vector)


class TakesAnyWordOfAName(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        loose = tuple(Byline(one.accounts, one.words[:1]) for one in request.bylines)
        return self.index.search(replace(request, bylines=loose))


class TakesOneContributor(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        return self.index.search(replace(request, bylines=request.bylines[:1]))


class ForgetsDates(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        return self.index.search(replace(request, period=None))


class ForgetsTheEnd(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        period = request.period and DateRange(request.period.since)
        return self.index.search(replace(request, period=period))


class TakesAlternativesForWords(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        asked = request.question
        question = replace(asked, text=asked.words, any_of=())
        return self.index.search(replace(request, question=question))


class ForgetsAlternativesForVectors(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        free = replace(request.question, any_of=())
        loose = self.index.search(replace(request, question=free))
        return replace(self.index.search(request), vector=loose.vector)


class ForgetsExpansions(HonestIndex):
    def search(self, request: SearchRequest) -> SearchAnswer:
        question = replace(request.question, expansions=())
        return self.index.search(replace(request, question=question))


class TakesExpansionsForWords(HonestIndex):
    """As if all had been typed: many words outweigh one."""

    def search(self, request: SearchRequest) -> SearchAnswer:
        asked = request.question
        others = [other for one in asked.expansions for other in one.others]
        question = Question(" ".join((asked.text, *others)))
        return self.index.search(replace(request, question=question))
