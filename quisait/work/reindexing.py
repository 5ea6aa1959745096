"""`quisait reindex`: fill a new index beside the live one, then replace the live one.

Read `reindex_command` first. The new index is filled with the documents of the live index. If this
version cannot read the live index, the new index is filled from the sources, with separate cursors.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Annotated

import sqlalchemy as sa
import typer

from connectors.ports import Connector
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.errors import IndexOfOtherVersion
from indexer.live_index import IndexSpec, IndexStorage, NamedIndex, Pointers
from indexer.logged_index import DeletionLoggingIndex
from indexer.passages import passage_text
from indexer.ports import Encoder, Index
from indexer.quantisation import SEVEN_BITS, WHOLE_VECTORS
from indexer.reindex import (
    CopyCounts,
    RebuildReport,
    ReindexDependencies,
    ReindexReport,
    abandon,
    begin,
    check_rights,
    live_of,
    rebuild,
    reindex,
)
from indexer.state import State
from quisait.application.assembly import IndexParts, open_index_parts, open_scans
from quisait.application.engines import (
    KEPT_VECTORS,
    drop_damaged_vectors,
    open_encoder,
    open_extractor,
    open_index_storage,
    vector_forgetter,
    vector_keeper,
)
from quisait.application.locks import Locks, hold_source_lock
from quisait.application.opening import Opening
from quisait.application.progress import duration, shown_progress
from quisait.application.sources import on_noted_root, open_source
from quisait.application.startup import opened_state
from quisait.clock import now
from quisait.commands.output import AsJson, show
from quisait.privacy.register import FileRegister
from quisait.privacy.replay import deleted_or_closed
from quisait.privacy.retention import index_register_mark, open_register
from quisait.settings import Settings, beside_file
from quisait.settings.files import LOCKS_FOLDER
from search_api.questions.storage import SqlQuestions

SAMPLED_PER_SOURCE = 50
"""Documents read per source to estimate the number of passages."""
TIMED_PASSAGES = 32
"""Number of passages that are encoded to estimate the time for all passages."""
_VECTORS = {WHOLE_VECTORS: "entiers", SEVEN_BITS: "comparés sur 7 bits"}
CRAWL_WAIT_S = 600.0
"""Maximum wait for the end of a crawl of the former version, in seconds."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The estimate of a reindex.

    `passages` is the number of passages to encode, 0 if vectors are copied. `from_sources`: the
    live index cannot be read, and the number of documents is unknown.
    """

    reasons: tuple[str, ...]
    documents: int
    size_bytes: int
    passages: int
    passages_per_s: float
    from_sources: bool = False

    @property
    def seconds(self) -> int:
        """Estimated encoding time in seconds, at the measured rate."""
        return round(self.passages / self.passages_per_s) if self.passages else 0


def reindex_command(
    check: Annotated[
        bool, typer.Option("--check", help="Dire s'il le faut et combien de temps, sans rien faire")
    ] = False,
    drop: Annotated[
        bool, typer.Option("--abandon", help="Supprimer une réindexation commencée")
    ] = False,
    origin: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="MOTEUR",
            help="Remplir l'index des réglages depuis celui de l'autre moteur (« embedded » ou "
            "« opensearch »), vecteurs compris",
        ),
    ] = "",
    anew: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Refaire un index abîmé de ce qui s'y lit encore ; les lectures attendent",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Refait l'index à côté (encodeur, analyse, format, partitions, vecteurs), puis l'échange."""
    if sum(map(bool, (check, drop, origin, anew))) > 1:
        print("Une seule de ces options à la fois.", file=sys.stderr)
        raise typer.Exit(2)
    if origin not in ("", "embedded", "opensearch"):
        print("--from demande « embedded » ou « opensearch ».", file=sys.stderr)
        raise typer.Exit(2)
    opening = Opening.READ if check else Opening.WRITE
    with _opened(opening) as (settings, database, parts):
        if check:
            show(reindex_outlook(settings, parts), as_json, _outlook_text)
            return
        with parts.gate.only_reindex():
            if drop:
                _abandon(database, parts)
                show({"abandoned": True}, as_json, lambda _: "La réindexation est abandonnée.")
            elif anew:
                rebuild_damaged(settings, parts, as_json)
            elif origin:
                move_from(origin, settings, database, parts, as_json)
            else:
                reindex_where_due(settings, database, parts, as_json)


def reindex_reasons(parts: IndexParts) -> tuple[str, ...]:
    """Return in French why a reindex is due; empty if no reindex is due. Raises like `pointers`."""
    pointers = parts.storage.pointers()
    return _reasons(parts, pointers) if pointers else ()


