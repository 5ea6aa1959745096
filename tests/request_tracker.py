"""A real Request Tracker: Debian's code, by its own functions, on a database of its own.

`REQUEST_TRACKER_ROOT` names the folder where the packages were unpacked, if not installed.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.needs import starting

ROOT = Path(os.environ.get("REQUEST_TRACKER_ROOT", "/"))
CODE = Path("usr/share/request-tracker5")
SCRIPT = Path(__file__).with_suffix(".pl")
SETTINGS = """
Set($rtname, 'essai'); Set($Organization, 'essai'); Set($DatabaseType, '{type}');
Set($DatabaseName, '{name}'); Set($DatabaseHost, '{host}'); Set($DatabaseRTHost, '{host}');
Set($DatabasePort, '{port}'); Set($DatabaseUser, '{user}'); Set($DatabasePassword, '');
Set($MailCommand, 'testfile'); Set($LogToSyslog, ''); Set($LogToSTDERR, 'critical');
Set($LogToFile, undef); Set($Timezone, 'UTC'); Set(@LexiconLanguages, 'en');
1;
"""


@dataclass(frozen=True, slots=True)
class RequestTracker:
    """A tracker whose functions a child process calls."""

    database: sa.URL
    child: "subprocess.Popen[str]"

    def __call__(self, act: str, *given: Any) -> Any:
        """Call a function of the script; return what it answers."""
        assert self.child.stdin
        assert self.child.stdout
        self.child.stdin.write(json.dumps([act, *given]) + "\n")
        self.child.stdin.flush()
        line = self.child.stdout.readline()
        assert line, f"{act}: the tracker ended"
        answer, told = json.loads(line)
        assert answer not in ("", "0"), f"{act} {given}: {told}"
        return answer

    def close(self) -> None:
        self.child.kill()
        self.child.wait()


def ensure_request_tracker(folder: Path, database: sa.URL | None = None) -> RequestTracker:
    """Return a new tracker in this folder, on SQLite or on an empty PostgreSQL database.

    Raises `AssertionError` if it is not installed.
    """
    answers = starting("request_tracker")
    assert (ROOT / CODE / "lib/RT.pm").exists(), (
        "install Debian's packages request-tracker5 and rt5-db-sqlite, as `make soak` does"
    )
    shutil.copytree(ROOT / CODE / "lib", folder / "lib")
    generated = folder / "lib/RT/Generated.pm"
    paths = generated.read_text("utf-8").replace(f"'/{CODE}", f"'{ROOT / CODE}")
    generated.write_text(paths.replace("'/var/", f"'{folder}/var/"), "utf-8")
    settings, kind = folder / "RT_SiteConfig.pm", "Pg" if database else "SQLite"
    url = database or sa.make_url(f"sqlite:///{folder}/rt.sqlite")
    where = {"host": url.host or "", "port": url.port or "", "user": url.username or "rt"}
    settings.write_text(SETTINGS.format(type=kind, name=url.database, **where), "utf-8")
    modules = [folder / "lib", *(ROOT / "usr").glob("share/perl5")]
    modules += (ROOT / "usr").glob("lib/*/perl5/5.*")
    environment = {
        **os.environ,
        "PERL5LIB": ":".join(map(str, modules)),
        "LD_LIBRARY_PATH": ":".join(map(str, (ROOT / "usr").glob("lib/*-linux-gnu"))),
        "RT_SITE_CONFIG": str(settings),
        "RT_SITE_CONFIG_DIR": str(folder / "none"),
    }
    setup = (ROOT / "usr/sbin/rt-setup-database-5").read_text("utf-8")
    own = folder / "setup.pl"  # it looks for the code where Debian installs it
    own.write_text(setup.replace(f'"/{CODE}/lib"', f'"{folder}/lib"'), "utf-8")
    command = ["perl", str(own), "--action", "init", "--skip-create", "--dba", url.username or "rt"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=120)
    child = subprocess.Popen(
        ["perl", str(SCRIPT)],
        env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    answers()
    return RequestTracker(url, child)
