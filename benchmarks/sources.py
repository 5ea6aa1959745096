"""Crawl speed of each kind of source: `python -m benchmarks.sources`.

Each source gets the same number of generated documents of one length on its own real server,
started like in the tests, and is crawled completely into an embedded index, without a limit of
requests per second. Vectors cost nothing, so that the source, its protocol and the writing are
measured. A second crawl without changes shows the time to ask a source. Give sources' names to
measure only these.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from benchmarks.indexing import DIMENSION, Costless, crawl_parts
from indexer.crawl.pipeline import crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.extraction.in_process import InProcessExtractor
from quisait.application.sources import open_source
from tests.mixed_sources import SOURCES, MixedSource, Planted, ensure_people
from tests.service.mixed_world import bare_place, opened_site

DOCUMENTS = 200
CHARACTERS = 1_500
"""Length of each text, about a page."""


def made(source: str) -> list[Planted]:
    """Return different documents of one length."""
    filler = " ".join(f"La parcelle {n} est bornée par le géomètre." for n in range(40))
    return [
        Planted(source, f"n{number:03}", filler=f"{number} {filler}"[:CHARACTERS])
        for number in range(DOCUMENTS)
    ]


def measure(kind: type[MixedSource], folder: Path) -> tuple[float, float]:
    """Return the seconds of a first crawl of one source, and of a second one."""
    with ExitStack() as stack:
        source = kind(stack, folder / "source")
        source.put(made(source.name))
        place = bare_place(folder / "place", source)
        site = stack.enter_context(opened_site("embedded", place))
        source.deliver(place, site.post)
        # Sources store files beside the settings file: use this place's.
        here = {"QUISAIT_FILE": str(place.folder / "quisait.toml")}
        stack.enter_context(patch.dict(os.environ, here))
        extractor = InProcessExtractor()
        stack.callback(extractor.close)
        index = EmbeddedIndex(folder / "index", DIMENSION)
        parts = stack.enter_context(crawl_parts(index, Costless(), extractor))
        (asked,) = (one for one in site.application.settings.sources if one.name == source.name)
        took = []
        for _ in range(2):
            begun = time.perf_counter()
            crawl(open_source(asked, site.application.database), parts)
            took.append(time.perf_counter() - begun)
        count = index.count(source.name)
        assert count == DOCUMENTS, (source.name, count)  # noqa: S101 the rate needs all documents
        return took[0], took[1]


def main(names: Sequence[str]) -> None:
    """Print a line for each source."""
    ensure_people()
    load, processors = os.getloadavg()[0], len(os.sched_getaffinity(0))
    print(f"{DOCUMENTS} documents, {processors} processors, load {load:.1f} at the start")
    print(f"{'source':<12}{'documents/s':>12}{'nothing changed':>18}")
    for kind in SOURCES:
        if not names or kind.name in names:
            with tempfile.TemporaryDirectory() as folder:
                first, again = measure(kind, Path(folder))
            print(f"{kind.name:<12}{DOCUMENTS / first:>12.0f}{again:>16.2f} s", flush=True)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main(sys.argv[1:])
