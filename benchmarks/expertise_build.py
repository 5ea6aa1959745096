"""Cost of the offline expertise build: `python -m benchmarks.expertise_build [documents …]`.

Builds a synthetic administration with a tenth as many agents and three times as many contributions
as documents. It is written as Parquet part by part, like a scan writes it; the scan itself and the
search for labels in texts are not measured, since no index of ten million documents exists. The
time is measured from there to a build published in SQLite: in SQL by DuckDB, on two threads and
within `MEMORY_BYTES`, and, if memory allows, by the reference on arrays from the same tables. Both
must publish the same bytes. Each runs in a process of its own and prints its peak memory,
interpreter included. `--spark` adds Spark on two cores.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import scipy.sparse as sp
import sqlalchemy as sa
from numpy.typing import NDArray

from connectors.geography import DEPARTEMENTS
from connectors.values import Agent
from expertise.assignment import LabelledChunk, Spread, TopicConfidences
from expertise.build import build_from_files
from expertise.build_files import BuildFiles, BuildMeans
from expertise.build_input import Read, label_documents, write_directory, write_topics
from expertise.build_rules import BuildRules
from expertise.build_tables import BuildStamp, document_key
from expertise.builds import BuildToPublish, SqlBuilds
from expertise.corpus import SkippedItems
from expertise.topics import Topic, TopicKind, TopicList
from quisait.application.database import migrate
from quisait.application.plugins import build_engine
from quisait.settings import ExpertiseSettings
from tests.reference_build import Corpus, build_from

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
LARGEST_IN_MEMORY = 1_000_000
TOPICS = 1_000
TODAY = date(2026, 10, 1)
SEED = 11
AT_HOME = 0.8
"""Share of contributions by agents on their own topic; other contributions come from anyone."""
PART = 100_000
MEMORY_BYTES = 2_500_000_000
"""Memory limit of DuckDB; the whole process is limited to `MOST_BYTES`."""
MOST_BYTES = 4 * 1024**3
NO_VECTORS = Spread(np.empty(0), np.empty(0), 0)

Numbers = NDArray[np.int64]


def popular(draw: np.random.Generator, count: int) -> Numbers:
    """Draw topics by Zipf's law: a few are common, most are rare."""
    weights = 1 / np.arange(1, TOPICS + 1)
    return draw.choice(TOPICS, size=count, p=weights / weights.sum()).astype(np.int64)


