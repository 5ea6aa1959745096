"""Cost of a crawl that finds nothing changed: `python -m benchmarks.unchanged [files…]`.

For each number of files, a folder of small text files is crawled twice, each time by a process of
its own. Prints the processor time of the second crawl, and its memory: the peak of the process, and
how much of it came after the index was opened.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from benchmarks.indexing import DIMENSION, Costless
from connectors.folder.connector import FolderSource
from connectors.snapshot import Snapshot
from connectors.values import EVERYONE, Access, Section
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.state import State
from indexer.values import Extracted
from quisait.application.database import migrate

SIZES = (5_000, 10_000, 20_000)
FILES_IN_FOLDER = 500


class PlainText:
    """An extractor that decodes text files in this process."""

    max_bytes = 1_000

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Return the text as one section."""
        return Extracted((Section(content.decode()),))


def write_files(folder: Path, count: int) -> None:
    """Write different files of a line, `FILES_IN_FOLDER` in each subfolder."""
    for number in range(count):
        file = folder / f"d{number // FILES_IN_FOLDER:03}" / f"{number:06}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"La parcelle {number} est bornée par le géomètre {number * 7919 % 1009}.")


def memory_mib(name: str) -> float:
    """Return this process's memory by a name of /proc/self/status, such as `VmHWM`, in MiB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


def crawl_once(place: Path) -> tuple[int, float, float, float]:
    """Return files changed, processor seconds, peak memory and its part of the crawl, in MiB."""
    state = State(migrate(sa.create_engine(f"sqlite:///{place}/state.sqlite")))
    index = EmbeddedIndex(place / "index", DIMENSION)
    index.count("bench")
    connector = Snapshot(FolderSource("bench", place / "files", Access(frozenset({EVERYONE}))))
    begun, used = memory_mib("VmRSS"), time.process_time()
    report = crawl(connector, CrawlDependencies(PlainText(), Costless(), index, state, state))
    took, peak = time.process_time() - used, memory_mib("VmHWM")
    return report.changed, took, peak, peak - begun


def main(sizes: Sequence[int]) -> None:
    """Crawl folders of these numbers of files twice; print what each second crawl cost."""
    print(f"load {os.getloadavg()[0]:.1f} at the start")
    print(f"{'files':>8}{'processor':>12}{'peak':>12}{'of the crawl':>14}")
    for count in sizes:
        with tempfile.TemporaryDirectory() as name:
            write_files(Path(name, "files"), count)
            with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
                first, again = (pool.apply(crawl_once, (Path(name),)) for _ in range(2))
        assert (first[0], again[0]) == (count, 0), (first, again)  # noqa: S101 else no measure
        _, took, peak, more = again
        print(f"{count:>8}{took:>10.2f} s{peak:>8.0f} MiB{more:>10.0f} MiB", flush=True)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or SIZES)
