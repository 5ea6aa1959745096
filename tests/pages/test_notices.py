"""The line that confirms an action on the next page: once, to its agent, with what undoes it."""

from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from re import findall
from typing import Any

import pytest
from fastapi.testclient import TestClient
from quisait_mail.storage import Mailing
from quisait_mail.values import NO_MAIL, DigestPace, MailPreferences

from expertise.consent import PreferenceKind
from search_api.app import create_app
from search_api.context import required
from search_api.favourites.storage import SqlFavourites
from search_api.notices import COOKIE, NOTICES
from search_api.questions.delivery import DECLINE_UNDO
from search_api.verification.storage import SqlVerifications, Verifying
from tests.pages.asking_site import (
    ANIMATOR,
    ASKER,
    FARAWAY,
    MAPPER,
    NEIGHBOUR,
    QUESTION,
    STRANGER,
    AskingSite,
    asking_site,
)

pytestmark = [pytest.mark.pages]

Fields = list[tuple[str, str]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AskingSite]:
    with asking_site(tmp_path) as made:
        verifying = Verifying(SqlVerifications(made.engine))
        made.services = made.services.with_parts(verifying)
        made.app = create_app(made.services)
        yield made


class Browser:
    """A browser of an agent: it sends forms with its origin, and follows to the next page."""

    def __init__(self, site: AskingSite, agent_id: str) -> None:
        headers = {"x-agent": agent_id, "origin": "http://testserver"}
        self.client = TestClient(site.app, headers=headers, follow_redirects=False)

    def sends(self, path: str, fields: Fields | dict[str, Any]) -> tuple[str, Fields]:
        """Send a form: where its undo goes, empty for none, and the fields of that form."""
        pairs = fields if isinstance(fields, list) else list(fields.items())
        names = dict.fromkeys(name for name, _ in pairs)
        data = {name: [value for of, value in pairs if of == name] for name in names}
        sent = self.client.post(path, data=data)
        assert sent.status_code == 303, sent.text
        page = self.client.get(sent.headers["location"].partition("#")[0]).text
        (told,) = findall(r'(?s)<div class="note done".*?</div>', page)
        assert 'role="status"' in told
        action = findall(r'action="([^"]+)"', told)
        hidden = findall(r'name="([^"]+)" value="([^"]*)"', told)
        return "".join(map(unescape, action)), [(unescape(n), unescape(v)) for n, v in hidden]


def test_a_decline_is_undone_until_the_question_goes_on(site: AskingSite) -> None:
    """It shows to nobody, before or after; once another is asked the page says that it is late."""
    question, browser = site.ask(), Browser(site, MAPPER)
    before = site.client(ASKER).get(f"/questions/{question}").text
    path, fields = browser.sends(f"/questions/{question}", {"act": "decline"})
    assert site.waiting(question) == []
    site.later(0)
    assert site.waiting(question) == [], "the next is not asked at once"
    assert browser.sends(path, fields) == ("", [])
    assert site.waiting(question) == [MAPPER]
    assert site.client(ASKER).get(f"/questions/{question}").text == before
    path, fields = browser.sends(f"/questions/{question}", {"act": "decline"})
    site.clock.now += DECLINE_UNDO
    site.later(0)
    assert site.waiting(question) == [NEIGHBOUR]
    late = browser.client.post(path, data=dict(fields))
    assert (late.status_code, site.waiting(question)) == (422, [NEIGHBOUR])
    assert site.act(FARAWAY, question, "retake") == 404, "who did not decline"


def test_a_hidden_text_is_shown_again(site: AskingSite) -> None:
    """The moderator's notice offers to undo it, for exactly the text that was hidden."""
    question, browser = site.ask(topic="cadastre"), Browser(site, ANIMATOR)
    reported = {"reason": "Nomme une personne."}
    assert Browser(site, STRANGER).sends(f"/questions/{question}/reports", reported)[0]
    desk = browser.client.get("/animation/questions").text
    form = dict(findall(r'name="(answer|digest)" value="([^"]*)"', desk))
    act = {**form, "act": "hide", "reason": "Une personne."}
    path, fields = browser.sends(f"/animation/questions/{question}", act)
    assert site.client(NEIGHBOUR).get(f"/questions/{question}").status_code == 404
    assert browser.sends(path, fields) == ("", [])
    assert site.client(NEIGHBOUR).get(f"/questions/{question}").status_code == 200


def test_a_decline_whose_time_is_over_is_not_undone(site: AskingSite) -> None:
    """Nor does its undo delay what others see: the stage ends as after silence."""
    question = site.ask()
    site.clock.now += timedelta(days=3, seconds=-30)
    assert site.act(MAPPER, question, "decline") == 204
    site.clock.now += timedelta(seconds=30)
    assert site.act(MAPPER, question, "retake") == 422
    site.later(0)
    assert site.waiting(question) == [NEIGHBOUR]


def test_each_act_on_a_question_is_confirmed(site: AskingSite) -> None:
    question, other = site.ask(), site.ask(title=f"{QUESTION} ?")

    def does(agent_id: str, act: str, asked: str = question, **typed: str) -> None:
        path, _ = Browser(site, agent_id).sends(f"/questions/{asked}", {"act": act, **typed})
        assert not path, act

    does(ASKER, "edit", title=QUESTION, text="Où ?")
    does(MAPPER, "accept")
    does(MAPPER, "transfer", text="Au voisin.")
    does(STRANGER, "answer", text="Oui.")
    (given,) = site.read(ASKER, question)["answers"]
    for act in ("thank", "lacks", "helped"):
        does(ASKER, act, answer=given["id"], text="La date.")
    for act in ("correct", "delete_answer"):
        does(STRANGER, act, answer=given["id"], text="Mieux.")
    does(ASKER, "delete", other)
    assert Browser(site, ASKER).sends("/questions", {"title": "Une autre ?"})[0] == ""


