"""Requests to the engine as pure values; `indexer/opensearch/index.py` sends them.

Every sub-query has these filters: the reader's rights, then facets, contributors and dates.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from indexer.access import AccessFilter
from indexer.cards import NAME_SLOP, account_key, name_words
from indexer.french.analysis import NOTHING
from indexer.opensearch.access_lists import ReadableLists
from indexer.opensearch.schema import COLUMNS_ALONE, Body, by_ids
from indexer.parsed_query import (
    EXACT_WEIGHT,
    PAIR_WEIGHT,
    ParsedQuery,
    Phrase,
    WeightedPhrase,
    parse_query,
)
from indexer.quantisation import WHOLE_VECTORS, Quantisation
from indexer.relevance import TOLERANCE, Part, aside_parts, question_parts
from indexer.suggestions import SUGGESTIONS_READ, typed_words
from indexer.values import FACETS, Byline, DateRange, Question, SearchRequest, ShowRequest, Vectors


def filter_clauses(request: SearchRequest, lists: ReadableLists) -> list[Body]:
    """Return the clauses of every sub-query; the first is the access filter's."""
    unknown = set(request.filters) - set(FACETS) or set(request.facets) - set(FACETS)
    if unknown:
        raise ValueError(f"no such facet: {sorted(unknown)}")
    chosen = [{"terms": {name: list(values)}} for name, values in sorted(request.filters.items())]
    chosen += [_contributed(byline) for byline in request.bylines]
    chosen += [_dated(request.period)] if request.period else []
    chosen += [] if request.documents is None else [by_ids(request.documents)]
    return [lists.clause_for(request.access), *chosen]


def _contributed(byline: Byline) -> Body:
    """Match documents contributed to by an account or under a name; nothing if both are empty."""
    clauses: list[Body] = []
    if byline.accounts:
        clauses.append(
            {"terms": {"account_hash": [account_key(account) for account in byline.accounts]}}
        )
    if byline.words:
        name = {"query": " ".join(name_words(byline.words)), "slop": NAME_SLOP}
        clauses.append({"match_phrase": {"label_words": name}})
    return (
        {"bool": {"should": clauses, "minimum_should_match": 1}} if clauses else {"match_none": {}}
    )


def _dated(period: DateRange) -> Body:
    ends = {"gte": period.since, "lt": period.before}
    bounds = {name: day.isoformat() for name, day in ends.items() if day}
    return {"range": {"dated": bounds}} if bounds else {"exists": {"field": "dated"}}


MAX_CLAUSES = 640
"""Maximum number of clauses for words, below the engine's limit of 1 024; the rest is for filters
and boosts (`indexer.parsed_query.BOOSTING_WORDS`). A term takes a clause for each of `TEXT_FIELDS`.
A word of a phrase or of an exclusion takes twice as many, since these also restrict the vectors.
"""

VECTOR_WEIGHT = 20.0
"""Weight of a cosine of 1, added to the BM25 score, when the passages to show are chosen."""

MAX_PASSAGES = 100
"""Maximum number of passages of one document in one request (the engine's own limit)."""

TIE_ROOM = 100
"""Number of nearest documents that are ranked in addition to those kept, because the engine cuts
ties in its own order.
"""

OVERSAMPLED = 1.5
"""Factor by which more nearest neighbours are retrieved with small vectors than with full vectors.
Of the 200 nearest of 10 000 passages, full vectors find .953, small vectors .956 at 1.0 and .979 at
1.5 (OpenSearch 3.5.0, `benchmarks.quantisation`). The reserve is for deeper windows, to which
`TIE_ROOM` adds less, and for other vectors.
"""

MOST_SUCCESSORS = 200
"""Maximum number of documents that replace the documents of a page."""

VALUES_COUNTED = 10_000
"""Number of values of a facet that each shard counts: with fewer values, counts are exact."""

MAX_TYPED_WORDS = 32
TEXT_FIELDS = ["title_terms", "text", "question_terms"]

BEST_FIRST: list[Body] = [{"_score": "desc"}, {"id": "asc"}]
NEWEST_FIRST: list[Body] = [{"dated": {"order": "desc", "missing": "_last"}}, {"id": "asc"}]


@dataclass(frozen=True, slots=True)
class Searches:
    """The bodies of one `_msearch`; None for searches that are not needed.

    With a cut, `weights` counts the readable documents that contain each part of the question. The
    result set, which `members_of` and `counts_of` request, depends on its answer.
    """

    lexical: Body | None
    vector: Body | None
    counts: Body | None
    weights: Body | None = None
    counted_after: bool = False
    newest_first: bool = False
    terms_dropped: bool = False


