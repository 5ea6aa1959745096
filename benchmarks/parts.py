"""What workers gain on one source: `python -m benchmarks.parts [documents] [source …]`.

Real processes share the parts of one source through a PostgreSQL of their own and write to one
embedded index; texts are real, and encoded by the exported model, as many at once as there are
processors. Sources: `quick` gives its pages as fast as they are asked for; the server of `slow`
takes 50 ms for each; `slow-given` is the same with vectors that cost nothing, as where another
machine encodes or vectors are kept. Printed: documents per second from the moment at which all
workers are ready, and the share of the processors that they used. Where one worker uses nearly all
of them, more on this machine gain nothing; where it waits for its source, they do.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Barrier
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

from benchmarks import not_measured
from benchmarks.indexing import (
    CORPUS,
    SOURCE,
    Costless,
    Given,
    NoFiles,
    crawl_parts,
    document,
    real_texts,
)
from connectors.parts import WHOLE, Part
from connectors.ports import Change, Checkpoint, Listing, Upsert
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.encoding.onnx_encoder import OnnxEncoder
from indexer.part_runs import PartRuns
from indexer.ports import Encoder
from indexer.state import State
from quisait.application.database import connect, migrate
from quisait.application.locks import Locks
from quisait.work.parts import DividedSource, read_parts
from quisait.work.runs import CrawlOptions
from tests.model_export import prepared_model
from tests.postgres_server import database, postgres_server

DOCUMENTS, PARTS, WORKERS = 240, 4, (1, 4)
CHECKPOINT_EVERY = 20
CHARACTERS = 600
"""Of each text: a passage or two, as a page of a wiki or a message has."""
SOURCES = {"quick": (0.0, False), "slow": (0.05, False), "slow-given": (0.05, True)}
"""(seconds that the server takes for a page, whether vectors are given)."""


@dataclass(frozen=True, slots=True)
class Pages:
    """A source of real texts, whose server takes `page_s` for each page that it gives."""

    texts: tuple[tuple[str, str], ...]
    page_s: float
    part: Part = WHOLE
    source: str = SOURCE

    def of_part(self, part: Part) -> "Pages":
        """The pages of this part."""
        return replace(self, part=part)

    def changes(self, since: str | None) -> Iterator[Change]:
        """Every page of the part, then their listing."""
        every = [document(number, *page) for number, page in enumerate(self.texts)]
        own = [page for page in every if self.part.holds(page.id)]
        for number, page in enumerate(own, start=1):
            time.sleep(self.page_s)
            yield Upsert(page)
            if number % CHECKPOINT_EVERY == 0:
                yield Checkpoint(str(number))
        yield Listing(frozenset(page.id for page in own))
        yield Checkpoint("end")


@dataclass(frozen=True, slots=True)
class Work:
    """What each process is told."""

    url: str
    folder: str
    model: str
    pages: Pages
    given: bool


def read(work: Work, ready: Barrier, used: "multiprocessing.Queue[tuple[float, float]]") -> None:
    """One worker: ready once its model is loaded; (when it ended, processor seconds since)."""
    engine = connect(work.url)
    state = State(engine)
    encoder: Encoder = Costless() if work.given else OnnxEncoder(Path(work.model))
    index = EmbeddedIndex(Path(work.folder) / "index", encoder.dimension)
    source = DividedSource(
        SOURCE,
        PARTS,
        lambda: work.pages,
        state,
        PartRuns(engine, state),
        Locks(engine, Path(work.folder) / "locks"),
        guard_share=1.0,
    )
    warm_up(encoder)
    state.load(SOURCE)
    ready.wait()
    before = _processor_s()
    parts = CrawlDependencies(NoFiles(), encoder, index, state, state)
    done = read_parts(source, parts, CrawlOptions(quiet=True), wait=True)
    if done is None or done.outcome != "done":
        raise RuntimeError(done.reason if done else "nothing was read")
    used.put((time.monotonic(), _processor_s() - before))
    engine.dispose()


def warm_up(encoder: Encoder) -> None:
    """Load the model and all that the first document of a process loads."""
    with tempfile.TemporaryDirectory() as folder:
        index = EmbeddedIndex(Path(folder) / "index", encoder.dimension)
        with crawl_parts(index, encoder, NoFiles()) as parts:
            crawl(Given([document(0, "Le bornage", "Il fixe la limite de deux parcelles.")]), parts)


def _processor_s() -> float:
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(postgres: str, workers: int, pages: Pages, given: bool) -> tuple[float, float]:
    """(seconds, processor seconds) of so many workers on an empty index."""
    spawning = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, database(postgres) as url:
        migrate(connect(url)).dispose()
        work = Work(url, folder, str(prepared_model()), pages, given)
        ready, used = spawning.Barrier(workers + 1), spawning.Queue()
        processes = [
            spawning.Process(target=read, args=(work, ready, used)) for _ in range(workers)
        ]
        for process in processes:
            process.start()
        ready.wait(300)
        begun = time.monotonic()
        ends = [used.get(timeout=900) for _ in processes]
        for process in processes:
            process.join()
        return max(end for end, _ in ends) - begun, sum(seconds for _, seconds in ends)


def main(documents: int, sources: Sequence[str]) -> None:
    """Print the table."""
    if not_measured("parts", CORPUS):
        return
    texts = tuple((title, text[:CHARACTERS]) for title, text in real_texts()[:documents])
    processors = len(os.sched_getaffinity(0))
    print(f"{len(texts)} documents, {PARTS} parts, {processors} processors, "
          f"load {os.getloadavg()[0]:.1f} at the start")  # fmt: skip
    print(f"{'source':<14}{'workers':>8}{'seconds':>9}{'doc/s':>8}{'processors used':>17}")
    with postgres_server() as postgres:
        for name in sources:
            page_s, given = SOURCES[name]
            for workers in WORKERS:
                seconds, used_s = measure(postgres, workers, Pages(texts, page_s), given)
                share = used_s / (seconds * processors)
                print(f"{name:<14}{workers:>8}{seconds:>9.1f}{len(texts) / seconds:>8.1f}"
                      f"{share:>17.0%}", flush=True)  # fmt: skip
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else DOCUMENTS, sys.argv[2:] or list(SOURCES))
