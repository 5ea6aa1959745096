"""Open the encoder, extractor, index, glossary and reranker of the settings."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from expertise.values import AssignedTopics
from indexer.cluster_health import ClusterHealth
from indexer.embedded.document_file import DocumentFile as DocumentFile
from indexer.embedded.document_file import read_documents as read_documents
from indexer.embedded.index import MOST_PASSAGES as MOST_PASSAGES
from indexer.embedded.index import EmbeddedIndex
from indexer.embedded.storage import EmbeddedStorage
from indexer.encoding.installed import bundled_model as bundled_model
from indexer.encoding.installed import installed_encoder
from indexer.encoding.onnx_encoder import TorchMissing
from indexer.encoding.wrapped_encoders import KEPT_VECTORS as KEPT_VECTORS
from indexer.encoding.wrapped_encoders import CachedEncoder, QueryPriority, QueryPriorityEncoder
from indexer.encoding.wrapped_encoders import check_kept_vectors as check_kept_vectors
from indexer.encoding.wrapped_encoders import drop_damaged_vectors as drop_damaged_vectors
from indexer.errors import IndexRefused, IndexUnreachable
from indexer.extraction.files import ExtractionLimits
from indexer.live_index import EncoderRecord, IndexStorage
from indexer.ports import Encoder, Extractor, Index
from indexer.quantisation import IndexLayout
from indexer.reindex import KeepVectors
from quisait.application.model_bars import MeasuredBars, read_bars
from quisait.application.plugins import installed_ranker, open_reranker
from quisait.settings import (
    EncoderSettings,
    ExtractorSettings,
    IndexSettings,
    Settings,
    beside_file,
    file_named,
)
from quisait.settings.types import seconds_of
from search_api.query.glossary import GlossaryFile, LineFault, lines_of, read_glossary
from search_api.query.parser import AccountsNamed
from search_api.ranking.fusion import ModelBars
from search_api.ranking.pinned import PinnedQuestion
from search_api.ranking.reranking import RankingPreferences
from search_api.ranking.search_configuration import (
    SearchConfiguration,
)

if TYPE_CHECKING:
    from opensearchpy import OpenSearch

OWN_ENCODERS = ("onnx", "sentence-transformers")
"""Kinds of encoders that quisait has itself; others are installed."""
DAY_S = 86_400
NODE_ANSWER_S = 5.0
MAX_FAULTS_SHOWN = 3
"""Maximum number of faults of a file that are listed one by one."""


def open_guidance(
    settings: Settings,
    authors: AccountsNamed,
    bars: ModelBars | None = None,
    topics: AssignedTopics | None = None,
    pinned: Callable[[], Iterable[PinnedQuestion]] = tuple,
) -> SearchConfiguration:
    """Return the search configuration, whose files are read when a question is asked.

    `bars` are the thresholds measured for the encoder in use, `topics` are the topics of the last
    build, `pinned` reads the pinned questions. Raises `ValueError` if the second model of the
    settings cannot be opened.
    """
    search = settings.search
    return SearchConfiguration(
        authors,
        GlossaryFile(beside_file(search.glossary) if search.glossary else None),
        RankingPreferences(
            trust={source.name: source.trust for source in settings.sources},
            freshness=search.freshness,
            half_life_days=max(1.0, seconds_of(search.freshness_half_life) / DAY_S),
            past_share=search.past_share,
        ),
        bars=bars,
        reranker=open_reranker(settings),
        topics=topics,
        order=installed_ranker().order(settings),
        pinned=pinned,
    )


def measured_bars(encoder: EncoderRecord) -> MeasuredBars | None:
    """Return the thresholds that `quisait evaluate bars` measured here for the encoder, if any."""
    return read_bars(beside_file(encoder.model), encoder.name) if encoder.model else None


def check_glossary(path: str) -> str:
    """Return in French how many expressions a glossary has.

    Raises `ValueError` with its first faulty lines, or `OSError`.
    """
    glossary = read_glossary(lines_of(beside_file(path)))
    if glossary.faults:
        raise ValueError(f"{Path(path).name} : {_fault_text(glossary.faults)}")
    return f"expressions : {len(glossary.content.others)}"


def _fault_text(faults: tuple[LineFault, ...]) -> str:
    text = " ; ".join(f"ligne {fault.line}, {fault.reason}" for fault in faults[:MAX_FAULTS_SHOWN])
    rest = len(faults) - MAX_FAULTS_SHOWN
    return f"{text} ; autres lignes : {rest}" if rest > 0 else text


TORCH_MISSING = (
    "Il faut torch pour cela : « pip install sentence-transformers onnx », dans l'environnement de "
    "quisait."
)


def open_index_storage(settings: IndexSettings, folder: Path) -> IndexStorage:
    """Return the index storage of the settings' engine, without opening or creating an index."""
    if settings.engine == "opensearch":
        from indexer.opensearch.storage import OpenSearchStorage

        return OpenSearchStorage(
            open_client(settings),
            settings.alias,
            shards=settings.shards,
            replicas=settings.wanted_replicas,
            quantisation=settings.quantisation,
        )
    return EmbeddedStorage(folder / "index")


