"""Extraction without Java or a server: iscc-tika, in a child process of its own.

The child is started at the first file and kept. A file that makes it crash, or that
takes too long, costs that file alone: the next one gets a new child.
"""

import multiprocessing
import threading
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from indexer.errors import ExtractionFailed
from indexer.extraction.tika_answer import Metadata, TikaPart, read_answer
from indexer.values import Extracted, Failure

MAX_BYTES = 50_000_000
_MAX_CHARACTERS = 20_000_000
_START_TIMEOUT_S = 60.0

Answer = tuple[str, Metadata] | str
"""XHTML and metadata, or the reason why there are none."""


class InProcessExtractor:
    """One child process, one file at a time; calls from several threads wait their turn."""

    def __init__(self, timeout_s: float = 120.0, max_bytes: int = MAX_BYTES) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._alone = threading.Lock()
        self._child: BaseProcess | None = None
        self._line: Connection | None = None

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Raises `ExtractionFailed`; name and type are not asked, the bytes tell."""
        if not content:
            raise ExtractionFailed(Failure.EMPTY, "The file is empty.")
        if len(content) > self._max_bytes:
            raise ExtractionFailed(
                Failure.TOO_LARGE, f"The file has more than {self._max_bytes} bytes."
            )
        with self._alone:
            answer = self._ask(content)
        if isinstance(answer, str):
            answer = ("", {"X-TIKA:EXCEPTION:container_exception": answer})
        xhtml, metadata = answer
        return read_answer([TikaPart(xhtml, metadata)], content)

    def close(self) -> None:
        """End the child; the next file starts another."""
        if self._child is not None:
            self._child.kill()
            self._child.join()
        if self._line is not None:
            self._line.close()
        self._child = self._line = None

    def _ask(self, content: bytes) -> Answer:
        try:
            line = self._open_line()
            line.send_bytes(content)
            if line.poll(self._timeout_s):
                answer: Answer = line.recv()
                return answer
        except (EOFError, OSError) as error:
            self.close()
            raise ExtractionFailed(
                Failure.UNREADABLE, "The extractor crashed on this file."
            ) from error
        except BaseException:
            self.close()  # an answer still to come would be taken for the next file's
            raise
        self.close()
        raise ExtractionFailed(
            Failure.TIMED_OUT, f"The file had not been read after {self._timeout_s} s."
        )

    def _open_line(self) -> Connection:
        if self._line is not None and self._child is not None and self._child.is_alive():
            return self._line
        self.close()
        # Spawned, not forked: a fork of a process with threads may hang.
        spawn = multiprocessing.get_context("spawn")
        self._line, far_end = spawn.Pipe()
        self._child = spawn.Process(
            target=_answer_files, args=(far_end,), name="extractor", daemon=True
        )
        self._child.start()
        far_end.close()
        if not self._line.poll(_START_TIMEOUT_S):
            raise EOFError("The child did not start.")
        self._line.recv()
        return self._line


def _answer_files(line: Connection) -> None:
    """The child's whole life: bytes in, an answer out, until the line closes."""
    from iscc_tika import Extractor

    tika = Extractor().set_xml_output(True).set_extract_string_max_length(_MAX_CHARACTERS)
    line.send("ready")
    while True:
        try:
            content = line.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            answer: Answer = tika.extract_bytes_to_string(bytearray(content))
        except Exception as error:  # noqa: BLE001  whatever the library raises is this file's
            answer = str(error) or type(error).__name__
        line.send(answer)