COMMON_SCORES: Body = {"search_type": "dfs_query_then_fetch"}
"""Option that scores words by their rarity in all shards, not in the document's own shard. The
engine ignores it with a single shard. It is not used for vector searches, which would run twice.
"""


def same_copies(question: Question) -> Body:
    """Return the header that sends the same question to the same copies of the shards.

    Copies differ in the deleted documents that they still contain, which affect scores: if the
    copies took turns, a page would change its order each time. If a copy is gone, another copy
    answers.
    """
    text = question.text.encode("utf-8", "surrogatepass")
    return {"preference": hashlib.sha256(text).hexdigest()[:16]}


def searches(
    request: SearchRequest,
    lists: ReadableLists,
    shards: int = 1,
    quantisation: Quantisation = WHOLE_VECTORS,
) -> Searches:
    """Return the requests of two rankings of at most W documents, and of the counts.

    The engine finds the nearest documents of each shard, and small vectors find other documents
    than full vectors. Therefore, with several shards or small vectors, the W nearest are only known
    from the ranking: `counted_after` then says that `counts_of` must be requested with them.
    """
    words = parsed_query_of(request.question, most_words=request.newest_first)
    narrowing = filter_clauses(request, lists)
    browses = request.vector is None and not request.question.text and not words.scores
    lexical: Body | None = None
    nearest: Body | None = None
    ranked: Body | None = None
    if browses or request.lexical:
        lexical = _lexical_query(words, narrowing, everything=browses)
    if request.vector is not None:
        nearest = _nearest_query(request.vector, request.window, words, narrowing)
        ranked = _nearest_query(
            request.vector, request.ranked + TIE_ROOM, words, narrowing, quantisation
        )
    by_date = browses or request.newest_first
    order = NEWEST_FIRST if by_date else BEST_FIRST
    matched = [query for query in (lexical, nearest) if query]
    counted = request.counted and request.cut is None
    several = shards > 1 or quantisation != WHOLE_VECTORS
    counted_after = counted and several and nearest is not None
    return Searches(
        lexical=lexical and _ranking(lexical, order, request),
        vector=ranked and _ranking(ranked, BEST_FIRST, request),
        counts=_counts(matched, request) if counted and not counted_after else None,
        weights=_weights(request, lists) if request.cut else None,
        counted_after=counted_after,
        newest_first=by_date,
        terms_dropped=words.terms_dropped,
    )


def together(searches: Searches, question: Question) -> list[tuple[Body, Body]]:
    """Return (header, body) of each search of one `_msearch`, in the order of `Searches`."""
    same = same_copies(question)
    by_words = same if searches.newest_first else {**same, **COMMON_SCORES}
    ways = (by_words, same, same, same)
    bodies = (searches.lexical, searches.vector, searches.counts, searches.weights)
    return [(way, body) for way, body in zip(ways, bodies, strict=True) if body]


def members_of(
    request: SearchRequest, lists: ReadableLists, shares: Sequence[float], ids: Sequence[str]
) -> Body:
    """Return the request for lexical hits that reach the cut, scored by share of information."""
    narrowing = [*filter_clauses(request, lists), by_ids(ids)]
    return {
        "size": len(ids),
        **COLUMNS_ALONE,
        "track_total_hits": False,
        "query": _informed_query(request, narrowing, shares),
        "sort": [{"id": "asc"}],
        "track_scores": True,
    }


def counts_of(
    request: SearchRequest, lists: ReadableLists, shares: Sequence[float], close: Sequence[str]
) -> Body:
    """Return the request for total and facets over relevant lexical matches and near documents."""
    narrowing = filter_clauses(request, lists)
    near = {"bool": {"filter": [*narrowing, by_ids(close)]}}
    worded = [_informed_query(request, narrowing, shares)] if request.lexical else []
    return _counts([*worded, *([near] if close else [])], request)


def _informed_query(request: SearchRequest, narrowing: list[Body], shares: Sequence[float]) -> Body:
    """Match lexically, require the cut's share of information, and score by it."""
    words = parsed_query_of(request.question, most_words=request.newest_first)
    # Boosts do not add matches, and are left out: the engine limits the number of clauses.
    lexical = _lexical_query(replace(words, exact=(), pairs=()), narrowing, everything=False)
    return {"bool": {"filter": [lexical], "must": [_informed(request, shares)]}}


def _informed(request: SearchRequest, shares: Sequence[float]) -> Body:
    """Return a query that scores documents by their share of the question's information."""
    if request.cut is None or not shares:
        return {"match_all": {}}
    parts = zip(_weighed_parts(request), shares, strict=True)
    clauses = [
        {"constant_score": {"filter": _any_phrase(phrases), "boost": share}}
        for phrases, share in parts
        if share > 0
    ]
    least = request.cut.information - TOLERANCE
    if least <= 0:
        return {"bool": {"should": clauses, "minimum_should_match": 0}}
    return {"function_score": {"query": {"bool": {"should": clauses}}, "min_score": least}}