def open_storage_to_read(settings: IndexSettings, folder: Path, temporary: Path) -> IndexStorage:
    """Return the index storage of the settings' engine for a process that does not write.

    If there is no index yet, an empty index in `temporary` is read instead.
    """
    if settings.engine == "opensearch":
        storage = open_index_storage(settings, folder)
    else:
        storage = EmbeddedStorage(folder / "index", read_only=True)
    with suppress(IndexUnreachable, IndexRefused):  # the next request reports it
        if storage.pointers() is None:
            return EmbeddedStorage(temporary / "index")
    return storage


def open_encoder(settings: EncoderSettings, folder: Path) -> Encoder:
    """Open the encoder of the settings; the bundled model is prepared in `folder` if it is not yet.

    Raises `ValueError` if a model folder, a library or a package is missing, or if the bundled
    model cannot be prepared.
    """
    # Each encoder is imported where it is opened: its libraries are loaded with it.
    if settings.kind not in OWN_ENCODERS:
        place = str(beside_file(settings.model)) if settings.model else ""
        return installed_encoder(settings.kind).open(place, settings.threads)
    if settings.kind == "onnx" and not settings.model:
        return _open_bundled(settings, folder)
    if not settings.model:
        raise ValueError(
            f"L'encodeur « {settings.kind} » demande un dossier de modèle : réglez [encoder] model "
            "(« quisait model export DOSSIER --from MODÈLE » en écrit un)."
        )
    model = beside_file(settings.model)
    try:
        if settings.kind == "onnx":
            from indexer.encoding.onnx_encoder import OnnxEncoder

            return OnnxEncoder(model, threads=settings.threads)
        from indexer.encoding.onnx_encoder import SentenceEncoder

        return SentenceEncoder(model)
    except FileNotFoundError as error:
        raise ValueError(
            f"{model} n'est pas le dossier d'un modèle servi : réglez [encoder] model, ou "
            f"écrivez-en un (« quisait model export DOSSIER --from {model} »)."
        ) from error
    except TorchMissing as error:
        raise ValueError(TORCH_MISSING) from error


def _open_bundled(settings: EncoderSettings, folder: Path) -> Encoder:
    from indexer.encoding.onnx_encoder import OnnxEncoder, is_whole

    kept = beside_file(settings.prepared) if settings.prepared else folder / "model"
    bundled = bundled_model()
    try:
        directory = bundled.directory_in(kept)
        if not is_whole(directory):
            bundled.prepare(kept)
    except OSError as error:
        raise ValueError(
            f"Le modèle fourni ne peut être préparé dans {kept} ({error.strerror}) : donnez-y "
            "140 Mo et le droit d'écrire, ou réglez [encoder] prepared."
        ) from error
    return OnnxEncoder(directory, threads=settings.threads)


@contextmanager
def open_cached_encoder(
    settings: EncoderSettings,
    path: Path,
    *,
    keep_queries: bool = False,
    precedence: QueryPriority | None = None,
) -> Iterator[Encoder]:
    """Open an encoder that caches vectors, and encodes queries before passages.

    Vectors are cached in the file `path`, and the bundled model is prepared beside it. All encoders
    of a process share `precedence`. Raises like `open_encoder`.
    """
    opened = QueryPriorityEncoder(open_encoder(settings, path.parent), precedence)
    encoder = CachedEncoder(opened, path, keep_queries=keep_queries)
    try:
        yield encoder
    finally:
        encoder.close()


def open_uncached_encoder(
    settings: EncoderSettings, folder: Path, temporary: Path, precedence: QueryPriority
) -> Encoder:
    """Open an encoder for a process that does not write, like `open_cached_encoder`.

    If the bundled model is not prepared yet, it is prepared in `temporary`.
    """
    if settings.kind == "onnx" and not settings.model:
        # Imported here: see `open_encoder`.
        from indexer.encoding.onnx_encoder import is_whole

        prepared = beside_file(settings.prepared) if settings.prepared else folder / "model"
        if not is_whole(bundled_model().directory_in(prepared)):
            settings, folder = settings.model_copy(update={"prepared": ""}), temporary
    return QueryPriorityEncoder(open_encoder(settings, folder), precedence)


def vector_forgetter(encoder: Encoder) -> Callable[[Sequence[str]], object]:
    """Return a function that deletes the cached vectors of texts, if the encoder has a cache."""
    return encoder.forget if isinstance(encoder, CachedEncoder) else lambda _texts: None


def vector_keeper(encoder: Encoder) -> KeepVectors | None:
    """Return a function that caches given vectors of texts; None if the encoder has no cache."""
    return encoder.keep if isinstance(encoder, CachedEncoder) else None


