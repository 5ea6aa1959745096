"""Extraction without Java or a server: iscc-tika, in a child process of its own.

The child is started at the first file and kept. A file that makes it crash, that takes
too long or too much memory costs that file alone: the next one gets a new child.
"""

import json
import subprocess
import sys
import threading
from dataclasses import asdict
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from indexer.errors import ExtractionFailed
from indexer.extraction.files import ExtractionLimits
from indexer.extraction.tika_answer import Metadata, TikaPart, read_answer, refuse_by_size
from indexer.values import Extracted, Failure

_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 10.0
_OUT_OF_MEMORY = 99
_CHILD = Path(__file__).with_name("iscc_child.py")

Answer = list[tuple[str, str, Metadata]] | str
"""The file and its attachments (path, XHTML, metadata), or the reason why there are none."""


class InProcessExtractor:
    """One child process, one file at a time; calls from several threads wait their turn."""

    def __init__(self, limits: ExtractionLimits | None = None) -> None:
        self._limits = limits or ExtractionLimits()
        self._alone = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None

    @property
    def max_bytes(self) -> int:
        """Larger files are refused unread."""
        return self._limits.max_bytes

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Raises `ExtractionFailed`; the bytes tell the format, and the name Markdown."""
        refuse_by_size(len(content), self.max_bytes)
        with self._alone:
            answer = self._ask(content)
        if isinstance(answer, str):
            answer = [("", "", {"X-TIKA:EXCEPTION:container_exception": answer})]
        parts = [TikaPart(xhtml, metadata, path) for path, xhtml, metadata in answer]
        return read_answer(parts, content, self._limits, filename)

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
            if line.poll(self._limits.timeout_s):
                answer: Answer = line.recv()
                return answer
        except (EOFError, OSError) as error:
            raise self._fallen() from error
        except BaseException:
            self.close()  # an answer still to come would be taken for the next file's
            raise
        self.close()
        raise ExtractionFailed(
            Failure.TIMED_OUT, f"Le fichier n'a pas été lu en {self._limits.timeout_s:g} s."
        )

    def _fallen(self) -> ExtractionFailed:
        """Why the child is no more."""
        status = None
        if self._child is not None:
            try:
                status = self._child.wait(_END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                status = None
        self.close()
        if status == _OUT_OF_MEMORY:
            megabytes = self._limits.max_memory_bytes // 1_000_000
            return ExtractionFailed(
                Failure.TOO_LARGE, f"Le lire demande plus de {megabytes} Mo de mémoire."
            )
        return ExtractionFailed(Failure.UNREADABLE, "L'extracteur est tombé sur ce fichier.")

    def _open_line(self) -> Connection:
        if self._line is not None and self._child is not None and self._child.poll() is None:
            return self._line
        self.close()
        # A script of its own: a fork of a process with threads may hang, and what
        # multiprocessing spawns imports the parent's main module again (seconds).
        self._line, far_end = Pipe()
        # `-P`: its neighbours in this folder must not shadow modules.
        self._child = subprocess.Popen(  # noqa: S603  a script of ours, and numbers
            [
                *(sys.executable, "-P", str(_CHILD)),
                *(str(far_end.fileno()), json.dumps(asdict(self._limits))),
            ],
            pass_fds=[far_end.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # GraalVM's account of a fall has a megabyte
        )
        far_end.close()
        if not self._line.poll(_START_TIMEOUT_S):
            raise EOFError("The child did not start.")
        self._line.recv()
        return self._line
