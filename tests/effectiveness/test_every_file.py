"""All shared files through both extractors: each is read, or fails by name."""

import json

import pytest

from tests.every_file import DOCUMENTS, IN_PROCESS, SERVER, Ending, endings, shared_files

pytestmark = pytest.mark.sources

FILES = 334
READ = {IN_PROCESS: 298, SERVER: 299}
"""How many gave text when this was written."""
SLACK = 2
"""Files that another version of Tika may lose without alarm."""

ENCRYPTED = {
    "formats/pypdf/005-libreoffice-writer-password__libreoffice-writer-password.pdf",
    "formats/unstructured/pdf__password.pdf",
    "formats/unstructured/password_protected.xlsx",
    "formats/unstructured/eml__fake-encrypted.eml",
}
ATTACHMENTS = {
    "eml__email-equals-attachment-filename.eml": {"odd=file=name.txt"},
    "eml__email-inline-content-disposition.eml": {"t.txt"},
    "eml__fake-email-attachment.eml": {"fake-attachment.txt"},
    "eml__mime-attach-mp3.eml": {"sample-3s.mp3"},
    "eml__mime-multipart-digest.eml": {"embedded-1", "embedded-2", "embedded-3"},
    "fake-email-attachment.msg": {"fake-attachment.txt"},
}

Found = dict[str, tuple[Ending, ...]]


@pytest.fixture(scope="module")
def found() -> Found:
    return endings(shared_files())


@pytest.fixture(params=[IN_PROCESS, SERVER])
def ended(request: pytest.FixtureRequest, found: Found) -> tuple[Ending, ...]:
    return found[request.param]


def test_no_file_disappears(ended: tuple[Ending, ...]) -> None:
    """Each file of the manifest ends once, as text or as a failure with a reason."""
    lines = (DOCUMENTS / "manifest.jsonl").read_text("utf-8").splitlines()
    listed = {json.loads(line)["file"] for line in lines}
    assert len(listed) == len(ended) == FILES
    assert {ending.file for ending in ended} == listed
    for ending in ended:
        assert (ending.characters > 0) != bool(ending.failure and ending.reason), ending.file


def test_most_files_are_read(found: Found) -> None:
    """As many files give text as gave it before."""
    for extractor, least in READ.items():
        read = sum(ending.failure is None for ending in found[extractor])
        assert read >= least - SLACK, extractor


def test_encrypted_is_called_encrypted(ended: tuple[Ending, ...]) -> None:
    """A password or a key is named as what is missing, on these files and no others."""
    said = {ending.file for ending in ended if ending.failure == "encrypted"}
    assert said == ENCRYPTED


def test_attachments_keep_their_path(ended: tuple[Ending, ...]) -> None:
    """What a mail carries is found under its own name, and inner mails apart."""
    by_name = {ending.file.rpartition("/")[2]: ending.paths for ending in ended}
    assert {name: set(by_name[name]) for name in ATTACHMENTS} == ATTACHMENTS


def test_both_extractors_agree(found: Found) -> None:
    """Which extractor an administrator chose hardly matters to what is found."""
    pairs = zip(found[IN_PROCESS], found[SERVER], strict=True)
    unlike = [one.file for one, other in pairs if one.failure is not other.failure]
    assert len(unlike) <= SLACK, unlike
