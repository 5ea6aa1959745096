"""The child process of `in_process.py`: answers files until the connection closes."""

import json
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection

from iscc_tika import Extractor, OfficeParserConfig

from indexer.extraction.files import (
    ExtractionLimits,
    PartBroken,
    PartLocked,
    PartTooLarge,
    mail_parts,
    utf16_as_utf8,
    windows_as_utf8,
    zip_parts,
)

OUT_OF_MEMORY = 99
"""Exit status for lack of memory; GraalVM uses the same."""

_STOPPED = "X-TIKA:EXCEPTION:embedded_resource_limit_reached"
_CUT = "X-TIKA:EXCEPTION:write_limit_reached"
_FAILED = "X-TIKA:EXCEPTION:embedded_exception"
_SAID: dict[type[Exception], dict[str, list[str]]] = {
    PartLocked: {"X-TIKA:encrypted": ["true"]},
    PartTooLarge: {_STOPPED: ["true"]},
    PartBroken: {_FAILED: ["PartBroken"]},
}

Part = tuple[str, str, Mapping[str, Sequence[str]]]
"""Path of an attachment (empty for the file itself), XHTML, and metadata with the names of a
server.
"""

Inner = tuple[str, Callable[[int], bytes]]
"""The name of a part, and its reader, which takes the maximum number of bytes to return."""

_HEADER_LINE = re.compile(rb"[!-9;-~]+:")
_DEEPEST_CALLS = 20_000


def answer_files(line: Connection, limits: ExtractionLimits) -> None:
    """Answer files until the connection closes, with a list of parts or the reason of a failure."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which ends the child
    sys.setrecursionlimit(_DEEPEST_CALLS)  # each nested mail takes several calls
    # RLIMIT_AS would also count the 32 GB of addresses that GraalVM only reserves.
    resource.setrlimit(resource.RLIMIT_DATA, (limits.max_memory_bytes, limits.max_memory_bytes))
    # Like the server, read headers and footers: a note's reference often stands there.
    office = OfficeParserConfig().set_include_headers_and_footers(True)
    tika = Extractor().set_xml_output(True).set_office_config(office)
    tika = tika.set_extract_string_max_length(limits.max_characters)
    line.send("ready")
    while True:
        try:
            content = line.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            answer: object = _FileReader(tika, limits).whole(content)
        except MemoryError:
            sys.exit(OUT_OF_MEMORY)
        except Exception as error:  # noqa: BLE001  any error of the library concerns this file only
            answer = str(error) or type(error).__name__
        line.send(answer)


class _FileReader:
    """Reads a file with its parts, and subtracts what it read from the file's limits."""

    def __init__(self, tika: Extractor, limits: ExtractionLimits) -> None:
        self._tika = tika
        self._limits = limits
        self._parts_left = limits.max_parts
        self._markup_left = limits.max_markup
        self._bytes_left = limits.max_unpacked

    def whole(self, content: bytes) -> list[Part]:
        """Return all parts of a file.

        The first part is the text of the file itself; its metadata say which limits were reached.
        """
        (path, xhtml, metadata), *rest = self._parts(content)
        properties = dict(metadata)
        if self._parts_left < 0:
            properties[_STOPPED] = ["true"]
        if self._markup_left <= 0:
            properties[_CUT] = ["true"]
        return [(path, xhtml, properties), *rest]

    def _parts(self, content: bytes, path: str = "", depth: int = 0) -> Iterator[Part]:
        """Yield the file's own part, then parts of a mail or an archive, each read as a file."""
        content = utf16_as_utf8(content)
        packed = zip_parts(content)
        if packed is not None:
            yield path, "", {"Content-Type": ["application/zip"]}
            yield from self._inner_parts(packed, path, depth)
            return
        mail = mail_parts(content) if _HEADER_LINE.match(content) else ()
        xhtml, metadata = self._read(mail[0].content if mail else content)
        if mail and "message/rfc822" not in metadata["Content-Type"]:
            mail = ()
            xhtml, metadata = self._read(content)
        if depth and not any("EncryptedDocument" in why for why in metadata.get(_FAILED, ())):
            metadata.pop(_FAILED, None)  # mostly the failure of an image in it
        yield path, self._within_bounds(xhtml, metadata), metadata
        attached = ((part.path, partial(_given, part.content)) for part in mail[1:])
        yield from self._inner_parts(attached, path, depth)

    def _inner_parts(self, inner: Iterator[Inner], path: str, depth: int) -> Iterator[Part]:
        for name, read in inner:
            self._parts_left -= 1
            if self._parts_left < 0 or self._markup_left <= 0:
                return
            own = f"{path}/{name}".lstrip("/")
            if depth >= self._limits.max_depth:
                yield own, "", _SAID[PartTooLarge]
                continue
            try:
                # One by one, so that an unreadable attachment does not affect the others.
                content = read(min(self._limits.max_bytes, self._bytes_left))
                self._bytes_left -= len(content)
                yield from list(self._parts(content, own, depth + 1)) if content else ()
            except (PartLocked, PartTooLarge, PartBroken) as refused:
                yield own, "", _SAID[type(refused)]
            except Exception as error:  # noqa: BLE001
                yield own, "", {_FAILED: [str(error) or type(error).__name__]}

    def _read(self, content: bytes) -> tuple[str, dict[str, list[str]]]:
        xhtml, metadata = self._tika.extract_bytes_to_string(bytearray(content))
        if "application/octet-stream" in metadata.get("Content-Type", ()):
            text = windows_as_utf8(content)
            if text is not None:
                xhtml, metadata = self._tika.extract_bytes_to_string(bytearray(text))
        return xhtml, {"Content-Type": [""], **metadata}

    def _within_bounds(self, xhtml: str, metadata: dict[str, list[str]]) -> str:
        if xhtml and not xhtml.rstrip().endswith("</html>"):
            metadata[_CUT] = ["true"]  # Tika stops at its limit silently
        head = xhtml[: max(0, self._markup_left)]
        self._markup_left -= len(xhtml)
        return head


def _given(content: bytes, max_bytes: int) -> bytes:
    if len(content) > max_bytes:
        raise PartTooLarge
    return content


if __name__ == "__main__":
    answer_files(Connection(int(sys.argv[1])), ExtractionLimits(**json.loads(sys.argv[2])))
