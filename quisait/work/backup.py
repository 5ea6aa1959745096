"""`quisait backup`: write index, state and settings of one moment to a folder, during crawls.

Read `back_up` first. Documents are copied as in a reindex, until the copy and the live index are
equal. The state is read at that moment, while writers wait.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from indexer.described_indexes import DescribedIndexes
from indexer.live_index import EncoderRecord
from indexer.reindex import CopyCounts, IndexCopy, kept_alike
from quisait.application.assembly import Application
from quisait.application.database import HEAD, connect, migrate
from quisait.application.engines import DocumentFile, open_index_storage
from quisait.application.locks import Locks, WriteGate
from quisait.application.state_copy import backed_up_tables, copy_tables, snapshot
from quisait.clock import now
from quisait.settings import Settings, beside_file
from quisait.settings.documentation import settings_without_secrets
from quisait.settings.files import LOCKS_FOLDER, private_files, ranker_path

LAYOUT = 1
"""Version of a backup's layout. Increment it if earlier backups can no longer be read."""
MANIFEST, DOCUMENTS, STATE, SETTINGS = (
    "manifest.json",
    "documents.sqlite",
    "state.sqlite",
    "quisait.toml",
)


class BackupUnusable(ValueError):
    """A folder that is not a complete backup, or a backup that cannot be made."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of a backup. `line` is the id of its line in the deletion register.

    `files`: (SHA-256, bytes) of each file by its path in the folder.
    """

    layout: int
    quisait: str
    schema: str
    index_format: str
    made: str
    line: str
    encoder: EncoderRecord
    documents: int
    tables: dict[str, int]
    files: dict[str, tuple[str, int]]


def back_up(
    application: Application,
    target: Path,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Manifest:
    """Write a complete backup into a new folder, or nothing.

    Raises `BackupUnusable`, `RegisterUnusable` if the register cannot record the backup's line, and
    the errors of the index.
    """
    if target.exists():
        raise BackupUnusable(f"{target} existe déjà : rien n'a été écrit. Nommez un autre dossier.")
    settings, database = application.settings, application.database
    locks = beside_file(settings.folder) / LOCKS_FOLDER
    gate = WriteGate(database, locks)
    with (
        private_files(),
        _only_backup(Locks(database, locks)),
        gate.only_reindex(),
        _made_whole(target) as partial,
    ):
        # Before anything is read: later deletions are applied again after a restoration.
        line = application.privacy.register.backed_up()
        application.whole_index.sources()  # creates the first index if there is none
        storage = open_index_storage(settings.index, beside_file(settings.folder))
        pointers = storage.pointers()
        if pointers is None:
            raise BackupUnusable("L'index vient de disparaître : relancez plus tard.")
        live = pointers.live
        copied = DocumentFile(partial / DOCUMENTS, live.spec.encoder.dimension)
        copy = IndexCopy(storage.index(live), copied, None, gate)

        def told(done: CopyCounts, total: int) -> None:
            progress(done.seen, total)

        with ExitStack() as stack:
            with kept_alike(copy, told) as documents:
                state = stack.enter_context(snapshot(database, partial))
            copied.close()
            own = stack.enter_context(_new_state(partial / STATE))
            tables = copy_tables(state, own, backed_up_tables())
            DescribedIndexes.leave_unnamed(own, storage.identity(live))
        _copy_settings(settings, partial)
        manifest = Manifest(
            LAYOUT,
            version("quisait"),
            HEAD,
            copied.format,
            now().isoformat(timespec="seconds"),
            line,
            live.spec.encoder,
            documents,
            tables,
            _digests(partial),
        )
        (partial / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a complete, unchanged backup. Raises `BackupUnusable`."""
    try:
        written = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        raise BackupUnusable(
            f"{folder} n'est pas une sauvegarde de quisait : son fichier {MANIFEST} manque ou ne "
            "se lit pas."
        ) from None
    if written.get("layout") != LAYOUT:
        raise BackupUnusable(
            f"{folder} a été fait par une autre version de quisait ({written.get('quisait')}) : "
            "restaurez-le avec elle, puis mettez à niveau."
        )
    encoder = EncoderRecord(**written.pop("encoder"))
    files = {name: (digest, size) for name, (digest, size) in written.pop("files").items()}
    for name in (DOCUMENTS, STATE):
        if name not in files:
            raise BackupUnusable(f"{folder} : {name} n'est pas au manifeste.")
    found = _digests(folder)
    if {name: found.get(name) for name in files} != files:
        raise BackupUnusable(
            f"{folder} : des fichiers manquent ou ont changé depuis la sauvegarde (empreintes "
            "différentes du manifeste). Prenez-en une autre copie."
        )
    return Manifest(encoder=encoder, files=files, **written)


@contextmanager
def _only_backup(locks: Locks) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.hold("backup", wait=False))
        except BlockingIOError:
            raise BackupUnusable("Une autre sauvegarde est en cours : attendez sa fin.") from None
        yield


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """Yield a folder beside the target, renamed to the target once it is complete and on disk."""
    parent, begun = target.absolute().parent, f".{target.name}.partial-"
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{begun}*"):  # of a killed backup: only one runs at a time
        shutil.rmtree(left)
    partial = parent / f"{begun}{uuid4().hex}"
    partial.mkdir()
    try:
        yield partial
        for path in (*(one for one in partial.rglob("*")), partial):
            _to_disk(path)
        partial.rename(target)
        _to_disk(parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _to_disk(path: Path) -> None:
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


@contextmanager
def _new_state(path: Path) -> Iterator[Any]:
    """Yield a connection to a new database with this version's tables; commit at the end."""
    database = migrate(connect(f"sqlite:///{path}"))
    try:
        with database.begin() as connection:
            yield connection
    finally:
        database.dispose()


def _copy_settings(settings: Settings, partial: Path) -> None:
    """Copy the settings without secrets, and the site's own files that they name."""
    (partial / SETTINGS).write_text(settings_without_secrets(settings), "utf-8")
    search, topics = settings.search, settings.topics
    named = (search.glossary, topics.file)
    paths = [*map(beside_file, filter(None, named)), ranker_path(settings)]
    for path in paths:
        if path.is_file():
            (partial / "files").mkdir(exist_ok=True)
            shutil.copyfile(path, partial / "files" / path.name)


def _digests(folder: Path) -> dict[str, tuple[str, int]]:
    """Return (SHA-256, bytes) of every file below a folder, except the manifest."""
    return {
        str(path.relative_to(folder)): (_sha256(path), path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
