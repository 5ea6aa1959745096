"""Quote the sentences that answer a question, only if they are certain enough. Pure.

Two logistic models (decision 91): one estimates which sentences answer, the other whether the
quotation as a whole does. `quisait evaluate quotes` fits them on all administrations but one, tests
them on that one, and prints what each threshold costs. Only the page of results is read: a reader's
own documents, under the reader's own rights.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from connectors.values import ContributorRole
from expertise.votes import only_asks
from indexer.french.analysis import all_terms, fold, terms
from indexer.french.stop_words import STOP_WORDS
from indexer.passages import sentences
from indexer.relevance import aside_parts, question_parts
from indexer.values import Question, ShownPassage
from search_api.query.query import ResultOrder
from search_api.ranking.answered import LogisticModel
from search_api.ranking.missing import asks_who, lacks_what_is_asked, places_abroad
from search_api.ranking.preamble import Span, after_preamble
from search_api.ranking.results import (
    DirectAnswer,
    DocumentAuthor,
    Quote,
    Result,
    Results,
    conversations,
)
from search_api.wording import DEPARTED, day, in_force

DOCUMENTS = 5
"""Number of first documents whose sentences may answer."""

MOST_SENTENCES = 3
"""Number of sentences in a direct answer, at most, from as many documents."""


class SentenceFeatures(NamedTuple):
    """Features of a sentence; shares are of the question's words, rare ones weighing more.

    - `score`: the document's score, relative to the first document's.
    - `accepted`: whether it is from an accepted answer (0 or 1).
    - `said`, `said_there`: the share in the sentence; in the sentence, its title and its heading.
    - `begins`: 1 for the first sentence of the passage, then 1/2, 1/3…
    - `ends`: 1 for the last sentence of the passage, else 0.
    - `asks`: whether it is a question.
    """

    score: float
    accepted: float
    said: float
    said_there: float
    begins: float
    ends: float
    asks: float


class AnswerFeatures(NamedTuple):
    """Features of a quotation: the first eight are those of the page (`answered.features`).

    - `best`: the log-odds of its likeliest sentence.
    - `accepted`: whether that sentence is from an accepted answer (0 or 1).
    - `said`: the share of the question's words in title and passage of that sentence.
    """

    any_said: float
    first_said: float
    near: float
    stands_out: float
    words: float
    first_by_words: float
    first_by_vector: float
    margin: float
    best: float
    accepted: float
    said: float


SENTENCE_ANSWERS = LogisticModel((5.32, 1.24, 1.38, 2.56, 1.28, -1.82, -4.17), -9.74, 0.5)
"""Model of whether a sentence answers. Sentences of further documents are quoted from this bar."""

QUOTATION_ANSWERS = LogisticModel(
    (2.01, 2.20, 43.48, 0.38, 4.87, 0.67, 2.22, 1.95, 0.63, 2.66, 1.06), -19.1, 0.8
)
"""Model of whether the quotation answers; its threshold is decision 121's."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence of the page that may be quoted: `text[start:end]` of its passage."""

    result: Result
    shown: ShownPassage
    author: DocumentAuthor
    span: Span
    features: SentenceFeatures
    said_by_passage: float

    @property
    def text(self) -> str:
        """The sentence."""
        return self.shown.passage.text[slice(*self.span)]


class Reading(NamedTuple):
    """What the sentences of a page say to its question.

    `direct`: those that answer, None if none is certain enough. `lacks`: the likeliest ones do not
    have what the question asks for, so that their document answers a neighbouring question.
    """

    direct: DirectAnswer | None = None
    lacks: bool = False


def read_sentences(results: Results, today: date) -> Reading:
    """Choose the sentences that answer the question of a first page with `features`.

    Never from a comment, a question, an attachment, or a document that is no longer in force.
    """
    found = candidates(results, today)
    if not found:
        return Reading()
    likely = [SENTENCE_ANSWERS.probability(one.features) for one in found]
    chosen = chosen_sentences(found, likely)
    if sentences_lack(results.question, chosen[0], today):
        return Reading(lacks=True)
    certain = QUOTATION_ANSWERS.holds(answer_features(results, found, likely))
    if not certain or not has_a_sentence(chosen[0]):
        return Reading()
    quotes = tuple(_quote(sentences) for sentences in chosen)
    for other in quotes[1:]:
        if _disagree(quotes[0], other):
            newer, older = sorted((quotes[0], other), key=_day, reverse=True)
            return Reading(DirectAnswer((newer, older), differs=True))
    return Reading(DirectAnswer(quotes))


