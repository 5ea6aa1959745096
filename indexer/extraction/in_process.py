"""Extraction without Java or a server: iscc-tika in a child process.

The child process is started at the first file, and used for all files. If a file crashes it, takes
too long or too much memory, only that file fails: the next one gets a new child.
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
"""The file and its attachments (path, XHTML, metadata), or the reason of a failure."""


class InProcessExtractor:
    """Reads one file at a time in a child process; calls from several threads wait in turn."""

    def __init__(self, limits: ExtractionLimits | None = None) -> None:
        self._limits = limits or ExtractionLimits()
        self.max_bytes = self._limits.max_bytes
        self._alone = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None

    def extract(self, content: bytes, filename: str, media_type: str | None) -> Extracted:
        """Return the file's text. The format comes from the bytes, only Markdown from the name.

        Raises `ExtractionFailed`.
        """
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
            self.close()  # a late answer would be taken for that of the next file
            raise
        self.close()
        raise ExtractionFailed(
            Failure.TIMED_OUT, f"Le fichier n'a pas été lu en {self._limits.timeout_s:g} s."
        )

    def _fallen(self) -> ExtractionFailed:
        """Remove the child process that died, and return the error for the file."""
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
        # A separate script: a fork of a process with threads may hang, and a process that
        # multiprocessing spawns imports the parent's main module again (seconds).
        self._line, far_end = Pipe()
        # `-P`: modules in the script's folder must not shadow others.
        self._child = subprocess.Popen(  # noqa: S603  a script of ours, and numbers
            [
                *(sys.executable, "-P", str(_CHILD)),
                *(str(far_end.fileno()), json.dumps(asdict(self._limits))),
            ],
            pass_fds=[far_end.fileno()],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # GraalVM's crash report has a megabyte
        )
        far_end.close()
        if not self._line.poll(_START_TIMEOUT_S):
            raise EOFError("The child did not start.")
        self._line.recv()
        return self._line
