"""All files of each collection through both extractors: each is read, or fails by name."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.every_file import (
    DOCUMENTS,
    IN_PROCESS,
    SERVER,
    Ending,
    Files,
    endings,
    own_files,
    shared_files,
)
from tests.samples.files import WITHOUT_TEXT
from tests.shared_files import is_there

pytestmark = pytest.mark.sources


@dataclass(frozen=True, slots=True)
class Collection:
    """Files, and what is known of them."""

    name: str
    files: Callable[[], Files]
    listed: Callable[[], set[str]]
    """The names that must be there."""
    read: Mapping[str, int]
    """How many gave text to each extractor when this was written."""
    slack: int
    """Files that another version of Tika may lose without alarm."""
    encrypted: frozenset[str]
    attachments: Mapping[str, set[str]]
    """Of mails and archives: the parts that give text."""


def _manifest() -> set[str]:
    lines = (DOCUMENTS / "manifest.jsonl").read_text("utf-8").splitlines()
    return {json.loads(line)["file"] for line in lines}


OWN = Collection(
    "own",
    own_files,
    lambda: set(own_files()),
    {name: len(own_files()) - len(WITHOUT_TEXT) for name in (IN_PROCESS, SERVER)},
    0,
    frozenset({"ferme.pdf", "ferme.xlsx"}),
    {
        "amendes.msg": {"bareme.txt"},
        "amendes.eml": {"bareme.txt"},
        "dossier.zip": {"piece.docx", "lisez-moi.txt"},
    },
)
REAL = Collection(
    "shared",
    shared_files,
    _manifest,
    {IN_PROCESS: 298, SERVER: 299},
    2,
    frozenset(
        {
            "formats/pypdf/005-libreoffice-writer-password__libreoffice-writer-password.pdf",
            "formats/unstructured/pdf__password.pdf",
            "formats/unstructured/password_protected.xlsx",
            "formats/unstructured/eml__fake-encrypted.eml",
        }
    ),
    {
        "eml__email-equals-attachment-filename.eml": {"odd=file=name.txt"},
        "eml__email-inline-content-disposition.eml": {"t.txt"},
        "eml__fake-email-attachment.eml": {"fake-attachment.txt"},
        "eml__mime-attach-mp3.eml": {"sample-3s.mp3"},
        "eml__mime-multipart-digest.eml": {"embedded-1", "embedded-2", "embedded-3"},
        "fake-email-attachment.msg": {"fake-attachment.txt"},
    },
)
COLLECTIONS = [OWN, REAL] if is_there("documents") else [OWN]

Found = dict[str, tuple[Ending, ...]]


@pytest.fixture(scope="module", params=COLLECTIONS, ids=lambda one: one.name)
def collection(request: pytest.FixtureRequest) -> Collection:
    chosen: Collection = request.param
    return chosen


@pytest.fixture(scope="module")
def found(collection: Collection) -> Found:
    return endings(collection.files())


@pytest.fixture(params=[IN_PROCESS, SERVER])
def ended(request: pytest.FixtureRequest, found: Found) -> tuple[Ending, ...]:
    return found[request.param]


def test_no_file_disappears(collection: Collection, ended: tuple[Ending, ...]) -> None:
    """Each file that is listed ends once, as text or as a failure with a reason."""
    listed = collection.listed()
    assert len(listed) == len(ended) > 0
    assert {ending.file for ending in ended} == listed
    for ending in ended:
        assert (ending.characters > 0) != bool(ending.failure and ending.reason), ending.file


def test_most_files_are_read(collection: Collection, found: Found) -> None:
    """As many files give text as gave it before."""
    for extractor, least in collection.read.items():
        read = sum(ending.failure is None for ending in found[extractor])
        assert read >= least - collection.slack, extractor


def test_encrypted_is_called_encrypted(collection: Collection, ended: tuple[Ending, ...]) -> None:
    """A password or a key is named as what is missing, on these files and no others."""
    said = {ending.file for ending in ended if ending.failure == "encrypted"}
    assert said == collection.encrypted


def test_attachments_keep_their_path(collection: Collection, ended: tuple[Ending, ...]) -> None:
    """What a mail carries is found under its own name, and inner mails apart."""
    by_name = {ending.file.rpartition("/")[2]: ending.paths for ending in ended}
    known = collection.attachments
    assert {name: set(by_name[name]) for name in known} == known


def test_both_extractors_agree(collection: Collection, found: Found) -> None:
    """Which extractor an administrator chose hardly matters to what is found."""
    pairs = zip(found[IN_PROCESS], found[SERVER], strict=True)
    unlike = [one.file for one, other in pairs if one.failure is not other.failure]
    assert len(unlike) <= collection.slack, unlike
