"""Histories of scans: whatever changes, is recognised and is crawled when, no former text stays."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.ports import Change, Checkpoint, Delete, Upsert
from connectors.values import Content, Section
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.errors import ExtractionFailed
from indexer.recognition import RecognisedPage
from indexer.scans import Scans, hash_of
from indexer.state import State
from indexer.values import Extracted, Failure
from quisait.application.database import migrate
from tests.builders import ENCODER, make_document

pytestmark = [pytest.mark.sources, pytest.mark.trust]

NAMES = ("wiki:1",)
SCANNED, TYPED = b"%PDF-", b"text "


def text_of(content: bytes) -> str:
    """Return the text in a file, whether typed or in an image."""
    return f"version {content[len(SCANNED) :].decode()}"


class Reader:
    """An extractor that finds no text on a scan."""

    max_bytes = 1_000

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        if content.startswith(SCANNED):
            raise ExtractionFailed(Failure.IMAGE_ONLY, "pictures")
        return Extracted((Section(text_of(content)),))


@dataclass
class Source:
    """The current state of each document; the cursor contains the former states."""

    now: dict[str, bytes] = field(default_factory=dict)
    source: str = "wiki"

    def changes(self, since: str | None) -> Iterator[Change]:
        then = json.loads(since or "{}")
        yield from (Delete(one) for one in then if one not in self.now)
        for one, content in self.now.items():
            if then.get(one) != content.decode():
                yield self.upsert(one)
        yield Checkpoint(json.dumps({one: is_.decode() for one, is_ in self.now.items()}))

    def refetch(self, document_ids: frozenset[str]) -> Iterator[Change]:
        yield from (self.upsert(one) for one in sorted(document_ids) if one in self.now)

    def upsert(self, one: str) -> Upsert:
        content = self.now[one]
        return Upsert(make_document(one, content=Content("a", lambda: content)))


class Site:
    """One source, its scans, the index that is live and the one that a reindex fills."""

    def __init__(self, folder: Path) -> None:
        engine = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
        self.source, self.scans = Source(), Scans(engine, {"wiki"})
        state = State(engine)
        self.sides = [
            (EmbeddedIndex(folder / "live", 16), state),
            (EmbeddedIndex(folder / "beside", 16), state.beside("beside")),
        ]

    def crawl(self, side: int) -> None:
        """Nothing but what the source says now is in the index then; what is typed is."""
        index, state = self.sides[side]
        parts = CrawlDependencies(Reader(), ENCODER, index, state, state, self.scans)
        crawl(self.source, parts, guard_share=1.0)
        now = self.source.now
        texts = self.texts(side)
        assert texts.items() <= {one: text_of(is_) for one, is_ in now.items()}.items()
        assert texts.keys() >= {one for one, is_ in now.items() if is_.startswith(TYPED)}

    def settle(self, side: int) -> None:
        """One index follows, with every scan."""
        self.crawl(side)
        for one in NAMES:
            self.recognise(one)
        self.crawl(side)

    def texts(self, side: int) -> dict[str, str]:
        return {
            one.document.id: " ".join(passage.text for passage in one.passages)
            for one in self.sides[side][0].documents(NAMES)
        }

    def recognise(self, one: str) -> None:
        """As far as it waits, and of the bytes that are there now."""
        for scan in self.scans.waiting("wiki", 9):
            content = self.source.now.get(one)
            if scan.document_id == one and content and hash_of(content) == scan.content:
                self.scans.found_pages(scan, 1)
                self.scans.add_page(scan, RecognisedPage(text_of(content), 90.0, 8))
                self.scans.end(scan)


STEPS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.sampled_from([SCANNED, SCANNED, TYPED])),
    st.tuples(st.just("delete"), st.sampled_from(NAMES)),
    st.tuples(st.just("recognise"), st.sampled_from(NAMES)),
    st.tuples(st.just("crawl"), st.sampled_from([0, 1])),
    st.tuples(st.just("settle"), st.sampled_from([0, 1])),
)


OLD_AND_NEW = [
    ("write", "wiki:1", SCANNED),
    ("settle", 0),
    ("write", "wiki:1", SCANNED),
    ("crawl", 0),
    ("settle", 1),
    ("write", "wiki:1", TYPED),
    ("crawl", 0),
]
"""A scan that another replaces, and then a text; one index is behind the other."""


@example(OLD_AND_NEW)
@settings(max_examples=10, deadline=None)
@given(st.lists(STEPS, min_size=4, max_size=9))
def test_a_text_is_of_the_version_that_is_there(steps: list[tuple[object, ...]]) -> None:
    """At every crawl; in the end every scan is found, in each index, and nothing else is kept."""
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        for number, step in enumerate(steps):
            match step:
                case ("write", str(one), bytes(kind)):
                    site.source.now[one] = kind + str(number).encode()
                case ("delete", str(one)):
                    site.source.now.pop(one, None)
                case ("recognise", str(one)):
                    site.recognise(one)
                case ("crawl", int(side)):
                    site.crawl(side)
                case ("settle", int(side)):
                    site.settle(side)
        for side in (1, 0, 1):
            site.settle(side)
        for side in (0, 1):
            assert site.texts(side) == {one: text_of(is_) for one, is_ in site.source.now.items()}
        scanned = {one for one, is_ in site.source.now.items() if is_.startswith(SCANNED)}
        assert site.scans.known("wiki") == scanned
        assert not site.scans.awaited("wiki")
        assert set(site.scans.confidences(NAMES)) == scanned


def test_a_scan_that_goes_in_the_run_that_finds_it_is_forgotten(tmp_path: Path) -> None:
    """Its source speaks of it no more: it would wait for ever."""
    site = Site(tmp_path)
    index, state = site.sides[0]
    parts = CrawlDependencies(Reader(), ENCODER, index, state, state, site.scans)
    crawl(Passing({"wiki:1": SCANNED}), parts)
    assert site.scans.known("wiki") == frozenset()


class Passing(Source):
    """A document comes, and is gone before all is read."""

    def changes(self, since: str | None) -> Iterator[Change]:
        yield self.upsert("wiki:1")
        yield Delete("wiki:1")
        yield Checkpoint("{}")


def test_a_scan_of_which_nothing_is_kept_is_asked_for_again(tmp_path: Path) -> None:
    """As where it went and returned in one run: its failure says that it waits, and it does."""
    site = Site(tmp_path)
    site.source.now["wiki:1"] = SCANNED + b"1"
    site.crawl(0)
    site.scans.forget("wiki", NAMES)
    site.settle(0)
    assert site.texts(0) == {"wiki:1": "version 1"}
