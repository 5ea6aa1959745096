"""A real Wagtail with SQLite on loopback, one for a whole session of tests.

It is installed once, from its own pins, into a folder that git ignores, with the database of an
empty site. `ensure_wagtail()` starts it at the first call; `WagtailServer.reset` gives it back as
new.
"""

import atexit
import functools
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.needs import starting
from tests.own_environment import CACHE, own_environment
from tests.server_process import begun, end, scratch_folder, wait_for
from tests.service.running import free_port

HERE = Path(__file__).parent / "wagtail"
PINS = HERE / "requirements.txt"
MAKE_TIMEOUT_S = 300


class WagtailMissingError(RuntimeError):
    """No site can be served here; the text says what is missing."""


@dataclass
class WagtailServer:
    """The site at `url`, and its interface at `api`."""

    run: Path
    port: int
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=60)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def api(self) -> str:
        return f"{self.url}api/v2/"

    def act(self, name: str, **said: Any) -> Any:
        """One act of an author (tests/wagtail/notes/urls.py); what it gives."""
        return self.act_together((name, said))[0]

    def act_together(self, *acts: tuple[str, dict[str, Any]]) -> list[Any]:
        """Acts in their order; one that fails fails the test."""
        answer = self.client.post("acts", json=acts)
        assert answer.is_success, answer.text
        done: list[Any] = answer.json()
        return done

    def page(self, number: int) -> Any:
        """A page as the interface gives it."""
        return self.client.get(f"api/v2/pages/{number}/").json()

    def reset(self) -> None:
        """Without a page but its own."""
        self.act("reset", port=self.port)


@functools.cache
def ensure_wagtail() -> WagtailServer:
    """The session's site; started at the first call."""
    answers = starting("wagtail")
    python = own_environment("wagtail", PINS) / "bin/python"
    run = scratch_folder("wagtail")
    server = WagtailServer(run, free_port())
    shutil.copyfile(_database(python, run), run / "site.db")
    _serve(python, server)
    server.reset()
    answers()
    return server


def _database(python: Path, run: Path) -> Path:
    """That of a site without a page, made once for each version of it."""
    written = b"".join(
        one.read_bytes() for one in (PINS, HERE / "serve.py", HERE / "notes/models.py")
    )
    kept = CACHE / f"wagtail-{hashlib.sha256(written).hexdigest()[:12]}.db"
    if not kept.exists():
        made = run / "made/site.db"
        made.parent.mkdir()
        done = subprocess.run(
            [str(python), str(HERE / "serve.py"), "make", str(made)],
            capture_output=True, text=True, timeout=MAKE_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise WagtailMissingError(f"The site could not be made:\n{done.stderr[-2000:]}")
        own = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(made, own)
        own.rename(kept)
    return kept


def _serve(python: Path, server: WagtailServer) -> None:
    log, database = server.run / "output", str(server.run / "site.db")
    command = [str(python), str(HERE / "serve.py"), str(server.port), database]
    process = begun(command, log, cwd=server.run)
    atexit.register(end, process)
    wait_for(process, log, lambda: server.client.get("api/v2/pages/"), WagtailMissingError)
