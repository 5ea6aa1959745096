"""`quisait check`: configuration and engines, one line each, with the remedy."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from connectors.errors import SourceError
from connectors.values import Agent
from indexer.access import NOBODY, access_filter
from indexer.errors import IndexerError
from indexer.values import Question, SearchRequest
from quisait.assembly import (
    live_index,
    open_database,
    open_directory,
    open_encoder,
    open_extractor,
    open_push_tokens,
    open_source,
    open_works,
)
from quisait.checks.authorities import tried_authority
from quisait.checks.denials import told_denials
from quisait.checks.sign_on import signs_on, tried_sign_on
from quisait.encoders import own_encoder
from quisait.guiding import checked, guiding_files
from quisait.in_time import in_time
from quisait.settings import Settings, SourceSettings, beside_file
from quisait.settings.secret_modes import open_to_others
from quisait.work.reindexing import reindex_reasons
from quisait.work.unnamed_sources import remedy_of, unnamed_sources

SIGN_ON_S = 20
"""So long a check waits for a provider's two documents, however slowly they come."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried. `detail` says what was seen, or what to do."""

    name: str
    passed: bool
    detail: str


def run_checks(settings: Settings) -> Iterator[Check]:
    """Try each part as a crawl and a search would use it; nothing is written."""
    folder = beside_file(settings.folder)
    folder.mkdir(parents=True, exist_ok=True)
    yield _tried("base d'état", lambda: _database(open_database(settings, folder)))
    yield _tried("encodeur", lambda: _encoder(settings))
    yield _tried("extracteur", lambda: _extractor(settings))
    yield _tried("index", lambda: _index(settings))
    yield _tried("secrets", partial(_secrets, settings))
    yield _tried("annuaire", lambda: _directory(settings))
    for name, path in guiding_files(settings.search):
        yield _tried(name, partial(checked, name, path))
    if not settings.sources:
        yield Check("sources", False, "aucune : ajoutez une table [[sources]] à quisait.toml")
    yield from _unnamed(settings)
    for source in settings.sources:
        yield _tried(f"source {source.name}", partial(_source, settings, source))
        if source.reader_groups:
            yield _tried(f"groupes de {source.name}", partial(tried_authority, settings, source))
    yield from _denials(settings)
    yield _identity(settings)


def _tried(name: str, attempt: Callable[[], str]) -> Check:
    try:
        return Check(name, True, attempt())
    except (SourceError, IndexerError, ValueError) as error:
        return Check(name, False, str(error).splitlines()[0])
    except OSError as error:
        return Check(name, False, f"{error} : vérifiez le chemin et les droits")
    except sa.exc.SQLAlchemyError as error:
        return Check(name, False, f"{str(error).splitlines()[0]} : vérifiez « database »")


def _database(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        connection.execute(sa.select(1))
    return engine.dialect.name


def _encoder(settings: Settings) -> str:
    encoder = open_encoder(settings.encoder)
    vectors = encoder.queries(["essai"])
    return f"{encoder.name}, {vectors.shape[1]} dimensions"


def _extractor(settings: Settings) -> str:
    with open_extractor(settings.extractor) as extractor:
        extractor.extract(b"essai", "essai.txt", "text/plain")
    return settings.extractor.kind


def _index(settings: Settings) -> str:
    folder = beside_file(settings.folder)
    with open_works(settings, folder, open_database(settings, folder)) as works:
        own = own_encoder(works.generations, works.encoders)
        live_index(works, own).search(SearchRequest(access_filter(NOBODY), Question()))
        reasons = reindex_reasons(works)
    return " ; ".join((settings.index.engine, *reasons))


def _unnamed(settings: Settings) -> Iterator[Check]:
    """One that fails for each source that the index keeps and the settings do not name."""
    folder = beside_file(settings.folder)
    # The index has its own line, that tells why it does not answer.
    with (
        suppress(IndexerError, ValueError, OSError, sa.exc.SQLAlchemyError),
        open_works(settings, folder, open_database(settings, folder)) as works,
    ):
        own = own_encoder(works.generations, works.encoders)
        for name in unnamed_sources(live_index(works, own), settings):
            yield Check(f"source {name}", False, remedy_of(name))


def _denials(settings: Settings) -> Iterator[Check]:
    """One that fails for each denial that names nobody known."""
    # Index and database have their own lines, that tell why they do not answer.
    with suppress(IndexerError, ValueError, OSError, sa.exc.SQLAlchemyError):
        for source, told in told_denials(settings):
            yield Check(f"refus de {source}", False, told)


def _secrets(settings: Settings) -> str:
    """A warning, not a failure: containers hand over files that all of the container may read."""
    found = open_to_others(settings)
    return f"lisibles par tous : {', '.join(found)} (chmod 600)" if found else "à l'abri"


def _directory(settings: Settings) -> str:
    directory = open_directory(settings)
    if directory is None:
        raise ValueError(
            "aucun : réglez [directory] agents ou [ldap] urls, sinon personne ne peut lire"
        )
    entries = list(directory.entries())
    return f"{sum(isinstance(entry, Agent) for entry in entries)} agents"


def _source(settings: Settings, source: SourceSettings) -> str:
    if source.kind == "push":
        database = open_database(settings, beside_file(settings.folder))
        tokens = len(open_push_tokens(database).of(source.name))
        if not tokens:
            raise ValueError(f"aucun jeton : « quisait push token add {source.name} » en fait un")
        return f"{source.kind}, {tokens} jetons"
    next(iter(open_source(source, None).changes(None)), None)
    return f"{source.kind}, {source.path or source.url}"


def _identity(settings: Settings) -> Check:
    if settings.server.reader == "demo":
        return Check("identité", True, "démonstration : agent choisi, boucle locale seulement")
    if len(settings.server.token_key.encode()) < 32:
        return Check("identité", False, "réglez QUISAIT_SERVER__TOKEN_KEY (32 octets au moins)")
    if not signs_on(settings):
        return Check("identité", True, "jetons signés")
    late = (
        f"le fournisseur ne répond pas en {SIGN_ON_S} s : personne ne peut se connecter ; "
        "vérifiez [oidc] issuer, [signed_header] et le réseau"
    )
    return _tried("identité", lambda: in_time(lambda: tried_sign_on(settings), SIGN_ON_S, late))