def homes(documents: int) -> Numbers:
    """Return the topic of each agent."""
    return popular(np.random.default_rng(SEED + 2), max(documents // 10, TOPICS))


def contributors(
    draw: np.random.Generator, topic: Numbers, order: Numbers, starts: Numbers
) -> Numbers:
    """Return an agent for each topic, mostly of that topic (`order`, `starts` by topic)."""
    pool = np.maximum(np.diff(starts)[topic], 1)
    inside = starts[topic] + (draw.random(len(topic)) * pool).astype(np.int64)
    own = order[np.minimum(inside, len(order) - 1)]
    elsewhere = draw.integers(0, len(order), len(topic))
    return np.where(draw.random(len(topic)) < AT_HOME, own, elsewhere)


def people(home: Numbers) -> Iterator[Agent]:
    """Yield agents all over the country; the métier of every fifth is on the list."""
    draw = np.random.default_rng(SEED + 1)
    codes = list(DEPARTEMENTS)
    places = draw.integers(0, len(codes), len(home)).tolist()
    for number, (topic, place) in enumerate(zip(home.tolist(), places, strict=True)):
        yield Agent(
            f"ag-{number:07}",
            "Prénom",
            f"Nom {number}",
            metier=f"métier {topic}" if number % 5 == 0 else "agent",
            departement=codes[place],
            skills=(f"sujet {topic}",) if number % 7 == 0 else (),
            arrival=TODAY - timedelta(days=400),
        )


def topic_list() -> list[Topic]:
    """Return the topics, a tenth of them métiers."""
    topics = [Topic(f"t{n:04}", f"sujet {n}") for n in range(TOPICS - TOPICS // 10)]
    return topics + [
        Topic(f"m{n:04}", f"métier {n}", kind=TopicKind.METIER) for n in range(TOPICS // 10)
    ]


def make(documents: int, folder: Path) -> None:
    """Write the tables of `expertise.build_input` for that many documents."""
    files, home = BuildFiles(BuildMeans(folder.parent)), homes(documents)
    order = np.argsort(home, kind="stable")
    starts = np.searchsorted(home[order], np.arange(TOPICS + 1))
    for first in range(0, documents, PART):
        make_part(files, first, min(PART, documents - first), order, starts)
    owners = np.arange(len(home))
    for some in np.array_split(owners, max(len(home) // PART, 1)):
        accounts = [f"wiki:a{number:07}" for number in some.tolist()]
        files.add("owners", {"account": ("VARCHAR", accounts), "agent": ("BIGINT", some)})
    write_topics(files, topic_list())
    write_directory(files, people(home), topic_list(), SkippedItems(), TODAY)
    files.folder.rename(folder)


def make_part(files: BuildFiles, first: int, count: int, order: Numbers, starts: Numbers) -> None:
    """Write documents of one to three topics, with three contributions each on average."""
    draw = np.random.default_rng((SEED, first))
    row = np.repeat(np.arange(count), draw.integers(1, 4, count))
    pairs = np.unique(row * TOPICS + popular(draw, len(row)))
    row, topic = pairs // TOPICS, pairs % TOPICS
    document = np.sort(draw.integers(0, count, 3 * count))
    about = topic[np.searchsorted(row, document)]
    agents = contributors(draw, about, order, starts)
    weight = draw.choice([1.0, 0.7, 0.6, 0.2], len(document))
    ids = [f"wiki:{number:09}" for number in range(first, first + count)]
    files.add(
        "documents",
        {
            "document": ("BIGINT", np.arange(first, first + count)),
            "id": ("VARCHAR", ids),
            "mark": ("VARCHAR", [f"{number:012x}" for number in range(first, first + count)]),
            "key": ("VARCHAR", list(map(document_key, ids))),
            "dated": ("BIGINT", draw.integers(735_000, 739_000, count)),
            "open_question": ("BOOLEAN", draw.random(count) < 0.02),
            "asks": ("BOOLEAN", np.zeros(count, dtype=np.bool_)),
        },
    )
    files.add(
        "contributions",
        {
            "document": ("BIGINT", document + first),
            "account": ("VARCHAR", [f"wiki:a{number:07}" for number in agents.tolist()]),
            "weight": ("DOUBLE", weight * 0.5 ** draw.uniform(0, 3, len(document))),
            "own": ("BOOLEAN", draw.random(len(document)) < 0.5),
        },
    )
    files.add(
        "named",
        {
            "document": ("BIGINT", row + first),
            "topic": ("BIGINT", topic),
            "title": ("BOOLEAN", draw.random(len(row)) < 0.5),
            "text": ("BOOLEAN", np.ones(len(row), dtype=np.bool_)),
        },
    )
    none = np.empty(0, dtype=np.int64)
    names = ("document", "rank", "place", "whole")
    files.add("compared", dict.fromkeys(names, ("BIGINT", none)))


def by_sql(
    folder: Path, documents: int, settings: ExpertiseSettings
) -> "tuple[float, float, int, BuildStamp]":
    """Build and publish from the tables, which are consumed."""
    means = BuildMeans(folder.parent, MEMORY_BYTES, threads=2, open_engine=build_engine(settings))
    begun = time.perf_counter()
    files = BuildFiles(means)
    files.adopt(folder)
    topics = topic_list()
    label_documents(files, topics, None, NO_VECTORS)
    read = Read(documents, 3 * documents, 3 * documents, NO_VECTORS)
    with build_from_files(files, read, topics, BuildRules(), TODAY) as found:
        built = time.perf_counter()
        tell(f"{documents:>9} documents: build by {found.engine} {built - begun:.1f} s")
        published, size, stamp = publish(found, topics)
    return built - begun, published - built, size, stamp


def in_memory(folder: Path, documents: int) -> "tuple[float, float, int, BuildStamp]":
    """Build with the reference, which first reads the tables into arrays (not counted)."""
    gathered, topics = corpus(folder, documents), topic_list()
    agents = list(people(homes(documents)))
    owners = {f"wiki:a{number:07}": agent for number, agent in enumerate(agents)}
    begun = time.perf_counter()
    found = build_from(gathered, topics, agents, owners, BuildRules(), TODAY)
    built = time.perf_counter()
    published, size, stamp = publish(found, topics)
    return built - begun, published - built, size, stamp


def tell(line: str) -> None:
    """Print at once, with the peak memory so far: publishing takes longer than the build."""
    print(f"{line}, peak so far {peak_bytes() / 1024**3:.2f} GiB", file=sys.stderr, flush=True)


def peak_bytes() -> int:
    """Return this process's peak memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def publish(found: BuildToPublish, topics: list[Topic]) -> "tuple[float, int, BuildStamp]":
    """Return (time of publication, bytes of the database, stamp of the build)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite"
        engine = migrate(sa.create_engine(f"sqlite:///{path}"))
        stamp = SqlBuilds(engine).publish(found, TopicList(tuple(topics)))
        engine.dispose()
        return time.perf_counter(), path.stat().st_size, stamp


def corpus(folder: Path, documents: int) -> Corpus:
    """Return the tables as arrays."""

    def read(table: str, order: str) -> dict[str, NDArray[np.generic]]:
        query = f"SELECT * FROM read_parquet('{folder / table}/*.parquet') ORDER BY {order}"  # noqa: S608
        found: dict[str, NDArray[np.generic]] = duckdb.execute(query).fetchnumpy()
        return found

    kept, rows, named = read("documents", "document"), read("contributions", "document"), {}
    named = read("named", "document, topic")
    none = np.empty(0, dtype=np.int64)
    chunk = LabelledChunk(
        named["document"].astype(np.int64),
        named["topic"].astype(np.int64),
        named["title"].astype(np.bool_),
        named["text"].astype(np.bool_),
        none,
        none,
        none,
    )
    row, topic, confidence = TopicConfidences(topic_list(), None, NO_VECTORS).of(chunk)
    names, account = np.unique(rows["account"].astype(str), return_inverse=True)
    return Corpus(
        document_ids=kept["id"].tolist(),
        marks=kept["mark"].tolist(),
        topics=sp.csr_array(sp.coo_array((confidence, (row, topic)), shape=(documents, TOPICS))),
        dated=kept["dated"].astype(np.int64),
        open_question=kept["open_question"].astype(np.bool_),
        accounts=names.tolist(),
        document=rows["document"].astype(np.int64),
        account=account.astype(np.int64),
        weight=rows["weight"].astype(np.float64),
        own=rows["own"].astype(np.bool_),
        asks=kept["asks"].astype(np.bool_),
        contributions_seen=3 * documents,
    )


def measure(engine: str, folder: Path, documents: int) -> None:
    """Build and publish once; print the cost, then the figures for the parent process."""
    if engine == "memory":
        built, published, size, stamp = in_memory(folder, documents)
    else:
        settings = ExpertiseSettings(engine=engine)
        built, published, size, stamp = by_sql(folder, documents, settings)
    peak = peak_bytes()
    print(
        f"{documents:>9} documents {3 * documents:>9} contributions, {engine:>6}: "
        f"build {built:6.1f} s, publish {published:6.1f} s, peak {peak / 1024**3:.2f} GiB, "
        f"kept {size / 1024**2:.0f} MiB",
        flush=True,
    )
    print(f"{built + published} {built} {peak} {stamp.digest}")


def measured(engine: str, folder: Path, documents: int) -> "tuple[float, float, int, str]":
    """Measure in a child process: (seconds, of them for the build, peak bytes, digest)."""
    module = "benchmarks.expertise_build"
    command = [sys.executable, "-m", module, "--one", engine, str(folder), str(documents)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    line, last = done.stdout.splitlines()[-2:]
    print(line, flush=True)
    whole, built, peak, digest = last.split()
    return float(whole), float(built), int(peak), digest


def main(sizes: list[int], *, spark: bool = False) -> None:
    """Measure each size; engines must publish the same bytes, and SQL stay within `MOST_BYTES`."""
    before: tuple[int, float, float] | None = None
    for documents in sizes or SIZES:
        with tempfile.TemporaryDirectory(prefix="quisait-bench-") as parent:
            folder = Path(parent) / "tables"
            module = "benchmarks.expertise_build"
            command = [sys.executable, "-m", module, "--make", str(folder), str(documents)]
            subprocess.run(command, check=True)
            digests = set()
            if documents <= LARGEST_IN_MEMORY:
                digests.add(measured("memory", folder, documents)[-1])
            if spark:
                copied = Path(parent) / "copy"
                subprocess.run(["cp", "-al", folder, copied], check=True)
                digests.add(measured("spark", copied, documents)[-1])
            whole, built, peak, digest = measured("duckdb", folder, documents)
        if len(digests | {digest}) > 1:
            raise SystemExit("Two engines publish different builds.")
        if peak > MOST_BYTES:
            raise SystemExit("The build in SQL takes more memory than it may.")
        if before:
            grown = documents / before[0]
            print(
                f"          ×{grown:.0f} documents: build ×{built / before[2]:.1f}, "
                f"with publication ×{whole / before[1]:.1f}",
                flush=True,
            )
        before = documents, whole, built


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--make", folder, documents]:
            make(int(documents), Path(folder))
        case ["--one", engine, folder, documents]:
            measure(engine, Path(folder), int(documents))
        case arguments:
            sizes = [int(one) for one in arguments if one != "--spark"]
            main(sizes, spark="--spark" in arguments)
