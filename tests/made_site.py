"""The state's database of a folder, and a site that is built over an index in it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa

from connectors.values import Agent, Group
from expertise.build import BuildRules, build_expertise
from expertise.builds import SqlBuilds
from expertise.current_build import BuildReader
from expertise.directory import SqlDirectory
from expertise.topics import Topic, TopicList
from indexer.ports import Encoder, Index
from quisait.application.assembly import Application, open_application
from quisait.application.database import migrate
from quisait.settings import load_settings
from search_api.app import Services
from search_api.engine import Search
from search_api.identity.readers import reader_of
from tests.builders import Listed
from tests.pages.administration import DIRECTORY
from tests.planted import ENCODER, TODAY


@contextmanager
def state_in(folder: Path) -> Iterator[sa.Engine]:
    """The state's database, with the tables of this version."""
    engine = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
    yield engine
    engine.dispose()


@contextmanager
def application_in(folder: Path, **environment: str) -> Iterator[Application]:
    """The application with the settings of a folder, and of an environment beside them."""
    chosen = {"QUISAIT_FILE": str(folder / "quisait.toml")} | environment
    with patch.dict(os.environ, chosen), open_application(load_settings()) as application:
        yield application


@contextmanager
def agent_book(folder: Path, *entries: Agent | Group) -> Iterator[SqlDirectory]:
    """A directory in the state's database: the fictional one unless entries are given."""
    with state_in(folder) as engine:
        book = SqlDirectory(engine)
        book.replace(Listed(*(entries or DIRECTORY)))
        yield book


@dataclass(frozen=True, slots=True)
class MadeSite:
    """An index, a directory and a build of both; `build` makes the next one."""

    index: Index
    engine: sa.Engine
    book: SqlDirectory
    builds: SqlBuilds
    topics: Sequence[Topic]
    rules: BuildRules
    encoder: Encoder
    today: date

    def build(self) -> None:
        made = build_expertise(
            self.index, self.book, self.encoder, self.topics, self.rules, self.today
        )
        self.builds.publish(made, TopicList(tuple(self.topics)))

    def services(self, agent: str = "", **fields: Any) -> Services:
        """Readers are named by the header `x-agent`, and are `agent` without it."""

        def reader(request: Any) -> Any:
            return reader_of(request.headers.get("x-agent", agent), self.book, self.today)

        given: dict[str, Any] = {
            "search": Search(self.index, self.encoder, self.book),
            "people": self.book,
            "reader_of": reader,
            "today": lambda: self.today,
            "overview": BuildReader(self.builds, self.index, self.book, self.rules),
        }
        return Services(**(given | fields))


def without(services: Services, kind: type) -> Services:
    """Return the services without the part of this class, whose feature is then off."""
    return replace(services, parts=[one for one in services.parts if not isinstance(one, kind)])


@contextmanager
def made_site(
    folder: Path,
    index: Index,
    entries: Sequence[Agent | Group],
    topics: Sequence[Topic],
    rules: BuildRules | None = None,
    encoder: Encoder = ENCODER,
    today: date = TODAY,
) -> Iterator[MadeSite]:
    """A site over an index that is filled, with these agents and topics, and built."""
    with state_in(folder) as engine:
        made = MadeSite(
            index,
            engine,
            SqlDirectory(engine),
            SqlBuilds(engine),
            topics,
            rules or BuildRules(),
            encoder,
            today,
        )
        made.book.replace(Listed(*entries))
        made.build()
        yield made