def _reasons(parts: IndexParts, pointers: Pointers) -> tuple[str, ...]:
    made, wanted = pointers.live.spec, parts.storage.spec(parts.encoders.of_settings())
    if _is_of_other_version(parts, pointers.live, wanted):
        return ("l'index est d'une autre version",)
    reasons = spec_differences(made, wanted)
    if pointers.next is not None:
        then = "la reprend" if reasons else "l'efface, elle n'est plus utile"
        reasons.append(f"une réindexation est commencée : « quisait reindex » {then}")
    return tuple(reasons)


def _is_of_other_version(parts: IndexParts, live: NamedIndex, wanted: IndexSpec) -> bool:
    """Return whether this version cannot read the index.

    Raises any other error from opening the index.
    """
    if live.spec.format != wanted.format:
        return True
    try:
        parts.storage.index(live)
    except IndexOfOtherVersion:
        return True
    return False


def spec_differences(made: IndexSpec, wanted: IndexSpec) -> list[str]:
    """Return in French how an index of the same format differs from the settings."""
    reasons = []
    if made.encoder.name != wanted.encoder.name:
        kept = made.encoder.name or "un encodeur inconnu"
        reasons.append(f"l'index est fait avec {kept}, les réglages disent {wanted.encoder.name}")
    if made.analysis != wanted.analysis:
        reasons.append("l'analyse du français ou les champs ont changé depuis que l'index est fait")
    if made.shards != wanted.shards:
        reasons.append(
            f"partitions de l'index : {made.shards}, les réglages disent {wanted.shards}"
        )
    if made.quantisation != wanted.quantisation:
        reasons.append(
            f"vecteurs de l'index : {_VECTORS[made.quantisation]}, les réglages disent "
            f"{_VECTORS[wanted.quantisation]}"
        )
    return reasons


@contextmanager
def _opened(opening: Opening) -> Iterator[tuple[Settings, sa.Engine, IndexParts]]:
    with (
        opened_state(opening) as (settings, database),
        open_index_parts(settings, beside_file(settings.folder), database, opening) as parts,
    ):
        yield settings, database, parts


def _abandon(database: sa.Engine, parts: IndexParts) -> None:
    abandon(_dependencies(parts))
    State(database).forget_beside()


def _dependencies(parts: IndexParts) -> ReindexDependencies:
    return ReindexDependencies(parts.storage, parts.encoders, parts.gate, parts.described)


def reindex_where_due(
    settings: Settings, database: sa.Engine, parts: IndexParts, as_json: bool
) -> None:
    """Reindex if needed, from the live index or the sources; can be interrupted and resumed."""
    if not reindex_reasons(parts):
        show({"needed": False}, as_json, lambda _: "L'index est à jour : rien à faire.")
        return
    wanted = parts.storage.spec(parts.encoders.of_settings())
    live = live_of(parts.storage)
    if live.spec.serves(wanted) and not _is_of_other_version(parts, live, wanted):
        _abandon(database, parts)
        show({"needed": False}, as_json, lambda _: "L'index est à jour ; l'autre est effacé.")
        return
    started = time.monotonic()
    try:
        if not _is_of_other_version(parts, live, wanted):
            with shown_progress("réindexation", "documents", as_json) as advance:
                report = reindex(
                    _dependencies(parts), wanted, lambda done, total: advance(done.seen, total)
                )
        else:
            report = reindex_from_sources(settings, database, parts, quiet=as_json)
    except KeyboardInterrupt:
        raise SystemExit(
            "Réindexation interrompue ; l'index répond comme avant. Relancez pour reprendre, ou "
            "« quisait reindex --abandon »."
        ) from None
    taken = duration(round(time.monotonic() - started))
    show(report, as_json, lambda _: _report_text(report, taken))


def move_from(
    engine: str, settings: Settings, database: sa.Engine, parts: IndexParts, as_json: bool
) -> None:
    """Fill the settings' index with another engine's documents, vectors and readers.

    The cursors then describe the new index too. Raises `ValueError` for the engine of the settings.
    """
    if engine == settings.index.engine:
        raise ValueError(
            f"« {engine} » est déjà le moteur des réglages : changez d'abord [index] engine, puis "
            "donnez à --from le moteur d'avant."
        )
    wanted = parts.storage.spec(parts.encoders.of_settings())
    former = settings.index.model_copy(update={"engine": engine})
    origin = open_index_storage(former, beside_file(settings.folder))
    _require_in_use(settings, parts, origin)
    behind, last = _closed_since(settings, database, engine)
    started = time.monotonic()
    with shown_progress("copie", "documents", as_json) as advance:
        report = reindex(
            _dependencies(parts),
            wanted,
            lambda done, total: advance(done.seen, total),
            origin,
            behind,
        )
    if settings.index.engine == "embedded":
        index_register_mark(settings).move(last)
    taken = duration(round(time.monotonic() - started))
    show(report, as_json, lambda _: _moved_text(report, engine, taken))


