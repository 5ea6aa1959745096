"""Cost of an index as it grows to a million documents: `python -m benchmarks.million`.

`[DOCUMENTS …] [fill|now]`: by default 10 000, 100 000 and 1 000 000, one after the other, each on
an OpenSearch of its own; `fill` only fills, `now` measures only indexes that earlier runs filled.
For each number: documents written per second, disk, and the node's memory; p50 and p95 of a page,
of "who knows" and of a suggestion per letter, each compared with its bare engine requests, in
turns. The last lines give the growth of times from one number to the next, compared with the square
root of the documents. Vectors are precomputed.

`embedded`: the embedded engine instead, filled in steps up to the largest number: by default 50
000, 100 000 and 200 000. At each step, the times of pages and the memory of a process of their own;
with `fill` none of that.

Filled indexes are kept for the next run, in the folder of `QUISAIT_BENCHMARKS`
(`.cache/benchmarks`).
"""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa
import urllib3
from opensearchpy import OpenSearch

from benchmarks import not_measured
from benchmarks.access_change import DIMENSION
from benchmarks.experts_latency import topics_given
from benchmarks.indexing import CORPUS, resident_mib
from benchmarks.million_documents import (
    FOLDER,
    LAST_DAY,
    SOURCE,
    VOCABULARY,
    RealPassages,
    directory,
    fill,
    node,
    real_passages,
)
from benchmarks.search import (
    QUERIES,
    WARMING,
    Known,
    Recording,
    quantiles,
    questions,
    send_bare,
    tell,
    timed_ms,
)
from benchmarks.suggest import Words, letter_by_letter
from connectors.values import EVERYONE
from expertise.build import BuildRules
from expertise.build_tables import assigned
from expertise.builds import SqlBuilds
from expertise.current_build import BuildReader
from expertise.directory import SqlDirectory
from expertise.who_knows import PeopleQuestion, find_experts
from indexer.access import Reader, access_filter
from indexer.embedded.index import EmbeddedIndex
from indexer.embedded.storage import EmbeddedStorage
from indexer.encoding.onnx_encoder import OnnxEncoder
from indexer.encoding.wrapped_encoders import CachedEncoder
from indexer.live_index import EncoderRecord
from indexer.opensearch.client import connect
from indexer.opensearch.index import OpenSearchIndex
from indexer.ports import Index
from indexer.values import Vectors
from quisait.application.database import connect as connect_database
from quisait.application.database import migrate
from quisait.server.app import warm_up
from search_api.engine import Search
from search_api.query.query import Query
from search_api.search.suggestions import TITLES
from tests.model_export import prepared_model

SIZES = (10_000, 100_000, 1_000_000)
EMBEDDED_SIZES = (50_000, 100_000, 200_000)
HEAP = "2g"
SERVED = FOLDER / "served"
STEPS = 20
OWN_GROUPS = 5
TYPED, LETTERS = 10, 10
ASKED = 60
"""Number of measured questions for pages and "who knows", after those that warm up."""
LAST_ASSIGNED = 100_000
"""Number of documents with topics of a build: at least as many as any window can contain."""

Times = dict[str, dict[str, float]]
"""p50 and p95 in milliseconds, by kind of request."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Inputs shared by all numbers of documents."""

    made: RealPassages
    words: Words
    vectors: dict[str, Vectors]


def inputs() -> Inputs:
    """Return real passages and questions with their vectors, which are encoded once."""
    encoder = CachedEncoder(OnnxEncoder(prepared_model()), FOLDER / "vectors.sqlite", True)
    made, texts = real_passages(encoder), questions()
    vectors = dict(zip(texts, encoder.queries(texts), strict=True))
    encoder.close()
    return Inputs(made, Words(random.Random(0), VOCABULARY), vectors)


