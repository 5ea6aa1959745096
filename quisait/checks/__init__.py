"""`quisait check`: test settings and engines, with one line and one remedy per check."""

import re
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import sqlalchemy as sa

from connectors.ports import Connector, SourceError, SupportsCheck
from connectors.timeouts import call_with_timeout
from connectors.values import Agent
from expertise.builds import SqlBuilds
from expertise.corpus import skipped_text
from expertise.directory import SqlDirectory
from expertise.directory_tables import agents
from expertise.spark_engine import check_spark_installed, find_java, java_version
from indexer import sql
from indexer.access import NOBODY, access_filter
from indexer.errors import IndexerError
from indexer.live_index import LiveIndex
from indexer.quantisation import WHOLE_VECTORS
from indexer.state import State
from indexer.values import Question, SearchRequest
from quisait.application.assembly import IndexParts, live_index, open_index_parts
from quisait.application.database import open_access_marks, opened_database
from quisait.application.engines import (
    KEPT_VECTORS,
    check_kept_vectors,
    check_search_file,
    open_encoder,
    open_extractor,
    open_second_model,
    ranker_path,
    ranker_state,
    search_files,
    serving_encoder,
)
from quisait.application.model_bars import check_model
from quisait.application.sources import (
    DIRECTORY,
    folder_faults,
    has_directory,
    known_principals,
    noted_root,
    on_noted_root,
    open_directory,
    open_source,
    opened_push_tokens,
    pushed_memberships,
    reader_group_authorities,
)
from quisait.checks.cluster import cluster_checks
from quisait.checks.machine import machine_checks
from quisait.checks.references import (
    MOST_LISTED,
    check_principals,
    check_topics,
    missing_best_bets,
    names_principals,
)
from quisait.clock import now, today
from quisait.privacy.accesses import LABELS, OF_DIRECTORY
from quisait.privacy.retention import open_register
from quisait.settings import IndexSettings, Settings, beside_file, unknown_variables
from quisait.settings.files import account, common_paths, exposed_files, make_folder, private_files
from quisait.settings.files import exposed_secret_files as secrets_open_to_others
from quisait.settings.sources import SourceSettings
from quisait.settings.types import reason_of
from quisait.work.index_limit import filled_beyond, limit_warning
from quisait.work.reindexing import reindex_reasons
from quisait.work.scans import open_tesseract
from quisait.work.source_status import (
    late_directory,
    moment,
    removed_source_remedy,
    removed_sources,
    unknown_denials,
)
from search_api.wording import safe_text

_GROUPS_CLOSED = "tant qu'il ne dit rien, ce que ses groupes ouvrent est fermé à tous"


def check_authority(settings: Settings, source: SourceSettings) -> str:
    """Fetch the groups of an account that need not exist; return the time limit in French.

    Raises `ValueError` with the remedy if there is no answer in time.
    """
    (one,) = reader_group_authorities(settings.model_copy(update={"sources": [source]}))
    wait_s = settings.authorities.wait_s
    late = (
        f"pas de réponse en {wait_s:g} s : {_GROUPS_CLOSED} ; "
        "vérifiez « url » et le réseau, ou allongez [authorities] wait_s"
    )
    try:
        call_with_timeout(
            wait_s,
            lambda: one.principals("", frozenset({f"{source.name}:Quisait"})),
            ValueError(late),
        )
    except SourceError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ValueError(
            f"{reason} : {_GROUPS_CLOSED} ; vérifiez « url », « user » et le réseau"
        ) from error
    return f"demandés quand un lecteur arrive, en {wait_s:g} s au plus"


TRIED_PASSAGE = "Le conseil municipal délibère sur le budget primitif avant le 15 avril. " * 15
"""A text of the length of a passage."""

_SPARK_PORT, _SPARK_WAIT_S = 7077, 5

EMPTIED_SHOWN_DAYS = 30
"""Number of days for which the check reports that accesses were deleted."""

SIGN_ON_S = 20
"""Longest wait for a provider's two documents, in seconds, however slowly they arrive."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `detail` is what was seen, or the remedy."""

    name: str
    passed: bool
    detail: str


def run_checks(settings: Settings) -> Iterator[Check]:
    """Test each part like a crawl and a search use it.

    Nothing is written except the folder, an empty state, and test data that is removed again.
    """
    with private_files():
        yield from _parts(settings)


