"""Parse a query: operators become filters, the glossary adds expansions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from expertise.places import place_in
from indexer.access import AccessFilter
from indexer.french.analysis import folded_words
from indexer.ports import IndexReader
from indexer.values import Byline, DateRange, Question, SearchRequest
from search_api.query.asking_phrases import subject_of
from search_api.query.glossary import GlossaryFile
from search_api.query.query import (
    FACET_FIELDS,
    Operator,
    QueryPartKind,
    operators_in,
    read_day,
    read_question,
    typed_text,
)
from search_api.query.typed_references import with_references_in_one_way

FACET_VALUES = 1000
"""Number of a facet's values among which the value of an operator is looked up."""


@dataclass(frozen=True, slots=True)
class QueryPart:
    """A part of the query; a date is written in ISO format.

    `without` is the typed query without this part; None if only the reader can remove the part.
    """

    said: QueryPartKind
    value: str
    without: str | None


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A parsed query: the question, and the restrictions on its results."""

    question: Question
    filters: Mapping[str, tuple[str, ...]]
    bylines: tuple[Byline, ...] = ()
    period: DateRange | None = None
    parts: tuple[QueryPart, ...] = ()
    typed_filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def narrowed(self) -> bool:
        """Whether operators restrict the results."""
        return any(
            part.said not in (QueryPartKind.ANY_OF, QueryPartKind.WORDS) for part in self.parts
        )

    @property
    def of_a_person(self) -> bool:
        """Whether results are restricted to a person's contributions.

        Such results are never counted.
        """
        return bool(self.bylines)


AccountsNamed = Callable[[Sequence[str]], tuple[str, ...]]
"""Returns the accounts of agents, in post or departed, who wrote, may be named, and whose name has
all these folded words.
"""


class QueryParser:
    """Parses queries under a reader's rights: it only knows facet values of readable documents."""

    def __init__(self, index: IndexReader, authors: AccountsNamed, glossary: GlossaryFile) -> None:
        self._index, self._authors, self._glossary = index, authors, glossary

    def read(
        self, typed: str, access: AccessFilter, filters: Mapping[str, tuple[str, ...]] | None = None
    ) -> ParsedQuery:
        """Parse a query; parts that are not understood are searched as words.

        `filters` apply in addition to the operators. Raises `IndexUnreachable` if an operator names
        a facet's value and the index does not answer.
        """
        typed = with_references_in_one_way(subject_of(typed))
        text = typed_text(typed)
        found = tuple(operators_in(text))
        named = self._values(found, access)
        kept, parts, rest = [], [], text or typed
        for one in found:
            said = one.field if _is_understood(one, named) else QueryPartKind.WORDS
            if said is not QueryPartKind.WORDS:
                kept.append(one)
                rest = _blanked(rest, one.start, one.end)
            if said is not QueryPartKind.WORDS or one.field in FACET_FIELDS:
                parts.append(QueryPart(said, _shown(text, one, said), _without(text, one)))
        question = read_question(rest)
        parts += [
            QueryPart(QueryPartKind.ANY_OF, " ou ".join(group), None) for group in question.any_of
        ]
        place = place_in(question.text)
        question = replace(
            question,
            expansions=self._glossary.now().expansions(question.text),
            aside=place.parts if place else (),
        )
        typed_filters = [(one.field, named[one]) for one in kept if one in named]
        return ParsedQuery(
            question,
            _joined(filters or {}, typed_filters),
            tuple(self._byline(one) for one in kept if one.field is QueryPartKind.AUTHOR),
            _period(kept),
            tuple(parts),
            _joined({}, typed_filters),
        )

    def _values(
        self, found: Sequence[Operator], access: AccessFilter
    ) -> dict[Operator, tuple[str, ...]]:
        """Return the readable values that each facet operator names, from one request."""
        asked = [one for one in found if one.field in FACET_FIELDS]
        if not asked:
            return {}
        known = self.readable_values(sorted({str(one.field) for one in asked}), access)
        return {one: _named(one.value, known[one.field]) for one in asked}

    def readable_values(
        self, facets: Sequence[str], access: AccessFilter
    ) -> Mapping[str, tuple[str, ...]]:
        """Return, by facet, the values of the documents that may be read, from one request."""
        request = SearchRequest(
            access, Question(), window=1, facets=tuple(facets), facet_size=FACET_VALUES
        )
        counts = self._index.search(request).facets
        return {name: tuple(row.value for row in counts.get(name, ())) for name in facets}

    def _byline(self, one: Operator) -> Byline:
        words = folded_words(one.value)
        return Byline(self._authors(words) if words else (), tuple(words))


def _is_understood(one: Operator, named: Mapping[Operator, tuple[str, ...]]) -> bool:
    if one.field in FACET_FIELDS:
        return bool(named[one])
    return bool(
        folded_words(one.value) if one.field is QueryPartKind.AUTHOR else read_day(one.value)
    )


def _named(value: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return values equal to `value` without accents and case, else values with all its words."""
    words = folded_words(value)
    same = tuple(one for one in known if one == value or (words and folded_words(one) == words))
    if same or not words:
        return same
    return tuple(one for one in known if set(words) <= set(folded_words(one)))


def _joined(
    chosen: Mapping[str, tuple[str, ...]], named: Sequence[tuple[QueryPartKind, tuple[str, ...]]]
) -> dict[str, tuple[str, ...]]:
    """Return the filters of operators and of the reader together.

    Several operators on one facet accept any of their values; the reader's own filter must hold
    too.
    """
    asked: dict[str, tuple[str, ...]] = {}
    for facet, values in named:
        asked[str(facet)] = (*asked.get(str(facet), ()), *values)
    joined = dict(chosen)
    for name, values in asked.items():
        accepted = tuple(dict.fromkeys(values))
        joined[name] = tuple(v for v in accepted if name not in chosen or v in chosen[name])
    return joined


def _period(kept: Sequence[Operator]) -> DateRange | None:
    """Return the period of all dates together: the latest beginning and the earliest end."""
    begins = [
        day for one in kept if one.field is QueryPartKind.SINCE and (day := read_day(one.value))
    ]
    ends = [
        day for one in kept if one.field is QueryPartKind.BEFORE and (day := read_day(one.value))
    ]
    return DateRange(max(begins, default=None), min(ends, default=None)) if begins or ends else None


def _shown(text: str, one: Operator, said: QueryPartKind) -> str:
    if said is QueryPartKind.WORDS:
        return text[one.start : one.end]
    day = read_day(one.value) if said in (QueryPartKind.SINCE, QueryPartKind.BEFORE) else None
    return day.isoformat() if day else one.value


def _without(text: str, one: Operator) -> str:
    return " ".join(_blanked(text, one.start, one.end).split())


def _blanked(text: str, start: int, end: int) -> str:
    """Replace a part by spaces, so that the following text keeps its position."""
    return text[:start] + " " * (end - start) + text[end:]
