"""A real Mailman with HyperKitty and SQLite on loopback, one for a whole session of tests.

Both are installed once, from their own pins, into a folder that git ignores. `ensure_hyperkitty()`
starts Mailman's REST interface and the archives at the first call. Tests share them: each makes
its own lists.
"""

import atexit
import functools
import itertools
import os
import subprocess
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx

from tests.needs import starting
from tests.own_environment import own_environment
from tests.server_process import begun, end, scratch_folder, wait_for
from tests.service.running import free_port

FOLDER = Path(__file__).parent / "hyperkitty"
PINS = FOLDER / "requirements.txt"
DOMAIN = "exemple.fr"
READER, PASSWORD, CORE_PASSWORD = "lecteur", "secret", "restpass"
ROLES = ("member", "owner", "moderator")

_MAILMAN = """
[mailman]
layout: here
[paths.here]
var_dir: {run}/core
bin_dir: {bin}
[webservice]
hostname: 127.0.0.1
port: {port}
workers: 1
[mta]
incoming: mailman.mta.null.NullMTA
"""


class HyperkittyMissingError(RuntimeError):
    """No server can be started here; the text says what is missing."""


@dataclass
class HyperkittyServer:
    """Mailman's REST interface at `core_url`, the archives at `url`."""

    run: Path
    core_port: int
    port: int
    numbers: Any = field(default_factory=itertools.count)
    core: httpx.Client = field(init=False)
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        account = ("restadmin", CORE_PASSWORD)
        self.core = httpx.Client(base_url=self.core_url, auth=account, trust_env=False, timeout=60)
        self.client = httpx.Client(base_url=self.site, trust_env=False, timeout=60)

    @property
    def core_url(self) -> str:
        return f"http://127.0.0.1:{self.core_port}/3.1/"

    @property
    def site(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def url(self) -> str:
        return f"{self.site}archives/"

    def new_list(self, policy: str = "private", *members: str) -> str:
        """A list of a name that no other has, its archive readable by the reading account."""
        name = f"liste{next(self.numbers)}@{DOMAIN}"
        self._tell("POST", "lists", fqdn_listname=name)
        for member in (READER, *members):
            self.subscribe(name, member)
        self.set_policy(name, policy)
        return name

    def set_policy(self, name: str, policy: str, *, synced: bool = True) -> None:
        """`synced`: HyperKitty knows of it; it learns of it later, or never."""
        self._tell("PATCH", f"lists/{name}/config", archive_policy=policy)
        if synced:
            self.act("sync", mlist=name)

    def subscribe(self, name: str, member: str, role: str = "member") -> None:
        said = dict.fromkeys(("pre_verified", "pre_confirmed", "pre_approved"), "true")
        self._tell(
            "POST",
            "members",
            list_id=name.replace("@", "."),
            subscriber=f"{member}@{DOMAIN}",
            role=role,
            send_welcome_message="false",
            **said,
        )

    def unsubscribe(self, name: str, member: str) -> None:
        self._tell("DELETE", f"lists/{name}/member/{member}@{DOMAIN}")

    def archive(self, name: str, message: EmailMessage | bytes) -> None:
        """Send a mail to HyperKitty, as Mailman's archiver does."""
        raw = message if isinstance(message, bytes) else message.as_bytes()
        answer = self.client.post(
            "archives/api/mailman/archive",
            data={"mlist": name},
            files={"message": raw},
            headers={"Authorization": "Token cle"},
        )
        assert answer.is_success, answer.text

    def act(self, action: str, **arguments: Any) -> None:
        """Do an action of a user on the pages of the archives (`archive_urls.ACTIONS`)."""
        answer = self.client.post(f"essai/{action}", json=arguments)
        assert answer.is_success, (action, answer.text[-2000:])

    def _tell(self, method: str, path: str, **said: str) -> None:
        answer = self.core.request(method, path, data=said or None)
        assert answer.is_success, (method, path, answer.status_code, answer.text)


@functools.cache
def ensure_hyperkitty() -> HyperkittyServer:
    """The session's server; started at the first call."""
    answers = starting("hyperkitty")
    programs = own_environment("hyperkitty", PINS) / "bin"
    run = scratch_folder("lists")
    server = HyperkittyServer(run, free_port(), free_port())
    (run / "core").mkdir()
    configuration = run / "mailman.cfg"
    configuration.write_text(_MAILMAN.format(run=run, bin=programs, port=server.core_port), "utf-8")
    python = str(programs / "python")
    core = _start(run, "core", [str(programs / "runner"), "--runner=rest"])
    command = [python, "-W", "ignore", "-m", "django", "migrate", "--verbosity", "0"]
    done = subprocess.run(
        command, env=_environment(run), capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode:
        raise HyperkittyMissingError(f"HyperKitty made no database:\n{done.stderr[-2000:]}")
    serving = ("--bind", f"127.0.0.1:{server.port}", "--threads", "2", "--no-control-socket")
    application = "django.core.wsgi:get_wsgi_application()"
    site = _start(run, "site", [python, "-m", "gunicorn", *serving, application])
    for process, log, asked in (
        (core, "core.log", lambda: server.core.get("system/versions").is_success),
        (site, "site.log", lambda: server.client.get("archives/api/lists/").is_success),
    ):
        wait_for(process, run / log, asked, HyperkittyMissingError)
    server._tell("POST", "domains", mail_host=DOMAIN)
    server.act("person", name=READER)
    answers()
    return server


def _environment(run: Path) -> dict[str, str]:
    configuration = (run / "mailman.cfg").read_text("utf-8")
    port = configuration.partition("port: ")[2].partition("\n")[0]
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(run),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(FOLDER),
        "DJANGO_SETTINGS_MODULE": "archive_settings",
        "HYPERKITTY_RUN": str(run),
        "HYPERKITTY_CORE": f"http://127.0.0.1:{port}",
        "MAILMAN_CONFIG_FILE": str(run / "mailman.cfg"),
    }


def _start(run: Path, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    server = begun(command, run / f"{name}.log", cwd=run, env=_environment(run))
    atexit.register(end, server)
    return server