def _parts(settings: Settings) -> Iterator[Check]:
    yield _attempt("dossier", partial(_folder, settings))
    yield _attempt("base d'état", partial(_database, settings))
    for name, check in machine_checks(settings):
        yield _attempt(name, check)
    yield from _engines(settings)
    yield _attempt("secrets", partial(_secrets, settings))
    if unknown := unknown_variables():
        yield Check("variables", False, f"aucun réglage de ce nom : {', '.join(unknown)}")
    yield _attempt("registre", partial(_register, settings))
    yield _attempt("accès", partial(_accesses, settings))
    yield from _people(settings)
    if settings.topics.file:
        yield from _builds(settings)
    yield _attempt("classement", lambda: _ranker(settings))
    for name, path in search_files(settings.search):
        yield _attempt(name, partial(_guiding, settings, name, path))
    if settings.topics.file:
        yield _attempt("sujets", partial(check_topics, settings.topics.file))
    if not settings.sources:
        yield Check("sources", False, "aucune : « quisait source add » en ajoute une")
    yield from _unnamed(settings)
    for source in settings.sources:
        yield _attempt(f"source {source.name}", partial(check_source, settings, source))
        if source.reader_groups:
            yield _attempt(f"groupes de {source.name}", partial(check_authority, settings, source))
    yield from _denials(settings)
    yield from _mail(settings)
    if settings.webhooks:
        yield _attempt("webhooks", partial(_webhooks, settings))
    yield _identity(settings)


def _people(settings: Settings) -> Iterator[Check]:
    yield _attempt("annuaire", lambda: _directory(settings))
    if has_directory(settings):
        yield _attempt("lecture de l'annuaire", partial(_directory_read, settings))
    if names_principals(settings):
        yield _attempt("lecteurs", partial(check_principals, settings))


def _mail(settings: Settings) -> Iterator[Check]:
    # Imported here: rendering and reading mail takes a moment, for which others have no use.
    if settings.mail.host:
        from quisait.work.mail import check_server

        yield _attempt("courriel", partial(check_server, settings))
    if settings.mailbox.host:
        from quisait.work.mailbox import check_mailbox

        yield _attempt("boîte des réponses", partial(check_mailbox, settings))


def _webhooks(settings: Settings) -> str:
    # Imported here: most have none.
    from quisait.work.webhooks import webhooks_state

    with opened_database(settings) as database:
        return webhooks_state(settings, database)


def _builds(settings: Settings) -> Iterator[Check]:
    yield _attempt("cartographie", partial(_build, settings))
    if settings.expertise.engine == "spark":
        yield _attempt("spark", partial(check_spark, settings.expertise.spark_master))


def _has_index(settings: Settings) -> bool:
    """Return whether a source is configured or an index exists: only then an encoder is needed."""
    kept = beside_file(settings.folder) / "index"
    return bool(settings.sources) or settings.index.engine != "embedded" or kept.exists()


def _engines(settings: Settings) -> Iterator[Check]:
    indexing = _has_index(settings)
    if indexing or settings.encoder.model:
        yield _attempt("encodeur", lambda: _encoder(settings))
    else:
        # Preparing the bundled model takes seconds: the first read needs it, this check does not.
        yield Check("encodeur", True, "le modèle fourni, préparé à la première lecture (140 Mo)")
    if settings.reranker.model:
        yield _attempt("second modèle", lambda: _second_model(settings))
    yield _attempt("extracteur", lambda: _extractor(settings))
    if settings.written_answer.url:
        # Imported here: most have no model.
        from quisait.application.written_answer import check_model

        yield _attempt("réponses rédigées", partial(check_model, settings.written_answer))
    if settings.scans.enabled:
        yield _attempt("numérisations", open_tesseract(settings, Event()).check)
    if settings.index.engine == "opensearch":
        for name, check in cluster_checks(settings.index):
            yield _attempt(name, check)
    kept = beside_file(settings.folder) / KEPT_VECTORS
    if kept.exists():
        yield _attempt("vecteurs gardés", lambda: _kept_vectors(kept))
    if indexing:
        yield _attempt("index", lambda: _index(settings))
    else:
        yield Check("index", True, f"{settings.index.engine}, rien encore : aucune source")


