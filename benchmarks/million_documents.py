"""Make the documents of `benchmarks.million` cheaply, and run the node that stores them."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.access_change import DIMENSION
from benchmarks.indexing import real_texts
from benchmarks.suggest import Names, Words, agents
from connectors.values import EVERYONE, Access, Contribution, ContributorRole, Document, Section
from indexer.embedded import rows
from indexer.french.analysis import analyse, encoded
from indexer.opensearch import schema
from indexer.passages import cut, passage_text
from indexer.ports import Encoder, Index
from indexer.values import IndexedDocument, Passage, Put, Vectors
from tests.own_opensearch import OwnOpenSearch

FOLDER = Path(os.environ.get("QUISAIT_BENCHMARKS", ".cache/benchmarks"))
"""Folder in which filled indexes are kept for another run."""

SOURCE = "bench"
REAL_PASSAGES = 4_000
NOISE = 0.7
"""Length of the noise added to a real vector of length 1: 35 degrees away; two vectors of one
cluster have a cosine of .67.
"""
TWO_PASSAGES = 0.1
OPEN_SHARE, GROUPS = 0.7, 500
KINDS = ("page", "document", "thread", "message", "note")
ROLES = tuple(ContributorRole(name) for name in ("author", "answerer", "editor", "commenter"))
AREAS = tuple(f"{number:02}" for number in range(1, 96) if number != 20)
LAST_DAY = date(2026, 1, 15)
DAYS = 20 * 365
VOCABULARY = 200_000
BATCH = 5_000


@dataclass(frozen=True, slots=True)
class RealPassages:
    """The sentences of real passages, and a vector per passage, from which documents are made."""

    titles: tuple[str, ...]
    sentences: tuple[tuple[str, ...], ...]
    vectors: Vectors


def real_passages(encoder: Encoder) -> RealPassages:
    """Return the first passages of a corpus."""
    real = [
        (title, passage) for title, text in real_texts() for passage in cut((Section(text),), title)
    ][:REAL_PASSAGES]
    vectors = encoder.passages([passage_text(title, passage) for title, passage in real])
    sentences = tuple(
        tuple(one for one in passage.text.replace("\n", ". ").split(". ") if one)
        for _, passage in real
    )
    return RealPassages(tuple(title for title, _ in real), sentences, vectors)


def people_of(count: int) -> int:
    """Return the number of agents for that many documents."""
    return max(100, count // 10)


def directory(words: Words, count: int) -> Names:
    """Return a directory in which every agent has an account of the source."""
    draw = random.Random(3)
    return agents(words, draw, people_of(count), account=lambda number: f"{SOURCE}:a{number}")


def documents(made: RealPassages, words: Words, count: int) -> Iterator[Put]:
    """Yield that many documents, each like one real passage, or (one in ten) like two.

    A text contains two thirds of its passage's sentences in another order, some of any other
    passage, and four rare words: as long as real texts, and almost never equal. Vectors are near
    that of the passage. Titles, dates, départements, kinds and spaces vary; two agents contributed.
    """
    draw, drawn = random.Random(0), np.random.default_rng(0)
    everyone = Access(frozenset({EVERYONE}))
    of_group = [Access(frozenset({f"ldap:group:{number}"})) for number in range(GROUPS)]
    last = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, tzinfo=UTC)
    for number in range(count):
        chosen = draw.choices(range(len(made.sentences)), k=1 + (draw.random() < TWO_PASSAGES))
        noise = drawn.standard_normal((len(chosen), DIMENSION)).astype(np.float32)
        moved = made.vectors[chosen] + NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        near: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        group = draw.randrange(GROUPS)
        changed = last - timedelta(days=int(DAYS * draw.random() ** 2))
        rows = tuple(
            Contribution(f"{SOURCE}:a{who}", draw.choice(ROLES), last=changed.date())
            for who in draw.sample(range(people_of(count)), 2)
        )
        kept = Document(
            f"{SOURCE}:{number}",
            SOURCE,
            f"{made.titles[chosen[0]]} {words.some(2)} {number}",
            everyone if draw.random() < OPEN_SHARE else of_group[group],
            kind=draw.choice(KINDS),
            modified=changed,
            space=f"espace-{group}",
            entity=f"Direction {group % 40}",
            area=draw.choice(AREAS),
            contributions=rows,
        )
        texts = tuple(Passage(text(made, draw, words, one)) for one in chosen)
        yield Put(IndexedDocument(kept, texts, near.astype(np.float32), str(number), str(number)))


def text(made: RealPassages, draw: random.Random, words: Words, passage: int) -> str:
    """Return sentences, one per line."""
    own = made.sentences[passage]
    others = made.sentences[draw.randrange(len(made.sentences))]
    kept = draw.sample(own, max(1, len(own) * 2 // 3))
    return "\n".join((*kept, *draw.sample(others, len(others) // 3), words.some(4)))


@lru_cache(maxsize=300_000)
def _terms_of_line(line: str) -> str:
    return encoded(analyse(line))


def _terms_of_lines(text: str) -> str:
    return " ".join(_terms_of_line(line) for line in text.split("\n"))


def fill(
    index: Index, made: RealPassages, words: Words, count: int, kept: int = 0
) -> Iterator[int]:
    """Write documents in batches, like a crawl without encoding; yield the number written so far.

    `kept` documents are there already: their whole batches are not written again. Each distinct
    sentence is analysed once, so that only the engine and the product's writes are measured.
    """
    with (
        mock.patch.object(schema, "analyse", lambda text: text),
        mock.patch.object(schema, "encoded", _terms_of_lines),
        mock.patch.object(rows, "analyse", lambda text: text),
        mock.patch.object(rows, "encoded", _terms_of_lines),
    ):
        batch: list[Put] = []
        first = kept // BATCH * BATCH
        for number, put in enumerate(islice(documents(made, words, count), first, None), first + 1):
            batch.append(put)
            if len(batch) == BATCH or number == count:
                assert not index.write(batch).failed  # noqa: S101 a refused write has no rate
                batch = []
                yield number


@contextmanager
def node(folder: Path, heap: str) -> Iterator[OwnOpenSearch]:
    """Run an OpenSearch with that heap on that folder, which is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = OwnOpenSearch(folder, heap=f"-Xms{heap} -Xmx{heap}")
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
