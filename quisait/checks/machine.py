"""Checks of the machine: folder, database, disk, clock, ports, limits, certificates."""

import resource
import shlex
import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa

import quisait
from indexer import sql
from indexer.state import State
from quisait.application.certificates import expiries, tls_servers
from quisait.application.database import connect, database_url, is_new, opened_database
from quisait.application.database_errors import damaged_sentence
from quisait.application.opening import Opening
from quisait.checks.attempt import MOST_LISTED, Check, ToReview, attempt
from quisait.clock import now
from quisait.settings import Settings, beside_file
from quisait.settings.files import (
    common_paths,
    exposed_files,
    is_served_here,
    nearest_folder,
    require_writable_folder,
)
from search_api.listening import MAX_CONNECTIONS, open_port

LEAST_FREE = 500_000_000
"""Minimum free space, in bytes. A first start writes a model of 140 MB, and a transaction needs
space beside its file.
"""
MOST_SKEW = timedelta(minutes=1)
"""Longest difference from the database's clock: leases of workers on several machines are compared.
"""
LEAST_MAP_COUNT = 262_144
"""Value that OpenSearch requires in its own start-up checks."""
_ANSWER_S = 5
_UNOPENED = (ValueError, OSError, sa.exc.SQLAlchemyError)
"""Errors of a database that does not open: its own check reports them."""


def machine_checks(settings: Settings) -> Iterator[Check]:
    """Check the folder, the database, the machine, and the certificates of its servers."""
    yield attempt("dossier", partial(_check_folder, settings))
    yield attempt("base d'état", partial(_check_database, settings))
    yield attempt("disque", partial(check_disk, settings))
    yield attempt("horloge", partial(check_clock, settings))
    yield attempt("ports", partial(check_ports, settings))
    yield attempt("limites", partial(check_limits, settings))
    if tls_servers(settings):
        yield attempt("certificats", partial(check_certificates, settings))


def _check_folder(settings: Settings) -> str:
    """Return the folder. Raises `ValueError` if it is not writable or open to other accounts."""
    folder = beside_file(settings.folder)
    require_writable_folder(settings)
    if found := exposed_files(settings):
        paths = " ".join(shlex.quote(str(path)) for path in found[:MOST_LISTED])
        more = f" (et {len(found) - MOST_LISTED} autres)" if len(found) > MOST_LISTED else ""
        every = " ".join(sorted({shlex.quote(str(top)) for top in common_paths(settings, found)}))
        raise ValueError(
            f"ouvert à d'autres comptes de la machine : {paths}{more}. Lancez : "
            f"chmod -R go-rwx {every}"
        )
    return str(folder) if folder.exists() else f"{folder}, que la première lecture fera"


def _check_database(settings: Settings) -> str:
    """Return the kind of the database. Reads the whole file of an SQLite database."""
    # First: `connect` reports a malformed URL without repeating it and its password.
    engine = connect(database_url(settings), settings.database_password)
    engine.dispose()
    name = engine.dialect.name
    if is_new(settings):
        return f"{name}, vide : la première lecture (« quisait crawl ») en fait les tables"
    with opened_database(settings, Opening.READ) as engine, engine.connect() as connection:
        if (
            name == "sqlite"
            and connection.exec_driver_sql("pragma quick_check(1)").scalar() != "ok"
        ):
            raise ValueError(damaged_sentence("state.sqlite"))
    return name


def check_disk(settings: Settings) -> str:
    """Return the free space on the folder's disk, and the space that the folder takes."""
    folder = beside_file(settings.folder)
    free = shutil.disk_usage(nearest_folder(folder)).free
    held = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    seen = f"{_gigabytes(free)} libres, {_gigabytes(held)} employés par {folder}"
    if free < LEAST_FREE:
        raise ValueError(
            f"{seen} : une lecture s'arrêterait. Faites de la place, ou réglez « folder » sur un "
            "autre disque"
        )
    # A reindex copies the index beside the old one; the model is not copied.
    if free <= held:
        raise ToReview(f"{seen} : trop peu pour « quisait reindex », qui double l'index")
    return seen


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} Go".replace(".", ",")


def check_clock(settings: Settings) -> str:
    """Return the local time and zone, after comparing them with other available clocks."""
    moment = now()
    here = moment.astimezone()
    seen = f"{here:%Y-%m-%d %H:%M} {here.tzname()} (fuseau de la machine, ou TZ)"
    for whose, theirs in _earlier_moments(settings):
        if theirs > moment + MOST_SKEW:
            later = f"{theirs.astimezone():%Y-%m-%d %H:%M}"
            raise ValueError(f"{seen} retarde : {whose} est du {later}. {_SET_CLOCK}")
    for whose, theirs, most in _other_clocks(settings):
        if abs(theirs - now()) > most:
            raise ValueError(
                f"{seen} s'écarte de {abs(theirs - now()).total_seconds():.0f} s de {whose}. "
                f"{_SET_CLOCK}"
            )
    return seen