def _attempt(name: str, attempt: Callable[[], str]) -> Check:
    try:
        return Check(name, True, attempt())
    except (SourceError, IndexerError, ValueError) as error:
        return Check(name, False, str(error).splitlines()[0])
    except OSError as error:
        where = error.filename or "un fichier"
        return Check(
            name, False, f"{where} ({reason_of(error)}) : vérifiez le chemin et les droits"
        )
    except sa.exc.SQLAlchemyError as error:
        # Only its class: its text may contain a part of the URL, and so of the password.
        kind = type(getattr(error, "orig", None) or error).__name__
        return Check(
            name,
            False,
            f"erreur de la base d'état ({kind}) : vérifiez « database » (dans son mot de "
            "passe, @ s'écrit %40, / %2F et : %3A), ou « folder »",
        )


def _folder(settings: Settings) -> str:
    """Return the folder. Raises `ValueError` if it is not writable or open to other accounts."""
    folder = make_folder(settings)
    if found := exposed_files(settings):
        paths = " ".join(shlex.quote(str(path)) for path in found[:MOST_LISTED])
        more = f" (et {len(found) - MOST_LISTED} autres)" if len(found) > MOST_LISTED else ""
        every = " ".join(sorted({shlex.quote(str(top)) for top in common_paths(settings, found)}))
        raise ValueError(
            f"ouvert à d'autres comptes de la machine : {paths}{more}. Lancez : "
            f"chmod -R go-rwx {every}"
        )
    return str(folder)


def _database(settings: Settings) -> str:
    with opened_database(settings) as engine, engine.connect() as connection:
        connection.execute(sa.select(1))
        return engine.dialect.name


def _guiding(settings: Settings, name: str, path: str) -> str:
    """Read a file of `[search]` and look for its documents in the index."""
    counts = check_search_file(name, path)
    if name == "réponses en tête":
        with _opened_index(settings) as (_, _, index):
            if absent := missing_best_bets(settings, index):
                raise ValueError(absent)
    return counts


@contextmanager
def _opened_index(settings: Settings) -> Iterator[tuple[sa.Engine, IndexParts, LiveIndex]]:
    """Open the database and the live index without the application."""
    with (
        opened_database(settings) as database,
        open_index_parts(settings, beside_file(settings.folder), database) as parts,
    ):
        own = serving_encoder(parts.storage, parts.encoders)
        yield database, parts, live_index(parts, own)


def _encoder(settings: Settings) -> str:
    encoder = open_encoder(settings.encoder, beside_file(settings.folder))
    vectors = encoder.queries(["essai"])
    seen = f"{encoder.name}, {vectors.shape[1]} dimensions"
    if not settings.encoder.model:
        return seen
    return f"{seen}, {check_model(beside_file(settings.encoder.model), encoder.name)}"


def _kept_vectors(file: Path) -> str:
    check_kept_vectors(file)
    return f"{file.stat().st_size / 1e6:.1f} Mo"


def _second_model(settings: Settings) -> str:
    """Score as many passages of the usual length as for a question, within its time limit."""
    model = open_second_model(settings.reranker, limited=False)
    if model is None:
        return "aucun"
    passages = [TRIED_PASSAGE] * settings.reranker.documents
    begun = time.perf_counter()
    if model.scores("essai", passages) is None:
        raise ValueError(f"{model.name} ne rend pas de nombre : réglez [reranker] model")
    taken_ms, most = (time.perf_counter() - begun) * 1000, settings.reranker.time_limit_ms
    seen = f"{model.name}, {len(passages)} passages en {taken_ms:.0f} ms"
    if taken_ms > most:
        raise ValueError(
            f"{seen}, plus que les {most} ms de [reranker] time_limit_ms : la page vient sans "
            "lui ; prenez un modèle plus petit, moins de « documents » ou plus de temps"
        )
    return seen


def _ranker(settings: Settings) -> str:
    """Return in French which ranking serves. Raises `ValueError` if a file is ignored."""
    if not ranker_path(settings).exists():
        return ranker_state(settings, encoder="")
    with _opened_index(settings) as (_, parts, _):
        own = serving_encoder(parts.storage, parts.encoders)
        return ranker_state(settings, own.name)


