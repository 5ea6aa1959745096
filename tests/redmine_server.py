"""A real Redmine on loopback, one for a whole session of tests: Debian's, run from a copy.

`ensure_redmine()` copies the package's code into a scratch folder, with a database of its own, and
serves it by WEBrick on a free port. Nothing of the system's own instance is read or written.
"""

import atexit
import functools
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import requests

from tests.needs import starting
from tests.server_process import START_TIMEOUT_S, begun, end, scratch_folder, wait_for
from tests.service.running import free_port

PACKAGE = Path("/usr/share/redmine")
KEYS = {login: f"{number:040x}" for number, login in enumerate(("admin", "lecteur", "ana"), 1)}
"""Keys of the interface, by login."""
USERS = ("lecteur", "ana", "ben", "cyd", "dan")
ROLES = {
    "Lecteur": (
        "all",
        "view_issues view_private_notes view_wiki_pages view_wiki_edits view_news view_files",
    ),
    "Membre": ("default", "view_issues view_wiki_pages view_news view_files"),
    "Usager": ("own", "view_issues"),
    "Visiteur": ("default", "view_news"),
}

_SEED = """
task :quisait => :environment do
  {'rest_api_enabled' => '1', 'default_language' => 'fr'}.each { |name, set| Setting[name] = set }
  User.find_by_login('admin').update_columns(must_change_passwd: false)
  %(users)s.each do |login|
    mail = login + '@essai.example'
    user = User.new(firstname: login.capitalize, lastname: 'Essai', mail: mail)
    user.login, user.mail_notification = login, 'none'
    user.save!(validate: false)
  end
  %(keys)s.each do |login, key|
    user = User.find_by_login(login)
    Token.where(user: user, action: 'api').delete_all
    Token.create!(user: user, action: 'api').update_columns(value: key)
  end
  %(roles)s.each do |name, (sight, granted)|
    given = granted.split.map(&:to_sym)
    Role.create!(name: name, issues_visibility: sight, permissions: given)
  end
  %(groups)s.each { |name| Group.create!(lastname: name) }
end
"""


class RedmineMissingError(RuntimeError):
    """No Redmine can be served here; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Redmine:
    """The server at `url`. Tests write by its own interface, as its administrator."""

    port: int
    run: Path
    numbers: Iterator[int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def ask(
        self,
        method: str,
        path: str,
        said: dict[str, Any] | None = None,
        *,
        key: str = "admin",
        content: bytes | None = None,
    ) -> dict[str, Any]:
        """An answer of the interface, by the key of that login."""
        with requests.Session() as asking:
            asking.trust_env = False
            headers = {"X-Redmine-API-Key": KEYS[key]}
            if content is not None:
                headers["Content-Type"] = "application/octet-stream"
            answer = asking.request(
                method, self.url + path, headers=headers, json=said, data=content, timeout=60
            )  # fmt: skip
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return json.loads(answer.content) if answer.content.strip() else {}

    def user(self, login: str) -> int:
        """A user's number."""
        return self._number("SELECT id FROM users WHERE login = ?", login)

    def role(self, name: str) -> int:
        """A role's number."""
        return self._number("SELECT id FROM roles WHERE name = ?", name)

    def group(self, name: str) -> int:
        """A group's number; `GroupNonMember` is everybody who has an account."""
        return self._number("SELECT id FROM users WHERE ? IN (lastname, type)", name)

    def project(
        self, *, public: bool = False, reader: bool = True, **fields: Any
    ) -> dict[str, Any]:
        """A new project, which the reading account may read."""
        number = next(self.numbers)
        modules = ["issue_tracking", "wiki", "news", "files"]
        made = {"name": f"Projet {number}", "identifier": f"projet-{number}", "is_public": public,
                "enabled_module_names": modules, "tracker_ids": [1, 2, 3]} | fields  # fmt: skip
        project: dict[str, Any] = self.ask("POST", "projects.json", {"project": made})["project"]
        if reader:
            self.member(project["id"], self.user("lecteur"), "Lecteur")
        return project

    def member(self, project: int, principal: int, *roles: str) -> int:
        """Make a user or group a member; returns the membership's number."""
        said = {"user_id": principal, "role_ids": [self.role(name) for name in roles]}
        made = self.ask("POST", f"projects/{project}/memberships.json", {"membership": said})
        return int(made["membership"]["id"])

    def issue(self, project: int, subject: str, *, by: str = "ana", **fields: Any) -> int:
        """A new issue of somebody's."""
        said = {"project_id": project, "subject": subject, "tracker_id": 1} | fields
        made = self.ask("POST", "issues.json", {"issue": said})["issue"]
        self.set_rows("UPDATE issues SET author_id = ? WHERE id = ?", self.user(by), made["id"])
        return int(made["id"])

    def note(self, issue: int, text: str, *, by: str, **fields: Any) -> None:
        """A note of somebody's, with changes of the issue."""
        before = self._last("journals")
        self.ask("PUT", f"issues/{issue}.json", {"issue": {"notes": text} | fields})
        self.set_rows(
            "UPDATE journals SET user_id = ? WHERE id > ?", self.user(by), before
        )  # fmt: skip

    def page(self, project: int, title: str, text: str, *, by: str = "ana", **fields: Any) -> None:
        """Write a page of a wiki, or its next version."""
        before = self._last("wiki_content_versions")
        said = {"wiki_page": {"text": text} | fields}
        self.ask("PUT", f"projects/{project}/wiki/{title}.json", said)
        number = self.user(by)
        self.set_rows("UPDATE wiki_content_versions SET author_id = ? WHERE id > ?", number, before)
        self.set_rows(
            "UPDATE wiki_contents SET author_id = ? WHERE id IN "
            "(SELECT wiki_content_id FROM wiki_content_versions WHERE id > ?)",
            number,
            before,
        )

    def upload(self, content: bytes, name: str) -> dict[str, str]:
        """A file to attach."""
        made = self.ask("POST", f"uploads.json?filename={name}", content=content)
        return {"token": made["upload"]["token"], "filename": name}

    def set_rows(self, statement: str, *values: object) -> None:
        """Change what the interface does not: authors and moments."""
        with sqlite3.connect(self.run / "redmine.db", timeout=30) as database:
            database.execute(statement, values)

    def age(self) -> None:
        """Make every issue as old as a minute: what is newer is read again each time."""
        self.set_rows(
            "UPDATE issues SET updated_on = datetime(updated_on, '-60 seconds') "
            "WHERE updated_on > datetime('now', 'localtime', '-30 seconds') "
            "OR updated_on > datetime('now', '-30 seconds')"
        )

    def _last(self, table: str) -> int:
        return self._number(f"SELECT coalesce(max(id), 0) FROM {table}")  # noqa: S608

    def _number(self, question: str, *values: object) -> int:
        with sqlite3.connect(self.run / "redmine.db", timeout=30) as database:
            return int(database.execute(question, values).fetchone()[0])


