"""The child of `in_process`: bytes in, an answer out, until the line closes.

Run as a script of its own: it must start without importing what the parent did.
"""

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection

from iscc_tika import Extractor, OfficeParserConfig

from indexer.extraction.mail_parts import mail_parts
from indexer.extraction.plain_text import utf16_as_utf8, windows_as_utf8

_MAX_CHARACTERS = 20_000_000
_DEEPEST_MAIL = 8

Part = tuple[str, str, Mapping[str, Sequence[str]]]
"""An attachment's path (empty for the file itself), XHTML and metadata."""


def answer_files(line: Connection) -> None:
    """The child's whole life. Answers are a list of parts, or the reason for none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which ends us
    # The server reads headers and footers too: a note's reference often stands there.
    office = OfficeParserConfig().set_include_headers_and_footers(True)
    tika = Extractor().set_xml_output(True).set_office_config(office)
    tika = tika.set_extract_string_max_length(_MAX_CHARACTERS)
    line.send("ready")
    while True:
        try:
            content = line.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            answer: object = list(_parts(tika, content))
        except Exception as error:  # noqa: BLE001  whatever the library raises is this file's
            answer = str(error) or type(error).__name__
        line.send(answer)


def _parts(tika: Extractor, content: bytes, path: str = "", depth: int = 0) -> Iterator[Part]:
    """The file's own part first; a mail's attachments follow, each read as a file."""
    content = utf16_as_utf8(content)
    xhtml, metadata = tika.extract_bytes_to_string(bytearray(content))
    if "application/octet-stream" in metadata.get("Content-Type", ()):
        text = windows_as_utf8(content)
        if text is not None:
            xhtml, metadata = tika.extract_bytes_to_string(bytearray(text))
    is_mail = depth < _DEEPEST_MAIL and "message/rfc822" in metadata.get("Content-Type", ())
    mail = mail_parts(content) if is_mail else ()
    if mail:
        xhtml, _ = tika.extract_bytes_to_string(bytearray(mail[0].content))
    yield path, xhtml, metadata
    for part in mail[1:]:
        inner = f"{path}/{part.path}".lstrip("/")
        try:
            yield from list(_parts(tika, part.content, inner, depth + 1))
        except Exception:  # noqa: BLE001, S112  an attachment that cannot be read costs itself
            continue


if __name__ == "__main__":
    answer_files(Connection(int(sys.argv[1])))