def rebuild_damaged(settings: Settings, parts: IndexParts, as_json: bool) -> None:
    """Rebuild the live index from its readable documents, and print what must be read again.

    A damaged file of cached vectors is also rebuilt, from the vectors of the index.
    """
    lost = drop_damaged_vectors(beside_file(settings.folder) / KEPT_VECTORS)
    if lost:
        print(
            f"Les vecteurs gardés ({KEPT_VECTORS}) étaient abîmés : leur fichier est refait avec "
            "ceux de l'index.",
            file=sys.stderr,
        )
    wanted = parts.storage.spec(parts.encoders.of_settings())
    with shown_progress("reprise", "documents", as_json) as advance:
        report = rebuild(
            _dependencies(parts),
            wanted,
            lambda done, _total: advance(done.written, None),
            vector_keeper(parts.encoders(wanted.encoder)) if lost else None,
        )
    show(report, as_json, _rebuilt_text)


def _rebuilt_text(report: RebuildReport) -> str:
    then = (
        "Rien ne manque : l'index répond."
        if report.complete
        else "Tout n'a pas pu être lu : personne n'y cherche avant que toutes les sources aient "
        "été relues en entier. Lancez « quisait crawl » ; ce qui a été repris n'est pas encodé de "
        "nouveau."
    )
    return (
        f"L'index est refait : {report.documents} documents repris. {then}\n"
        "Redémarrez les serveurs et les lectures, puis lancez « quisait check »."
    )


def _require_in_use(settings: Settings, parts: IndexParts, origin: IndexStorage) -> None:
    """Raise `ValueError` if the settings' index is read in full and the other is not."""
    described, names = parts.described, {source.name for source in settings.sources}
    former = origin.identity(live_of(origin))
    if described.has_unnamed():  # written by a version that had one index
        described.name_unnamed(former)
    own = parts.storage.pointers()

    def unread(identity: str) -> frozenset[str]:
        return described.unread(names, identity, lambda source: True)

    if own and unread(former) and not unread(parts.storage.identity(own.live)):
        raise ValueError(
            "L'index des réglages est à jour, et l'autre est plus ancien que lui : rien n'a été "
            "copié."
        )


def _closed_since(
    settings: Settings, database: sa.Engine, engine: str
) -> tuple[frozenset[str], str]:
    """Return the sources with documents closed since an engine's index was used, and its mark.

    The mark is the last line of the register of deletions that the index knows.
    """
    register = open_register(settings, database)
    of_origin = index_register_mark(settings) if engine == "embedded" else register.marks[0]
    known = of_origin.read()
    taken = deleted_or_closed(register.since(known))
    return frozenset(one.partition(":")[0] for one in taken), known


def reindex_from_sources(
    settings: Settings, database: sa.Engine, parts: IndexParts, *, quiet: bool = False
) -> ReindexReport:
    """Fill the next index from every source, with separate cursors; then make it the live index.

    Servers and crawls of the version that made the live index continue to use it. Its crawls are
    locked out during the last reading, which applies the changes since the first reading, so that
    no right in the new index is older than in the former index. Raises the errors of `crawl`,
    `SourceBusy`, `LockLost` and `IndexRefused`.
    """
    wanted = parts.storage.spec(parts.encoders.of_settings())
    beside, resumed = begin(_dependencies(parts), wanted)
    state, sources = State(database), [source.name for source in settings.sources]
    if not resumed:
        state.forget_beside()
    own, target = state.beside(beside.name), parts.storage.index(beside)
    encoder = parts.encoders(wanted.encoder)
    logged = DeletionLoggingIndex(
        target, _deletion_log(settings, database), vector_forgetter(encoder)
    )
    questions = SqlQuestions(database, now)
    connectors = [
        on_noted_root(open_source(source, database, questions), source, State(database))
        for source in settings.sources
    ]
    locks = Locks(database, beside_file(settings.folder) / LOCKS_FOLDER)
    with open_extractor(settings.extractor) as extractor, ExitStack() as held:
        dependencies = CrawlDependencies(
            extractor, encoder, logged, own, own, open_scans(settings, database)
        )
        for connector in connectors:
            _read(connector, dependencies, settings, quiet)
        alone = [
            held.enter_context(hold_source_lock(locks, name, CRAWL_WAIT_S)) for name in sources
        ]
        for connector in connectors:
            _read(connector, dependencies, settings, quiet)
        tried = check_rights(target, target)
        for lock in alone:
            lock.check()
        parts.described.bind(sources, parts.storage.identity(beside))
        # Without a cursor a source is read whole: right for either index if this is killed.
        state.forget_cursors(sources)
        with parts.gate.alone():
            parts.storage.promote()
        state.adopt(own, sources)
    documents = sum(target.count(name) for name in sources)
    return ReindexReport(documents, CopyCounts(written=documents), tried, resumed)


