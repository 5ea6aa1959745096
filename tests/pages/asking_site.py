"""A small administration where questions are asked: the pages, a clock, and the steps of time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from quisait_mail.links import UnsubscribeLinks
from quisait_mail.storage import Mailing, SqlMail
from quisait_mail.values import MailRules
from quisait_mail.web import mail_web
from quisait_moderation.waiting import WAITING
from quisait_moderation.web import moderation_web

from connectors.values import (
    Agent,
    ContactVia,
    Contribution,
    ContributorRole,
)
from expertise.build import BuildRules, build_expertise
from expertise.builds import SqlBuilds
from expertise.consent import SqlConsent
from expertise.current_build import BuildReader
from expertise.directory import SqlDirectory
from expertise.directory_tables import directory_versions
from expertise.topics import Topic, TopicKind, TopicList
from indexer.access import Reader
from indexer.crawl.pipeline import CrawlDependencies, crawl
from indexer.embedded.index import EmbeddedIndex
from indexer.extraction.in_process import InProcessExtractor
from indexer.ports import Index
from indexer.state import State
from indexer.values import Put
from quisait.application.database import migrate
from quisait.privacy.register import FileRegister
from quisait.privacy.replay import replay
from search_api.app import Services, create_app
from search_api.audit.sql import SqlAudit
from search_api.communities.storage import SqlCommunityPages
from search_api.engine import Search
from search_api.favourites.storage import SqlFavourites
from search_api.following.storage import SqlFollowing
from search_api.identity.principals import Grant, Grants, Role
from search_api.identity.readers import Authorities, reader_of
from search_api.questions.authority import ScopeAuthority
from search_api.questions.delivery import move_questions_on
from search_api.questions.documents import QuestionsConnector
from search_api.questions.limits import DailyActs
from search_api.questions.storage import Asking, SqlQuestions
from search_api.questions.values import AskingRules
from search_api.search.service import experts_to_ask
from search_api.verification.service import note_opening
from tests.builders import Clock, indexed, make_document
from tests.made_once import copy_made
from tests.planted import ENCODER, TODAY

TOPICS = (Topic("cadastre", "cadastre"), Topic("regies", "régies"))
MAPPER, NEIGHBOUR, FARAWAY, BEHIND, ASKER, STRANGER, ANIMATOR = (f"ag-{n}" for n in range(1, 8))
HERE, ELSEWHERE = "Finances/Direction 22", "Intérieur/Préfecture 48"
SITE = "https://qui-sait.test"
TITLED = "Finances/Titres"
"""An entity whose restricted titles may stand in a mail."""
QUESTION = "Comment corriger le cadastre d'une parcelle ?"


def agent(number: int, name: str, place: str, entity: str, **fields: Any) -> Agent:
    return Agent(
        f"ag-{number}",
        "Jo",
        name,
        departement=place,
        entity=entity,
        email=f"ag-{number}@agents.test",
        accounts=(f"wiki:a{number}", f"questions:ag-{number}"),
        **fields,
    )


AGENTS = (
    agent(1, "Carteau", "22", HERE),
    agent(2, "Voisin", "35", HERE),
    agent(3, "Lointain", "974", HERE),
    agent(4, "Derrière", "29", HERE, contact_via=ContactVia.SERVICE, contact="srv@fin.example"),
    agent(5, "Demandeuse", "22", HERE),
    agent(6, "Étrangère", "48", ELSEWHERE),
    agent(7, "Animatrice", "75", HERE),
)
"""Three who know and may be asked, one whose service is to be asked, and who asks."""


BUILD_RULES = BuildRules(least_known=0)
"""Seven agents are too few to call anybody alone; here who is so matters, not how it is known."""
APART = {MAPPER: "22", NEIGHBOUR: "31", FARAWAY: "974", BEHIND: "80"}
"""Where those who know are each alone in their region: a community is proposed to them."""


@dataclass
class Listed:
    apart: bool = False
    metiers: Mapping[str, str] = field(default_factory=dict)
    skills: Mapping[str, str] = field(default_factory=dict)

    def entries(self) -> Iterator[Agent]:
        for one in AGENTS:
            place = APART.get(one.id, one.departement) if self.apart else one.departement
            skill = self.skills.get(one.id)
            yield replace(
                one,
                departement=place,
                metier=self.metiers.get(one.id, ""),
                skills=(skill,) if skill else (),
                skills_declared=TODAY if skill else None,
            )


def notes() -> list[Put]:
    """Open notes on the cadastre, and others of nobody on nothing near."""
    authors = [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    return [
        *(
            _note(number, "Corriger le cadastre d'une parcelle", author)
            for number, author in enumerate(authors)
        ),
        *(_note(20 + n, f"Le carnaval de Dunkerque, {n}") for n in range(4)),
    ]


def _note(number: int, title: str, *authors: int) -> Put:
    rows = tuple(
        Contribution(f"wiki:a{one}", ContributorRole.AUTHOR, last=TODAY) for one in authors
    )
    document = make_document(f"wiki:{number}", title=title, contributions=rows)
    return Put(indexed(document, f"{title} : un texte de la note {number}."))


def a_clock() -> Clock:
    """A moment of `TODAY`, and later ones."""
    return Clock(datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC), timedelta(seconds=1))


@dataclass
class AskingSite:
    """The application; `clock` is moved by the test."""

    services: Services
    questions: SqlQuestions
    index: Index
    engine: sa.Engine
    register: FileRegister
    clock: Clock
    authorities: Authorities
    app: FastAPI = field(init=False)

    def __post_init__(self) -> None:
        self.app = create_app(self.services)

    def client(self, agent_id: str) -> TestClient:
        return TestClient(self.app, headers={"x-agent": agent_id}, follow_redirects=False)

    def ask(self, agent_id: str = ASKER, title: str = QUESTION, **fields: Any) -> str:
        """Ask by the API: the question's id. Another question than theirs goes to one of them."""
        if title != QUESTION and "metier" not in fields and agent_id != MAPPER:
            fields.setdefault("to", MAPPER)
        answer = self.client(agent_id).post("/api/v1/questions", json={"title": title, **fields})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def act(self, agent_id: str, question: str, action: str, **fields: Any) -> int:
        """Act by the API: the status."""
        body = {"action": action, **fields}
        path = f"/api/v1/questions/{question}"
        return int(self.client(agent_id).post(path, json=body).status_code)

    def read(self, agent_id: str, question: str) -> Any:
        answer = self.client(agent_id).get(f"/api/v1/questions/{question}")
        return answer.json() if answer.status_code == 200 else answer.status_code

    def waiting(self, question: str) -> list[str]:
        """Whom the question waits for, as nobody is told."""
        requests = self.questions.requests.of_question(question)
        return [one.agent_id for one in requests if one.state in ("waiting", "accepted")]

    def accept_community(self) -> None:
        """Accept the community on the cadastre, as its animator and all whom it invites do."""
        form = {"verdict": "accept"}
        done = self.client(ANIMATOR).post("/animation/communities/cadastre", data=form)
        for agent_id in APART:
            self.client(agent_id).post("/communities/cadastre", data={"act": "join"})
        assert done.status_code == 303
        self.authorities.forget()

    def later(self, days: float) -> int:
        """The steps, so many days later."""
        self.clock.now += timedelta(days=days)
        return move_questions_on(self.services)

    def saved(self) -> Path:
        """A copy of the database as it is now."""
        path = Path(f"{self.engine.url.database}.{uuid4().hex}")
        with self.engine.connect() as connection:
            connection.exec_driver_sql(f"vacuum into '{path}'")
        return path

    def replayed(self, engine: sa.Engine) -> None:
        """Tell a database what the register knows."""
        consent = SqlConsent(engine, self.clock)
        replay(list(self.register.lines()), engine, consent, self.index, b"key")

    @contextmanager
    def restored(self, copy: Path) -> Iterator[sa.Engine]:
        """Another database, put back from a copy and told what the register knows."""
        engine = sa.create_engine(f"sqlite:///{copy}")
        self.replayed(engine)
        yield engine
        engine.dispose()

    def found(self, agent_id: str, words: str) -> list[str]:
        """Ids of questions that a search shows."""
        asked = {"q": words, "as_typed": "1"}
        body = self.client(agent_id).get("/api/v1/search", params=asked).json()
        ids = [one["id"] for one in body["documents"]]
        return [id_ for id_ in ids if id_.startswith("questions:")]


