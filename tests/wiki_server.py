"""A real MediaWiki with SQLite on loopback, one for a whole session of tests.

`ensure_wiki()` lays out a private wiki from Debian's packages, serves it on a free port by
PHP's own server, and ends it with the session. `WikiServer.reset` gives it back as new.
"""

import atexit
import functools
import io
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import mwclient

from tests.needs import starting
from tests.server_process import begun, scratch_folder, wait_for
from tests.service.running import free_port

HOME = Path("/usr/share/mediawiki")
PACKAGES = "mediawiki php-cli php-sqlite3 php-mbstring php-xml php-intl"
COMMAND_TIMEOUT_S = 120

ADMIN = "Admin"
READER = "Lecteur"
ROBOT = "Robot"
EDITOR = "Zoé"
PASSWORD = "une phrase de passe assez longue"

SETTINGS = """
$wgGroupPermissions['*']['read'] = false;
$wgGroupPermissions['*']['edit'] = false;
$wgGroupPermissions['*']['createaccount'] = false;
$wgGroupPermissions['sysop']['deleterevision'] = true;
$wgGroupPermissions['sysop']['deletelogentry'] = true;
$wgGroupPermissions['sysop']['suppressrevision'] = true;
$wgGroupPermissions['sysop']['suppressionlog'] = true;
$wgGroupPermissions['sysop']['mergehistory'] = true;
$wgEnableUploads = true;
$wgStrictFileExtensions = false;
$wgUploadDirectory = '@RUN@/images';
$wgUploadPath = '/img_auth.php';
$wgExtraNamespaces = [
    3000 => 'Silence', 3001 => 'Discussion_Silence',
    3002 => 'Équipe', 3003 => 'Discussion_Équipe',
];
// Nothing is remembered between two requests, so that the database can be put back.
$wgParserCacheType = CACHE_NONE;
$wgMessageCacheType = CACHE_NONE;
$wgJobRunRate = 0;
// Tests log in often, and hash for no one.
$wgPasswordAttemptThrottle = [];
$wgPasswordConfig['pbkdf2']['cost'] = 1;
wfLoadExtension( 'Cite' );
if ( is_file( '@RUN@/more.php' ) ) { include '@RUN@/more.php'; }
"""


class WikiMissingError(RuntimeError):
    """No wiki can be served here; the text says what is missing."""


@dataclass
class WikiServer:
    """The wiki at `url`. Titles and names are as the wiki shows them."""

    run: Path
    port: int
    sites: dict[str, Any] = field(default_factory=dict)
    acted: int = 0
    """The second of the last act of an editor."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def database(self) -> Path:
        return self.run / "data/wiki.sqlite"

    def site(self, user: str = ADMIN) -> Any:
        """A session of an account, as an editor has one."""
        if user not in self.sites:
            site = mwclient.Site(f"127.0.0.1:{self.port}", "/", scheme="http", do_init=False)
            site.login(user, PASSWORD)
            self.sites[user] = site
        return self.sites[user]

    def act(self, action: str, user: str = ADMIN, **said: Any) -> Any:
        """One act of an editor; an act that is refused fails the test."""
        site = self.site(user)
        token = site.get_token("csrf")
        done = site.raw_api(action, "POST", True, token=token, formatversion=2, **said)
        assert "error" not in done, done
        self.acted = int(time.time())
        return done[action]

    def edit(self, title: str, text: str, user: str = ADMIN, **flags: int) -> Any:
        done = self.act("edit", user, title=title, text=text, **flags)
        assert done["result"] == "Success", done
        return done

    def move(self, old: str, new: str, **flags: int) -> Any:
        said: dict[str, Any] = {"from": old, "to": new, **flags}
        return self.act("move", **said)

    def delete(self, title: str) -> Any:
        return self.act("delete", title=title)

    def upload(self, name: str, content: bytes, description: str) -> Any:
        done = self.site().upload(io.BytesIO(content), name, description=description, ignore=True)
        assert done["result"] == "Success", done
        self.acted = int(time.time())
        return done

    def settle(self) -> None:
        """Wait until the second of the last act is over."""
        time.sleep(max(0, self.acted + 1 - time.time()))

    def page_id(self, title: str) -> int:
        answer = self.site().raw_api("query", "POST", True, titles=title, formatversion=2)
        return int(answer["query"]["pages"][0].get("pageid", 0))

    def execute(self, statement: str, *values: object) -> None:
        """Change the wiki's database behind its back."""
        with sqlite3.connect(self.database) as connection:
            connection.execute(statement, values)
        connection.close()

    def configure(self, php: str = "") -> None:
        """More settings, from now on."""
        (self.run / "more.php").write_text(f"<?php\n{php}\n", "utf-8")

    def damage(self, title: str) -> None:
        """Lose the text of a page: the wiki can no longer show it."""
        self.execute(
            "DELETE FROM text WHERE 'tt:' || old_id IN (SELECT content_address FROM content "
            "JOIN slots ON slot_content_id = content_id JOIN page ON page_latest = "
            "slot_revision_id WHERE page_id = ?)",
            self.page_id(title),
        )

    def snapshot(self, name: str) -> None:
        shutil.copyfile(self.database, self.run / f"{name}.sqlite")
        shutil.copytree(self.run / "images", self.run / f"{name}.images")

    def reset(self, name: str = "new") -> bool:
        """Put the wiki back to a snapshot; false where there is none of that name."""
        kept = self.run / f"{name}.sqlite"
        if not kept.exists():
            return False
        self.configure()
        shutil.rmtree(self.run / "images", ignore_errors=True)
        shutil.copytree(self.run / f"{name}.images", self.run / "images")
        with sqlite3.connect(kept) as source, sqlite3.connect(self.database) as target:
            source.backup(target)
        source.close()
        target.close()
        return True


