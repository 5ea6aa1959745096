"""Read any social network's export in JSON Lines: posts, threads, pages, attachments.

`ExportSource.listing` shows the flow. `records.schema` defines the lines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from threading import Lock

from connectors.installed import ConnectorKind, SourcePlace
from connectors.ports import (
    Gone,
    Listed,
    ListingItem,
    Malformed,
    RecordUnreadable,
    SourceRefused,
    UnchangedFolder,
)
from connectors.values import Access, Document
from quisait_export.documents import RecordContext, documents_of
from quisait_export.files import (
    DIGEST_BYTES,
    ExportFile,
    ExportIndex,
    changed_during_read,
    check_unchanged,
    digest_of_line,
    export_files,
    read_lines,
)
from quisait_export.options import ExportOptions
from quisait_export.schema import (
    EXPORT_VERSION,
    HeaderLine,
    InvalidLine,
    RawLine,
    RecordLine,
    parse_line,
)


@dataclass(slots=True)
class ExportSource:
    """Lists an export: one `.jsonl` file, or a folder of them in name order.

    An application may append lines, and add files after the last file. Each document is listed in
    the state after its last line, so that no earlier line opens a document that a later line
    closes. If a header says `complete`, the documents that are missing from the listing count as
    deleted, unless an invalid line may be about one of them.
    """

    source: str
    path: Path
    _files: dict[str, ExportFile] = field(init=False)
    _index: ExportIndex = field(init=False)
    _ends: dict[str, int] = field(init=False, default_factory=dict)
    """By file name, the offset at which the last complete line in the index ends."""
    _indexing: Lock = field(init=False, default_factory=Lock, repr=False, compare=False)

    def roots(self) -> Sequence[Path]:
        """Return the export as the settings name it."""
        return (self.path,)

    def listing(self) -> Iterator[ListingItem]:
        """Yield all documents. Raises `SourceUnreachable`, `SourceRefused`."""
        self._files = {one.path.name: one for one in export_files(self.path)}
        index, self._ends = ExportIndex(), {}
        self._index = index
        for file in self._files.values():
            _check_header(file)
        for file in self._files.values():
            yield from self._indexed(file)
        if index.complete and index.unattributed:
            reason = (
                f"{len(index.unattributed)} lignes illisibles ne nomment pas leur document : "
                "rien n'est tenu pour supprimé"
            )
            yield Malformed(self.path.name, reason)
        if not index.complete or index.unattributed:
            yield UnchangedFolder(f"{self.source}:")
        there = index.ids | index.stale
        yield from (Gone(self._id(name)) for name in sorted(index.gone - there))
        others = (there | index.access.keys()) - index.owners.keys()
        for name in (*index.owners, *sorted(others)):
            if name in there or name not in index.gone:
                yield from self._listed(name)

    def _indexed(self, file: ExportFile) -> Iterator[Malformed]:
        """Add a file's lines to the index, and yield those that are not understood."""
        digest = blake2b(digest_size=DIGEST_BYTES)
        for raw in read_lines(file, read=digest):
            line = parse_line(raw)
            self._index.add(raw, line)
            self._note_end(raw)
            if isinstance(line, InvalidLine):
                own = line.id if line.concerns_document else ""
                yield Malformed(raw.where, line.reason, self._id(own) if own else None)
            elif isinstance(line, HeaderLine) and raw.number != 1:
                yield Malformed(raw.where, "un en-tête ailleurs qu'en première ligne")
        check_unchanged(file, digest.digest())

    def _listed(self, name: str) -> Iterator[Listed | Malformed]:
        """Yield a document; only narrow its readers if its last text is not in the files."""
        index, document_id = self._index, self._id(name)
        record = index.record_of(name)
        if name in index.stale or (record is None and name not in index.access):
            yield Listed(document_id, None, Access())
        elif record is None:
            reason = (
                "le texte de ce document n'est plus dans l'export : ses nouveaux lecteurs ne "
                "lisent pas l'ancien ; exportez-le à nouveau"
            )
            yield Malformed(index.access[name].where, reason, document_id)
            yield Listed(document_id, None, index.access_of(name))
        else:
            version = index.version_of(name, self._files)
            yield Listed(document_id, version, index.access_of(name), record[:4])

    def read(self, listed: Listed) -> Iterator[Document | Malformed]:
        """Yield a record or an attachment. Raises `RecordUnreadable`, `SourceError`."""
        name, start, number, digest = listed.place
        file = self._files[name]
        raw = next(read_lines(file, start, number), None)
        if raw is None or digest_of_line(raw) != digest:
            raise changed_during_read(file.path)
        line = parse_line(raw)
        assert isinstance(line, RecordLine)  # noqa: S101 - the same bytes as in the listing
        context = RecordContext(self.source, self._folder, self._index.labels, self._index.spaces)
        read: set[str] = set()
        for found in documents_of(line, context, raw.where):
            if isinstance(found, Malformed):
                if found.document_id in read and listed.id == self._id(line.id):
                    yield found  # of a second attachment with the name of the first
                elif found.document_id == listed.id and listed.id not in read:
                    raise RecordUnreadable(found.reason)
                continue
            if found.id == listed.id:
                yield replace(found, access=listed.access or Access())
            read.add(found.id)

    def rights(self, items: Sequence[Listed]) -> Mapping[str, Access]:
        """Return the current readers, by id; index appended lines first. Raises `SourceError`."""
        with self._indexing:
            for file in export_files(self.path):
                self._add_appended(file)
            names = {one.id: one.id.removeprefix(self._id("")) for one in items}
            return {
                document_id: self._index.access_of(name)
                for document_id, name in names.items()
                if name not in self._index.gone and name not in self._index.stale
            }

    def _add_appended(self, file: ExportFile) -> None:
        """Add to the index the complete lines that were appended to a file since it was read."""
        known = self._files.get(file.path.name)
        if known is not None and known.stamp == file.stamp:
            return
        if known is not None and (known.stamp[:2] != file.stamp[:2] or file.size < known.size):
            raise changed_during_read(file.path)
        for raw in read_lines(file, self._ends.get(file.path.name, 0)):
            if raw.terminated:
                self._index.add(raw, parse_line(raw))
                self._note_end(raw)
        self._files[file.path.name] = file

    def _note_end(self, raw: RawLine) -> None:
        if raw.terminated:
            self._ends[raw.file] = raw.end

    def count_pending(self, since: str | None) -> int | None:
        """Return the number of records before the first crawl, None for later crawls."""
        if since:
            return None
        lines = (raw for file in export_files(self.path) for raw in read_lines(file))
        return sum(isinstance(parse_line(raw), RecordLine) for raw in lines)

    @property
    def _folder(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    def _id(self, name: str) -> str:
        return f"{self.source}:{name}"


def open_export(place: SourcePlace, options: ExportOptions) -> ExportSource:
    """Return the source of an export in JSON Lines."""
    return ExportSource(place.source, place.folder / options.path)


KIND = ConnectorKind(
    "export en JSON Lines",
    ExportOptions,
    open_export,
    about="Un fichier qu’une autre application écrit, une ligne par message ou page. Chaque ligne "
    "nomme ses lecteurs.",
    credential="",
    asks=("every", "trust", "join"),
    has_no_secret_option=True,
)


def _check_header(file: ExportFile) -> None:
    """Raise `SourceRefused` unless a file begins with a header of the supported version."""
    first = next(read_lines(file), None)
    if first is None:
        return
    line = parse_line(first)
    if isinstance(line, HeaderLine):
        return
    if isinstance(line, InvalidLine) and line.type == "header":
        raise SourceRefused(
            f"{first.where} : cet en-tête n'est pas celui de la version {EXPORT_VERSION} du "
            "format, la seule qui soit lue. Refaites l'export (« quisait schema export » "
            "donne le format)."
        )
    raise SourceRefused(
        f"{first.where} : l'export ne commence pas par un en-tête. Refaites-le (« quisait "
        "schema export » donne le format)."
    )
