"""`quisait restore`: restore a backup into an empty installation.

Read `restore` first. Documents and data that were deleted, closed or withdrawn after the backup are
removed from the copy before anybody can query it. The register of deletions lists them, and must
contain the line of the backup. The index is filled first. The state's database is written last, in
one transaction, because nobody can read anything without it. Until then a mark in the folder blocks
every command.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from connectors.batches import batches
from expertise import directory_tables
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.directory import SqlDirectory
from indexer import sql
from indexer.described_indexes import DescribedIndexes
from indexer.errors import IndexerError, IndexRefused
from indexer.live_index import IndexStorage
from indexer.ports import Index
from indexer.state import State, cursors, scans
from indexer.values import WITHHELD, IndexedDocument, Put
from quisait.application.database import TABLES, connect, migrate, open_access_marks
from quisait.application.engines import open_index_storage, read_documents
from quisait.application.locks import WriteGate
from quisait.application.sources import DIRECTORY, open_directory, source_stores
from quisait.application.state_copy import copy_tables, filled_tables, restored_tables
from quisait.clock import now
from quisait.features import installed_features
from quisait.privacy.accesses import AccessMarks, empty_accesses
from quisait.privacy.register import (
    DatabaseRegisterMark,
    FileRegister,
    FileRegisterMark,
    RegisterLine,
)
from quisait.privacy.replay import OF_AGENTS, deleted_or_closed, replay_on_copy
from quisait.privacy.retention import query_log_key
from quisait.settings import Settings, beside_file
from quisait.settings.files import LOCKS_FOLDER, RANKER_FILE, RESTORING, make_folder, private_files
from quisait.work.backup import DOCUMENTS, STATE, BackupUnusable, Manifest, read_manifest
from search_api.favourites.storage import favourites
from search_api.following.storage import follows
from search_api.questions.tables import forget_every_question
from search_api.verification.storage import document_openings, outdated_marks, verifications

_WRITTEN_AT_ONCE = 100
_MARGIN = timedelta(hours=1)
"""Time before a backup in which requests of agents may have been noted before the backup, and
applied after it.
"""
_RESTORED = "@restored"
"""Name of the row among the cursors that stores which restoration wrote the database."""


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """Result of a restoration; `left_out` counts documents deleted or closed since the backup.

    `closed`: the register is lost, so nobody reads a document until its source has been read.
    """

    made: str
    documents: int
    left_out: int
    wishes: int
    agents: int
    sources: tuple[str, ...]
    closed: bool = False


Progress = Callable[[int, int], None]


def restore(
    settings: Settings,
    backup: Path,
    *,
    register_file: Path | None = None,
    register_lost: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> RestoreReport:
    """Restore a backup completely; if killed, run the same command again.

    Raises `BackupUnusable` if the backup, the register or the target does not allow it, and the
    errors of the directory, the index and the register.
    """
    manifest = read_manifest(backup)
    with private_files(), ExitStack() as stack:
        folder = make_folder(settings)
        register = _register_since(settings, manifest, register_file, lost=register_lost)
        target = connect(
            settings.database or f"sqlite:///{folder / STATE}", settings.database_password
        )
        stack.callback(target.dispose)
        storage = open_index_storage(settings.index, folder)
        stack.enter_context(WriteGate(target, folder / LOCKS_FOLDER).only_reindex())
        begun = stack.enter_context(_marked_restoration(settings, folder, target, storage))
        working = _working_copy(backup, begun.folder)
        stack.callback(working.dispose)
        with working.begin() as connection:
            empty_accesses(connection, TABLES)  # backups of an older quisait contain some
        agents = _read_directory(settings, working)
        taken = _Withheld(deleted_or_closed(register.lines), register.lost)
        index, left_out = _fill(storage, backup, manifest, taken, progress)
        if pointers := storage.pointers():
            DescribedIndexes(working).name_unnamed(storage.identity(pointers.live))
        report = replay_on_copy(
            register.lines,
            working,
            SqlConsent(working, now),
            index,
            query_log_key(settings),
            source_stores(working),
        )
        if register.lost:
            _close_without_register(working)
        state = State(working)
        state.forget_beside()
        # Texts replaced since for the same readers are still the old ones.
        for source in settings.sources:
            state.request_run(source.name)
        DatabaseRegisterMark(working).move(register.last)
        if settings.index.engine == "embedded":
            FileRegisterMark(folder / "index" / "register.mark").move(register.last)
        if (learned := backup / "files" / RANKER_FILE).is_file():
            shutil.copyfile(learned, folder / RANKER_FILE)
        begun.write(working, open_access_marks(settings, target))
    return RestoreReport(
        manifest.made,
        manifest.documents - left_out,
        left_out,
        report.wishes,
        agents,
        report.sources,
        register.lost,
    )


@dataclass(frozen=True, slots=True)
class _LinesSinceBackup:
    """The register's lines since the backup, and the id of its last line.

    If it is `lost`, there are no lines.
    """

    lines: tuple[RegisterLine, ...]
    last: str
    lost: bool = False


def _register_since(
    settings: Settings, manifest: Manifest, register_file: Path | None, *, lost: bool
) -> _LinesSinceBackup:
    """Return the lines since the backup, and the requests of agents shortly before.

    Raises `BackupUnusable` if the register does not contain the backup's line (because it belongs
    to another installation, is older than the backup, or was cut), unless it is `lost`.
    """
    register = _register(settings, beside_file(settings.privacy.register_file))
    if register_file is not None:
        other = _register(settings, register_file)
        if not other.last():
            raise BackupUnusable(f"{register_file} n'est pas un registre, ou est vide.")
        register.include(other)
    register.try_writing()
    lines = list(register.lines())
    last = lines[-1]["id"] if lines else ""
    place = next((at for at, line in enumerate(lines) if line["id"] == manifest.line), None)
    if place is not None:
        near = datetime.fromisoformat(manifest.made) - _MARGIN
        asked = [
            line
            for line in lines[:place]
            if line["kind"] in OF_AGENTS and datetime.fromisoformat(line["at"]) >= near
        ]
        return _LinesSinceBackup((*asked, *lines[place:]), last)
    if lost:
        return _LinesSinceBackup((), last, lost=True)
    raise BackupUnusable(
        f"{register.path} (registre des suppressions) ne connaît pas cette sauvegarde : ce qui a "
        "été supprimé, fermé ou retiré depuis reviendrait. Rien n'a été restauré. Donnez le "
        "registre de l'ancienne machine (--register FICHIER), copié après son arrêt. S'il est "
        "perdu, ou ne remonte plus jusque-là, --register-lost : aucun document n'est alors "
        "lisible avant que sa source ait été relue, et aucun agent n'est proposé avant qu'il ne "
        "l'ait redemandé."
    )


def _register(settings: Settings, path: Path) -> FileRegister:
    return FileRegister(path, (), now, settings.privacy.backup_days)


@dataclass(frozen=True, slots=True)
class _Restoration:
    """A restoration in progress: its own folder, and the database that it writes last."""

    folder: Path
    name: str
    target: sa.Engine

    def is_written(self) -> bool:
        """Return whether the database was written by this restoration."""
        return _written_by(self.target) == self.name

    def write(self, working: sa.Engine, marks: AccessMarks) -> None:
        """Replace the target's rows in one transaction, without restoring access."""
        row = {"source": _RESTORED, "cursor": self.name}
        with working.connect() as source, self.target.begin() as connection:
            copy_tables(source, connection, restored_tables())
            marks.adopt(connection)
            connection.execute(sa.delete(cursors).where(cursors.c.source == _RESTORED))
            connection.execute(sa.insert(cursors).values(row))