Labels = tuple[tuple[str, str], ...]
"""Of agents, by id."""


def _make(folder: Path, *asked: Any) -> None:
    _fill(EmbeddedIndex(folder / "index", ENCODER.dimension), folder, *asked)


def _fill(index: Index, folder: Path, apart: bool, metiers: Labels, skills: Labels) -> None:
    """Write the notes, the directory and a build of both."""
    assert not index.write(notes()).failed
    labels = sorted({label for _, label in metiers})
    topics = TOPICS + tuple(Topic(one, one, kind=TopicKind.METIER) for one in labels)
    engine = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
    book = SqlDirectory(engine)
    book.replace(Listed(apart, dict(metiers), dict(skills)))
    build = build_expertise(index, book, ENCODER, topics, BUILD_RULES, TODAY)
    SqlBuilds(engine).publish(build, TopicList(topics))
    engine.dispose()


@contextmanager
def asking_site(
    folder: Path,
    *,
    apart: bool = False,
    index: Index | None = None,
    metiers: Mapping[str, str] | None = None,
    skills: Mapping[str, str] | None = None,
    **rules: Any,
) -> Iterator[AskingSite]:
    """An administration of its own, on the embedded engine unless another index is given.

    `metiers` are those of agents, by id; each label is a métier of the list, too, under its own id.
    `skills` are what agents declare, one each, by id.
    """
    asked = (apart, tuple((metiers or {}).items()), tuple((skills or {}).items()))
    if index is None:
        if not (folder / "state.sqlite").exists():  # another process may go on with it
            copy_made(folder, _make, *asked)
        index = EmbeddedIndex(folder / "index", ENCODER.dimension)
    else:
        _fill(index, folder, *asked)
    engine = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
    book, builds, state = SqlDirectory(engine), SqlBuilds(engine), State(engine)
    overview, clock = BuildReader(builds, index, book, BUILD_RULES), a_clock()
    register = FileRegister(folder / "register.jsonl", (), clock, 90)
    questions = SqlQuestions(engine, clock, register)

    def read_last() -> str | None:
        """Changes with the directory, as in the application with each reading of it."""
        with engine.connect() as connection:
            return connection.execute(sa.select(directory_versions.c.token)).scalar()

    scopes = ScopeAuthority(book)
    authorities = Authorities([scopes], book, stamp=read_last)
    parts = CrawlDependencies(InProcessExtractor(), ENCODER, index, state, state)

    def publish() -> bool:
        crawl(QuestionsConnector(questions), parts)
        return True

    def reader(agent_id: str) -> Reader:
        return authorities.complete(reader_of(agent_id, book, TODAY))

    animator = Grant(Role.ANIMATOR, frozenset({ANIMATOR}), topics=frozenset({"cadastre"}))
    community_pages = SqlCommunityPages(engine, clock)
    mailing = Mailing(
        SqlMail(engine, clock, "qui-sait.test", register),
        MailRules(SITE, "qui-sait.test", frozenset({TITLED})),
        UnsubscribeLinks(b"k" * 32),
    )
    services = Services(
        Search(index, ENCODER, book),
        book,
        reader_of=lambda asked: reader(asked.headers.get("x-agent", "")),
        today=lambda: TODAY,
        overview=overview,
        consent=SqlConsent(engine, clock),
        grants=Grants((animator,)),
        audit=SqlAudit(engine, clock),
        closed_communities=community_pages.closed,
        parts=(
            WAITING,
            SqlFavourites(engine, clock),
            community_pages,
            Asking(
                questions,
                AskingRules(**rules),
                publish,
                reader,
                experts_to_ask,
                note_opening,
                DailyActs(clock),
            ),
            SqlFollowing(engine, clock, register),
            mailing,
        ),
        features=(mail_web(mailing), moderation_web()),
    )
    try:
        yield AskingSite(services, questions, index, engine, register, clock, authorities)
    finally:
        authorities.close()
        engine.dispose()
