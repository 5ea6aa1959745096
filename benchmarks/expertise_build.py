"""What the offline build costs: `python -m benchmarks.expertise_build [documents …]`.

A synthetic administration, of a tenth as many agents and three times as many contributions
as documents. Measured is the part on arrays, from contributions with their documents' topics
to a build published in SQLite: a generator feeds it, no index of a million documents does, so
that neither the scan nor the search for labels is in these figures. Each size runs in a
process of its own, which tells its peak memory (generated arrays and the interpreter within).
"""

import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import sqlalchemy as sa
from numpy.typing import NDArray

from connectors.geography import DEPARTEMENTS
from connectors.values import Agent
from expertise.build import BuildRules, build_from
from expertise.builds import SqlBuilds
from expertise.corpus import Corpus
from expertise.topics import Topic, TopicKind, TopicList
from quisait.application.database import migrate

SIZES = (10_000, 100_000, 1_000_000)
TOPICS = 1_000
TODAY = date(2026, 10, 1)
SEED = 11
AT_HOME = 0.8
"""The share of contributions by agents whose topic it is; the others come from anywhere."""
MOST_SECONDS, MOST_BYTES = 120.0, 3 * 1024**3
"""What a million documents may take on two cores."""

Numbers = NDArray[np.int64]


def popular(draw: np.random.Generator, count: int) -> Numbers:
    """Topics by Zipf's law: a few are everybody's, most are a few people's."""
    weights = 1 / np.arange(1, TOPICS + 1)
    return draw.choice(TOPICS, size=count, p=weights / weights.sum()).astype(np.int64)


def contributors(draw: np.random.Generator, topic: Numbers, home: Numbers) -> Numbers:
    """An agent for each topic: mostly one whose topic it is."""
    order = np.argsort(home, kind="stable")
    starts = np.searchsorted(home[order], np.arange(TOPICS + 1))
    pool = np.maximum(np.diff(starts)[topic], 1)
    inside = starts[topic] + (draw.random(len(topic)) * pool).astype(np.int64)
    own = order[np.minimum(inside, len(home) - 1)]
    elsewhere = draw.integers(0, len(home), len(topic))
    return np.where(draw.random(len(topic)) < AT_HOME, own, elsewhere)


def corpus(documents: int, home: Numbers) -> Corpus:
    """Documents of one to three topics, with three contributions each on average."""
    draw = np.random.default_rng(SEED)
    counts = draw.integers(1, 4, documents)
    rows = np.repeat(np.arange(documents), counts)
    found = (
        draw.uniform(0.35, 1, len(rows)).astype(np.float32),
        (rows, popular(draw, len(rows))),
    )
    topics = sp.csr_array(sp.coo_array(found, shape=(documents, TOPICS)))
    topics.sum_duplicates()
    topics.data = np.minimum(topics.data, np.float32(1))
    document = np.sort(draw.integers(0, documents, 3 * documents))
    return Corpus(
        document_ids=[f"wiki:{number:09}" for number in range(documents)],
        marks=[f"{number:012x}" for number in range(documents)],
        topics=topics,
        dated=draw.integers(735_000, 739_000, documents),
        open_question=draw.random(documents) < 0.02,
        accounts=[f"wiki:a{number:07}" for number in range(len(home))],
        document=document,
        account=contributors(draw, topics.indices[topics.indptr[document]].astype(np.int64), home),
        weight=draw.choice([1.0, 0.7, 0.6, 0.2], len(document))
        * 0.5 ** draw.uniform(0, 3, len(document)),
        accepted=np.zeros(len(document), dtype=np.bool_),
        own=draw.random(len(document)) < 0.5,
        asks=np.zeros(documents, dtype=np.bool_),
        contributions_seen=len(document),
    )


def people(home: Numbers) -> list[Agent]:
    """Agents all over the country; every fifth one's métier is on the list."""
    draw = np.random.default_rng(SEED + 1)
    codes = list(DEPARTEMENTS)
    places = draw.integers(0, len(codes), len(home)).tolist()
    return [
        Agent(
            f"ag-{number:07}",
            "Prénom",
            f"Nom {number}",
            metier=f"métier {topic}" if number % 5 == 0 else "agent",
            departement=codes[place],
            skills=(f"sujet {topic}",) if number % 7 == 0 else (),
            arrival=TODAY - timedelta(days=400),
        )
        for number, (topic, place) in enumerate(zip(home.tolist(), places, strict=True))
    ]


def measure(documents: int) -> None:
    """Build and publish once; print what it took."""
    draw = np.random.default_rng(SEED + 2)
    home = popular(draw, max(documents // 10, TOPICS))
    topics = [Topic(f"t{n:04}", f"sujet {n}") for n in range(TOPICS - TOPICS // 10)] + [
        Topic(f"m{n:04}", f"métier {n}", kind=TopicKind.METIER) for n in range(TOPICS // 10)
    ]
    gathered, agents = corpus(documents, home), people(home)
    owners = dict(zip(gathered.accounts, agents, strict=True))
    begun = time.perf_counter()
    found = build_from(gathered, topics, agents, owners, BuildRules(), TODAY)
    built = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        engine = migrate(sa.create_engine(f"sqlite:///{path}"))
        SqlBuilds(engine).publish(found, TopicList(tuple(topics)))
        published, size = time.perf_counter(), path.stat().st_size
        engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    holders, alone = int(found.holdings.holds.sum()), int((found.isolation.scope > 0).sum())
    print(
        f"{documents:>9} documents {len(agents):>7} agents {len(gathered.document):>8} "
        f"contributions: build {built - begun:6.1f} s, publish {published - built:6.1f} s, "
        f"peak {peak / 1024**3:.2f} GiB, kept {size / 1024**2:.0f} MiB, "
        f"{holders} holdings, {alone} alone",
        flush=True,
    )
    if documents >= SIZES[-1] and (published - begun > MOST_SECONDS or peak > MOST_BYTES):
        raise SystemExit("A million documents take more than they may.")


def main(sizes: list[int]) -> None:
    """Each size in a process of its own."""
    for documents in sizes or SIZES:
        subprocess.run(
            [sys.executable, "-m", "benchmarks.expertise_build", "--one", str(documents)],
            check=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(int(sys.argv[2]))
    else:
        main(list(map(int, sys.argv[1:])))