def _extractor(settings: Settings) -> str:
    with open_extractor(settings.extractor) as extractor:
        extractor.extract(b"essai", "essai.txt", "text/plain")
    return settings.extractor.kind


def _index(settings: Settings) -> str:
    """Check that the index answers and that its files are sound.

    Raises `ValueError` if the index is larger than its engine is designed for.
    """
    with _opened_index(settings) as (_, parts, index):
        index.probe()
        index.search(SearchRequest(access_filter(NOBODY), Question("service")))
        index.verify()
        index.require_read([source.name for source in settings.sources])
        reasons = reindex_reasons(parts)
        warning = limit_warning(index)
        if filled_beyond(index, 1):
            raise ValueError(warning)
    own_vectors = unused_quantisation(settings.index)
    return " ; ".join(filter(None, (settings.index.engine, *reasons, own_vectors, warning)))


def unused_quantisation(settings: IndexSettings) -> str:
    """Return a warning if the engine ignores the quantisation of the settings, else empty."""
    if settings.engine == "opensearch" or settings.quantisation == WHOLE_VECTORS:
        return ""
    return (
        f"[index] quantisation = « {settings.quantisation} » est sans effet : le moteur intégré "
        "compare les vecteurs entiers"
    )


def _unnamed(settings: Settings) -> Iterator[Check]:
    """Yield a failed check for each indexed source that the settings no longer name."""
    if not _has_index(settings):
        return
    # The index has its own check, which reports why it does not answer.
    with (
        suppress(IndexerError, ValueError, OSError, sa.exc.SQLAlchemyError),
        _opened_index(settings) as (_, _, index),
    ):
        for name in removed_sources(index, settings):
            yield Check(f"source {name}", False, removed_source_remedy(name))


def _denials(settings: Settings) -> Iterator[Check]:
    """Yield a failed check for each denial that names nobody known."""
    if not settings.sources:
        return
    # Index and database have their own checks, which report why they do not answer.
    with (
        suppress(IndexerError, ValueError, OSError, sa.exc.SQLAlchemyError),
        _opened_index(settings) as (database, _, index),
    ):
        book = SqlDirectory(database, pushed_memberships(settings, database))
        known = known_principals(settings, book, index)()
        for source in settings.sources:
            for denial in unknown_denials(index, known, source.name):
                message = f"« {denial.principal} » ne nomme personne de connu : {denial.closed}."
                yield Check(f"refus de {source.name}", False, f"{message} {denial.remedy}")


def _secrets(settings: Settings) -> str:
    """Return a warning, not a failure: everyone in a container may read its mounted files."""
    found = secrets_open_to_others(settings)
    return f"lisibles par tous : {', '.join(found)} (chmod 600)" if found else "à l'abri"


def _register(settings: Settings) -> str:
    """Read the whole register of deletions, and test that it can be written."""
    with opened_database(settings) as database:
        register = open_register(settings, database)
        register.try_writing()
        for _ in register.lines():
            pass
        waits = register.waiting()
    inside = register.path.is_relative_to(beside_file(settings.folder))
    facts = [
        str(register.path),
        f"{waits} faits à y noter, à la prochaine lecture" if waits else "",
        "dans le dossier de la base : une restauration l'écraserait" if inside else "",
    ]
    return " ; ".join(filter(None, facts))


def _accesses(settings: Settings) -> str:
    """Check that revocations are recorded; return which accesses a restored database has lost."""
    with opened_database(settings) as database:
        marks = open_access_marks(settings, database)
        emptied = marks.emptied(now() - timedelta(days=EMPTIED_SHOWN_DAYS))
        unread = not _knows_anybody(database)
        if marks.behind():
            raise ValueError(
                f"{marks.path} ne peut être écrit : une base restaurée rendrait les accès retirés "
                f"depuis. Donnez-en l'écriture à ce compte ({account()})"
            )
    if unread and OF_DIRECTORY in {one.kind for one in emptied} and has_directory(settings):
        raise ValueError(
            "la base est une copie d'avant : personne ne lit avant que l'annuaire soit relu "
            "(« quisait directory read »)"
        )
    if not emptied:
        return "retraits notés"
    names = ", ".join(LABELS[one.kind] for one in emptied)
    day = max(one.moment for one in emptied).date()
    return f"retraits notés ; effacés le {day:%d/%m/%Y}, la base étant une copie d'avant : {names}"


