"""Work in children that may be killed: `python -m tests.faults.mortal FOLDER ENGINE ALIAS`.

Each line of the input begins something in a child: `crawl` reads `FOLDER/export.jsonl`,
`full BYTES` does where no file may grow beyond so many bytes, as on a disk without room,
`reindex NAME` makes an index of an analysis of that name. The child's process id is a
line of the output, and so is its exit status once it is over. Each write that the index
acknowledged is a line of `FOLDER/acknowledged`, written before the crawl goes on.
"""

import json
import os
import resource
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from quisait_export.connector import ExportSource

from connectors.snapshot import Snapshot
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.ports import Index
from indexer.reindex import reindex
from indexer.state import State
from indexer.values import Put, PutAccess, Write, WriteReport
from quisait.application.database import migrate
from tests.builders import ENCODER
from tests.faults.history import SOURCE
from tests.service.index_places import IndexPlace

STOPPED = 3
"""The status of a child that says that its index or its state's database is away."""
STATE_URL = "state.url"
"""A file with the address of the state's database; without it, one lies in the folder."""


def open_state(folder: Path) -> State:
    told = folder / STATE_URL
    url = told.read_text("utf-8") if told.exists() else f"sqlite:///{folder / 'state.sqlite'}"
    return State(migrate(sa.create_engine(url)))


class Acknowledging:
    """Passes everything on, and says what was acknowledged."""

    def __init__(self, index: Index, path: Path) -> None:
        self._index = index
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __getattr__(self, name: str) -> object:
        return getattr(self._index, name)

    def write(self, batch: Sequence[Write]) -> WriteReport:
        report = self._index.write(batch)
        assert not report.failed
        said = "".join(json.dumps(_said(write)) + "\n" for write in batch)
        os.write(self._file, said.encode())
        return report


def _said(write: Write) -> dict[str, object]:
    match write:
        case Put(indexed):
            document = indexed.document
            version = int(document.title.rpartition("version")[2])
            allowed = sorted(document.access.allowed)
            return {"id": document.id, "version": version, "allowed": allowed}
        case PutAccess(document_id, access):
            return {"id": document_id, "allowed": sorted(access.allowed)}
        case _:
            return {"id": write.document_id}


def _crawl(place: IndexPlace) -> None:
    index = Acknowledging(place.live(), place.folder / "acknowledged")
    state = open_state(place.folder)
    dependencies = CrawlDependencies(None, ENCODER, index, state, state)  # type: ignore[arg-type]
    # Many steps that no crawl came through may delete much at once.
    crawl(
        Snapshot(ExportSource(SOURCE, place.folder / "export.jsonl")),
        dependencies,
        guard_share=1.0,
    )


def _work(place: IndexPlace, what: str, name: str = "") -> None:
    if what == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(name), int(name)))
    if what == "reindex":
        reindex(place.parts(), place.spec(analysis=name))
    else:
        _crawl(place)


def main(folder: str, engine: str, alias: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            status = 1
            try:
                _work(IndexPlace(Path(folder), alias, engine), *line.split())
                status = 0
            except (IndexUnreachable, IndexRefused, sa.exc.OperationalError):
                status = STOPPED
            except Exception:  # noqa: BLE001 - a child says why, whatever it is
                traceback.print_exc()
            finally:
                os._exit(status)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