@contextmanager
def open_extractor(settings: ExtractorSettings) -> Iterator[Extractor]:
    """Open the extractor of the settings; its child process, if any, ends with the block."""
    limits = ExtractionLimits(
        **settings.model_dump(include={field.name for field in fields(ExtractionLimits)})
    )
    # Each extractor is imported where it is opened, like encoders.
    if settings.kind == "tika":
        from indexer.extraction.tika_server import TikaServerExtractor

        yield TikaServerExtractor(
            settings.url, limits, settings.restart_s, file_named(settings.ca_file)
        )
        return
    from indexer.extraction.in_process import InProcessExtractor

    extractor = InProcessExtractor(limits)
    try:
        yield extractor
    finally:
        extractor.close()


def open_client(settings: IndexSettings) -> "OpenSearch":
    """Return a client of the settings' OpenSearch; it connects at the first request."""
    return _client_of(settings, settings.urls)


def _client_of(settings: IndexSettings, urls: Sequence[str], **bounds: float) -> "OpenSearch":
    from indexer.opensearch.client import connect

    ca_file = file_named(settings.ca_file)
    return connect(urls, user=settings.user, password=settings.password, ca_file=ca_file, **bounds)


def node_at(settings: IndexSettings, url: str) -> tuple[str, str]:
    """Return (name, version) of the OpenSearch node at an address, which must answer in seconds.

    Raises `IndexUnreachable` or `IndexRefused`.
    """
    from indexer.opensearch.cluster import node_of

    with closing(_client_of(settings, (url,), timeout_s=NODE_ANSWER_S)) as client:
        return node_of(client)


def index_health(settings: IndexSettings) -> ClusterHealth:
    """Return the health of the settings' OpenSearch indexes. Raises like `node_at`."""
    from indexer.opensearch.cluster import cluster_health

    with closing(open_client(settings)) as client:
        return cluster_health(client, settings.alias)


@contextmanager
def open_scratch_index(settings: IndexSettings, folder: Path, dimension: int) -> Iterator[Index]:
    """Open an empty index of the settings' engine under a unique name; dropped after the block."""
    if settings.engine == "embedded":
        yield EmbeddedIndex(folder / "index", dimension)
        return
    # Imported here: loading takes half a second, and the embedded engine does not need it.
    from indexer.opensearch.client import drop
    from indexer.opensearch.index import OpenSearchIndex

    client, alias = open_client(settings), f"{settings.alias}-scratch-{uuid4().hex}"
    try:
        yield OpenSearchIndex(
            client,
            alias,
            dimension,
            IndexLayout(settings.shards, settings.quantisation),
            replicas=settings.wanted_replicas,
        )
    finally:
        drop(client, alias)


log = logging.getLogger(__name__)


class OpenedEncoders:
    """Opens each encoder once; `open_one` raises `ValueError` if a model is missing."""

    def __init__(
        self, settings: EncoderSettings, open_one: Callable[[EncoderSettings], Encoder]
    ) -> None:
        self._settings, self._open = settings, open_one
        self._opened: dict[str, Encoder] = {}

    def of_settings(self) -> EncoderRecord:
        """Return the record of the settings' encoder. Raises `ValueError`."""
        if not self._opened:
            encoder = self._open(self._settings)
            self._opened[encoder.name] = encoder
            self._record = EncoderRecord(
                encoder.name, encoder.dimension, self._settings.kind, self._settings.model
            )
        return self._record

    def __call__(self, record: EncoderRecord) -> Encoder:
        """Return the encoder of that name. Raises `IndexRefused` if it is no longer available."""
        self.of_settings()
        if record.name not in self._opened:
            self._opened[record.name] = self._by_record(record)
        return self._opened[record.name]

    def _by_record(self, record: EncoderRecord) -> Encoder:
        gone = (
            f"L'index est fait avec l'encodeur {record.name or 'inconnu'}, qui n'est plus là "
            f"({record.kind} {record.model}) : remettez-le, ou lancez « quisait reindex » avec "
            "celui des réglages."
        )
        if not record.kind:
            raise IndexRefused(gone)
        asked = self._settings.model_copy(update={"kind": record.kind, "model": record.model})
        try:
            encoder = self._open(asked)
        except ValueError as missing:
            raise IndexRefused(gone) from missing
        if encoder.name != record.name:
            raise IndexRefused(gone)
        return encoder


def serving_encoder(storage: IndexStorage, encoders: OpenedEncoders) -> EncoderRecord:
    """Return the encoder for queries and writes: the live index's, if it is available.

    If the settings name another encoder, it is used after a reindex; the index answers meanwhile.
    """
    wanted = encoders.of_settings()
    try:
        pointers = storage.pointers()
    except IndexUnreachable:  # the next request reports it
        return wanted
    if pointers is None or pointers.live.spec.encoder.name in ("", wanted.name):
        return wanted
    kept = pointers.live.spec.encoder
    try:
        encoders(kept)
    except IndexRefused:
        return wanted  # the index then reports the remedy
    log.warning(
        "the index has not the encoder of the settings: run « quisait reindex »",
        extra={"encoder": kept.name, "wanted": wanted.name},
    )
    return kept