def _knows_anybody(database: sa.Engine) -> bool:
    return sql.first(database, sa.select(agents.c.key).limit(1)) is not None


def _directory(settings: Settings) -> str:
    directory = open_directory(settings)
    if directory is None:
        raise ValueError(
            "aucun : réglez [directory] agents ou [ldap] urls, sinon personne ne peut lire"
        )
    agents = [entry for entry in directory.entries() if isinstance(entry, Agent)]
    seen = f"{len(agents)} agents"
    if not (told := shared_emails(agents)):
        return seen
    if settings.has_sign_on and settings.sign_on.agent_by == "email":
        raise ValueError(f"{seen} ; {told}, qui ne peuvent pas se connecter : corrigez l'annuaire")
    return f"{seen} ; {told}"


def shared_emails(agents: Sequence[Agent]) -> str:
    """Return, in words, which agents share an address; empty if none do."""
    holders: dict[str, list[str]] = {}
    for agent in agents:
        if agent.email and not agent.departed(today()):
            holders.setdefault(agent.email.strip().lower(), []).append(agent.id)
    shared = [ids for ids in holders.values() if len(ids) > 1]
    named = " ; ".join(", ".join(ids) for ids in shared[:MOST_LISTED])
    return (
        f"une même adresse pour plusieurs agents ({len(shared)} fois : {named})" if shared else ""
    )


def _directory_read(settings: Settings) -> str:
    """Return when the directory was last read. Raises `ValueError` if that is long ago."""
    with opened_database(settings) as database:
        state = State(database)
        if (last := state.last_done(DIRECTORY)) is None:
            return "pas encore lu (quisait crawl)"
        if late := late_directory(settings, state):
            raise ValueError(late)
    return f"lu le {moment(last.started)}"


def _build(settings: Settings) -> str:
    """Return what the last build left out: a warning only, since everything else is in it."""
    with opened_database(settings) as database:
        builds = SqlBuilds(database)
        stamp = builds.current()
        left_out = skipped_text(builds.skipped(stamp.id)) if stamp else ""
    if stamp is None:
        return "pas encore faite (quisait expertise build)"
    without = f" ; écartés : {safe_text(left_out)}" if left_out else ""
    return f"du {stamp.day}, {stamp.documents} documents{without}"


def check_spark(master: str) -> str:
    """Check Java, `pyspark`, and that the master answers.

    Raises `ValueError` with what is missing.
    """
    check_spark_installed()
    found = urlsplit(master)
    if found.scheme == "spark":
        try:
            port = found.port or _SPARK_PORT
            with socket.create_connection((found.hostname or "", port), timeout=_SPARK_WAIT_S):
                pass
        except (OSError, ValueError) as error:
            raise ValueError(
                f"le maître {master} ne répond pas ({type(error).__name__}) : démarrez-le, ou "
                "réglez [expertise] spark_master"
            ) from error
    elif not re.fullmatch(r"local(\[(\d+|\*)\])?", master):
        raise ValueError(
            f"[expertise] spark_master = « {master} » : « local[2] » ou « spark://hôte:7077 »"
        )
    return f"{master}, Java {java_version(find_java())}"


def check_source(settings: Settings, source: SourceSettings) -> str:
    """Return what a source is and what its account may not read.

    Raises `SourceError` or `ValueError`.
    """
    if source.kind == "push":
        with opened_push_tokens(settings) as kept:
            tokens = len(kept.of(source.name))
        if not tokens:
            raise ValueError(f"aucun jeton : « quisait push token add {source.name} » en fait un")
        for origin, token in source.file_hosts.items():
            if token and not _reads(token):
                raise ValueError(f"le jeton de {origin} ne se lit pas : vérifiez « file_hosts »")
        return f"{source.kind}, {tokens} jetons"
    if source.kind == "questions":
        return "dans la base d'état"
    connector = open_source(source, None)
    if source.kind == "folder":
        connector = _bound_to_root(settings, source, connector)
    # First, because `check` reports missing rights before anything of the source is read.
    missing = list(connector.check()) if isinstance(connector, SupportsCheck) else []
    next(iter(connector.changes(None)), None)
    if source.kind == "folder":
        missing += _hidden_in(source)
    where = ", ".join(filter(None, [source.kind, source.path or source.url]))
    return " ; ".join([where + _divided(settings, source), *missing])