def test_a_report_is_undone(site: AskingSite) -> None:
    question, browser = site.ask(), Browser(site, NEIGHBOUR)
    path, fields = browser.sends(f"/questions/{question}/reports", {"reason": "Faux."})
    assert len(site.questions.moderation.reports({question})) == 1
    browser.sends(path, fields)
    assert site.questions.moderation.reports({question}) == ()


def test_choices_are_undone_to_what_they_were(site: AskingSite) -> None:
    """Of mail, of questions, and of documents to verify."""
    browser, store = Browser(site, MAPPER), required(site.services.part(Mailing)).store
    store.choose(MAPPER, MailPreferences(asked=False, digest=DigestPace.DAILY))
    said = {"receives": "true", "topics": ["cadastre", "regies"], "per_week": "4"}
    browser.client.post("/preferences", data={**said, "answered": "true", "digest": "daily"})
    mail, asking = store.preferences(MAPPER), site.questions.requests.preferences([MAPPER])[MAPPER]
    changed = {"asked": "true", "absent_until": "2099-01-02", "per_month": "0"}
    path, fields = browser.sends("/preferences", changed)
    assert store.preferences(MAPPER) == MailPreferences(answered=False, invited=False)
    assert site.questions.requests.preferences([MAPPER])[MAPPER] != asking
    assert dict(fields)["per_month"] == "5"
    browser.sends(path, fields)
    assert store.preferences(MAPPER) == mail
    assert site.questions.requests.preferences([MAPPER])[MAPPER] == asking


def test_what_is_said_of_a_document_is_undone(site: AskingSite) -> None:
    """Unless something was said before, which undoing would not bring back."""
    browser, store = Browser(site, MAPPER), required(site.services.part(Verifying)).store
    checked = browser.client.get("/api/v1/verifications/documents/wiki:0").json()
    said = {"document": "wiki:0", "act": "right", "text_hash": checked["text_hash"]}
    path, fields = browser.sends("/verifications", said)
    assert len(store.of_agent(MAPPER).said) == 1
    browser.sends(path, fields)
    assert store.of_agent(MAPPER).said == ()
    browser.sends("/verifications", said)
    assert browser.sends("/verifications", said)[0] == ""


@pytest.mark.parametrize("before", [None, PreferenceKind.DECLARE, PreferenceKind.REFUSE])
def test_a_wish_is_undone_to_the_one_before(
    site: AskingSite, before: PreferenceKind | None
) -> None:
    assert site.services.consent is not None
    browser = Browser(site, MAPPER)

    def wishes() -> list[tuple[str, str]]:
        held = site.services.consent.of(MAPPER)  # type: ignore[union-attr]
        return [(one.preference.kind, one.preference.subject) for one in held]

    if before:
        wish = {"kind": before, "subject": "regies"}
        assert site.client(MAPPER).post("/api/v1/me/wishes", json=wish).status_code == 200
    held = wishes()
    refuse = {"act": "ask", "kind": "refuse", "subject": "regies", "back": "/experts?q=a"}
    path, fields = browser.sends("/mes-donnees", refuse)
    assert wishes() == [("refuse", "regies")]
    browser.sends(path, fields)
    assert wishes() == held
    whole = {"act": "ask", "kind": "withdraw", "subject": ""}
    assert browser.sends("/mes-donnees", whole)[0] == "", "follows would not come back"


def test_follows_and_favourites_are_undone(site: AskingSite) -> None:
    browser = Browser(site, STRANGER)
    follow = {"act": "follow", "kind": "topic", "subject": "cadastre", "back": "/?q=cadastre"}
    path, fields = browser.sends("/suivis", follow)
    undone = browser.sends(path, fields)
    assert dict(undone[1])["act"] == "follow"
    assert site.client(STRANGER).get("/api/v1/follows").json()["follows"] == []
    favourite = {"act": "favourite", "kind": "document", "subject": "wiki:1"}
    path, fields = browser.sends("/favoris", favourite)
    assert dict(fields)["act"] == "no_favourite"
    browser.sends(path, fields)
    assert required(site.services.part(SqlFavourites)).of(STRANGER) == ()


def test_a_notice_is_shown_once_and_to_its_agent(site: AskingSite) -> None:
    """Nor does a notice of another's making show, nor one of a script, which stays on its page."""
    browser, other = Browser(site, MAPPER), Browser(site, NEIGHBOUR)

    def sent(**headers: str) -> str:
        answer = browser.client.post("/preferences", data={"digest": "off"}, headers=headers)
        return str(answer.headers.get("set-cookie", ""))

    def shown(of: Browser) -> bool:
        return 'id="fait"' in of.client.get("/questions").text

    assert COOKIE in sent()
    value = browser.client.cookies[COOKIE]
    assert [shown(browser), shown(browser)] == [True, False]
    for forged in (value, value[:-1], f"x{value}", "x.y"):
        other.client.cookies.set(COOKIE, forged)
        assert not shown(other)
    assert sent(**{"sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"}) == ""
    assert all(said.strip() for said in NOTICES.values())
    assert required(site.services.part(Mailing)).store.preferences(MAPPER) == NO_MAIL
