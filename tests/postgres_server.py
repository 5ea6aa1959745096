"""A PostgreSQL of the tests' own: its data in a scratch folder, on a port of its own.

It is never run by root: Debian's `postgres` user runs it where the tests are root.
`database(url)` gives each test a database of its own.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.engines import EngineMissingError
from tests.needs import starting
from tests.server_process import begun, wait_for

USER = "quisait"
POSTGRES_USER = "postgres"
REFUSED_USER = "refused"
"""An account that is asked for a password, and refused whatever it is."""


class Postgres:
    """A server with a folder and a port of its own. Its data outlive its process."""

    def __init__(self) -> None:
        self._binaries = find_binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="quisait-postgres-"))
        self._as_user = _as_user(self._folder)
        initialise = [str(self._binaries / "initdb"), *_initialising(self._folder)]
        _run([*self._as_user, *initialise])
        rules = self._folder / "data" / "pg_hba.conf"
        refused = f"host all {REFUSED_USER} 127.0.0.1/32 scram-sha-256\n"
        rules.write_text(refused + rules.read_text("utf-8"), "utf-8")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]

    @property
    def url(self) -> str:
        """For SQLAlchemy, without a database's name."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        where = ["-D", str(self._folder / "data"), *_options(self._port, self._folder)]
        log, place = self._folder / "log", f"host=127.0.0.1 port={self._port} user={USER}"
        command = [*self._as_user, str(self._binaries / "postgres"), *where]
        self._server = begun(command, log, cwd="/")
        asked = f"{place} dbname=postgres"
        wait_for(self._server, log, lambda: psycopg.connect(asked).close(), EngineMissingError)

    def stop(self, mode: str = "fast") -> None:
        """A first SIGTERM waits for clients; those of a failed test would keep it.

        `immediate` ends it as a crash does: the next start recovers.
        """
        stop = [str(self._binaries / "pg_ctl"), "stop", "-D", f"{self._folder}/data", "-m", mode]
        _run([*self._as_user, *stop])
        self._server.wait(30)

    def forget(self) -> None:
        """Delete its data."""
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def own_postgres() -> Iterator[Postgres]:
    """A running server, gone after use."""
    answers = starting("postgres")
    server = Postgres()
    try:
        server.start()
        answers()
        yield server
        server.stop()
    finally:
        server.forget()


@contextmanager
def postgres_server() -> Iterator[str]:
    """The SQLAlchemy URL of a running server, without a database's name; gone after use."""
    with own_postgres() as server:
        yield server.url


@contextmanager
def database(server_url: str, copied: str = "template1") -> Iterator[str]:
    """The URL of a copy of one of the server's databases, dropped after use; empty by default."""
    name = f"test_{uuid4().hex}"
    address = server_url.replace("+psycopg", "") + "/postgres"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"create database {name} template {copied}")
    try:
        yield f"{server_url}/{name}"
    finally:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"drop database {name} with (force)")


@cache
def find_binaries() -> Path:
    """The folder of `initdb` and `postgres`: the newest of Debian's, or where the path says."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    found = sorted(versions, key=lambda path: int(path.parent.parent.name))
    if found:
        return found[-1].parent
    if on_path := shutil.which("postgres"):
        return Path(on_path).resolve().parent
    raise EngineMissingError("No PostgreSQL: apt-get install postgresql (`make servers`).")


def _initialising(folder: Path) -> list[str]:
    # A clock elsewhere than UTC shows what depends on the server's time zone.
    return [
        *("-D", str(folder / "data"), "-U", USER, "--auth=trust"),
        *("--encoding=UTF8", "--locale=C", "--no-sync"),
    ]


def _options(port: int, folder: Path) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(folder),
        "timezone": "Pacific/Noumea",
        "fsync": "off",
        "shared_buffers": "16MB",
        "max_connections": "60",
    }
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _as_user(folder: Path) -> list[str]:
    """Return the command prefix to run as the user who owns the folder and is not root."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        _run(["useradd", "-r", "-M", POSTGRES_USER])
    shutil.chown(folder, POSTGRES_USER)
    return ["runuser", "-u", POSTGRES_USER, "--"]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise EngineMissingError(f"{command[-2:]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