def _bound_to_root(settings: Settings, source: SourceSettings, connector: Connector) -> Connector:
    """Return the connector, which refuses a root other than the one that was read before.

    If the database cannot be opened, another check reports it.
    """
    unopened = (sa.exc.SQLAlchemyError, IndexerError, ValueError, OSError)
    with suppress(*unopened), opened_database(settings) as database:
        state = State(database)
        if noted_root(source, state):
            return on_noted_root(connector, source, state)
    return connector


def _hidden_in(source: SourceSettings) -> Iterator[str]:
    """Yield how many sub-folders and rules cannot be read, and why. Raises `SourceUnreachable`."""
    found = list(folder_faults(source))
    for kind, what in (
        ("closed_folder", "dossiers fermés à ce compte"),
        ("malformed", "règles mal lues"),
    ):
        told = [f"{one.where} ({one.reason})" for one in found if one.kind == kind]
        if told:
            yield f"{what} : {len(told)}, dont {', '.join(told[:MOST_LISTED])}"


def _reads(path: str) -> bool:
    """Return whether a file of the settings is a non-empty text that this account can read."""
    try:
        return bool(beside_file(path).read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return False


def _divided(settings: Settings, source: SourceSettings) -> str:
    if source.parts == 1:
        return ""
    if not settings.database.startswith("postgresql"):
        return ", lue entière : plusieurs lecteurs demandent une base PostgreSQL"
    return f", en {source.parts} parties"


def _identity(settings: Settings) -> Check:
    if settings.server.reader == "demo":
        return Check("identité", True, "démonstration : agent choisi, boucle locale seulement")
    if len(settings.server.token_key.encode()) < 32:
        remedy = (
            "la clé des jetons manque, ou a moins de 32 octets : « openssl rand -hex 32 » en fait "
            "une, à mettre dans secrets/server__token_key ou QUISAIT_SERVER__TOKEN_KEY"
        )
        return Check("identité", False, remedy)
    if not settings.has_sign_on:
        return Check("identité", True, "jetons signés")
    late = (
        f"le fournisseur ne répond pas en {SIGN_ON_S} s : personne ne peut se connecter ; "
        "vérifiez [oidc] issuer, [signed_header] et le réseau"
    )
    return _attempt(
        "identité",
        lambda: call_with_timeout(SIGN_ON_S, lambda: check_sign_on(settings), ValueError(late)),
    )


def check_sign_on(settings: Settings) -> str:
    """Return in French the available ways to sign on.

    Raises `ValueError` with the remedy if one of them would fail.
    """
    # Imported here: no other command needs a provider's libraries.
    from quisait.application.sign_on import open_keys, open_provider
    from search_api.sign_on.errors import ProviderRefused, SignOnFailed

    ways = []
    try:
        if provider := open_provider(settings):
            _require_tls("[sign_on] address", settings.sign_on.address)
            _require_tls("[oidc] issuer", settings.oidc.issuer)
            ways.append(f"{settings.oidc.issuer}, {provider.keys_count()} clés")
            if any(source.search_client for source in settings.sources):
                provider.introspection_endpoint()
        if name := settings.signed_header.name:
            ways.append(f"en-tête {name}, {open_keys(settings).count()} clés")
    except ProviderRefused as error:
        if error.reason == "no_introspection":
            raise ValueError(
                "le fournisseur ne dit pas à qui est un jeton (« introspection_endpoint ») : "
                "videz search_client dans [[sources]], ou demandez-le-lui"
            ) from None
        raise ValueError(
            f"le fournisseur ne peut pas être cru ({error.reason}) : vérifiez [oidc] issuer, tel "
            "que sa page .well-known/openid-configuration le dit"
        ) from None
    except SignOnFailed:
        raise ValueError(
            "le fournisseur ne répond pas : vérifiez [oidc] issuer, ca_file et le réseau"
        ) from None
    return " ; ".join(ways)


def _require_tls(name: str, address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return
    try:
        loopback = ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"{name} n'est pas en https : les sessions se voleraient sur le réseau")