def candidates(results: Results, today: date) -> list[Candidate]:
    """Return the sentences that may be quoted; none if documents are only near (`few`)."""
    question = results.question
    parts = (*question_parts(question), *aside_parts(question))
    ordered = results.order is ResultOrder.RELEVANCE and question.names_something
    if not (ordered and parts and results.features and not results.few):
        return []
    first = [one for one in results.results if not only_asks(one.card)][:DOCUMENTS]
    rows = []
    for result in first:
        if result.replaced_by or not in_force(result.card, today):
            continue
        title = _terms(result.card.title)
        for shown, author in _quotable(result):
            passage, accepted = shown.passage, author.role is ContributorRole.ACCEPTED_ANSWERER
            heading = title | _terms(passage.heading)
            marked = [(a, _terms(passage.text[a:b])) for a, b in shown.highlights]
            whole = title.union(*(found for _, found in marked))
            spans = _sentences(shown, "" if accepted else result.card.title)
            for number, span in enumerate(spans):
                own = frozenset().union(*(f for at, f in marked if span[0] <= at < span[1]))
                has = [[_has(one, part) for part in parts] for one in (own, own | heading, whole)]
                place = 1 / (1 + number), float(number == len(spans) - 1)
                rows.append((result, shown, author, accepted, span, place, has))
    counts = [sum(row[-1][0][n] for row in rows) for n in range(len(parts))]
    weights = [math.log(1 + len(rows) / (0.5 + count)) for count in counts]
    best = first[0].parts.score if first else 0.0
    found = []
    for result, shown, author, accepted, span, (begins, ends), has in rows:
        said, there, passage_said = (_share(one, weights) for one in has)
        asks = shown.passage.text[: span[1]].rstrip(' »”"').endswith("?")
        score = result.parts.score / (best or 1.0)
        features = SentenceFeatures(score, accepted, said, there, begins, ends, asks)
        found.append(Candidate(result, shown, author, span, features, passage_said))
    return found


def chosen_sentences(
    found: Sequence[Candidate], likely: Sequence[float]
) -> tuple[tuple[Candidate, ...], ...]:
    """Return the sentences to quote, by document: neighbours of the best one, then others.

    `likely`: the probability of each sentence. A sentence of a further document is quoted if it is
    likelier right than not, and its words are not quoted already.
    """
    order = sorted(range(len(found)), key=lambda n: -likely[n])
    best = found[order[0]]
    documents, texts = {best.result.card.document_id}, {fold(best.text)}
    others: list[tuple[Candidate, ...]] = []
    for n in order:
        one = found[n]
        new = one.result.card.document_id not in documents and fold(one.text) not in texts
        if likely[n] < SENTENCE_ANSWERS.bar or len(others) == MOST_SENTENCES - 1:
            break
        if new:
            documents.add(one.result.card.document_id)
            texts.add(fold(one.text))
            others.append((one,))
    near = [n for n, one in enumerate(found) if one.shown is best.shown]
    length = min(len(near), MOST_SENTENCES - len(others))
    starts = range(len(near) - length + 1)
    start = max(starts, key=lambda at: math.fsum(likely[n] for n in near[at : at + length]))
    return (tuple(found[n] for n in near[start : start + length]), *others)


def sentences_lack(question: Question, sentences: Sequence[Candidate], today: date) -> bool:
    """Return whether neighbouring sentences lack the sum, date, place… that a question asks for.

    Only a document that is itself asked « qui… » has what « qui… » asks for.
    """
    result, passage = sentences[0].result, sentences[0].shown.passage
    title = f"{result.card.title} {result.matched_question}"
    if asks_who(question.words) and not _WHO.search(title):
        return True
    places = (*question.aside, *places_abroad(question))
    around = f"{title} {passage.heading} {passage.text}"
    return lacks_what_is_asked(question, _text(sentences), around, places, today)


def has_a_sentence(sentences: Sequence[Candidate]) -> bool:
    """Return whether neighbouring sentences are more than headings and short notes."""
    return bool(_SENTENCE.search(_text(sentences)))


def answer_features(
    results: Results, found: Sequence[Candidate], likely: Sequence[float]
) -> AnswerFeatures:
    """Return the features of the quotation around the likeliest sentence."""
    top = max(range(len(found)), key=likely.__getitem__)
    odds, best = math.log(likely[top] / (1 - likely[top])), found[top]
    accepted, said = best.features.accepted, best.said_by_passage
    return AnswerFeatures._make((*results.features, odds, accepted, said))


def quoted_from(quote: Quote) -> str:
    """Return a line on where a quote is from: author, day, section, title."""
    author = quote.author.name + (f", {DEPARTED}" if quote.author.departed else "")
    parts = (author, day(quote.dated), quote.section, quote.card.title)
    return " · ".join(filter(None, parts))