_SET_CLOCK = "Réglez l'heure (timedatectl, chrony)"


def _earlier_moments(settings: Settings) -> Iterator[tuple[str, datetime]]:
    """Yield (label, time) of events that certainly happened in the past."""
    installed = Path(quisait.__file__).stat().st_mtime
    yield "l'installation de quisait", datetime.fromtimestamp(installed, UTC)
    with suppress(*_UNOPENED), opened_database(settings, Opening.READ) as database:
        state = State(database)
        for source in settings.sources:
            for run in state.runs_of(source.name, 1):
                yield f"la dernière lecture de {source.name}", run.started


def _other_clocks(settings: Settings) -> Iterator[tuple[str, datetime, timedelta]]:
    """Yield (label, time, allowed difference) of each clock that answers."""
    with suppress(*_UNOPENED):
        database = connect(database_url(settings), settings.database_password, read_only=True)
        if database.dialect.name == "postgresql":
            theirs = sql.one(database, sa.select(sa.func.clock_timestamp()))
            yield "celle de la base d'état", theirs, MOST_SKEW
        database.dispose()
    if settings.oidc.issuer and (theirs := _time_of(settings)):
        # The header is in whole seconds.
        most = timedelta(seconds=settings.oidc.skew_s + 1)
        yield "celle du fournisseur d'identité", theirs, most


def _time_of(settings: Settings) -> datetime | None:
    """Return the time in the provider's answer.

    The result is None if there is no answer, which another check reports.
    """
    import requests

    known = str(beside_file(settings.oidc.ca_file)) if settings.oidc.ca_file else True
    address = f"{settings.oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        answer = requests.head(address, timeout=_ANSWER_S, verify=known)
        return parsedate_to_datetime(answer.headers["Date"])
    except (requests.RequestException, KeyError, ValueError, OSError):
        return None


SOON = timedelta(days=30)
"""A certificate that expires within this time is reported."""


def check_certificates(settings: Settings) -> str:
    """Return when the servers' certificates expire. Raises `ValueError` if one has expired."""
    found = sorted(expiries(tls_servers(settings)).items(), key=lambda one: one[1])
    told = [f"{host}:{port} jusqu'au {end:%d/%m/%Y}" for (host, port), end in found]
    for (host, port), end in found:
        if end <= now():
            raise ValueError(
                f"celui de {host}:{port} a expiré le {end.astimezone():%d/%m/%Y à %H:%M} : qui "
                "tient ce serveur doit le renouveler"
            )
        if end <= now() + SOON:
            soon = f"{', '.join(told)} : le premier expire bientôt, faites-le renouveler"
            raise ToReview(soon)
    return ", ".join(told) or "aucun serveur n'en montre"


def check_ports(settings: Settings) -> str:
    """Check that each address is free, or that this installation already listens there."""
    asked = [(settings.server.host, settings.server.port)]
    if settings.metrics.port:
        asked.append((settings.metrics.host, settings.metrics.port))
        if settings.metrics.port == settings.server.port:
            raise ValueError(
                f"[metrics] port et [server] port sont le même ({settings.server.port}) : donnez "
                "un autre port aux mesures"
            )
    seen = []
    for host, port in asked:
        if _is_quisait(host, port):
            if not is_served_here(settings, port):
                raise ValueError(
                    f"à {host}:{port} répond une autre installation de quisait : arrêtez-la, ou "
                    "réglez un autre port"
                )
            seen.append(f"{host}:{port} (quisait y répond)")
        else:
            open_port(host, port).close()
            seen.append(f"{host}:{port}")
    return ", ".join(seen)


def _is_quisait(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=_ANSWER_S)
    with closing(connection):
        try:
            connection.request("GET", "/health/live")
            return connection.getresponse().status < HTTPStatus.BAD_REQUEST
        except (OSError, HTTPException):
            return False


def check_limits(settings: Settings) -> str:
    """Return the limit on open files and, if OpenSearch runs here, on memory areas."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files != resource.RLIM_INFINITY and files <= MAX_CONNECTIONS:
        raise ValueError(
            f"{files} fichiers ouverts au plus, pour {MAX_CONNECTIONS} connexions : relevez la "
            "limite (LimitNOFILE de l'unité, ulimit -n)"
        )
    seen = f"{files} fichiers ouverts"
    areas = Path("/proc/sys/vm/max_map_count")
    here = settings.index.engine == "opensearch" and any(map(is_loopback, settings.index.urls))
    if here and areas.exists():
        count = int(areas.read_text())
        seen += f", vm.max_map_count {count}"
        if count < LEAST_MAP_COUNT:
            # No failure: on loopback OpenSearch starts anyway.
            raise ToReview(
                f"{seen} : OpenSearch demande {LEAST_MAP_COUNT} hors de la boucle locale "
                f"(sysctl -w vm.max_map_count={LEAST_MAP_COUNT}, et dans /etc/sysctl.d)"
            )
    return seen


def is_loopback(url: str) -> bool:
    """Return whether an address is of this machine only."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
