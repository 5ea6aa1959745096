"""What every sub-query is narrowed to: rights first, then facets, contributors and dates."""

from indexer.bylines import NAME_SLOP, account_key, name_words
from indexer.narrowing import Byline, Period
from indexer.opensearch.access_lists import ReadableLists
from indexer.opensearch.schema import Body
from indexer.values import FACETS, SearchRequest


def narrowing_of(request: SearchRequest, lists: ReadableLists) -> list[Body]:
    """Clauses that every sub-query carries; the access filter's is the first of them."""
    unknown = set(request.filters) - set(FACETS) or set(request.facets) - set(FACETS)
    if unknown:
        raise ValueError(f"no such facet: {sorted(unknown)}")
    chosen = [{"terms": {name: list(values)}} for name, values in sorted(request.filters.items())]
    chosen += [_contributed(byline) for byline in request.bylines]
    chosen += [_dated(request.period)] if request.period else []
    return [lists.clause_for(request.access), *chosen]


def _contributed(byline: Byline) -> Body:
    """By an account or under a name; both empty, nobody did."""
    found: list[Body] = []
    if byline.accounts:
        found.append({"terms": {"account_hash": [account_key(one) for one in byline.accounts]}})
    if byline.words:
        name = {"query": " ".join(name_words(byline.words)), "slop": NAME_SLOP}
        found.append({"match_phrase": {"label_words": name}})
    return {"bool": {"should": found, "minimum_should_match": 1}} if found else {"match_none": {}}


def _dated(period: Period) -> Body:
    ends = {"gte": period.since, "lt": period.before}
    asked = {name: day.isoformat() for name, day in ends.items() if day}
    return {"range": {"dated": asked}} if asked else {"exists": {"field": "dated"}}
