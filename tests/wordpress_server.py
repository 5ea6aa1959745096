"""A real WordPress on loopback with its own MariaDB, one for a whole session of tests.

`ensure_wordpress()` lays out a private site from Debian's packages, serves it on a free port by
PHP's own server, and ends both with the session. Its authors act through its REST interface.
`WordPressServer.reset` gives it back as new.
"""

import atexit
import functools
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.needs import starting
from tests.server_process import START_TIMEOUT_S, begun, end, scratch_folder, wait_for
from tests.service.running import free_port

HOME = Path("/usr/share/wordpress")
PACKAGES = "wordpress mariadb-server php-cli php-mysql"
ADMIN, WRITER = "admin", "jdupont"
PLUGIN = Path(__file__).parent / "wordpress/plugin.php"
_FRONT = Path(__file__).parent / "wordpress/index.php"
_MOST_TOGETHER = 25
"""Requests in one, as WordPress has it."""
_TABLES = (
    *("wp_posts", "wp_postmeta", "wp_term_relationships", "wp_terms", "wp_term_taxonomy"),
    *("wp_options", "wp_users", "wp_usermeta"),
)

_KEEP = "".join(
    f"CREATE TABLE new.{one} SELECT * FROM wordpress.{one};"  # noqa: S608 - names of our own
    for one in _TABLES
)
_RESET = "".join(
    f"TRUNCATE wordpress.{one}; INSERT INTO wordpress.{one} SELECT * FROM new.{one};"  # noqa: S608
    for one in _TABLES
)


class WordPressMissingError(RuntimeError):
    """No site can be served here; the text says what is missing."""


@dataclass
class WordPressServer:
    """The site at `url`. `passwords` are application passwords by account."""

    run: Path
    port: int
    passwords: dict[str, str] = field(default_factory=dict)
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def act(self, method: str, route: str, user: str = ADMIN, **said: Any) -> Any:
        """One act of an account; one that is refused fails the test."""
        answer = self.client.request(
            method, f"wp-json/wp/v2/{route}", json=said, auth=(user, self.passwords[user])
        )
        assert answer.is_success, (method, route, answer.status_code, answer.text)
        return answer.json()

    def act_together(self, acts: Sequence[tuple[str, str, dict[str, Any]]]) -> list[Any]:
        """Many acts of the administrator, as (method, route, what is said)."""
        done: list[Any] = []
        for at in range(0, len(acts), _MOST_TOGETHER):
            requests = [
                {"method": method, "path": f"/wp/v2/{route}", "body": said}
                for method, route, said in acts[at : at + _MOST_TOGETHER]
            ]
            answer = self.client.post(
                "wp-json/batch/v1",
                json={"requests": requests},
                auth=(ADMIN, self.passwords[ADMIN]),
            )
            assert answer.is_success, answer.text
            for one in answer.json()["responses"]:
                assert one["status"] < 300, one
                done.append(one["body"])
        return done

    def upload(self, name: str, content: bytes, joined_to: int) -> int:
        """The number of a new file, joined to an entry, or to none."""
        answer = self.client.post(
            "wp-json/wp/v2/media",
            params={"post": joined_to},
            content=content,
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Content-Type": "text/plain",
            },
            auth=(ADMIN, self.passwords[ADMIN]),
        )
        assert answer.is_success, answer.text
        return int(answer.json()["id"])

    def configure(self, **said: Any) -> None:
        """What the plug-in of the tests does from now on (tests/wordpress/plugin.php)."""
        (self.run / "plugin.json").write_text(json.dumps(said), "utf-8")

    def execute(self, statements: str) -> str:
        """What the database answers."""
        done = subprocess.run(
            ["mariadb", "--no-defaults", "-S", str(self.run / "socket"), "-N", "-u", "root"],
            input=statements, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    def reset(self) -> None:
        """As it was installed."""
        self.configure()
        self.execute(_RESET)


@functools.cache
def ensure_wordpress() -> WordPressServer:
    """The session's site; started at the first call."""
    answers = starting("wordpress")
    database = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if database is None or not (HOME / "wp-settings.php").is_file() or not shutil.which("php"):
        raise WordPressMissingError(f"WordPress's tests need {PACKAGES} (`make servers`).")
    run = scratch_folder("wordpress")
    server = WordPressServer(run, free_port())
    _start_database(database, server)
    _install(server)
    _serve(server)
    server.execute(f"CREATE DATABASE new;{_KEEP}")
    answers()
    return server


def _start_database(program: str, server: WordPressServer) -> None:
    run = server.run
    data = [
        "--no-defaults",
        "--user=root",
        f"--datadir={run / 'data'}",
        "--innodb-log-file-size=8M",
    ]
    _done(
        "mariadb-install-db", *data, "--auth-root-authentication-method=normal", "--skip-test-db",
    )  # fmt: skip
    command = [
        *(program, *data, f"--socket={run / 'socket'}", f"--pid-file={run / 'pid'}"),
        *("--skip-networking", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"),
        *("--innodb-buffer-pool-size=32M", "--performance-schema=OFF"),
    ]
    process = begun(command, run / "database.log")
    atexit.register(end, process)
    wait_for(process, run / "database.log", (run / "socket").exists, WordPressMissingError)
    server.execute("CREATE DATABASE wordpress CHARACTER SET utf8mb4;")


def _install(server: WordPressServer) -> None:
    for name in ("content/mu-plugins", "content/themes", "content/uploads"):
        (server.run / name).mkdir(parents=True)
    shutil.copyfile(PLUGIN, server.run / "content/mu-plugins/plugin.php")
    server.configure()
    said = _done("php", *_quiet(server), str(_FRONT), environment=_environment(server))
    server.passwords.update(json.loads(said.splitlines()[-1]))


def _serve(server: WordPressServer) -> None:
    command = [
        *("php", "-d", "opcache.enable_cli=1", "-d", "opcache.revalidate_freq=0"),
        *(*_quiet(server), "-S", f"127.0.0.1:{server.port}"),
        *("-t", str(server.run / "content"), str(_FRONT)),
    ]
    log, environment = server.run / "server.log", os.environ | _environment(server)
    process = begun(command, log, env=environment, cwd=server.run, start_new_session=True)
    atexit.register(end, process)
    ready = "wp-json/"
    wait_for(process, log, lambda: server.client.get(ready).is_success, WordPressMissingError)


def _quiet(server: WordPressServer) -> tuple[str, ...]:
    """Without mails, nor errors in answers."""
    log = server.run / "errors.log"
    return ("-d", "sendmail_path=/bin/true", "-d", "display_errors=0", "-d", f"error_log={log}")


def _environment(server: WordPressServer) -> dict[str, str]:
    return {"QUISAIT_RUN": str(server.run), "QUISAIT_URL": server.url.rstrip("/")}


def _done(*command: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise WordPressMissingError(f"{command[0]} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout
