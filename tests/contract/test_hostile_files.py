"""A hostile file only fails itself, on both extractors; faulty extractors are rejected."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from indexer.extraction.in_process import InProcessExtractor
from indexer.extraction.tika_server import TikaServerExtractor
from indexer.ports import Extractor
from indexer.values import Extracted, Failure
from tests import hostile_files as hostile
from tests.contract import extractor_bounds as bounds
from tests.contract import extractor_contract as contract
from tests.own_tika import OwnTika, own_tika
from tests.samples.files import sample_bytes
from tests.samples.office import zipped
from tests.shared_files import is_there

pytestmark = [pytest.mark.sources, pytest.mark.trust]

CUT = {"paragraphs.docx", "table.csv", "many.eml"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnTika]:
    with own_tika(tmp_path_factory.mktemp("tika")) as started:
        yield started


@pytest.fixture(scope="module", params=["in_process", "tika_server"])
def extractor(request: pytest.FixtureRequest) -> Iterator[Extractor]:
    if request.param == "tika_server":
        yield TikaServerExtractor(request.getfixturevalue("server").url, bounds.LIMITS)
        return
    child = InProcessExtractor(bounds.LIMITS)
    yield child
    child.close()


@pytest.mark.parametrize("filename", hostile.HOSTILE)
def test_a_hostile_file_costs_itself(extractor: Extractor, filename: str) -> None:
    """It ends as text or as a named failure, within bounds, and the next file is read.

    What is cut keeps its beginning and is named as too large.
    """
    ended = bounds.costs_itself_alone(extractor, hostile.HOSTILE[filename](), filename)
    if filename in CUT and isinstance(ended, Extracted):
        assert ("", Failure.TOO_LARGE) in {(part.path, part.failure) for part in ended.unread}


def test_memory_that_runs_out_costs_one_file(extractor: Extractor) -> None:
    """A gigabyte in one page fells the child, of either extractor; it is named."""
    ended = bounds.costs_itself_alone(extractor, hostile.heavy_pdf(), "lourd.pdf")
    assert ended in {Failure.TOO_LARGE, Failure.TIMED_OUT, Failure.UNREADABLE}


@pytest.mark.parametrize("kind", hostile.WITH_DOCTYPE)
def test_entities_reach_neither_files_nor_the_network(extractor: Extractor, kind: str) -> None:
    """Nobody is asked for anything, and no file of this machine is in the text."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        content = hostile.outside(kind, listener.getsockname()[1])
        bounds.costs_itself_alone(extractor, content, f"dehors.{kind}")
        with suppress(TimeoutError):
            asked.append(str(listener.accept()))
    assert asked == []


LOCKED = {
    "zipcrypto.zip": lambda: hostile.locked(zipped({"s.txt": b"secret"}), "s.txt"),
    "aes.zip": lambda: hostile.locked(zipped({"s.txt": b"secret"}), "s.txt", 99),
    "classeur.xlsx": lambda: sample_bytes("ferme.xlsx"),
    "word.doc": lambda: _locked_doc(sample_bytes("notaire.doc")),
    "texte.odt": contract.encrypted_odt,
}
if is_there("documents"):
    LOCKED |= {
        "real.xlsx": (hostile.REAL / "password_protected.xlsx").read_bytes,
        "real.doc": lambda: _locked_doc((hostile.REAL / "fake.doc").read_bytes()),
    }


def _locked_doc(whole: bytes) -> bytes:
    """An old Word file that says that it is encrypted ([MS-DOC] 2.5.2)."""
    changed = bytearray(whole)
    changed[changed.find(b"\xec\xa5") + 11] |= 1
    return bytes(changed)


@pytest.mark.parametrize("filename", LOCKED)
def test_what_needs_a_password_is_called_encrypted(extractor: Extractor, filename: str) -> None:
    """Whatever the format, and whichever the extractor."""
    contract.fails(extractor, LOCKED[filename](), filename, Failure.ENCRYPTED)


def _half_locked_mail() -> bytes:
    return hostile.mail(
        [
            ("a.xlsx", sample_bytes("ferme.xlsx")),
            ("b.pdf", sample_bytes("ferme.pdf")),
            ("c.txt", b"ici"),
        ]
    )


def _half_locked_zip() -> bytes:
    parts = {
        "clair.txt": b"Le cadastre",
        "d/s.txt": b"secret",
        "d/a.xlsx": sample_bytes("ferme.xlsx"),
    }
    return hostile.locked(zipped(dict(parts)), "d/s.txt")


def test_a_locked_attachment_is_named_beside_a_readable_mail(extractor: Extractor) -> None:
    """The mail is read, and what is missing from it has a path and a reason of its own."""
    missing = {"a.xlsx": Failure.ENCRYPTED, "b.pdf": Failure.ENCRYPTED}
    bounds.names_what_it_leaves_out(
        extractor, _half_locked_mail(), "m.eml", missing, "voici les annexes"
    )


def test_a_locked_file_is_named_beside_a_readable_archive(extractor: Extractor) -> None:
    """In folders too, whether the archive or the file asks for the password."""
    missing = {"d/s.txt": Failure.ENCRYPTED, "d/a.xlsx": Failure.ENCRYPTED}
    bounds.names_what_it_leaves_out(extractor, _half_locked_zip(), "a.zip", missing, "Le cadastre")


def test_a_felled_server_costs_no_file(server: OwnTika) -> None:
    """Its child is killed while several files are read: each of them is read."""
    extractor = TikaServerExtractor(server.url, bounds.LIMITS)
    contract.reads(extractor, contract.READABLE[0])
    with ThreadPoolExecutor(4) as pool:
        reading = [
            pool.submit(contract.reads, extractor, contract.READABLE[n % 9]) for n in range(60)
        ]
        time.sleep(0.5)
        server.fell_child()
        for one in reading:
            one.result()
