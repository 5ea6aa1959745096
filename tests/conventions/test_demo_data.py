"""The fictional administration holds what the demonstration promises."""

import json
import tomllib
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from quisait_demo.command import KINDS, demo_questions
from quisait_demo.stories import stories_of
from quisait_export.connector import ExportSource

from connectors.directory import TableDirectory
from connectors.folder.connector import FolderSource
from connectors.ports import Change, Connector, Malformed, Upsert
from connectors.snapshot import Snapshot
from connectors.values import Agent, Document, Group

pytestmark = pytest.mark.sources

DEMO = Path(__file__).resolve().parents[2] / "demo"
OVERSEAS = {"971", "972", "973", "974", "976"}


@cache
def entries() -> tuple[Agent | Group | Malformed, ...]:
    folder = DEMO / "annuaire"
    return tuple(TableDirectory(folder / "agents.csv", folder / "groupes.csv").entries())


def agents() -> list[Agent]:
    return [entry for entry in entries() if isinstance(entry, Agent)]


@cache
def changes() -> tuple[Change, ...]:
    exports = [Snapshot(ExportSource(name, DEMO / name)) for name in ("wifip", "wiki")]
    connectors: tuple[Connector, ...] = (*exports, Snapshot(FolderSource("notes", DEMO / "notes")))
    return tuple(change for connector in connectors for change in connector.changes(None))


def documents() -> dict[str, Document]:
    return {c.document.id: c.document for c in changes() if isinstance(c, Upsert)}


def deeds() -> Iterator[tuple[str, str, date]]:
    """(document, account, day), for every post, answer and comment."""
    for path in sorted(DEMO.glob("wi*/*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            record: dict[str, Any] = json.loads(line)
            if "title" not in record or "created" not in record:
                continue
            said = [record, *record.get("answers", ()), *record.get("comments", ())]
            for one in said:
                day = date.fromisoformat(one["created"][:10])
                if one.get("author"):
                    yield record["id"], f"{path.parent.name}:{one['author']}", day


def spans() -> Iterator[tuple[str, str, date]]:
    """(document, account, day) for both ends of each contribution that the connectors yield."""
    for document in documents().values():
        for contribution in document.contributions:
            for day in (contribution.first, contribution.last):
                if day:
                    yield document.id, contribution.account, day


def test_nothing_is_malformed() -> None:
    """Every line of the directory and of the sources is understood."""
    assert not [one for one in (*entries(), *changes()) if isinstance(one, Malformed)]


def test_superseded_documents_exist() -> None:
    """What replaces, replaces a document of the demonstration; what was replaced has an end."""
    known = documents()
    replaced = {name for document in known.values() for name in document.replaces}
    assert len(replaced) >= 5
    assert replaced <= known.keys()
    assert all(known[name].valid_until for name in replaced)
    assert {document.part_of for document in known.values() if document.part_of} <= known.keys()


def test_every_account_is_an_agents() -> None:
    """Who wrote is in the directory, and groups name agents of the directory."""
    accounts = {account for agent in agents() for account in agent.accounts}
    wrote = {c.account for document in documents().values() for c in document.contributions}
    assert wrote <= accounts
    ids = {agent.id for agent in agents()}
    groups = [entry for entry in entries() if isinstance(entry, Group)]
    assert all(group.members <= ids for group in groups)
    named = {name for document in documents().values() for name in document.access.allowed}
    assert {n for n in named if ":group:" in n} <= {group.principal for group in groups}


def test_nobody_writes_before_arrival_or_after_departure() -> None:
    """Each deed falls into its agent's time in the administration."""
    times = {a: (agent.arrival, agent.departure) for agent in agents() for a in agent.accounts}
    outside = [
        (document, account, str(day))
        for document, account, day in (*deeds(), *spans())
        for arrival, departure in (times[account],)
        if (arrival and day < arrival) or (departure and day > departure)
    ]
    assert not outside


def test_the_questions_name_what_exists() -> None:
    """Each question's reader and people are present agents; its documents and services exist."""
    present = {agent.id for agent in agents() if agent.departure is None}
    departed = {agent.id for agent in agents()} - present
    questions = demo_questions(DEMO / "questions.jsonl")
    for asked in questions:
        assert {asked.agent, *asked.experts, *asked.people, *asked.near_subject} <= present, asked
        assert set(asked.not_named) <= (departed if asked.kind == "departed" else present), asked
        named = {*asked.documents, *asked.hidden, *asked.not_first}
        assert named <= documents().keys(), asked
        paths = {agent.entity for agent in agents()}
        paths |= {path.rpartition("/")[0] for path in paths}  # a direction, above its services
        assert set(asked.services) <= paths, asked
    assert {asked.kind for asked in questions} == KINDS.keys()
    assert len(questions) >= 120


def test_the_proposed_agents_are_in_post() -> None:
    """A few, with their story; the first one is who begins. Whoever asks is in post, too."""
    present = {agent.id for agent in agents() if agent.departure is None}
    server = tomllib.loads((DEMO / "quisait.toml").read_text("utf-8"))["server"]
    proposed = [one["agent"] for one in server["demo_people"]]
    assert proposed[0] == server["demo_agent"]
    assert len(proposed) <= 6
    stories = stories_of(DEMO / "questions-posees.toml")
    assert {*proposed, *(one.asker for one in stories)} <= present
    assert len(stories) == 3


def test_an_installed_quisait_has_the_whole_demonstration() -> None:
    """Each file is one of the wheel's (`data-files`), in its own folder."""
    settings = tomllib.loads((DEMO.parent / "pyproject.toml").read_text("utf-8"))
    carried = settings["tool"]["setuptools"]["data-files"]
    found = {
        (Path(folder) / path.name, path)
        for folder, patterns in carried.items()
        for pattern in patterns
        for path in DEMO.parent.glob(pattern)
        if path.is_file()
    }
    secrets = DEMO / "secrets"  # made by `quisait demo`
    files = [path for path in DEMO.rglob("*") if path.is_file() and secrets not in path.parents]
    assert found == {
        (Path("share/quisait") / path.relative_to(DEMO.parent), path) for path in files
    }
