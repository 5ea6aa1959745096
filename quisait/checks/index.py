"""Checks of the index and of what fills it: encoder, extractor, models, engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event

import sqlalchemy as sa

from indexer.access import NOBODY, access_filter
from indexer.live_index import LiveIndex
from indexer.quantisation import WHOLE_VECTORS
from indexer.values import Question, SearchRequest
from quisait.application.assembly import IndexParts, live_index, open_index_parts
from quisait.application.database import opened_database
from quisait.application.engines import (
    KEPT_VECTORS,
    bundled_model,
    check_kept_vectors,
    open_encoder,
    open_extractor,
    serving_encoder,
)
from quisait.application.model_bars import check_model
from quisait.application.opening import Opening
from quisait.application.plugins import installed_ranker, installed_reranker
from quisait.checks.attempt import Check, ToReview, attempt
from quisait.checks.cluster import cluster_checks
from quisait.settings import IndexSettings, Settings, beside_file
from quisait.work.index_limit import filled_beyond, limit_warning
from quisait.work.reindexing import reindex_reasons
from quisait.work.scans import open_tesseract


def index_checks(settings: Settings) -> Iterator[Check]:
    """Check encoder, second model, extractor, scans, engine and index."""
    yield attempt("encodeur", partial(_check_encoder, settings))
    for name, check in installed_reranker().checks(settings).items():
        yield attempt(name, check)
    yield attempt("extracteur", partial(_check_extractor, settings))
    if settings.scans.enabled:
        yield attempt("numérisations", open_tesseract(settings, Event()).check)
    if settings.index.engine == "opensearch":
        yield from cluster_checks(settings.index)
    kept = beside_file(settings.folder) / KEPT_VECTORS
    if kept.exists():
        yield attempt("vecteurs gardés", partial(_check_kept_vectors, kept))
    yield attempt("index", partial(_check_index, settings))


def has_index(settings: Settings) -> bool:
    """Return whether a source is configured or an index exists: only then an encoder is needed."""
    kept = beside_file(settings.folder) / "index"
    return bool(settings.sources) or settings.index.engine != "embedded" or kept.exists()


@contextmanager
def opened_index(settings: Settings) -> Iterator[tuple[sa.Engine, IndexParts, LiveIndex]]:
    """Open the database and the live index without the application."""
    with (
        opened_database(settings, Opening.READ) as database,
        open_index_parts(settings, beside_file(settings.folder), database, Opening.READ) as parts,
    ):
        own = serving_encoder(parts.storage, parts.encoders)
        yield database, parts, live_index(parts, own)


def _check_encoder(settings: Settings) -> str:
    if not (has_index(settings) or settings.encoder.model):
        # Preparing the bundled model takes seconds: the first read needs it, this check does not.
        bundled_model()
        return "le modèle fourni, préparé à la première lecture (140 Mo)"
    encoder = open_encoder(settings.encoder, beside_file(settings.folder))
    vectors = encoder.queries(["essai"])
    seen = f"{encoder.name}, {vectors.shape[1]} dimensions"
    if not settings.encoder.model:
        return seen
    return f"{seen}, {check_model(beside_file(settings.encoder.model), encoder.name)}"


def _check_extractor(settings: Settings) -> str:
    with open_extractor(settings.extractor) as extractor:
        extractor.extract(b"essai", "essai.txt", "text/plain")
    return settings.extractor.kind


def _check_kept_vectors(file: Path) -> str:
    check_kept_vectors(file)
    return f"{file.stat().st_size / 1e6:.1f} Mo"


def _check_index(settings: Settings) -> str:
    """Check that the index answers and that its files are sound.

    Raises `ValueError` if the index is larger than its engine is designed for.
    """
    if not has_index(settings):
        return f"{settings.index.engine}, rien encore : aucune source"
    with opened_index(settings) as (_, parts, index):
        index.probe()
        index.search(SearchRequest(access_filter(NOBODY), Question("service")))
        index.verify()
        index.require_read([source.name for source in settings.sources])
        reasons = reindex_reasons(parts)
        warning = limit_warning(index)
        if filled_beyond(index, 1):
            raise ValueError(warning)
    found = list(filter(None, (*reasons, unused_quantisation(settings.index), warning)))
    if found:
        raise ToReview(" ; ".join([settings.index.engine, *found]))
    return settings.index.engine


def unused_quantisation(settings: IndexSettings) -> str:
    """Return a warning if the engine ignores the quantisation of the settings, else empty."""
    if settings.engine == "opensearch" or settings.quantisation == WHOLE_VECTORS:
        return ""
    return (
        f"[index] quantisation = « {settings.quantisation} » est sans effet : le moteur intégré "
        "compare les vecteurs entiers"
    )


def check_ranker(settings: Settings) -> str:
    """Return in French which ranking serves. Raises `ValueError` if a file is ignored."""

    def encoder() -> str:
        with opened_index(settings) as (_, parts, _):
            return serving_encoder(parts.storage, parts.encoders).name

    return installed_ranker().state(settings, encoder)
