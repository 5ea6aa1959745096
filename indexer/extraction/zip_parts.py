"""The files of an archive, one by one: in-process Tika runs them into one text.

Standard library only: the extractor's child imports it and must start at once.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial

_DOCUMENTS = ("[Content_Types].xml", "mimetype", "META-INF/", "Index/", "index.", "FixedDoc")
"""Names by which a zip file is a document (OOXML, OpenDocument, EPUB, iWork, XPS) or a program."""
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)
_ENCRYPTED_BIT = 0x1


class PartLocked(Exception):
    """A file of the archive needs a password."""


class PartTooLarge(Exception):
    """A file of the archive unpacks to more than the bound."""


class PartBroken(Exception):
    """A file of the archive cannot be unpacked."""


def zip_parts(content: bytes) -> Iterator[tuple[str, Callable[[int], bytes]]] | None:
    """Path and reading of each file, in order; None where this is no plain archive.

    A reading takes the most bytes that it may give, and raises `PartLocked`,
    `PartTooLarge` (nothing is unpacked then) or `PartBroken`.
    """
    if not content.startswith(b"PK\x03\x04"):
        return None
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except _BROKEN:
        return None  # best left to Tika, which also reads what has lost its directory
    if any(name.startswith(_DOCUMENTS) for name in archive.namelist()):
        return None
    return (
        (entry.filename, partial(_unpacked, archive, entry))
        for entry in archive.infolist()
        if not entry.is_dir()
    )


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, max_bytes: int) -> bytes:
    if entry.flag_bits & _ENCRYPTED_BIT:
        raise PartLocked
    if entry.file_size > max_bytes:  # no more than it declares is ever unpacked
        raise PartTooLarge
    try:
        with archive.open(entry) as opened:
            return opened.read()
    except (*_BROKEN, RuntimeError) as error:
        raise PartBroken from error
