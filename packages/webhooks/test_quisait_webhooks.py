"""Webhooks: a real server of an application gets signed requests that contain no text."""

import base64
import hashlib
import hmac
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa
from jsonschema import Draft202012Validator
from quisait_webhooks.feature import WEBHOOKS
from quisait_webhooks.schemas import describe_webhooks
from quisait_webhooks.sending import deliver, signed_headers, webhooks_state
from quisait_webhooks.settings import WebhookSettings
from quisait_webhooks.storage import (
    LAST_ATTEMPT,
    SqlWebhooks,
    webhook_queue,
)

from expertise.build import build_expertise
from expertise.builds import SqlBuilds
from expertise.topics import TopicList
from indexer.values import Put
from quisait.application.assembly import open_application
from quisait.settings import load_settings
from quisait.work.administration import ApplicationAdministration
from quisait.work.crawl import read_directory
from quisait.work.worker import Worker, build_and_publish, tasks_of
from search_api.app import create_app
from search_api.features import WebFeature
from tests.http_server import Handler, serving
from tests.pages.asking_site import (
    ANIMATOR,
    ASKER,
    BUILD_RULES,
    MAPPER,
    NEIGHBOUR,
    SITE,
    TOPICS,
    AskingSite,
    Listed,
    _note,
    asking_site,
)
from tests.planted import ENCODER, TODAY
from tests.service.place import make_place
from tests.service.running import free_port
from tests.service.test_questions import client_of

pytestmark = [pytest.mark.trust, pytest.mark.sources]

SECRET = b"un secret de plus de vingt-quatre octets"
NAME = "intranet"
PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8")


@dataclass
class Received:
    """A request that reached the application."""

    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Application:
    """A real HTTP server. `answers`: the statuses of the next requests, then 204.

    `victims`: processes that it kills, one for each request, before it answers.
    """

    port: int = field(default_factory=free_port)
    answers: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    victims: "Queue[int] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/avis"

    @contextmanager
    def running(self) -> Iterator[None]:
        told = self

        class Answers(Handler):
            methods = ("POST",)

            def answer(self) -> None:
                body = self.read()
                headers = {name.lower(): value for name, value in self.headers.items()}
                told.received.append(Received(headers, body))
                if told.victims is not None:
                    os.kill(told.victims.get(), signal.SIGKILL)
                status = told.answers.pop(0) if told.answers else 204
                elsewhere = {"Location": f"{told.url}/ailleurs"}
                self.say(status, headers=elsewhere if status in range(300, 400) else None)

        with serving(Answers, self.port):
            yield


@dataclass
class Told:
    """The asking site, the outbox on its clock, and the application that is told."""

    site: AskingSite
    application: Application
    receiver: WebhookSettings
    store: SqlWebhooks = field(init=False)

    def __post_init__(self) -> None:
        self.store = SqlWebhooks(self.site.engine, self.site.clock)
        self.begin()

    def begin(self) -> None:
        stamp = SqlBuilds(self.site.engine).current()
        self.store.begin([NAME], stamp.id if stamp else "")

    def answered(self, title: str, **fields: Any) -> str:
        """Ask and answer; the question's id."""
        question = self.site.ask(title=title, **fields)
        assert self.site.act(MAPPER, question, "answer", text="Au pied du mur.") == 204
        return question

    def deliver(self) -> int:
        """A round of the worker's task."""
        self.store.queue_answers(NAME)
        self.store.queue_topics([NAME], SqlBuilds(self.site.engine))
        return deliver(self.store, self.receiver, SITE, Event())

    def build(self) -> None:
        topics = TopicList(TOPICS)
        book = self.site.services.people
        made = build_expertise(self.site.index, book, ENCODER, TOPICS, BUILD_RULES, TODAY)
        self.store.queue_topics([NAME], SqlBuilds(self.site.engine))
        SqlBuilds(self.site.engine).publish(made, topics)


