"""Extraction without Java or a server: iscc-tika, in a child process of its own.

The child is started at the first file and kept. A file that makes it crash, or that
takes too long, costs that file alone: the next one gets a new child.
"""

import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from indexer.errors import ExtractionFailed
from indexer.extraction.tika_answer import Metadata, TikaPart, read_answer
from indexer.values import Extracted, Failure

MAX_BYTES = 50_000_000
_START_TIMEOUT_S = 60.0
_CHILD = Path(__file__).with_name("iscc_child.py")

Answer = list[tuple[str, str, Metadata]] | str
"""The file and its attachments (path, XHTML, metadata), or the reason why there are none."""


class InProcessExtractor:
    """One child process, one file at a time; calls from several threads wait their turn."""

    def __init__(self, timeout_s: float = 120.0, max_bytes: int = MAX_BYTES) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._alone = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Raises `ExtractionFailed`; name and type are not asked, the bytes tell."""
        if not content:
            raise ExtractionFailed(Failure.EMPTY, "Le fichier est vide.")
        if len(content) > self._max_bytes:
            raise ExtractionFailed(
                Failure.TOO_LARGE, f"Le fichier dépasse {self._max_bytes} octets."
            )
        with self._alone:
            answer = self._ask(content)
        if isinstance(answer, str):
            answer = [("", "", {"X-TIKA:EXCEPTION:container_exception": answer})]
        parts = [TikaPart(xhtml, metadata, path) for path, xhtml, metadata in answer]
        return read_answer(parts, content)

    def close(self) -> None:
        """End the child; the next file starts another."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
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
                Failure.UNREADABLE, "L'extracteur est tombé sur ce fichier."
            ) from error
        except BaseException:
            self.close()  # an answer still to come would be taken for the next file's
            raise
        self.close()
        raise ExtractionFailed(
            Failure.TIMED_OUT, f"Le fichier n'a pas été lu en {self._timeout_s} s."
        )

    def _open_line(self) -> Connection:
        if self._line is not None and self._child is not None and self._child.poll() is None:
            return self._line
        self.close()
        # A script of its own: a fork of a process with threads may hang, and what
        # multiprocessing spawns imports the parent's main module again (seconds).
        self._line, far_end = Pipe()
        # `-P`: its neighbours in this folder must not shadow modules.
        self._child = subprocess.Popen(  # noqa: S603  a script of ours, and a number
            [sys.executable, "-P", str(_CHILD), str(far_end.fileno())],
            pass_fds=[far_end.fileno()],
            stdin=subprocess.DEVNULL,
        )
        far_end.close()
        if not self._line.poll(_START_TIMEOUT_S):
            raise EOFError("The child did not start.")
        self._line.recv()
        return self._line