@contextmanager
def _marked_restoration(
    settings: Settings, folder: Path, target: sa.Engine, storage: IndexStorage
) -> Iterator[_Restoration]:
    """Mark the folder during the block, after deleting the remains of a killed restoration.

    Raises `BackupUnusable` if the target contains other data.
    """
    mark, place = folder / RESTORING, _place(settings)
    migrate(target)
    with target.connect() as connection:
        filled = filled_tables(connection)
    left = _remains(mark)
    if left and left["place"] != place:
        raise BackupUnusable(
            "Une restauration interrompue visait une autre base ou un autre index : remettez ces "
            f"réglages et relancez-la, ou effacez {mark} si l'autre n'a plus d'usage."
        )
    if left and _written_by(target) == left["name"]:
        _forget(mark)
        raise BackupUnusable(
            "La restauration précédente était finie : rien n'a été refait. Lancez « quisait "
            "check », puis « quisait run »."
        )
    if filled:
        raise BackupUnusable(
            "La base d'état n'est pas vide : rien n'a été restauré. Donnez un autre « folder », ou "
            "une autre base (« database ») ; celle-ci reste telle quelle."
        )
    if not left and _documents(storage):
        raise BackupUnusable(
            "L'index n'est pas vide : rien n'a été restauré. Donnez un autre « folder » ou un "
            "autre [index] alias ; celui-ci reste tel quel."
        )
    name = uuid4().hex
    _mark(mark, {"name": name, "place": place})
    begun = _Restoration(mark, name, target)
    try:
        storage.delete_all()
        yield begun
    except BaseException:
        # If it cannot be undone now, the mark stays and the next restoration undoes it.
        with suppress(IndexerError, sa.exc.SQLAlchemyError, OSError):
            if not begun.is_written():
                storage.delete_all()
            _forget(mark)
        raise
    _forget(mark)


def _written_by(target: sa.Engine) -> str | None:
    """Return the name of the restoration that wrote the database, if any."""
    query = sa.select(cursors.c.cursor).where(cursors.c.source == _RESTORED)
    return sql.scalar(target, query)