def secret_file(folder: Path) -> Path:
    path = folder / "secret"
    path.write_text(f"whsec_{base64.b64encode(SECRET).decode()}\n", "utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    application = Application()
    with asking_site(tmp_path / "site", apart=True) as site:
        path = secret_file(tmp_path)
        receiver = WebhookSettings(name=NAME, url=application.url, secret_file=str(path))
        yield Told(site, application, receiver)


def verified(one: Received, secret: bytes = SECRET) -> bool:
    """Verify a signature by Standard Webhooks 1.0, independently of the code that signs."""
    signed = b".".join([one.id.encode(), one.headers["webhook-timestamp"].encode(), one.body])
    expected = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    return one.headers["webhook-signature"].split(" ") == [f"v1,{expected}"]


def test_the_signature_is_that_of_the_standard() -> None:
    """The example that its libraries test themselves with."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_answers_are_told_once_in_order_and_signed(told: Told) -> None:
    questions = [told.answered(title) for title in ("Où est la borne ?", "Qui tient la régie ?")]
    with told.application.running():
        assert told.deliver() == 2
        assert told.deliver() == 0
    first, second = told.application.received
    assert [first.said["data"]["id"], second.said["data"]["id"]] == questions
    assert first.id != second.id
    assert all(map(verified, told.application.received))
    assert not verified(first, b"un autre secret")
    moment = int(first.headers["webhook-timestamp"])
    assert abs(moment - told.site.clock.now.timestamp()) < 60
    assert first.headers["content-type"] == "application/json"


def test_a_body_holds_ids_kind_time_and_address_alone(told: Told) -> None:
    """Also for a question with chosen readers, or to a community."""
    told.site.accept_community()
    titles = ("Le zanzibar ?", "La mandragore ?")
    ids = [told.answered(titles[0]), told.answered(titles[1], community="cadastre", to="")]
    with told.application.running():
        assert told.deliver() == 2
    for id_, one in zip(ids, told.application.received, strict=True):
        assert one.said == {
            "type": "question.answered",
            "timestamp": one.said["timestamp"],
            "data": {"id": id_, "url": f"{SITE}/questions/{id_}"},
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", one.said["timestamp"])
        described = replace(told.site.services, features=(WebFeature(describe=describe_webhooks),))
        schema = create_app(described).openapi()
        assert schema["webhooks"]["question.answered"]["post"]["requestBody"]["required"]
        body = {"$ref": "#/components/schemas/WebhookBody", "components": schema["components"]}
        Draft202012Validator(body).validate(one.said)
    with told.site.engine.connect() as connection:
        kept = str(connection.execute(sa.select(webhook_queue)).all())
    for word in ("zanzibar", "mandragore", "mur", "Carteau", ASKER, MAPPER):
        assert word not in kept


def test_a_receiver_that_cannot_answer_is_retried_in_order(told: Told) -> None:
    """Only the first waiting event is retried, with growing delays; then all come in order."""
    first, second = told.answered("La première ?"), told.answered("La seconde ?")
    told.application.answers = [503, 429]
    with told.application.running():
        assert told.deliver() == told.deliver() == 0
        assert len(told.application.received) == 1, "not due yet"
        told.site.clock.now += timedelta(minutes=1)
        assert told.deliver() == 0
        told.site.clock.now += timedelta(minutes=1)
        assert told.deliver() == 0
        assert len(told.application.received) == 2, "after twice the delay"
        told.site.clock.now += timedelta(minutes=1)
        assert told.deliver() == 2
    tried = told.application.received
    assert [one.said["data"]["id"] for one in tried] == [first, first, first, second]
    assert len({one.id for one in tried}) == 2
    assert all(map(verified, tried))
    assert len({one.headers["webhook-timestamp"] for one in tried[:3]}) == 3
    counts = told.store.counts(NAME)
    assert (counts.waiting, counts.sent, counts.failing) == (0, 2, False)


@pytest.mark.parametrize("status", [404, 302])
def test_a_refused_event_keeps_no_other_waiting(told: Told, status: int) -> None:
    """A redirection is followed nowhere: it is a refusal too."""
    first, second = told.answered("La première ?"), told.answered("La seconde ?")
    told.application.answers = [status]
    with told.application.running():
        assert told.deliver() == 1
        assert told.store.counts(NAME).waiting == 1
        told.site.clock.now += timedelta(minutes=1)
        assert told.deliver() == 1
    ids = [one.said["data"]["id"] for one in told.application.received]
    assert ids == [first, second, first]


def test_the_last_attempt_ends_what_is_too_old(told: Told) -> None:
    """After three days without the receiver, old events end and newer ones are still delivered."""
    old = [told.answered(title) for title in ("La première ?", "La deuxième ?")]
    assert told.deliver() == 0
    told.site.clock.now += LAST_ATTEMPT - timedelta(minutes=1)
    new = told.answered("La troisième ?")
    assert told.deliver() == 0
    assert told.store.counts(NAME).waiting == 3
    told.site.clock.now += timedelta(hours=1)
    assert told.deliver() == 0
    counts = told.store.counts(NAME)
    assert (counts.waiting, counts.failed, counts.failing) == (1, 2, True)
    with told.application.running():
        told.site.clock.now += timedelta(hours=6)
        assert told.deliver() == 1
        told.site.clock.now += timedelta(days=1)
        assert told.deliver() == 0
    (one,) = told.application.received
    assert one.said["data"]["id"] == new not in old


def test_a_killed_sender_loses_nothing(told: Told) -> None:
    """Killed once the application took an event: the next one tells it again, under its id."""
    questions = [told.answered(title) for title in ("La première ?", "La seconde ?")]
    told.application.victims = Queue()
    with told.application.running():
        child = os.fork()
        if not child:
            told.site.engine.dispose(close=False)
            try:
                told.deliver()
            finally:
                os._exit(1)
        told.application.victims.put(child)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        told.application.victims = None
        assert told.deliver() == 2
        assert told.deliver() == 0
    first, again, last = told.application.received
    assert (first.id, first.body) == (again.id, again.body)
    assert [again.said["data"]["id"], last.said["data"]["id"]] == questions


def test_a_new_receiver_is_told_nothing_of_before(told: Told) -> None:
    """A receiver that the settings no longer name loses its waiting events."""
    told.answered("La première ?")
    told.store.begin([NAME, "autre"], "")
    assert told.store.queue_answers("autre") == 0
    assert told.store.queue_answers(NAME) == 1
    told.store.begin(["autre"], "")
    assert list(told.store.waiting(NAME)) == []


def test_a_topic_is_told_when_its_holders_or_isolation_change(told: Told) -> None:
    """At a build, once, without saying who; a build that changes nothing is not told."""
    with told.application.running():
        told.build()
        assert told.deliver() == 0
        told.site.index.write(notes_of(NEIGHBOUR))
        told.build()
        assert told.deliver() == 1
        told.site.services.people.replace(Listed(apart=False))
        told.build()
        assert told.deliver() == 1
        told.build()
        assert told.deliver() == 0
    first, second = (one.said for one in told.application.received)
    assert first["type"] == second["type"] == "topic.changed"
    assert first["data"] == {"id": "regies", "url": f"{SITE}/topics/regies"}
    assert second["data"]["id"] == "cadastre"
    assert ANIMATOR not in str((first, second))


def test_two_builds_before_the_next_round_are_both_told(told: Told) -> None:
    """The former build's rows are deleted by the next one: its changes were queued before."""
    told.site.index.write(notes_of(NEIGHBOUR))
    told.build()
    told.site.services.people.replace(Listed(apart=False))
    told.build()
    with told.application.running():
        assert told.deliver() == 2
    assert {one.said["data"]["id"] for one in told.application.received} == {"cadastre", "regies"}


def notes_of(agent_id: str) -> list[Put]:
    title = "Tenir les régies d'une commune"
    return [_note(50 + number, title, int(agent_id[3:])) for number in range(3)]


def test_a_metadata_address_is_told_nothing(told: Told) -> None:
    """The guard of sources' hosts holds here: nothing is sent, and it is retried."""
    told.answered("La première ?")
    away = told.receiver.model_copy(update={"url": "http://169.254.169.254/avis"})
    told.store.queue_answers(NAME)
    assert deliver(told.store, away, SITE, Event()) == 0
    assert told.store.counts(NAME).failing


def test_the_worker_tells_and_the_check_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the settings to the request; a lost secret and a silent application are said."""
    application = Application()
    path = secret_file(tmp_path)
    hook = {"name": NAME, "url": application.url, "secret_file": str(path)}
    place = make_place(
        tmp_path / "place",
        QUISAIT_QUESTIONS__ENABLED="true",
        QUISAIT_SIGN_ON__ADDRESS=SITE,
        QUISAIT_WEBHOOKS=json.dumps([hook]),
        QUISAIT_TOPICS__FILE="sujets.csv",
    )
    metiers = "id,label,alt_labels,broader,kind\nm-tresorier,trésorier hospitalier,,,métier\n"
    (place.folder / "sujets.csv").write_text(metiers, "utf-8")
    place.enter(monkeypatch)

    with open_application(load_settings()) as opened:
        read_directory(opened)
        (task,) = [one for one in tasks_of(opened) if one.name == WEBHOOKS]
        worker = Worker(opened, Event())
        assert worker._do_task(task)
        asked = client_of(opened, "ag-2").post(
            "/api/v1/questions", json={"title": "Où est la borne ?", "to": "ag-1"}
        )
        question = asked.json()["id"]
        answer = {"action": "answer", "text": "Au pied du mur."}
        done = client_of(opened, "ag-1").post(f"/api/v1/questions/{question}", json=answer)
        assert done.status_code == 204
        build_and_publish(opened)
        with (place.folder / "agents.csv").open("a", encoding="utf-8") as agents:
            agents.write("ag-4,Dan,Roux,trésorier hospitalier,22,,,true\n")
        read_directory(opened)
        for _ in range(2):  # the second deletes the rows that the first was compared with
            build_and_publish(opened)
        opened.state.request_run(WEBHOOKS)
        assert worker._do_task(task)
        parts = {one.name: one for one in ApplicationAdministration(opened)().parts}
        assert not parts["Webhooks"].well
        (line,) = [one for one in place.json("check", status=1) if one["name"] == "webhooks"]
        assert not line["passed"]
        with opened.database.begin() as connection:
            due = sa.update(webhook_queue).values(due=webhook_queue.c.queued)
            connection.execute(due)
        with application.running():
            opened.state.request_run(WEBHOOKS)
            assert worker._do_task(task)
        assert webhooks_state(opened.settings, opened.database)
        path.write_text("trop court", "utf-8")
        with pytest.raises(ValueError, match="secret_file"):
            webhooks_state(opened.settings, opened.database)
    told = [(one.said["type"], one.said["data"]["id"]) for one in application.received]
    topic = ("topic.changed", "m-tresorier")
    assert sorted(told) == [("question.answered", question), topic, topic]
    assert all(map(verified, application.received))


def test_the_verification_of_the_page_works(told: Told) -> None:
    """docs/api.md: its function takes what was sent, and nothing that was changed or is old."""
    (code,) = re.findall(r"```python\n([^`]*def verifier\(.*?)```", PAGE, re.DOTALL)
    page: dict[str, Any] = {}
    exec(code, page)  # noqa: S102 - the page's own example
    verify = page["verifier"]
    told.site.clock.now += timedelta(seconds=time.time() - told.site.clock.now.timestamp())
    told.begin()
    told.answered("La première ?")
    with told.application.running():
        assert told.deliver() == 1
    (one,) = told.application.received
    secret = f"whsec_{base64.b64encode(SECRET).decode()}"
    assert verify(one.body, one.headers, secret) == one.said
    old = one.headers | {"webhook-timestamp": str(int(time.time()) - 3_600)}
    forged = one.headers | {"webhook-signature": "v1,AAAA"}
    for body, headers, key in (
        (one.body + b" ", one.headers, secret),
        (one.body, one.headers | {"webhook-id": "autre"}, secret),
        (one.body, old, secret),
        (one.body, forged, secret),
        (one.body, one.headers, f"whsec_{base64.b64encode(b'x' * 32).decode()}"),
    ):
        with pytest.raises(ValueError, match=r"signature|trop ancien"):
            verify(body, headers, key)
