"""A small administration in a folder, and the real command run in it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quisait.application.assembly import Application
from tests.made_site import application_in
from tests.service.command import Process, start

COMMAND = [sys.executable, "-m", "quisait.cli"]
TIMEOUT_S = 120
NULL = Path(os.devnull)
ONE_THREAD = {"OMP_NUM_THREADS": "1"}

SETTINGS = """
[directory]
agents = "agents.csv"
groups = "groupes.csv"

[[sources]]
name = "notes"
kind = "folder"
path = "notes"

[[sources]]
name = "wiki"
kind = "export"
path = "export.jsonl"
"""
AGENTS = """id,given_name,family_name,metier,departement,departure,accounts,listed
ag-1,Ana,Le Goff,géomètre du cadastre,22,,wiki:ana|notes:ana,true
ag-2,Ben,Amrani,trésorier hospitalier,974,,wiki:ben,true
ag-3,Cyd,Rossi,géomètre du cadastre,29,2020-01-01,wiki:cyd,true
"""
GROUPS = "principal,label,members\nannuaire:group:fraude,Fraude,ag-2\n"
RULES = "pattern,allowed,author\n*,everyone,ana\nsecret.txt,annuaire:group:fraude,ana\n"
NOTES = {
    "bornage.txt": "Le bornage contradictoire fixe la limite de deux parcelles cadastrales.",
    "regie.md": "# Régies\n\nLe régisseur de recettes verse ses fonds chaque mois au comptable.",
    "secret.txt": "Le carrousel Zanzibar passe par trois sociétés écrans.",
}


def post(number: int, text: str, author: str) -> dict[str, Any]:
    """A line of an export that every agent may read."""
    return {
        "type": "post",
        "id": str(number),
        "title": f"Message {number}",
        "text": text,
        "author": author,
        "created": "2026-01-15T09:00:00+01:00",
        "readers": {"allowed": ["everyone"]},
    }


def export(posts: list[dict[str, Any]]) -> str:
    """A complete export: what it does not hold has been deleted."""
    header = {"type": "header", "version": 1, "complete": True}
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in (header, *posts))


POSTS = [
    post(1, "Une parcelle à cheval sur deux communes se divise avant le bornage.", "ana"),
    post(2, "Le remaniement du cadastre se fait feuille par feuille.", "cyd"),
    post(3, "Les recettes de l'hôpital se rapprochent des titres émis.", "ben"),
]


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with its settings, and the environment in which commands run there."""

    folder: Path
    environment: Mapping[str, str]

    def ended(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, whatever its exit status."""
        with tempfile.TemporaryDirectory() as outputs:
            stdout, stderr = Path(outputs) / "stdout", Path(outputs) / "stderr"
            process = self.begun(*arguments, stdout=stdout, stderr=stderr)
            try:
                process.wait(TIMEOUT_S)
            finally:
                process.kill()
            said = [output.read_text("utf-8") for output in (stdout, stderr)]
        done = subprocess.CompletedProcess(arguments, process.wait(), *said)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command to its end; its exit status is part of what is asked of it."""
        done = self.ended(*arguments)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    def begun(
        self,
        *arguments: str,
        stdout: Path = NULL,
        stderr: Path = NULL,
        module: str = "quisait.cli",
    ) -> Process:
        """Begin the command, or the `main` of a module; the outputs are files, written anew."""
        environment = {**ONE_THREAD, **os.environ, **self.environment}
        return start(arguments, self.folder, environment, stdout, stderr, module)

    def json(self, *arguments: str, status: int = 0) -> Any:
        """Return the command's JSON output."""
        return json.loads(self.run(*arguments, "--json", status=status).stdout)

    def with_settings(self, **environment: str) -> "Place":
        """The same folder, with other settings."""
        return Place(self.folder, {**self.environment, **environment})

    def enter(self, monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
        """Let this process read these settings, as a command in the folder does."""
        file = {"QUISAIT_FILE": str(self.folder / "quisait.toml")}
        for name, value in (dict(self.environment) | file | environment).items():
            monkeypatch.setenv(name, value)

    @contextmanager
    def opened(self, **environment: str) -> Iterator[Application]:
        """The application with these settings, in this process."""
        chosen = dict(self.environment) | environment
        with application_in(self.folder, **chosen) as application:
            yield application

    def copied(self, folder: Path, **environment: str) -> "Place":
        """The same place, as it stands, elsewhere."""
        shutil.copytree(self.folder, folder)
        return Place(folder, {**self.environment, **environment})


def make_place(folder: Path, **environment: str) -> Place:
    """The small administration, not yet read."""
    notes = folder / "notes"
    notes.mkdir(parents=True)
    for name, text in NOTES.items():
        (notes / name).write_text(text, "utf-8")
    (notes / "_quisait.csv").write_text(RULES, "utf-8")
    (folder / "quisait.toml").write_text(SETTINGS, "utf-8")
    (folder / "agents.csv").write_text(AGENTS, "utf-8")
    (folder / "groupes.csv").write_text(GROUPS, "utf-8")
    (folder / "export.jsonl").write_text(export(POSTS) + "{une phrase secrète\n", "utf-8")
    return Place(folder, ONE_THREAD | {"QUISAIT_SERVER__TOKEN_KEY": "k" * 32} | environment)