def _weighed_parts(request: SearchRequest) -> tuple[Part, ...]:
    return (*question_parts(request.question), *aside_parts(request.question))


def _any_phrase(phrases: Sequence[Phrase]) -> Body:
    return {"bool": {"should": [*map(_anywhere, phrases)]}}


def _weights(request: SearchRequest, lists: ReadableLists) -> Body:
    parts = _weighed_parts(request)
    filters = {str(number): _any_phrase(phrases) for number, phrases in enumerate(parts)}
    return {
        "size": 0,
        "track_total_hits": True,
        "query": {"bool": {"filter": [lists.clause_for(request.access)]}},
        "aggs": {"parts": {"filters": {"filters": filters}}} if filters else {},
    }


def parsed_query_of(question: Question, *, most_words: bool = False) -> ParsedQuery:
    """Parse a question within the engine's limits."""
    cost = len(TEXT_FIELDS)
    return parse_query(
        question, MAX_CLAUSES, phrase_cost=2 * cost, term_cost=cost, most_words=most_words
    )


_NOT_SHOWN = ["passages.vector", "passages.terms"]


def shown_documents(request: ShowRequest, lists: ReadableLists) -> Body:
    """Return the request for the cards of these documents, with their best passages."""
    best_passages = {
        "nested": {
            "path": "passages",
            "score_mode": "max",
            "query": _passage_query(request),
            "inner_hits": {
                "size": min(request.passages, MAX_PASSAGES),
                "_source": {"excludes": _NOT_SHOWN},
            },
        }
    }
    return {
        "size": len(request.document_ids),
        "_source": False,
        "docvalue_fields": ["card"],
        "query": {
            "bool": {
                "filter": [lists.clause_for(request.access), by_ids(request.document_ids)],
                "should": [best_passages] if request.passages else [],
            }
        },
    }


def document_text(access: AccessFilter, lists: ReadableLists, document_id: str) -> Body:
    """Return the request for a document's card, passages in order, and first passage's vector."""
    first = {
        "nested": {
            "path": "passages",
            "query": {"match_all": {}},
            "inner_hits": {"size": 1, "_source": ["passages.vector"], "sort": ["_doc"]},
        }
    }
    return {
        "size": 1,
        "_source": {"includes": ["passages"], "excludes": _NOT_SHOWN},
        "docvalue_fields": ["card"],
        "track_total_hits": False,
        "query": {
            "bool": {"filter": [lists.clause_for(access), by_ids([document_id])], "should": [first]}
        },
    }


def cards(request: ShowRequest, lists: ReadableLists) -> Body:
    """Return the request for the cards of these documents, from their column."""
    return {
        **COLUMNS_ALONE,
        "size": len(request.document_ids),
        "docvalue_fields": ["card"],
        "track_total_hits": False,
        "query": {
            "bool": {"filter": [lists.clause_for(request.access), by_ids(request.document_ids)]}
        },
        "sort": ["_doc"],
    }


def successors_of(request: ShowRequest, lists: ReadableLists) -> Body:
    """Return the request for the cards of documents that replace these."""
    replacing = {"terms": {"replaces": list(request.document_ids)}}
    return {
        **COLUMNS_ALONE,
        "size": MOST_SUCCESSORS,
        "docvalue_fields": ["card"],
        "track_total_hits": False,
        "query": {"bool": {"filter": [lists.clause_for(request.access), replacing]}},
        "sort": [{"id": "asc"}],
    }


def suggested_titles(access: AccessFilter, lists: ReadableLists, prefix: str) -> Body:
    """Return the request for titles with these words; the last one may be a prefix."""
    typed = " ".join(typed_words(prefix, MAX_TYPED_WORDS))
    begun = {"match_bool_prefix": {"title_words": {"query": typed, "operator": "and"}}}
    return {
        "size": SUGGESTIONS_READ,
        **COLUMNS_ALONE,
        "docvalue_fields": ["title_begun"],
        "track_total_hits": False,
        "query": {"bool": {"filter": [lists.clause_for(access), begun]}},
        "sort": [{"title_length": "asc"}, {"id": "asc"}],
    }


def _lexical_query(words: ParsedQuery, narrowing: list[Body], *, everything: bool) -> Body:
    """Return the lexical query; a term's scores in title and text are added."""
    must = _bound(words)
    if words.terms:
        terms = [_anywhere(((0, term),)) for term in words.terms]
        terms += [_best_synonym(group) for group in words.expansions]
        must.append({"bool": {"should": terms, "minimum_should_match": words.minimum}})
    if not must:
        must = [{"match_all": {}} if everything else {"match_none": {}}]
    return {
        "bool": {
            "must": must,
            "should": _boosts(words),
            "filter": narrowing,
            "must_not": _excluded(words),
        }
    }


