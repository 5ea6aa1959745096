"""Requests to the engine as pure values; `indexer/opensearch/index.py` sends them.

Each builder takes the lists that the access filter admits and puts their clause inside
every sub-query, that of the nearest vectors included: filtered afterwards, a page would
come out empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.access import AccessFilter
from indexer.french import analyse, folded_words
from indexer.opensearch.access_lists import ReadableLists
from indexer.opensearch.schema import NOT_IN_CARDS, Body, engine_id
from indexer.values import FACETS, Question, SearchRequest, ShowRequest, Vectors

MINIMUM_SHOULD_MATCH = "30%"
"""A document matches lexically with that share of the distinct terms, rounded down."""

MAX_CLAUSES = 900
"""Room under the engine's 1 024 clauses; the rest is for filters. A term takes two (title
and text), a word of a phrase or an exclusion four, since those also bind the vectors."""

VECTOR_WEIGHT = 20.0
"""What a cosine of 1 adds to a passage's BM25 score when the passages to show are chosen."""

MAX_PASSAGES = 100
"""Passages of one document that one request shows (the engine's own limit)."""

TIE_ROOM = 100
"""How many more of the nearest are ranked than kept: the engine cuts ties in no order of ours."""

SUGGESTIONS_READ = 200
"""Titles read to choose the best few from: the engine finds them, it does not order them."""

MAX_TYPED_WORDS = 32
SCAN_PAGE = 5_000
TEXT_FIELDS = ["title", "text"]

# Characters of Unicode's private use area: no text means anything by them.
HIGHLIGHT_START, HIGHLIGHT_END = "\ue0f0", "\ue0f1"

BEST_FIRST: list[Body] = [{"_score": "desc"}, {"id": "asc"}]
NEWEST_FIRST: list[Body] = [{"dated": {"order": "desc", "missing": "_last"}}, {"id": "asc"}]


@dataclass(frozen=True, slots=True)
class Words:
    """A question as the engine is asked it: each term once, within the engine's limits."""

    terms: tuple[str, ...]
    phrases: tuple[str, ...]
    excluded: tuple[str, ...]
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class Searches:
    """The bodies of one `_msearch`; a ranking that is not asked for is None."""

    lexical: Body | None
    vector: Body | None
    counts: Body
    newest_first: bool = False
    terms_dropped: bool = False


def searches(request: SearchRequest, lists: ReadableLists) -> Searches:
    """Two rankings of at most W documents, and the counts over the result set."""
    words = read_words(request.question)
    narrowing = _narrowing(request, lists)
    browses = request.vector is None and not request.question.text and not words.phrases
    lexical: Body | None = None
    nearest: Body | None = None
    ranked: Body | None = None
    if browses or request.lexical:
        lexical = _lexical_query(words, narrowing, everything=browses)
    if request.vector is not None:
        nearest = _nearest_query(request.vector, request.window, words, narrowing)
        ranked = _nearest_query(request.vector, request.window + TIE_ROOM, words, narrowing)
    order = NEWEST_FIRST if browses else BEST_FIRST
    return Searches(
        lexical=lexical and _ranking(lexical, order, request),
        vector=ranked and _ranking(ranked, BEST_FIRST, request),
        counts=_counts([query for query in (lexical, nearest) if query], request),
        newest_first=browses,
        terms_dropped=words.dropped,
    )