def filled(index: Index, found: Inputs, count: int) -> None:
    """Fill the index with that many documents, continuing from an earlier run."""
    kept, told = index.count(SOURCE), FOLDER / str(count) / "filling.json"
    if kept == count:
        return
    begun, every = time.perf_counter(), max(1, count // STEPS)
    steps: list[tuple[int, float]] = []
    for written in fill(index, found.made, found.words, count, kept):
        if written // every > (steps[-1][0] if steps else kept) // every:
            steps.append((written, round(time.perf_counter() - begun, 1)))
            print(f"{written} documents after {steps[-1][1]:.0f} s", flush=True)
            # The rate counts only documents of this run, not of earlier ones.
            told.write_text(json.dumps([(done - kept, after) for done, after in steps]), "utf-8")


@contextmanager
def known_people(
    found: Inputs, index: OpenSearchIndex, count: int
) -> Iterator[tuple[SqlDirectory, BuildReader]]:
    """Yield a directory of a tenth as many agents and a published build, kept with the index."""
    database = migrate(connect_database(f"sqlite:///{FOLDER / str(count) / 'state.sqlite'}"))
    book = SqlDirectory(database)
    with database.connect() as connection:
        there = connection.scalar(sa.select(sa.func.count()).select_from(assigned))
    if not there:
        book.replace(directory(found.words, count))
        ids = (f"{SOURCE}:{number}" for number in range(min(count, LAST_ASSIGNED)))
        topics_given(database, ids, random.Random(5))
    yield book, BuildReader(SqlBuilds(database), index, book, BuildRules())
    database.dispose()


def told_of_node(client: OpenSearch, count: int) -> None:
    """Print the filling rates, and the node's disk and memory."""
    told = FOLDER / str(count) / "filling.json"
    if told.exists():
        steps = json.loads(told.read_text("utf-8"))
        (written, took_s), (before, earlier_s) = steps[-1], steps[-2] if steps[1:] else (0, 0.0)
        last = (written - before) / max(took_s - earlier_s, 0.1)
        print(f"written: {written / took_s:.0f} documents/s, the last twentieth {last:.0f}/s")
    stats = client.indices.stats(index=f"bench-{count}")["_all"]["total"]
    segments = stats["segments"]["count"]
    print(f"disk: {stats['store']['size_in_bytes'] / 2**20:.0f} MiB, {segments} segments")
    ((_, process),) = client.nodes.info(metric="process")["nodes"].items()
    lines = Path(f"/proc/{process['process']['id']}/status").read_text("utf-8").splitlines()
    held = {line.split(":")[0]: int(line.split()[1]) // 1024 for line in lines if "kB" in line}
    print(
        f"memory of the node (heap {HEAP}): {held['VmRSS']} MiB, of which its own "
        f"{held['RssAnon']} and files {held['RssFile']}",
        flush=True,
    )


Asked = Callable[[], object]


def own_reader() -> Reader:
    """Return a reader of everybody's documents and of a few groups' documents."""
    mine = {f"ldap:group:{number}" for number in range(OWN_GROUPS)}
    return Reader("a", frozenset({EVERYONE, "agent:a", *mine}))


def beside_bare(
    pool: urllib3.HTTPConnectionPool, recording: Recording, asked: Sequence[Asked]
) -> tuple[list[float], list[float]]:
    """Return milliseconds of (each call, its recorded requests sent bare), measured in turns."""
    whole: list[float] = []
    bare: list[float] = []
    for number, one in enumerate(asked):
        recording.taken()
        one()  # warm up the engine's caches for both
        again = partial(send_bare, pool, recording.taken())
        turns: list[tuple[list[float], Asked]] = [(whole, one), (bare, again)]
        for times, called in turns if number % 2 else turns[::-1]:
            taken_ms = timed_ms(called)
            if number >= WARMING:
                times.append(taken_ms)
    return whole, bare


def measured(url: str, found: Inputs, count: int) -> Times:
    """Print and return the times for one number of documents."""
    client = connect(url)
    recording = Recording(client)
    index = OpenSearchIndex(client, f"bench-{count}", DIMENSION)
    pool = urllib3.connection_from_url(url, maxsize=1)
    reader = own_reader()
    told_of_node(client, count)
    texts, draw, times = questions()[: WARMING + ASKED], random.Random(7), Times()
    with known_people(found, index, count) as (book, build):
        search = Search(index, Known(found.vectors), book)
        warm_up(None)  # like a server

        def pages(text: str) -> object:
            return search.answer(Query(text), reader, LAST_DAY)

        def known(text: str) -> object:
            window = search.window_of(text, reader)
            question = PeopleQuestion(text, named=book.named(text))
            return find_experts(window, question, book, LAST_DAY, build=build)

        def suggested(text: str) -> object:
            return index.suggest(access_filter(reader), text, TITLES)

        titles = draw.sample(found.made.titles, TYPED)
        letters = letter_by_letter(titles, LETTERS)
        draw.shuffle(letters)
        for name, ask, said in (
            ("page", pages, texts),
            ("who knows", known, texts),
            ("suggestion", suggested, letters),
        ):
            whole, bare = beside_bare(pool, recording, [partial(ask, text) for text in said])
            tell(f"{name}, bare", bare)
            tell(name, whole, bare)
            times |= {name: quantiles(whole), f"{name}, bare": quantiles(bare)}
    client.close()
    return times


def served_index() -> EmbeddedIndex:
    """Return the embedded index, in the folder of an application whose folder is `SERVED`."""
    storage = EmbeddedStorage(SERVED / "index")
    onnx = OnnxEncoder(prepared_model())
    spec = storage.spec(EncoderRecord(onnx.name, onnx.dimension, "onnx"))
    found = storage.pointers()
    return storage.index(found.live if found else storage.create(spec))


def embedded(given: Inputs, sizes: Sequence[int]) -> None:
    """Print the cost of a page on the embedded engine as it grows."""
    index, most = served_index(), max(sizes)
    kept = index.count(SOURCE)
    if kept in sizes:
        told_of_embedded(index)
    left = sorted(size for size in sizes if size > kept)
    for written in fill(index, given.made, given.words, most, kept) if left else ():
        if left and written >= left[0]:
            told_of_embedded(index)
            left = [size for size in left if size > written]


def fill_embedded(given: Inputs, most: int) -> None:
    """Fill the embedded index only, continuing from earlier runs."""
    index = served_index()
    for written in fill(index, given.made, given.words, most, index.count(SOURCE)):
        print(f"{written} documents written", flush=True)


def told_of_embedded(index: EmbeddedIndex) -> None:
    """Print the index's size, and run the measurements in a child process."""
    begun = time.perf_counter()
    passages = index.fill().passages
    took_ms = (time.perf_counter() - begun) * 1000
    size = sum(one.stat().st_size for one in (SERVED / "index").rglob("*") if one.is_file())
    print(
        f"\nembedded: {index.count(SOURCE)} documents, {passages} passages (counted in "
        f"{took_ms:.0f} ms), {size / 2**20:.0f} MiB on disk",
        flush=True,
    )
    subprocess.run([sys.executable, "-m", "benchmarks.million", "ask"], check=True)


def ask_embedded(given: Inputs) -> None:
    """Measure pages in this process, which does nothing else, like a server."""
    begun = time.perf_counter()
    index = served_index()
    book = SqlDirectory(migrate(sa.create_engine("sqlite://", poolclass=sa.StaticPool)))
    search, reader = Search(index, Known(given.vectors), book), own_reader()
    warm_up(index)
    print(f"ready after {time.perf_counter() - begun:.1f} s", flush=True)
    asked = [partial(search.answer, Query(text), reader, LAST_DAY) for text in questions()]
    tell("page", [timed_ms(one) for one in asked][WARMING:])
    print(f"memory of the process: {resident_mib():.0f} MiB", flush=True)


def growth(found: dict[int, Times]) -> None:
    """Print how times grow from one number of documents to the next."""
    for (fewer, before), (more, after) in pairwise(sorted(found.items())):
        root = (more / fewer) ** 0.5
        for name in after:
            grown = [f"{key} ×{after[name][key] / before[name][key]:.2f}" for key in after[name]]
            print(f"{fewer} → {more}  {name:18} {'  '.join(grown)}  (< ×{root:.2f})", flush=True)


def main(arguments: Sequence[str]) -> None:
    """Fill missing documents, and measure."""
    if not_measured("million", CORPUS, QUERIES):
        return
    asked = [int(argument) for argument in arguments if argument.isdigit()]
    given, found = inputs(), {}
    if "ask" in arguments:
        ask_embedded(given)
        return
    if "embedded" in arguments:
        if "fill" in arguments:
            fill_embedded(given, max(asked or EMBEDDED_SIZES))
        else:
            embedded(given, asked or EMBEDDED_SIZES)
        return
    sizes = asked or SIZES
    # Let the node end when this run is stopped.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    for count in sizes:
        with node(FOLDER / str(count), HEAP) as engine:
            client = connect(engine.url)
            index = OpenSearchIndex(client, f"bench-{count}", DIMENSION)
            if "now" not in arguments:
                filled(index, given, count)
            kept = index.count(SOURCE)
            client.close()
            if "fill" not in arguments and kept:
                print(f"\n{kept} documents, {ASKED} questions, vectors given", flush=True)
                found[kept] = measured(engine.url, given, count)
    growth(found)


if __name__ == "__main__":
    main(sys.argv[1:])