def _read(
    connector: Connector, dependencies: CrawlDependencies, settings: Settings, quiet: bool
) -> None:
    """Read a source from the new index's cursor."""
    with shown_progress(connector.source, "documents", quiet) as advance:
        crawl(
            connector,
            dependencies,
            guard_share=settings.guard_share,
            progress=lambda done: advance(done.seen, None),
        )


def _deletion_log(settings: Settings, database: sa.Engine) -> FileRegister:
    """Return the register.

    Its marks do not move as long as lines must be applied to a restored backup.
    """
    register = open_register(settings, database)
    last, known = register.standing()
    if any(mark != last for mark in known):
        register.marks = ()
    return register


def _report_text(report: ReindexReport, taken: str) -> str:
    done = report.copied
    return (
        f"Le nouvel index répond : {report.documents} documents, {done.written} écrits, "
        f"{done.removed} retirés, {done.encoded} passages encodés, {report.tried} lectures d'essai "
        f"sous les mêmes droits, en {taken}. L'ancien est supprimé.\n"
        "Si l'encodeur ou la version a changé, redémarrez les serveurs et les lectures."
    )


def _moved_text(report: ReindexReport, engine: str, taken: str) -> str:
    return (
        f"L'index des réglages répond : {report.documents} documents copiés avec leurs vecteurs, "
        f"{report.tried} lectures d'essai sous les mêmes droits, en {taken}. Redémarrez les "
        f"serveurs et les lectures. Celui de {engine} reste tel quel : rien ne le tient plus à "
        "jour, effacez-le quand tout va bien."
    )


def reindex_outlook(settings: Settings, parts: IndexParts) -> Outlook:
    """Return the estimate of a reindex, with a measured encoding rate. Nothing is changed."""
    live = live_of(parts.storage)
    reasons, size = reindex_reasons(parts), parts.storage.size_bytes(live)
    wanted = parts.storage.spec(parts.encoders.of_settings())
    if _is_of_other_version(parts, live, wanted):
        return Outlook(reasons, 0, size, 0, 0.0, from_sources=True)
    index = parts.storage.index(live)
    documents = sum(index.count(source) for source in index.sources())
    if live.spec.encoder.name == wanted.encoder.name:
        return Outlook(reasons, documents, size, 0, 0.0)
    texts, sampled = _sampled_texts(index)
    passages = round(len(texts) / sampled * documents) if sampled else 0
    # Not the cached encoder, which would answer too fast for known texts.
    own = open_encoder(settings.encoder, beside_file(settings.folder)) if texts else None
    rate = _rate(own, texts[:TIMED_PASSAGES]) if own else 0.0
    return Outlook(reasons, documents, size, passages, rate)


def _sampled_texts(live: Index) -> tuple[list[str], int]:
    """Return (texts of the passages of some documents of each source, number of documents)."""
    texts: list[str] = []
    sampled = 0
    for source in sorted(live.sources()):
        ids = [entry.document_id for entry in islice(live.scan(source), SAMPLED_PER_SOURCE)]
        for document in live.documents(ids):
            sampled += 1
            texts += [
                passage_text(document.document.title, passage) for passage in document.passages
            ]
    return texts, sampled


def _rate(encoder: Encoder, texts: list[str]) -> float:
    """Return passages encoded per second, after a first one that warms up the model."""
    encoder.passages(texts[:1])
    started = time.monotonic()
    encoder.passages(texts)
    return len(texts) / max(time.monotonic() - started, 1e-6)


def _outlook_text(outlook: Outlook) -> str:
    text = outlook_text(outlook)
    return f"{text}\nRien n'a été changé. Lancez « quisait reindex »." if outlook.reasons else text


def outlook_text(outlook: Outlook) -> str:
    """Return in French what a reindex would do, one line each."""
    counted = "" if outlook.from_sources else f"{outlook.documents} documents, "
    lines = [f"Index : {counted}{outlook.size_bytes / 1e6:.1f} Mo."]
    if not outlook.reasons:
        return "\n".join([*lines, "Rien n'est à refaire."])
    lines += [f"À refaire : {reason}." for reason in outlook.reasons]
    lines.append(f"Place à prévoir à côté : environ {outlook.size_bytes / 1e6:.1f} Mo.")
    if outlook.from_sources:
        lines.append("Ses documents ne peuvent être lus : toutes les sources seront relues.")
    elif outlook.passages:
        lines.append(
            f"À encoder : environ {outlook.passages} passages, à {outlook.passages_per_s:.0f} par "
            f"seconde (mesuré) : environ {duration(outlook.seconds)}."
        )
    else:
        lines.append("Les vecteurs seront copiés : rien n'est à encoder.")
    return "\n".join(lines)