def _place(settings: Settings) -> str:
    """Return a digest of the database's and the index's addresses, without a password."""
    index = settings.index
    named = [settings.database.rpartition("@")[2], index.engine, index.url, index.alias]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()


def _documents(storage: IndexStorage) -> bool:
    """Return whether the live index contains any document."""
    pointers = storage.pointers()
    return pointers is not None and bool(storage.index(pointers.live).sources())


def _remains(mark: Path) -> dict[str, str] | None:
    """Return the mark of a killed restoration, if there is one."""
    try:
        left: dict[str, str] = json.loads((mark / "begun.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    return left


def _mark(mark: Path, written: dict[str, str]) -> None:
    """Create the mark's folder with its file, all or nothing."""
    for beside in mark.parent.glob(f"{mark.name}-*"):
        shutil.rmtree(beside)
    beside = mark.with_name(f"{mark.name}-{written['name']}")
    beside.mkdir()
    (beside / "begun.json").write_text(json.dumps(written), "utf-8")
    _forget(mark)
    beside.rename(mark)


def _forget(mark: Path) -> None:
    """Remove the mark in one step, then delete its files."""
    if mark.exists():
        gone = mark.with_name(f"{mark.name}-{uuid4().hex}")
        mark.rename(gone)
        shutil.rmtree(gone)


def _working_copy(backup: Path, folder: Path) -> sa.Engine:
    """Return a writable copy of the backup's state, with this version's schema."""
    path = folder / STATE
    shutil.copyfile(backup / STATE, path)
    return migrate(connect(f"sqlite:///{path}"))


def _read_directory(settings: Settings, working: sa.Engine) -> int:
    """Read the current agents and groups: the backup's could give revoked access."""
    directory = open_directory(settings)
    if directory is None:
        return 0
    read = SqlDirectory(working).replace(directory)
    State(working).save(DIRECTORY, "")
    return read.agents


@dataclass(frozen=True, slots=True)
class _Withheld:
    """The documents of the backup that must not be shown: either some ids or all documents."""

    ids: frozenset[str] | set[str]
    everything: bool

    def applied(self, document: IndexedDocument) -> IndexedDocument | None:
        """Return the document as it may be written, or None if it must not be written."""
        if document.document.id in self.ids:
            return None
        if self.everything:
            return replace(document, document=replace(document.document, access=WITHHELD))
        return document


def _fill(
    storage: IndexStorage, backup: Path, manifest: Manifest, taken: _Withheld, progress: Progress
) -> tuple[Index, int]:
    """Return (new index, number of documents left out). Raises `IndexRefused`."""
    made, pointers = storage.create(storage.spec(manifest.encoder)), storage.pointers()
    if pointers is None or pointers.live.name != made.name:
        raise IndexRefused(
            "Un autre programme vient de faire un index à cet endroit : arrêtez-le, puis relancez "
            "la restauration."
        )
    index = storage.index(made)
    seen = left_out = 0
    documents = read_documents(backup / DOCUMENTS, manifest.encoder.dimension)
    for some in batches(documents, _WRITTEN_AT_ONCE):
        kept = [one for document in some if (one := taken.applied(document)) is not None]
        failed = index.write([Put(one) for one in kept]).failed if kept else ()
        if failed:
            raise IndexRefused(
                f"Le nouvel index refuse {len(failed)} documents, dont {failed[0][0]} : "
                f"{failed[0][1]}. Corrigez, puis relancez la restauration."
            )
        seen += len(some)
        left_out += len(some) - len(kept)
        progress(seen, manifest.documents)
    if seen != manifest.documents or _count(index) != seen - left_out:
        raise IndexRefused(
            "Le nouvel index n'a pas autant de documents que la sauvegarde : relancez la "
            "restauration."
        )
    return index, left_out


def _count(index: Index) -> int:
    return sum(index.count(source) for source in index.sources())


def _close_without_register(working: sa.Engine) -> None:
    """Without a register, withdraw every agent, and have every source read in full.

    Also delete questions, texts of scans, agents' favourites, follows and verifications, and tables
    of features that are marked (`MAY_BE_WITHDRAWN`), and end what features let agents choose,
    because all of these may have been withdrawn after the backup.
    """
    consent = SqlConsent(working, now)
    agents = sql.scalars(working, sa.select(directory_tables.agents.c.id))
    for agent_id in agents:
        consent.put(Preference(agent_id, PreferenceKind.WITHDRAW), now())
    for feature in installed_features():
        feature.withdraw_all(working, agents)
    with working.begin() as connection:
        connection.execute(sa.delete(cursors).where(cursors.c.source != DIRECTORY))
        said = (favourites, follows, verifications, outdated_marks, document_openings)
        added = [table for tables in TABLES for table in tables.sorted_tables]
        withdrawn = [table for table in added if table.info.get(sql.MAY_BE_WITHDRAWN)]
        for table in (*said, scans, *withdrawn):
            connection.execute(sa.delete(table))
        forget_every_question(connection)