@functools.cache
def ensure_wiki() -> WikiServer:
    """The session's wiki; started at the first call."""
    answers = starting("wiki")
    if not (HOME / "api.php").is_file() or shutil.which("php") is None:
        raise WikiMissingError(f"The wiki tests need {PACKAGES} (`make servers`).")
    run = scratch_folder("wiki")  # SQLite waits for the disk at each edit
    wiki = WikiServer(run, free_port())
    _install(wiki)
    _serve(wiki)
    for user in (ADMIN, READER, ROBOT, EDITOR):
        wiki.site(user)
    wiki.delete("Accueil")
    for table in ("recentchanges", "logging", "log_search", "archive"):
        wiki.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    wiki.snapshot("new")
    answers()
    return wiki


def _install(wiki: WikiServer) -> None:
    for name in ("data", "conf", "images"):
        (wiki.run / name).mkdir()
    _maintain(
        wiki, "install", "--dbtype", "sqlite", "--dbpath", str(wiki.run / "data"),
        "--dbname", "wiki", "--server", wiki.url.rstrip("/"), "--scriptpath", "",
        "--lang", "fr", "--confpath", str(wiki.run / "conf"), "--pass", PASSWORD, "Essais", ADMIN,
    )  # fmt: skip
    settings = wiki.run / "conf/LocalSettings.php"
    with settings.open("a", encoding="utf-8") as opened:
        opened.write(SETTINGS.replace("@RUN@", str(wiki.run)))
    for user, *groups in ((READER,), (EDITOR,), (ROBOT, "--custom-groups=bot")):
        _maintain(wiki, "createAndPromote", *groups, user, PASSWORD)


def _maintain(wiki: WikiServer, script: str, *arguments: str) -> None:
    """Run a maintenance script; from 1.40 on they are run through one."""
    runner = HOME / "maintenance/run.php"
    command = [str(runner), script] if runner.exists() else [f"{HOME}/maintenance/{script}.php"]
    configured = wiki.run / "conf/LocalSettings.php"
    named = {"MW_CONFIG_FILE": str(configured)} if configured.exists() else {}
    done = subprocess.run(
        ["php", *command, *arguments],
        env=os.environ | named,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise WikiMissingError(f"{script} failed:\n{done.stdout}\n{done.stderr}")


def _serve(wiki: WikiServer) -> None:
    log, settings = wiki.run / "server.log", str(wiki.run / "conf/LocalSettings.php")
    command = [
        *("php", "-d", "opcache.enable_cli=1", "-d", "opcache.revalidate_freq=0"),
        *("-S", f"127.0.0.1:{wiki.port}", "-t", str(HOME)),
    ]
    environment = {"MW_CONFIG_FILE": settings, "PHP_CLI_SERVER_WORKERS": "2"}
    server = begun(command, log, env=os.environ | environment, cwd=wiki.run, start_new_session=True)
    atexit.register(_end, server)
    asked = f"{wiki.url}api.php?action=query"
    wait_for(server, log, lambda: httpx.get(asked, trust_env=False, timeout=20), WikiMissingError)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server with its workers."""
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
