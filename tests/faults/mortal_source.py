"""Crawls that end themselves at a stated moment: `python -m tests.faults.mortal_source`.

Each line of the input is a crawl in a child: `FOLDER SOURCE POINT` reads that source of the
settings in that folder, and the child kills itself at the moment of that number: before a change is
taken from the source, before or after a write of the index, before or after a cursor is kept. At 0
it comes to its end, and writes down what the index then holds of the source. A line of the output
is the child's exit status.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from indexer.logged_index import DeletionLoggingIndex
from indexer.state import State
from indexer.values import IndexEntry
from quisait.application.assembly import open_application
from quisait.application.sources import open_source
from quisait.settings import load_settings
from quisait.work import crawl as crawling

KEPT = "kept.json"


def kept(folder: Path) -> list[Any]:
    """The id, hashes and readers of each document, after a crawl that came to its end."""
    found: list[Any] = json.loads((folder / KEPT).read_text("utf-8"))
    return found


@dataclass(frozen=True, slots=True)
class MortalSource:
    """The process whose children they are."""

    process: "subprocess.Popen[str]"

    def crawl(self, folder: Path, source: str, point: int = 0) -> bool:
        """Whether the crawl came to its end; anything but the kill that was asked for fails."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{folder} {source} {point}\n")
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        assert status in {0, -signal.SIGKILL}, "it failed by itself"
        assert point or not status
        return status == 0


@contextmanager
def mortal_source() -> Iterator[MortalSource]:
    """Ended after use."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.mortal_source"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    ) as process:
        yield MortalSource(process)
        assert process.stdin is not None
        process.stdin.close()


def _work(folder: str, source: str, point: int) -> None:
    os.environ["QUISAIT_FILE"] = f"{folder}/quisait.toml"
    moments = count(1)

    def moment() -> None:
        if next(moments) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def beside(owner: type, name: str) -> None:
        """A moment before and one after each call."""
        step: Callable[..., Any] = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            moment()
            done = step(*arguments, **named)
            moment()
            return done

        setattr(owner, name, counted)

    def opened(*arguments: Any, **named: Any) -> Any:
        connector = open_source(*arguments, **named)
        kind: Any = type(connector)
        changes = kind.changes

        def counted(self: Any, since: str | None) -> Iterator[Any]:
            for change in changes(self, since):
                moment()
                yield change

        kind.changes = counted
        return connector

    beside(DeletionLoggingIndex, "write")
    beside(State, "save")
    setattr(crawling, "open_source", opened)  # noqa: B010 - mypy refuses an assignment
    settings = load_settings()
    with open_application(settings) as application:
        asked = [one for one in settings.sources if one.name == source]
        (outcome,) = crawling.crawl_sources(application, asked, quiet=True, accept_deletions=True)
        assert not outcome.error, outcome.error
        entries = [_entry(one) for one in application.whole_index.scan(source)]
        Path(folder, KEPT).write_text(json.dumps(sorted(entries)), "utf-8")


def _entry(one: IndexEntry) -> list[Any]:
    readers = [sorted(one.access.allowed), sorted(one.access.denied)]
    return [one.document_id, one.content_hash, one.record_hash, readers]


def main() -> None:
    """One child at a time."""
    for line in sys.stdin:
        folder, source, point = line.split()
        child = os.fork()
        if not child:
            status = 1
            try:
                _work(folder, source, int(point))
                status = 0
            except Exception:  # noqa: BLE001 - a child says why, whatever it is
                traceback.print_exc()
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
