"""Both extractors meet the same contract on the same files; faulty extractors are rejected."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from connectors.values import Section
from indexer.errors import ExtractionFailed, ExtractorUnreachable
from indexer.extraction.files import ExtractionLimits
from indexer.extraction.in_process import InProcessExtractor
from indexer.extraction.tika_server import TikaServerExtractor
from indexer.ports import Extractor
from indexer.values import Extracted, Failure
from tests.contract import extractor_contract as contract
from tests.engines import ensure_tika

pytestmark = pytest.mark.sources

SMALL = ExtractionLimits(max_bytes=10)


@pytest.fixture(scope="module", params=["in_process", "tika_server"])
def extractor(request: pytest.FixtureRequest) -> Iterator[Extractor]:
    if request.param == "tika_server":
        yield TikaServerExtractor(ensure_tika())
        return
    child = InProcessExtractor()
    yield child
    child.close()


@pytest.mark.parametrize("sample", contract.READABLE, ids=lambda sample: sample.file)
def test_files_are_read(extractor: Extractor, sample: contract.Readable) -> None:
    """Text, headings, pages, attachments and titles come out, clean."""
    contract.reads(extractor, sample)


@pytest.mark.parametrize(("file", "failure"), contract.UNREADABLE)
def test_files_without_text_say_why(extractor: Extractor, file: str, failure: Failure) -> None:
    """A protected, pictured or empty file is a named failure, never an empty success."""
    content = contract.content_of(file)
    contract.fails(extractor, content, file.rpartition("/")[2], failure)


@pytest.mark.parametrize(("filename", "make", "failure"), contract.MADE)
def test_made_files_fail(
    extractor: Extractor, filename: str, make: Callable[[], bytes], failure: Failure
) -> None:
    """Ciphertext, a cut file, nothing, noise and blanks are named failures too."""
    contract.fails(extractor, make(), filename, failure)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_table_is_read_in_the_encodings_of_spreadsheets(
    extractor: Extractor, encoding: str
) -> None:
    """A short table in French keeps its accents, whichever program exported it."""
    table = "nom;prénom;ville\nDurand;Hélène;Besançon\n" * 3
    extracted = extractor.extract(table.encode(encoding), "villes.csv", None)
    text = " ".join(section.text for section in extracted.sections)
    assert "Hélène" in text
    assert "Besançon" in text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_headings_of_markdown_are_headings(extractor: Extractor, encoding: str) -> None:
    """No mark of a heading is left, and one in code is no mark."""
    written = "# Les régies\n\nUn caissier.\n\n## L’encaisse\n\n```\n# compter\n```\n"
    extracted = extractor.extract(written.encode(encoding), "régies.md", None)
    assert [section.heading for section in extracted.sections] == ["Les régies", "L’encaisse"]
    assert extracted.sections[0].text == "Un caissier."
    assert "# compter" in extracted.sections[1].text


def test_one_failure_does_not_stop_the_next(extractor: Extractor) -> None:
    """After a file that failed, the next is read."""
    contract.goes_on_after_a_failure(extractor)


@pytest.mark.parametrize(
    "small",
    [InProcessExtractor(SMALL), TikaServerExtractor("http://127.0.0.1:9", SMALL)],
    ids=["in_process", "tika_server"],
)
def test_large_files_are_not_even_sent(small: Extractor) -> None:
    """A file above the bound fails before any work."""
    contract.fails(small, b"x" * 11, "large.txt", Failure.TOO_LARGE)


def test_time_is_bounded_in_process() -> None:
    """A file that takes too long costs itself; the next one gets a new child."""
    child = InProcessExtractor(ExtractionLimits(timeout_s=0.001))
    content = contract.OWN[-1].content()
    contract.fails(child, content, "slow.zip", Failure.TIMED_OUT)
    child._limits = ExtractionLimits()
    contract.reads(child, contract.READABLE[0])
    child.close()


def test_a_crash_costs_one_file() -> None:
    """The child dies under a file: that file fails, the next is read."""
    child = InProcessExtractor()
    contract.reads(child, contract.READABLE[0])
    process = child._child
    assert process is not None
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    threading.Timer(0.5, os.kill, (process.pid, signal.SIGKILL)).start()
    contract.fails(child, contract.READABLE[1].content(), "poison.docx", Failure.UNREADABLE)
    contract.reads(child, contract.READABLE[0])
    child.close()


def test_a_silent_server_times_out() -> None:
    """A server that accepts and never answers costs the file's time and no more."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        slow = TikaServerExtractor(address, ExtractionLimits(timeout_s=0.5))
        contract.fails(slow, b"bonjour", "a.txt", Failure.TIMED_OUT)


def test_no_server_is_not_the_files_fault() -> None:
    """Where nobody listens, no file is given up."""
    with pytest.raises(ExtractorUnreachable):
        TikaServerExtractor("http://127.0.0.1:9").extract(b"bonjour", "a.txt", None)


class _Honest:
    """Wraps the in-process extractor; the liars bend what it says."""

    max_bytes = 20_000_000

    def __init__(self) -> None:
        self._inner = InProcessExtractor()

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        return self.bent(self._inner.extract(content, filename, media_type))

    def bent(self, extracted: Extracted) -> Extracted:
        return extracted


class _LosesPages(_Honest):
    def bent(self, extracted: Extracted) -> Extracted:
        return replace(
            extracted,
            sections=tuple(replace(s, page=1 if s.page else None) for s in extracted.sections),
        )


class _LosesHeadings(_Honest):
    def bent(self, extracted: Extracted) -> Extracted:
        return replace(
            extracted, sections=tuple(replace(s, heading="") for s in extracted.sections)
        )


class _LosesPaths(_Honest):
    def bent(self, extracted: Extracted) -> Extracted:
        return replace(extracted, sections=tuple(replace(s, path="") for s in extracted.sections))


class _KeepsSoftHyphens(_Honest):
    def bent(self, extracted: Extracted) -> Extracted:
        return replace(extracted, sections=(*extracted.sections, Section("impo\u00adsition")))


class _BelievesAnyTitle(_Honest):
    def bent(self, extracted: Extracted) -> Extracted:
        return replace(extracted, title="Microsoft Word - note.docx")


@pytest.mark.parametrize(
    ("liar", "rank"),
    [
        (_LosesPages, 6),
        (_LosesHeadings, 0),
        (_LosesPaths, 12),
        (_KeepsSoftHyphens, 0),
        (_BelievesAnyTitle, 0),
    ],
)
def test_the_contract_rejects_bent_answers(liar: type[_Honest], rank: int) -> None:
    """Each check of a readable file bites."""
    with pytest.raises(AssertionError):
        contract.reads(liar(), contract.READABLE[rank])


class _EmptySuccess:
    max_bytes = 20_000_000

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        return Extracted(())


class _AlwaysEncrypted:
    max_bytes = 20_000_000

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        raise ExtractionFailed(Failure.ENCRYPTED, "locked")


@pytest.mark.parametrize("liar", [_EmptySuccess(), _AlwaysEncrypted()])
def test_the_contract_rejects_hidden_failures(liar: Extractor) -> None:
    """An empty success and a wrong reason are no answers."""
    with pytest.raises(AssertionError):
        contract.fails(liar, b"", "empty.docx", Failure.EMPTY)