def unsaid_passages(
    result: Result, direct: DirectAnswer | None
) -> tuple[tuple[ShownPassage, DocumentAuthor | None], ...]:
    """Return a result's passages without those that the direct answer already quotes."""
    said = [
        quote.text
        for quote in (direct.quotes if direct else ())
        if quote.card.document_id == result.card.document_id
    ]
    return tuple(
        pair for pair in result.answering if not any(one in pair[0].passage.text for one in said)
    )


_WHO = re.compile(r"\bqui\b", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?]{20}[.!?](?:\s|[»”\"]|\Z)")


def _quotable(result: Result) -> Iterator[tuple[ShownPassage, DocumentAuthor]]:
    """Yield the passages that may be quoted, each with who wrote it.

    In a conversation this is the accepted answer; in another document these are passages with
    marked words, by its first author. Attachments are not quoted.
    """
    conversation = conversations([result.card])
    by = (one for one in result.authors if one.role is ContributorRole.AUTHOR)
    author = None if conversation else next(by, None)
    for shown, voice in zip(result.passages, result.voices, strict=True):
        if conversation and voice and voice.role is ContributorRole.ACCEPTED_ANSWERER:
            author = voice
        elif conversation or not shown.highlights:
            continue
        if author and not shown.passage.path:
            yield shown, author


def _sentences(shown: ShownPassage, title: str) -> Sequence[Span]:
    """Return the sentences of a passage, without a first line that repeats the title.

    Leading sentences that only tell about the document are left out, unless nothing follows.
    """
    text = shown.passage.text
    line, _, rest = text.partition("\n")
    again = title and rest.strip() and set(terms(line)) <= set(terms(title))
    begins = len(line) + 1 if again else 0
    spans = []
    for start, end in sentences(text[begins:]):
        piece = text[begins + start : begins + end]
        at = begins + start + len(piece) - len(piece.lstrip())
        if piece.strip():
            spans.append((at, at + len(piece.strip())))
    return after_preamble(text, spans, ())


_terms = lru_cache(maxsize=20_000)(all_terms)
"""`all_terms` of titles, headings and marked words, of which most recur."""


def _has(found: frozenset[str], part: Sequence[Sequence[tuple[int, str]]]) -> bool:
    """Return whether the terms include all of one phrase of a part of the question."""
    return any(all(term in found for _, term in phrase) for phrase in part)


def _share(has: Sequence[bool], weights: Sequence[float]) -> float:
    return math.fsum(w for one, w in zip(has, weights, strict=True) if one) / math.fsum(weights)


_NEXT_HEADING = re.compile(r"(?<=[.!?])\n\s*[^\W\d_a-zà-ÿ][^\n.!?:;]{0,40}\Z")
"""Matches a last line that is not a sentence, but the heading of the next part of the document."""


def _text(chosen: Sequence[Candidate]) -> str:
    text = chosen[0].shown.passage.text[chosen[0].span[0] : chosen[-1].span[1]]
    return _NEXT_HEADING.sub("", text)


def _quote(chosen: Sequence[Candidate]) -> Quote:
    first = chosen[0]
    card, accepted = first.result.card, bool(first.features.accepted)
    section = "" if accepted else first.shown.passage.heading
    dated = card.modified or card.created
    return Quote(_text(chosen), card, section, first.author, accepted, dated)


def _day(quote: Quote) -> date:
    return quote.dated.date() if quote.dated else date.min


_NUMBERS = "zero un deux trois quatre cinq six sept huit neuf dix".split()  # noqa: SIM905
_AMOUNT = re.compile(
    rf"(?<![\w,])(\d{{1,3}}(?:[ .]\d{{3}})+|\d+(?:,\d+)?|{'|'.join(_NUMBERS[2:])})"
    r" ?([^\W\d_]{2,}|[€%])"
)


def _amounts(text: str) -> dict[str, set[str]]:
    """Return the numbers of a text by the word after each: `{"mois": {"2"}, "jour": {"15"}}`."""
    found: dict[str, set[str]] = {}
    plain = fold(" ".join(text.split()).lower())
    for number, unit in _AMOUNT.findall(plain):
        value = str(_NUMBERS.index(number)) if number in _NUMBERS else re.sub(r"[ .]", "", number)
        if unit not in STOP_WORDS:
            found.setdefault(unit.removesuffix("s"), set()).add(value)
    return found


def _disagree(one: Quote, other: Quote) -> bool:
    """Return whether two quotes of different dates give other numbers of the same thing."""
    some, others = _amounts(one.text), _amounts(other.text)
    shared = some.keys() & others.keys()
    days = _day(one), _day(other)
    return (
        date.min not in days
        and days[0] != days[1]
        and any(some[unit].isdisjoint(others[unit]) for unit in shared)
    )
