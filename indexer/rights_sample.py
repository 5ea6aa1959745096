"""Before a swap: both generations have the same documents, and nobody reads more in the new."""

import random
from collections.abc import Iterator, Sequence

from connectors.values import Access, authority_of
from indexer.access import NOBODY, AccessFilter, Reader, access_filter
from indexer.errors import IndexRefused
from indexer.ports import Index
from indexer.values import IndexEntry, Question, SearchRequest, ShowRequest

SAMPLE_SEED = 11
SAMPLE_DOCUMENTS = 60
"""Drawn over all sources; and as many documents as that among those with a denial."""
SAMPLE_READERS = 40


def check_counts(kept: Index, made: Index) -> int:
    """Documents in all. Raises `IndexRefused` where a source has more or fewer of them."""
    total = 0
    for source in sorted(kept.sources() | made.sources()):
        here, there = kept.count(source), made.count(source)
        if here != there:
            raise IndexRefused(
                f"{source} : {here} documents ici, {there} là. Rien n'a été échangé : "
                "relancez « quisait reindex »."
            )
        total += here
    return total


def check_rights(kept: Index, made: Index) -> int:
    """How many (reader, document) pairs were tried. Raises `IndexRefused` where one differs.

    Readers are made of the documents' own principals: each allowed one, each denied one
    together with an allowed one, one whose authority does not answer, and nobody.
    """
    sample = _sampled(kept)
    ids = tuple(sorted(one.document_id for one in sample))
    tried = 0
    for reader in _readers(sample):
        wanted = frozenset(one.document_id for one in sample if reader.admits(one.access))
        request = ShowRequest(reader, ids, Question())
        for index in (kept, made):
            seen = frozenset(shown.card.document_id for shown in index.show(request))
            if seen != wanted:
                raise IndexRefused(_refusal(len(seen - wanted), len(wanted - seen)))
        totals = [index.search(SearchRequest(reader, Question())).total for index in (kept, made)]
        if totals[0] != totals[1]:
            raise IndexRefused(_refusal(max(totals[1] - totals[0], 0), 0))
        tried += len(ids)
    return tried


def _refusal(more: int, fewer: int) -> str:
    return (
        f"Un lecteur d'essai lit {more} documents de trop et {fewer} de moins : rien n'a été "
        "échangé. Relancez « quisait reindex » ; si cela se répète, --abandon, puis signalez-le."
    )


def _sampled(index: Index) -> Sequence[IndexEntry]:
    """A reservoir over all sources, and another of the documents that deny somebody."""
    drawn = random.Random(SAMPLE_SEED)  # noqa: S311 - a sample, no secret
    every: list[IndexEntry] = []
    denying: list[IndexEntry] = []
    seen = denied = 0
    for source in sorted(index.sources()):
        for one in index.scan(source):
            seen += 1
            _keep(every, one, seen, drawn)
            if one.access.denied:
                denied += 1
                _keep(denying, one, denied, drawn)
    return list({one.document_id: one for one in (*every, *denying)}.values())


def _keep(reservoir: list[IndexEntry], one: IndexEntry, seen: int, drawn: random.Random) -> None:
    """Algorithm R (Vitter, 1985): each of those seen is kept with the same chance."""
    if len(reservoir) < SAMPLE_DOCUMENTS:
        reservoir.append(one)
    elif (place := drawn.randrange(seen)) < SAMPLE_DOCUMENTS:
        reservoir[place] = one


def _readers(sample: Sequence[IndexEntry]) -> Sequence[AccessFilter]:
    readers = [access_filter(NOBODY)]
    accesses = dict.fromkeys(one.access for one in sample)
    # Those with a denial first: there is most to loosen.
    for access in sorted(accesses, key=lambda one: not one.denied):
        readers += map(access_filter, _readers_of(access))
    return list(dict.fromkeys(readers))[:SAMPLE_READERS]


def _readers_of(access: Access) -> Iterator[Reader]:
    allowed, denied = sorted(access.allowed)[:3], sorted(access.denied)[:3]
    for principal in allowed:
        yield Reader("reindex", frozenset({principal}))
        for refused in denied:
            yield Reader("reindex", frozenset({principal, refused}))
            yield Reader("reindex", frozenset({principal}), frozenset({authority_of(refused)}))