def read_words(question: Question) -> Words:
    """Read a question. Phrases and exclusions come first when something has to be dropped."""
    left, dropped = MAX_CLAUSES, False
    kept: tuple[list[str], list[str]] = ([], [])
    for wanted, into in zip((question.phrases, question.excluded), kept, strict=True):
        for phrase in wanted:
            cost = 4 * len(analyse(phrase))
            dropped |= cost > left
            if 0 < cost <= left:
                into.append(phrase)
                left -= cost
    distinct: dict[str, str] = {}
    for term in analyse(question.text):
        distinct.setdefault(term.term, question.text[term.start : term.end])
    terms = tuple(distinct.values())[: left // 2]
    return Words(terms, tuple(kept[0]), tuple(kept[1]), dropped or len(distinct) > len(terms))


def shown_documents(request: ShowRequest, lists: ReadableLists) -> Body:
    """Ask for the cards of these documents, each with the passages that answer best."""
    passage_query, marked = _passage_queries(request)
    best_passages = {
        "nested": {
            "path": "passages",
            "score_mode": "max",
            "query": passage_query,
            "inner_hits": {
                "size": min(request.passages, MAX_PASSAGES),
                "_source": {"excludes": ["passages.vector"]},
                **({"highlight": _highlight(marked)} if marked else {}),
            },
        }
    }
    named = {"ids": {"values": [engine_id(id_) for id_ in request.document_ids]}}
    return {
        "size": len(request.document_ids),
        "_source": {"excludes": NOT_IN_CARDS},
        "query": {
            "bool": {
                "filter": [lists.clause_for(request.access), named],
                "should": [best_passages],
            }
        },
    }


def suggested_titles(access: AccessFilter, lists: ReadableLists, prefix: str) -> Body:
    """Titles with these words, the last of which may be only begun."""
    typed = " ".join(folded_words(prefix)[:MAX_TYPED_WORDS])
    begun = {"match_bool_prefix": {"title.prefix": {"query": typed, "operator": "and"}}}
    return {
        "size": SUGGESTIONS_READ,
        "_source": ["id", "title"],
        "query": {"bool": {"filter": [lists.clause_for(access), begun]}},
        "sort": [{"id": "asc"}],
    }


_KEPT_COLUMNS = ["content_hash", "record_hash", "access_list"]


def kept_documents(document_ids: Sequence[str]) -> Body:
    """What is kept of these documents, read from columns: vectors stay on disk."""
    return {
        "size": len(document_ids),
        "_source": False,
        "docvalue_fields": _KEPT_COLUMNS,
        "query": {"ids": {"values": [engine_id(id_) for id_ in document_ids]}},
        "sort": [{"id": "asc"}],
    }


def counted(source: str) -> Body:
    """How many documents are kept of a source: documents, not their passages."""
    return {"size": 0, "track_total_hits": True, "query": {"term": {"source": source}}}


def scanned(source: str, after: str | None = None) -> Body:
    """One page of everything kept of a source, read from columns: vectors stay on disk."""
    return {
        "size": SCAN_PAGE,
        "_source": False,
        "docvalue_fields": _KEPT_COLUMNS,
        "query": {"term": {"source": source}},
        "sort": [{"id": "asc"}],
        **({} if after is None else {"search_after": [after]}),
    }


def _narrowing(request: SearchRequest, lists: ReadableLists) -> list[Body]:
    unknown = set(request.filters) - set(FACETS) or set(request.facets) - set(FACETS)
    if unknown:
        raise ValueError(f"no such facet: {sorted(unknown)}")
    chosen = [{"terms": {name: list(values)}} for name, values in sorted(request.filters.items())]
    return [lists.clause_for(request.access), *chosen]


def _lexical_query(words: Words, narrowing: list[Body], *, everything: bool) -> Body:
    """By most fields: a term's score in the title and in the text are added."""
    must = [_anywhere(phrase) for phrase in words.phrases]
    if words.terms:
        terms = [_anywhere(term) for term in words.terms]
        must.append({"bool": {"should": terms, "minimum_should_match": _minimum(words)}})
    if not must:
        must = [{"match_all": {}} if everything else {"match_none": {}}]
    return {"bool": {"must": must, "filter": narrowing, "must_not": _excluded(words)}}


def _nearest_query(vector: Vectors, window: int, words: Words, narrowing: list[Body]) -> Body:
    binding = {
        "filter": [*narrowing, *map(_anywhere, words.phrases)],
        "must_not": _excluded(words),
    }
    nearest = {"vector": vector.tolist(), "k": window, "filter": {"bool": binding}}
    query = {"knn": {"passages.vector": nearest}}
    return {"nested": {"path": "passages", "score_mode": "max", "query": query}}


def _minimum(words: Words) -> int | str:
    """Ask for one term at least: the engine rounds down, to none at all for a few."""
    return MINIMUM_SHOULD_MATCH if len(words.terms) * int(MINIMUM_SHOULD_MATCH[:-1]) >= 100 else 1


def _anywhere(words: str) -> Body:
    """Find these words as they stand, in the title or in the text; both scores are added."""
    return {
        "bool": {"should": [{"match_phrase": {field: {"query": words}}} for field in TEXT_FIELDS]}
    }


def _excluded(words: Words) -> list[Body]:
    return [_anywhere(phrase) for phrase in words.excluded]


def _ranking(query: Body, order: Sequence[Body], request: SearchRequest) -> Body:
    return {
        "size": request.window,
        "_source": {"excludes": NOT_IN_CARDS} if request.with_cards else False,
        "track_total_hits": False,
        "query": query,
        "sort": list(order),
    }


def _counts(queries: list[Body], request: SearchRequest) -> Body:
    matched = {"bool": {"should": queries, "minimum_should_match": 1}}
    return {
        "size": 0,
        "track_total_hits": True,
        "query": matched if queries else {"match_none": {}},
        "aggs": {
            name: {"terms": {"field": name, "size": request.facet_size}} for name in request.facets
        },
    }


def _passage_queries(request: ShowRequest) -> tuple[Body, Body | None]:
    """Give what scores a passage (each at least nothing) and what is marked in it."""
    words = read_words(request.question)
    wanted = [
        {"match_phrase": {"passages.text": {"query": piece}}}
        for piece in (*words.terms, *words.phrases)
    ]
    scored = [*wanted, {"match_all": {"boost": 0}}]
    if request.vector is not None:
        scored.append({"script_score": _cosine_score(request.vector)})
    return {"bool": {"should": scored}}, {"bool": {"should": wanted}} if wanted else None


def _cosine_score(vector: Vectors) -> Body:
    """Score exactly, (1 + cosine) / 2: only the shown documents' passages are looked at."""
    return {
        "query": {"match_all": {}},
        "boost": VECTOR_WEIGHT,
        "script": {
            "lang": "knn",
            "source": "knn_score",
            "params": {
                "field": "passages.vector",
                "query_value": vector.tolist(),
                "space_type": "cosinesimil",
            },
        },
    }


def _highlight(marked: Body) -> Body:
    return {
        "fields": {"passages.text": {"number_of_fragments": 0}},
        "highlight_query": marked,
        "pre_tags": [HIGHLIGHT_START],
        "post_tags": [HIGHLIGHT_END],
    }