def _nearest_query(
    vector: Vectors,
    window: int,
    words: ParsedQuery,
    narrowing: list[Body],
    quantisation: Quantisation = WHOLE_VECTORS,
) -> Body:
    """Return the query for `window` documents by nearest passage, ranked by full vectors."""
    binding = {"filter": [*narrowing, *_bound(words)], "must_not": _excluded(words)}
    nearest: Body = {"vector": vector.tolist(), "k": window, "filter": {"bool": binding}}
    query: Body = {"knn": {"passages.vector": nearest}}
    if quantisation != WHOLE_VECTORS:
        # The engine's own `rescore` returns the scores of small vectors on 3.6.0.
        nearest |= {"k": round(OVERSAMPLED * window), "expand_nested_docs": True}
        query = {"script_score": _exact_score(vector, query)}
    return {"nested": {"path": "passages", "score_mode": "max", "query": query}}


def _bound(words: ParsedQuery) -> list[Body]:
    """Return the clauses that must match: each phrase, and one phrase of each group."""
    groups = [{"bool": {"should": [*map(_anywhere, group)]}} for group in words.any_of]
    return [*map(_anywhere, words.phrases), *groups]


def _best_synonym(group: Sequence[WeightedPhrase]) -> Body:
    """Return a query that scores by the best phrase of a group: many synonyms count as one."""
    return {
        "dis_max": {
            "queries": [_anywhere(expansion.phrase, expansion.weight) for expansion in group]
        }
    }


def _boosts(words: ParsedQuery) -> list[Body]:
    """Return the clauses that only add to the score of a match."""
    if not words.terms:
        return []
    exact = [_anywhere(((0, word),), EXACT_WEIGHT) for word in words.exact]
    return exact + [_anywhere(pair, PAIR_WEIGHT) for pair in words.pairs]


def _anywhere(phrase: Phrase, boost: float = 1.0) -> Body:
    """Match these terms next to each other, in title or text; both scores are added."""
    clauses: list[Body] = [_at_distances(field, phrase) for field in TEXT_FIELDS]
    return {"bool": {"should": clauses, **({} if boost == 1.0 else {"boost": boost})}}


def _at_distances(field: str, phrase: Phrase) -> Body:
    """Match terms at their distances; a stop word between them matches any stop word."""
    if len(phrase) == 1:
        return {"term": {field: {"value": phrase[0][1]}}}
    places = [NOTHING] * (phrase[-1][0] + 1)
    for distance, term in phrase:
        places[distance] = term
    return {"match_phrase": {field: {"query": " ".join(places)}}}


def _excluded(words: ParsedQuery) -> list[Body]:
    return [_anywhere(phrase) for phrase in words.excluded]


def _ranking(query: Body, order: Sequence[Body], request: SearchRequest) -> Body:
    return {
        "size": request.ranked,
        **COLUMNS_ALONE,
        "track_total_hits": False,
        "query": query,
        "sort": list(order),
        **({"docvalue_fields": ["mark", "title_begun", "area"]} if request.with_attributes else {}),
    }


def _counts(queries: list[Body], request: SearchRequest) -> Body:
    matched = {"bool": {"should": queries, "minimum_should_match": 1}}
    return {
        "size": 0,
        "track_total_hits": True,
        "query": matched if queries else {"match_none": {}},
        "aggs": {
            name: {
                "terms": {
                    "field": name,
                    "size": request.facet_size,
                    "shard_size": max(VALUES_COUNTED, request.facet_size),
                }
            }
            for name in request.facets
        },
    }


def _passage_query(request: ShowRequest) -> Body:
    """Return the query that scores passages; it matches every passage."""
    words = parsed_query_of(request.question)
    groups = [phrase for group in words.any_of for phrase in group]
    others = [
        expansion.phrase
        for group in words.expansions
        for expansion in group
        if len(expansion.phrase) == 1
    ]
    wanted = [*(((0, term),) for term in words.terms), *words.phrases, *groups, *others]
    scored = [*(_at_distances("passages.terms", piece) for piece in wanted)]
    scored.append({"match_all": {"boost": 0}})
    if request.vector is not None:
        cosine = _exact_score(request.vector, {"match_all": {}})
        scored.append({"script_score": {**cosine, "boost": VECTOR_WEIGHT}})
    return {"bool": {"should": scored}}


def _exact_score(vector: Vectors, query: Body) -> Body:
    """Score the few hits of a query by their full vectors: (1 + cosine) / 2."""
    return {
        "query": query,
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
