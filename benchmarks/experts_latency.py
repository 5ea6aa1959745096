"""Latency of "who knows" beside a search: `python -m benchmarks.experts_latency`.

`[DOCUMENTS] [ENGINE…]`: by default 10 000 documents on both engines, with a tenth as many agents
and two contributions each. A third of the documents have two passages, each signed by one
contributor; a build gave every document a topic. The same questions of three words, by varying
readers, go to the search and to `find_experts`; encoding a question costs nothing here, since it
costs both the same. Fails if the p95 of experts is more than twice that of the search.
"""

import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from benchmarks.access_change import DIMENSION, engine
from benchmarks.suggest import Names, Words, agents, documents, fill, measure
from connectors.values import Contribution, ContributorRole
from expertise.build import BuildRules
from expertise.build_tables import (
    assigned,
    assigned_text,
    builds,
    current,
    document_key,
)
from expertise.builds import SqlBuilds
from expertise.current_build import BuildReader
from expertise.directory import SqlDirectory
from expertise.who_knows import PeopleQuestion, find_experts
from indexer.access import AccessFilter, Reader
from indexer.ports import Index
from indexer.values import IndexedDocument, Passage, Put
from quisait.application.database import connect, migrate
from quisait.server.app import warm_up
from search_api.engine import Search
from search_api.query.query import Query
from tests.encoders import FakeEncoder
from tests.pages.administration import TODAY

DOCUMENTS = 10_000
ASKED = 200
MOST_TIMES = 2.0
SIGNED = 1 / 3
TOPICS = tuple(f"topic {number}" for number in range(300))
ROLES = (
    ContributorRole.AUTHOR,
    ContributorRole.ANSWERER,
    ContributorRole.EDITOR,
    ContributorRole.COMMENTER,
)


def contributed(puts: Iterator[Put], draw: random.Random, people: int) -> Iterator[Put]:
    """Give each document contributions of two accounts."""
    for put in puts:
        rows = tuple(
            Contribution(f"bench:a{number}", draw.choice(ROLES), last=TODAY)
            for number in draw.sample(range(people), 2)
        )
        document = replace(put.indexed.document, contributions=rows)
        kept = replace(put.indexed, document=document)
        yield Put(signed(kept) if draw.random() < SIGNED else kept)


def signed(kept: IndexedDocument) -> IndexedDocument:
    """Split the document into two passages, each signed by one of the contributors."""
    words = kept.passages[0].text.split()
    half = len(words) // 2
    halves = (words[:half], words[half:])
    passages = tuple(
        Passage(" ".join(some), author=row.account)
        for some, row in zip(halves, kept.document.contributions, strict=True)
    )
    return replace(kept, passages=passages, vectors=np.repeat(kept.vectors, 2, axis=0))


def named(puts: Iterator[Put], ids: list[str]) -> Iterator[Put]:
    """Yield the writes, and append their document ids to `ids`."""
    for put in puts:
        ids.append(put.indexed.document.id)
        yield put


def directory(words: Words, draw: random.Random, people: int) -> Names:
    """Return a directory in which every agent has an account."""
    found = agents(words, draw, people).people
    return Names(
        tuple(replace(result, accounts=(f"bench:a{n}",)) for n, result in enumerate(found))
    )


def topics_given(database: sa.Engine, ids: Iterable[str], draw: random.Random) -> SqlBuilds:
    """Publish a build that gives each document one of many topics."""
    store, build = SqlBuilds(database), {"build_id": "bench"}
    counted = dict.fromkeys(("documents", "contributions", "contributions_seen"), 0)
    stamp = {"id": "bench", "day": TODAY, "digest": "", "topics_digest": "", **counted}
    rows = [
        {
            **build,
            "document_key": document_key(id_),
            "topics": assigned_text([(draw.choice(TOPICS), 1.0)]),
        }
        for id_ in ids
    ]
    with database.begin() as connection:
        connection.execute(sa.insert(builds), {**stamp, "least_strength": 1.0})
        connection.execute(sa.insert(current), {**build, "place": 1})
        connection.execute(sa.insert(assigned), rows)
    return store


@dataclass(frozen=True, slots=True)
class FilledEngine:
    """An index with its directory and a published build; `words` draws questions."""

    index: Index
    book: SqlDirectory
    overview: BuildReader
    words: Words


@contextmanager
def filled_engine(name: str, count: int) -> Iterator[FilledEngine]:
    """Yield that many documents on one engine, deleted after the block."""
    draw, words = random.Random(4), Words(random.Random(0), 30_000)
    people = max(100, count // 10)
    with tempfile.TemporaryDirectory() as folder, engine(name) as index:
        database = migrate(connect(f"sqlite:///{Path(folder) / 'state.sqlite'}"))
        book = SqlDirectory(database)
        book.replace(directory(words, draw, people))
        ids: list[str] = []
        fill(index, named(contributed(documents(words, draw, count), draw, people), ids))
        overview = BuildReader(topics_given(database, ids, draw), index, book, BuildRules())
        warm_up(index if name == "embedded" else None)  # like a server
        yield FilledEngine(index, book, overview, words)
        database.dispose()


def times(name: str, count: int) -> float:
    """Return the ratio of the p95 of experts to that of a search, on one engine."""

    def reader(access: AccessFilter) -> Reader:
        return Reader("a", access.principals)

    with filled_engine(name, count) as filled:
        book, overview = filled.book, filled.overview
        search = Search(filled.index, FakeEncoder(DIMENSION), book)
        asked = [filled.words.some(3) for _ in range(ASKED)]
        searched = measure(
            f"{name}: search", asked, lambda q, a: search.answer(Query(q), reader(a), TODAY)
        )
        known = measure(
            f"{name}: experts",
            asked,
            lambda q, a: find_experts(
                search.window_of(q, reader(a)),
                PeopleQuestion(q, named=book.named(q)),
                book,
                TODAY,
                build=overview,
            ),
        )
    print(f"{name}: {count} documents, experts cost {known / searched:.1f} times a search (p95)")
    return known / searched


def main(arguments: list[str]) -> None:
    """Measure; fail if experts cost too much."""
    count = next((int(argument) for argument in arguments if argument.isdigit()), DOCUMENTS)
    engines = [argument for argument in arguments if not argument.isdigit()] or [
        "embedded",
        "opensearch",
    ]
    slow = [name for name in engines if times(name, count) > MOST_TIMES]
    if slow:
        raise SystemExit(f"More than {MOST_TIMES:.0f} times a search: {slow}")


if __name__ == "__main__":
    main(sys.argv[1:])