@functools.cache
def ensure_redmine() -> Redmine:
    """The session's server; started at the first call."""
    answers = starting("redmine")
    if not (PACKAGE / "config.ru").exists() or shutil.which("ruby") is None:
        raise RedmineMissingError("Redmine's tests need redmine and redmine-sqlite (make servers).")
    run = scratch_folder("redmine")
    environment = _copied(run)
    # In two processes: the first keeps the columns of the tables that it found in the beginning.
    _run(["rake", "db:migrate"], run, environment)
    _run(["rake", "redmine:load_default_data", "quisait"], run, environment)
    port = free_port()
    command = ["ruby", "bin/rails", "server", "-u", "webrick", "-b", "127.0.0.1", "-p", str(port)]
    process = begun(command, run / "said", cwd=run, env=environment)
    atexit.register(end, process)
    server = Redmine(port, run, count(1))
    ready = partial(server.ask, "GET", "users/current.json")
    wait_for(process, run / "said", ready, RedmineMissingError)
    answers()
    return server


def _copied(run: Path) -> dict[str, str]:
    """The package's code with folders and settings of its own; the environment to run it in."""
    for name in ("app", "bin", "config", "db", "extra", "lib", "public", "templates"):
        skipped = shutil.ignore_patterns("database.yml")
        shutil.copytree(PACKAGE / name, run / name, ignore=skipped, ignore_dangling_symlinks=True)
    for name in ("Rakefile", "config.ru"):
        shutil.copy(PACKAGE / name, run / name)
    instance = run / "instances" / "default"
    for folder in ("config", "tmp/cache", "log", "files", "plugins"):
        (instance / folder).mkdir(parents=True)
    for name in ("tmp", "log", "files", "plugins"):
        (run / name).mkdir()
    database = f"production:\n  adapter: sqlite3\n  timeout: 30000\n  database: {run}/redmine.db\n"
    (run / "config" / "database.yml").write_text(database)
    (instance / "config" / "database.yml").write_text(database)
    (instance / "config" / "secret_key.txt").write_text("essai" * 20)
    gems = (PACKAGE / "Gemfile").read_text()
    own = gems.replace("/usr/share/redmine/{config,instances/*/config}", f"{run}/config")
    (run / "Gemfile").write_text(own + '\ngem "webrick"\n')
    values = {"users": list(USERS), "keys": KEYS, "roles": ROLES, "groups": ["a", "b", "inconnu"]}
    ruby = {name: f"JSON.parse('{json.dumps(value)}')" for name, value in values.items()}
    (run / "lib" / "tasks" / "quisait.rake").write_text(_SEED % ruby, "utf-8")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(run),
        "LANG": "C.UTF-8",
        "RAILS_ENV": "production",
        "REDMINE_LANG": "fr",
        "TZ": "UTC",
    }


def _run(command: list[str], run: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=run, env=environment, capture_output=True, timeout=START_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise RedmineMissingError(f"Redmine's database: {done.stderr.decode()[:2000]}")
