"""Each `quisait` command of a French page is run, in a small administration that has been read.

A page leaves words to its reader (`quisait sources SOURCE`): here they are filled in.
"""

import itertools
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conventions.test_documents import commands
from tests.each import each
from tests.service.place import Place, make_place
from tests.service.test_topics_command import LIST

pytestmark = pytest.mark.sources

SETTINGS = """
[topics]
file = "sujets.csv"

[journal]
enabled = true

[questions]
enabled = true

[verification]
enabled = true

[[sources]]
name = "forum"
kind = "push"

[[roles]]
role = "animator"
agents = ["ag-2"]
topics = ["*"]
"""
ENGLISH = {"docs/evaluation.md", "docs/architecture.md"}
"""Pages for developers, whose commands take hours or are named in part."""

ELSEWHERE = {
    r"run\b|serve$": "run without end: tests/service/test_run.py",
    r"demo$": "serves without end: tests/pages/test_whole_demo.py",
    r"mcp$": "speaks with an assistant: packages/mcp/test_assistants.py",
    r"mail\b": "needs mail servers: packages/mail/test_mail_service.py",
    r"scans\b": "needs Tesseract: tests/service/test_scans.py",
    r"evaluate\b": "takes minutes: tests/effectiveness/test_evaluation.py",
    r"tune\b": "needs a judged set: packages/tune/test_training.py",
    r"model export\b": "needs a model: tests/service/test_own_model.py",
    r"reindex --from": "needs another engine: tests/service/test_engine_switch.py",
    r"reindex --abandon": "needs an unfinished one: tests/service/test_reindex.py",
    r"source add (lists|webdav)\b": "needs other sources: packages/desk/test_new_source.py",
}
"""Commands that are not run here, why, and the tests that run them."""

GROUPS = {"topics", "--config CHEMIN …"}
"""Names of groups of commands: alone, they show their help."""

COMPLETED = {
    "search": "search bornage --agent ag-2",
    "search --verified": "search bornage --verified --agent ag-2",
    "experts": "experts bornage --agent ag-2",
    "source add": "source add folder name=autres path={folder}/partages/notes --yes",
    "backup": "backup {folder}/autre-sauvegarde",
    "crawl SOURCE --folder DOSSIER": "crawl notes --folder bornage.txt",
    "directory cut": "directory cut ag-1",
    "push token add": "push token add forum",
    "restore": "restore {folder}/sauvegardes/2026-11-26",
    "restore DOSSIER": "restore {folder}/sauvegardes/2026-11-26",
    "token": "token ag-2",
    "try": "try notes",
    "source try": "source try folder name=essai path={folder}/partages/notes",
    "connector new": "connector new essai",
}
"""Commands that a page names without their arguments."""

AS_READER = r"topics (show|risks)|peers|profile"
"""Commands that ask who reads, which pages seldom say."""

WORDS = {
    "AGENT": "ag-1", "ID": "ag-2", "SOURCE": "notes", "NOM": "notes", "NOMBRE": "3",
    "SUJET": "bornage", "DOCUMENT": "notes:bornage.txt", "DATE-DE-LA-SAUVEGARDE": "2026-11-26",
    "name=notes": "name=partage", "drive": "forum",
}  # fmt: skip
"""Replacements for placeholders, and for names of another administration."""

LAST = (
    "push token revoke",
    "source add",
    "backup",
    "restore",
    "sessions",
    "directory cut",
    "reindex",
    "upgrade",
    "forget",
)
"""Commands that come after all others, or take something from them."""


def shown() -> list[str]:
    """Return what French pages show after `quisait`, once each, in the order of the runs."""
    lines = {
        " ".join(words).partition(" 2>")[0] for page, words in commands() if page not in ENGLISH
    }
    placed = {
        line: next((n for n, one in enumerate(LAST) if line.startswith(one)), -1) for line in lines
    }
    return sorted(lines, key=lambda line: (placed[line], line))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return an administration that was read once, and built."""
    made = make_place(tmp_path_factory.mktemp("documented") / "place")
    with (made.folder / "quisait.toml").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    (made.folder / "sujets.csv").write_text(LIST.replace("bancal,,,,\n", ""), "utf-8")
    (made.folder / "identifiants.txt").write_text("142\n")
    shutil.copytree(made.folder / "notes", made.folder / "partages" / "notes")
    made.run("crawl")
    made.run("expertise", "build")
    return made


def arguments(line: str, place: Place, words: Mapping[str, str]) -> tuple[str, ...]:
    """Return a command's arguments, as they are in this place."""
    here = re.sub(r"(?<=[ =])/(?=partages|sauvegardes|copie)", f"{place.folder}/", line)
    given = shlex.split(COMPLETED.get(line, here).replace("{folder}", str(place.folder)))
    given = [words.get(word, word) for word in given]
    if given[0] in ("try", "sources", "crawl") and given[1:] and not given[1].startswith("-"):
        given[1] = "notes"  # each page has an example of its own
    if re.match(AS_READER, line) and "--agent" not in given:
        given += ["--agent", "ag-2"]
    if line.startswith("source add folder"):
        given.append("--yes")
    return tuple(given)


def test_each_command_of_a_page_runs(place: Place, tmp_path: Path) -> None:
    """Each command that needs no server ends with status 0."""
    lines = shown()
    unused = [one for one in ELSEWHERE if not any(re.match(one, line) for line in lines)]
    assert unused + sorted((GROUPS | COMPLETED.keys()) - set(lines)) == []
    token = place.run("push", "token", "add", "forum").stdout.split("_")[1]
    audit = place.json("audit")
    words = WORDS | {
        "3f9a01c2": token,
        "NUMÉRO:EMPREINTE": f"{audit['last']}:{audit['head']}",
    }
    here = [line for line in lines if line not in GROUPS]
    here = [line for line in here if not any(re.match(one, line) for one in ELSEWHERE)]
    runs = {arguments(line, place, words): line for line in here}
    folders = (tmp_path / str(number) for number in itertools.count())

    def run(given: tuple[str, ...]) -> None:
        where = place
        if given[0] in ("init", "restore"):
            where = Place(next(folders), place.environment)
            where.folder.mkdir()
        if given[0] == "restore":
            for name in ("quisait.toml", "agents.csv", "groupes.csv", "sujets.csv"):
                shutil.copy(place.folder / name, where.folder)
            register = next(place.folder.glob("**/registre.jsonl"))
            for folder in (where.folder, place.folder / "copie"):
                folder.mkdir(exist_ok=True)
                shutil.copy(register, folder)
        if given[0] == "forget":
            where = place.with_settings(QUISAIT_SOURCES="[]")
        where.run(*given)

    each(((line, given) for given, line in runs.items()), run)
