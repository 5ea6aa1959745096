"""Questions to experts: the course of a question, who cannot see it, and what stays private."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from connectors.values import EVERYONE, Agent, ContributorRole
from expertise.directory import SqlDirectory
from indexer.access import Reader, access_filter
from indexer.embedded.index import EmbeddedIndex
from indexer.errors import IndexUnreachable
from indexer.values import (
    IndexEntry,
    Question,
    Remove,
    SearchAnswer,
    SearchRequest,
    ShownDocument,
    ShowRequest,
)
from quisait.privacy.retention import purge_agent
from search_api.context import required
from search_api.query.query import Query
from search_api.questions.delivery import DECLINE_UNDO
from search_api.questions.storage import Asking
from search_api.questions.tables import (
    asked_agents,
    asked_questions,
    given_answers,
    question_readers,
)
from search_api.questions.values import AskingPreferences, QuestionStage
from search_api.search.service import who_knows
from tests.journals import Notebook
from tests.judging import engine_index
from tests.made_site import without
from tests.pages.asking_site import (
    AGENTS,
    ANIMATOR,
    ASKER,
    BEHIND,
    FARAWAY,
    HERE,
    MAPPER,
    NEIGHBOUR,
    QUESTION,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.planted import ENCODER, TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

SECRET = "Zanzibar"
"""Stands in a question of one entity: nobody outside it ever meets the word."""
RESTRICTED = {
    "title": f"Le cadastre du carrousel {SECRET} ?",
    "text": f"À propos de {SECRET}.",
    "topic": "cadastre",
    "scope": "entity",
    "scope_id": HERE,
}


@pytest.fixture(params=["embedded", "opensearch"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AskingSite]:
    """The same on each engine: what is found, and what nobody finds, is theirs to say."""
    with (
        engine_index(request.param, tmp_path, ENCODER.dimension) as index,
        asking_site(tmp_path, index=index) as made,
    ):
        yield made


def answered(site: AskingSite, question: str, text: str = "Par un document d'arpentage.") -> str:
    """Somebody who is asked accepts and answers: the answer's id."""
    (agent_id,) = site.waiting(question)
    assert site.act(agent_id, question, "accept") == 204
    assert site.act(agent_id, question, "answer", text=text) == 204
    return str(site.read(agent_id, question)["answers"][-1]["id"])


def test_a_question_is_answered_and_found_at_once(either: AskingSite) -> None:
    """Asked of the nearest who knows; accepted, answered, marked: a document for all."""
    site = either
    question = site.ask(topic="cadastre", text="La limite est fausse.")
    assert site.waiting(question) == [MAPPER]
    assert site.found(STRANGER, "limite fausse") == [f"questions:{question}"]
    (waits,) = site.client(MAPPER).get("/api/v1/questions").json()["waiting"]
    assert waits["id"] == question
    answer = answered(site, question)
    assert site.found(STRANGER, "document d'arpentage") == [f"questions:{question}"]
    assert site.act(ASKER, question, "helped", answer=answer) == 204
    assert site.act(ASKER, question, "thank", answer=answer) == 204
    assert site.read(STRANGER, question)["stage"] == "answered"
    card = shown(site, question)
    roles = {row.role: row for row in card.contributions}
    assert roles.keys() == {ContributorRole.ASKER, ContributorRole.ACCEPTED_ANSWERER}
    assert roles[ContributorRole.ACCEPTED_ANSWERER].account == f"questions:{MAPPER}"
    assert roles[ContributorRole.ACCEPTED_ANSWERER].thanks == 1
    led = site.client(STRANGER).get(f"/documents/questions:{question}?q=limite")
    assert led.headers["location"] == f"/questions/{question}?q=limite#reponses"
    page = site.client(STRANGER).get(led.headers["location"]).text
    assert "Jo Carteau" in page
    assert 'href="/?q=limite"' in page
    assert f'name="subject" value="questions:{question}"' in page
    assert site.later(30) == 0


def shown(site: AskingSite, question: str) -> Any:
    everyone = access_filter(Reader("x", frozenset({"everyone"})))
    (found,) = site.index.show(ShowRequest(everyone, (f"questions:{question}",), Question()))
    return found.card


def everything(site: AskingSite, agent_id: str, question: str = "") -> str:
    """Every answer in which a question could stand, as an agent gets them."""
    client = site.client(agent_id)
    paths = [
        "/api/v1/search?q=Zanzibar+cadastre&page_size=50&explain=true",
        "/api/v1/search?q=&sort=date&page_size=50",
        "/api/v1/search?q=zanzibr",
        "/api/v1/search?q=source:questions",
        "/api/v1/experts?q=carrousel+Zanzibar&limit=50",
        "/api/v1/suggest?q=Le+cadastre+du",
        "/api/v1/suggest?q=zanz",
        "/api/v1/questions",
        "/api/v1/questions/existing?q=carrousel+Zanzibar",
        "/api/v1/questions/recipients?q=carrousel+Zanzibar",
        "/api/v1/news",
        "/api/v1/me",
        "/?q=carrousel+Zanzibar",
        "/",
        "/questions",
        "/questions/new?q=carrousel",
        "/mes-donnees",
        "/preferences",
        "/topics/cadastre",
        "/api/v1/topics/cadastre",
        f"/agents/{ASKER}",
    ]
    if question:
        paths += [
            f"/questions/{question}",
            f"/api/v1/questions/{question}",
            f"/api/v1/documents/questions:{question}",
        ]
    answers = []
    for path in paths:
        answer = client.get(path)
        assert answer.status_code in (200, 404), path
        answers.append(f"{path} {answer.text}" if "anz" not in path else answer.text)
    return "\n".join(answers)


def test_who_may_not_read_it_finds_no_trace(either: AskingSite) -> None:
    """Not in a search, a suggestion, a correction, a count, a list; nor by its address."""
    site = either
    own = site.ask(STRANGER, str(RESTRICTED["title"]).replace(SECRET, "Madagascar"))
    before, untold = (
        site.client(STRANGER).get("/api/v1/search?q=cadastre").json()["total"],
        everything(site, STRANGER, own),
    )
    question = site.ask(**RESTRICTED)
    answered(site, question, f"{SECRET} est une île.")
    assert f"questions:{question}" in site.found(NEIGHBOUR, SECRET)
    assert everything(site, STRANGER, own) == untold, "nor as the copy of their own question"
    found = everything(site, STRANGER, question)
    for word in ("carrousel du", f"du carrousel {SECRET}", f"{SECRET} est", f"propos de {SECRET}"):
        assert word not in found
    assert site.client(STRANGER).get("/api/v1/search?q=cadastre").json()["total"] == before
    assert site.read(STRANGER, question) == 404
    # As what never was, word for word.
    client, never = site.client(STRANGER), "0" * 32
    for path in ("/api/v1/questions/{}", "/questions/{}"):
        told = [client.get(path.format(one)).text.replace(one, "") for one in (question, never)]
        assert told[0] == told[1]
    for action in ("accept", "decline", "answer", "helped", "delete", "edit", "lacks"):
        assert site.act(STRANGER, question, action, text="x", title="x") == 404
    assert site.client(ANIMATOR).get(f"/questions/{question}").status_code == 200


def test_nobody_is_asked_what_they_may_not_read(site: AskingSite) -> None:
    """Even where the asker comes from their card."""
    question = site.ask(to=STRANGER, **{**RESTRICTED, "title": QUESTION})
    assert site.waiting(question) == [MAPPER]
    opened = site.ask(to=STRANGER)
    assert site.waiting(opened) == [STRANGER]


def test_only_readers_of_ones_own_may_be_chosen(site: AskingSite) -> None:
    """Another's entity, a community that one is not in, what is neither."""
    client = site.client(ASKER)
    for scope, scope_id in (("entity", "Intérieur"), ("community", "cadastre"), ("entity", "")):
        body = {"title": "x ?", "scope": scope, "scope_id": scope_id}
        assert client.post("/api/v1/questions", json=body).status_code == 422
    for readers in ("entity:Intérieur", "rien", "everybody:x", "community:cadastre"):
        data = {"title": "x ?", "readers": readers}
        assert client.post("/questions", data=data).status_code == 422
    assert site.questions.of_asker(ASKER) == ()


A_MOMENT = DECLINE_UNDO / timedelta(days=1) * 1.5
"""Days after which a decline cannot be undone any more, at the next step."""


def series(site: AskingSite, *, declines: bool) -> list[str]:
    """What the asker, a stranger and the animator see day by day, until it is the animator's."""
    question, seen = site.ask(topic="cadastre"), []
    for day in range(11):
        if declines and (waiting := site.waiting(question)):
            assert site.act(waiting[0], question, "decline") == 204
        # Each step comes a little later in its day than the one before.
        site.clock.now = site.clock.now.replace(hour=12, minute=day, second=0)
        site.later(1)
        seen.append(site.client(ASKER).get(f"/questions/{question}").text)
        for agent_id in (ASKER, STRANGER, ANIMATOR):
            seen.append(json.dumps(site.read(agent_id, question)))
            seen.append(site.client(agent_id).get("/api/v1/questions").text)
    return [re.sub(r"[0-9a-f]{32}|favori-document-\w+|T[0-9:.]+Z", "", one) for one in seen]


def test_who_declined_cannot_be_told_from_silence(site: AskingSite, tmp_path: Path) -> None:
    """Day by day the very same answers, until the question is the animator's, at the same time."""
    with asking_site(tmp_path / "other") as other:
        silent = series(other, declines=False)
    declined = series(site, declines=True)
    assert any('"stage": "animator"' in one for one in declined)
    assert declined == silent


def test_a_decline_moves_nothing_that_is_seen(site: AskingSite) -> None:
    """The very same answers before and after, for everybody but the next who is asked."""
    question = site.ask(topic="cadastre")

    def told(*agents: str) -> list[str]:
        return [everything(site, one, question) for one in agents]

    others = (STRANGER, ANIMATOR, BEHIND)
    asker, before = told(ASKER), told(*others)
    for _ in range(3):
        (agent_id,) = site.waiting(question)
        assert site.act(agent_id, question, "decline") == 204
        assert told(ASKER) == asker
        site.later(A_MOMENT)
    assert told(*others) == before
    assert site.waiting(question) == []
    (own,) = site.client(MAPPER).get("/api/v1/me").json()["asking"]["requests"]
    assert own["state"] == "declined"


def test_nobody_acts_for_another(site: AskingSite) -> None:
    """Who is not asked decides nothing; an answer is its author's, a question its asker's."""
    question = site.ask()
    for action in ("accept", "decline", "transfer"):
        assert site.act(NEIGHBOUR, question, action, text="non") == 404
    answer = answered(site, question)
    for action in ("correct", "delete_answer"):
        for agent_id in (ASKER, NEIGHBOUR):
            assert site.act(agent_id, question, action, text="faux", answer=answer) == 404
    for action in ("helped", "thank", "lacks", "open", "edit", "delete"):
        fields = {"text": "faux", "title": "faux", "answer": answer}
        for agent_id in (MAPPER, NEIGHBOUR):
            assert site.act(agent_id, question, action, **fields) == 404
    assert site.act(ASKER, question, "answer", text="Je complète.") == 204
    own = site.read(ASKER, question)["answers"][1]["id"]
    assert site.act(ASKER, question, "helped", answer=own) == 404, "one does not reward oneself"
    assert "faux" not in json.dumps(site.read(ASKER, question))


def test_who_accepted_passes_on_and_does_not_decline(site: AskingSite) -> None:
    """To decline then would tell the asker who did; a reason is told without a name."""
    question = site.ask()
    assert site.act(MAPPER, question, "accept") == 204
    assert site.read(ASKER, question)["accepted_by"]["id"] == MAPPER
    assert site.read(STRANGER, question)["accepted_by"] is None
    assert site.act(MAPPER, question, "decline") == 422
    assert site.act(MAPPER, question, "transfer", text=" ") == 422
    assert site.act(MAPPER, question, "transfer", text="C'est au voisin.") == 204
    assert site.waiting(question) == [NEIGHBOUR]
    (passed_on,) = site.read(ASKER, question)["passed_on"]
    assert passed_on == {"reason": "C'est au voisin.", "on": TODAY.isoformat()}
    assert site.read(NEIGHBOUR, question)["passed_on"] == []


@pytest.mark.parametrize("act", ["decline", "transfer", "silence"])
def test_recipients_are_chosen_when_a_question_is_asked(site: AskingSite, act: str) -> None:
    """The next stored recipient is asked, though a search names nobody by then."""
    question = site.ask()
    assert site.waiting(question) == [MAPPER]
    site.index.write([Remove(f"wiki:{number}") for number in range(12)])
    if act == "silence":
        site.later(3.5)
    else:
        assert site.act(MAPPER, question, act, text="Au voisin.") == 204
        site.later(A_MOMENT)
    assert site.waiting(question) == [NEIGHBOUR]
    assert site.read(ASKER, question)["recipients"] == 3
    assert site.read(STRANGER, question)["recipients"] == 0


def test_recipients_are_those_whom_the_search_is_sure_of(tmp_path: Path) -> None:
    """By topics and the directory too; the form, the page and what is stored say the same."""
    with asking_site(tmp_path, metiers={STRANGER: "cadastre des parcelles"}) as site:
        client = site.client(ASKER)
        by_metier = "le cadastre d'une parcelle de montagne est faux"
        for words in ("cadastre", "plan du cadastre", QUESTION, by_metier):
            found = client.get("/api/v1/search", params={"q": words}).json()["people"]
            cards = {one["agent"]["id"] for one in found}
            asked = client.get("/api/v1/questions/recipients", params={"q": words}).json()
            named = [one["id"] for one in asked["recipients"]]
            assert cards & {one.id for one in AGENTS} <= set(named), words
            made = client.post("/api/v1/questions", json={"title": words}).json()
            assert set(named) <= set(site.questions.requests.recipients_of(made["id"]))
            assert made["recipients"] == len(named)
            assert site.act(ASKER, made["id"], "delete") == 204
            site.later(29)


def test_who_holds_the_topic_by_the_directory_is_asked(tmp_path: Path) -> None:
    """Whoever has a card is asked, without any document too."""
    title = "Comment clore des régies ?"
    with asking_site(tmp_path, skills={STRANGER: "régies"}) as site:
        client = site.client(ASKER)
        people = client.get("/api/v1/search", params={"q": title}).json()["people"]
        carded = [one["agent"]["id"] for one in people]
        assert STRANGER in carded
        notebook = Notebook()
        noting = replace(site.services, query_log=notebook)
        who_knows(noting, Reader(ASKER, frozenset({EVERYONE})), Query(title), limit=5)
        (noted,) = notebook.noted
        assert set(carded) <= set(noted.named)
        (asked,) = site.waiting(site.ask(title=title, to=""))
        assert asked in carded


def test_the_form_says_by_name_whom_it_goes_to(site: AskingSite) -> None:
    """Under the asker's rights, and by nothing that is private; names may be taken away."""
    client = site.client(ASKER)

    def planned(**asked: str) -> list[str]:
        found = client.get("/api/v1/questions/recipients", params={"q": QUESTION, **asked}).json()
        return [one["id"] for one in found["recipients"]]

    every = planned()
    assert set(every) == {MAPPER, NEIGHBOUR, FARAWAY}
    assert planned(to=FARAWAY)[0] == FARAWAY
    assert planned(scope="entity", scope_id=HERE) == every
    assert planned(scope="entity", scope_id="Intérieur") == [], "it could not be asked"
    site.questions.requests.prefer(NEIGHBOUR, AskingPreferences(receives=False))
    assert planned() == every, "what they set is told to nobody"
    written = {"title": QUESTION, "topic": "cadastre", "text": "Gardé."}
    shown_for = f"|everybody|cadastre|{QUESTION}"
    boxes = [f'name="recipients" value="{one}" checked' for one in every]
    page = client.get("/questions/new", params={"q": QUESTION}).text
    looked = client.post("/questions", data=written | {"look": "true"}).text
    for word in (*boxes, "Jo Carteau", "Direction 22", f'value="{shown_for}"'):
        for text in (page, looked):
            assert word in unescape(text), word
    assert ">Gardé.</textarea>" in looked
    shown = {"shown_for": shown_for, "named": every}
    kept = {"recipients": [MAPPER, FARAWAY]}
    for changed in ({"title": "Quel cadastre ?"}, {"topic": ""}, {"readers": f"entity:{HERE}"}):
        again = client.post("/questions", data=written | shown | kept | changed)
        assert again.status_code == 200, "another question is shown again before it is asked"
        assert boxes[0] in again.text, "a name that was taken away stays so"
        assert f'value="{NEIGHBOUR}" checked' not in again.text
    assert site.questions.of_asker(ASKER) == ()

    def asked(**typed: Any) -> tuple[str, ...]:
        answer = client.post("/questions", data=written | shown | typed)
        question = answer.headers["location"].rpartition("/")[2]
        return site.questions.requests.recipients_of(question)

    assert asked(recipients=[FARAWAY]) == (FARAWAY,)
    assert asked(recipients=[STRANGER]) == (), "nobody who may not be asked"
    assert asked(recipients=every) == (MAPPER,), "one asker took the other's share"
    wanted: dict[str, object] = {"title": QUESTION, "recipients": [MAPPER]}
    assert client.post("/api/v1/questions", json=wanted).json()["recipients"] == 0
    assert set(planned()) == set(every), "nor does it tell whom a question reached"


def test_open_questions_are_listed_nearest_first(site: AskingSite) -> None:
    """On one's topics, of one's département, then the others; none that one may not read."""
    on_topic = site.ask(STRANGER, "Le cadastre est-il faux ?", topic="cadastre")
    here = site.ask(ASKER, "Où est la cantine ?", topic="regies")
    unread = site.ask(ASKER, f"Où est {SECRET} ?", scope="entity", scope_id=HERE)
    away = site.ask(STRANGER, "Qui a les clés ?", topic="regies")
    done = site.ask(ASKER, "Qui a les tampons ?", topic="regies")
    assert answer_id(site, STRANGER, done)

    def listed(agent_id: str) -> dict[str, list[str]]:
        found = site.client(agent_id).get("/api/v1/questions").json()
        names = ("open_on_topics", "open_nearby", "open_elsewhere")
        return {name: [one["id"] for one in found[name]] for name in names}

    asked = {one["id"] for one in site.client(MAPPER).get("/api/v1/questions").json()["waiting"]}
    expected = {
        "open_on_topics": [on_topic],
        "open_nearby": [unread, here],
        "open_elsewhere": [away],
    }
    kept = {name: [id_ for id_ in ids if id_ not in asked] for name, ids in expected.items()}
    assert listed(MAPPER) == kept, "what is asked of them stands above"
    assert all(unread not in ids for ids in listed(STRANGER).values())
    ordered = ["miennes", "ouvertes-sujets", "ouvertes-ici", "ouvertes"]
    for agent_id in (STRANGER, ASKER, MAPPER):
        page = site.client(agent_id).get("/questions").text
        headings = [one for one in re.findall(r'<h2 id="([^"]+)"', page) if one in ordered]
        assert headings == [one for one in ordered if one in headings]
    page = site.client(STRANGER).get("/questions").text
    assert 'id="ouvertes"' in page
    assert SECRET not in page


def test_agents_see_how_much_they_are_asked(site: AskingSite) -> None:
    """In seven days, and of how many at most: none for who wants none."""

    def load(agent_id: str) -> tuple[int, int]:
        told = site.client(agent_id).get("/api/v1/questions").json()["load"]
        return told["this_week"], told["per_week"]

    limit = required(site.services.part(Asking)).rules.per_week
    site.questions.requests.prefer(NEIGHBOUR, AskingPreferences(per_week=3))
    site.ask(to=NEIGHBOUR)
    assert [load(one) for one in (MAPPER, NEIGHBOUR)] == [(0, limit), (1, 3)]
    site.questions.requests.prefer(NEIGHBOUR, AskingPreferences(receives=False))
    assert load(NEIGHBOUR) == (1, 0)
    site.clock.now += timedelta(days=8)
    assert load(NEIGHBOUR) == (0, 0)


def test_pages_say_the_same_weekly_limit(tmp_path: Path) -> None:
    """To who is alone in their region: half of the usual, or the number that they chose."""
    with asking_site(tmp_path, apart=True, per_week=6) as site:
        client = site.client(MAPPER)

        def limits() -> list[int]:
            """Of the API, of « Questions » and of « Préférences » for who chooses nothing."""
            load = client.get("/api/v1/questions").json()["load"]
            page = client.get("/questions").text.replace("\u00a0", " ")
            hint = client.get("/preferences").text.replace("\u00a0", " ")
            said = re.findall(r"sur (\d+) au plus", page), re.findall(r"Vide : (\d+)", hint)
            return [load["per_week"], *(int(one) for found in said for one in found)]

        assert limits() == [3, 3, 3]
        form = {"receives": "true", "per_week": "5"}
        assert client.post("/preferences", data=form).status_code == 303
        assert limits() == [5, 5, 3]


def test_to_pass_on_where_nobody_is_left_says_so(site: AskingSite) -> None:
    """The question ends that stage at once; no page says that somebody else is asked."""
    for one in (NEIGHBOUR, FARAWAY):
        site.questions.requests.prefer(one, AskingPreferences(receives=False))
    question = site.ask(topic="cadastre")
    found = site.read(ASKER, question)
    assert (found["recipients"], found["stage"]) == (1, "experts")
    assert site.act(MAPPER, question, "transfer", text="Je ne sais pas.") == 204
    assert site.waiting(question) == []
    found = site.read(ASKER, question)
    assert (found["stage"], len(found["passed_on"])) == ("animator", 1)
    page = site.client(ASKER).get(f"/questions/{question}").text
    assert "Transmise" not in page
    assert "n’est plus posée à personne en particulier" in page


def test_an_asker_ends_the_wait_for_one_after_the_other(site: AskingSite) -> None:
    """Only the asker may open the question, once, and only before somebody accepted it."""
    for declines in (False, True):
        question = site.ask(STRANGER, f"{QUESTION} {declines}", topic="cadastre")
        (asked,) = site.waiting(question)
        if declines:
            assert site.act(asked, question, "decline") == 204
        assert site.read(STRANGER, question)["may_open"] is True
        assert site.read(asked, question)["may_open"] is False
        assert site.act(asked, question, "open") == 404
        assert site.act(STRANGER, question, "open") == 204
        found = site.read(STRANGER, question)
        assert (found["stage"], found["may_open"]) == ("animator", False)
        assert site.waiting(question) == []
        assert site.act(STRANGER, question, "open") == 422
        assert site.later(10) == 0, "nobody is asked any more"
    question = site.ask()
    page = site.client(ASKER).get(f"/questions/{question}").text
    assert 'value="open"' in page
    assert site.act(site.waiting(question)[0], question, "accept") == 204
    assert site.read(ASKER, question)["may_open"] is False
    assert site.act(ASKER, question, "open") == 422
    assert site.read(ASKER, question)["accepted_by"] is not None


@pytest.mark.parametrize("declines", [True, False])
def test_what_answers_lack_waits_for_nobody_whose_turn_is_over(
    site: AskingSite, declines: bool
) -> None:
    """A turn that the asker ended is no reason to say that somebody still has the question."""
    for one in (NEIGHBOUR, FARAWAY):
        site.questions.requests.prefer(one, AskingPreferences(receives=False))
    question = site.ask(topic="cadastre")
    if declines:
        assert site.act(MAPPER, question, "decline") == 204
    assert site.act(STRANGER, question, "answer", text="Au bureau.") == 204
    answer = site.read(ASKER, question)["answers"][0]["id"]
    assert site.act(ASKER, question, "helped", answer=answer) == 204
    assert site.act(ASKER, question, "lacks", text="L'étage.") == 204
    assert site.read(ASKER, question)["stage"] == "animator"


def test_a_limited_question_is_asked_anew_of_all(site: AskingSite) -> None:
    """Its page leads to the form with its texts; it keeps its own readers, and nothing is asked."""
    question = site.ask(**RESTRICTED)
    client = site.client(ASKER)
    page = client.get(f"/questions/{question}").text
    form = page.partition('action="/questions"')[2].partition("</form>")[0]
    sent = dict(re.findall(r'name="(\w+)" value="([^"]*)"', unescape(form)))
    assert sent["title"] == RESTRICTED["title"]
    again = client.post("/questions", data=sent)
    assert (again.status_code, 'value="everybody"' in again.text) == (200, True)
    assert f">{RESTRICTED['text']}</textarea>" in again.text
    assert len(site.questions.of_asker(ASKER)) == 1
    assert site.read(STRANGER, question) == 404
    site.act(site.waiting(question)[0], question, "answer", text="Ici.")
    assert 'action="/questions"' not in client.get(f"/questions/{question}").text


def test_pages_of_topics_and_agents_offer_a_question_first(site: AskingSite) -> None:
    """Above all sections, with the topic chosen or the agent asked first; not on one's own page."""
    client = site.client(ASKER)
    for path, address, kept in (
        ("/topics/cadastre", "/questions/new?topic=cadastre", 'value="cadastre" selected'),
        (f"/agents/{MAPPER}", f"/questions/new?to={MAPPER}", f'name="to" value="{MAPPER}"'),
    ):
        top = client.get(path).text.partition("<main")[2].partition("<h2")[0]
        assert f'href="{address}"' in top
        assert kept in client.get(address).text
    own = client.get(f"/agents/{ASKER}").text.partition("<main")[2]
    assert "/questions/new" not in own
    through = client.get(f"/agents/{BEHIND}").text
    assert 'href="/questions/new"' in through, "who is reached by their service is not asked first"
    off = replace(site, services=without(site.services, Asking)).client(ASKER)
    for path in ("/topics/cadastre", f"/agents/{MAPPER}"):
        assert "/questions" not in off.get(path).text


def test_to_decline_where_nobody_is_left_moves_nothing(site: AskingSite) -> None:
    """The stage ends when the declining agent's time is over, as after silence."""
    for one in (NEIGHBOUR, FARAWAY):
        site.questions.requests.prefer(one, AskingPreferences(receives=False))
    question = site.ask(topic="cadastre")
    assert site.act(MAPPER, question, "decline") == 204
    site.later(2.5)
    assert site.read(ASKER, question)["stage"] == "experts"
    site.later(1)
    assert site.read(ASKER, question)["stage"] == "animator"


def test_a_question_that_reaches_nobody_says_so_at_once(site: AskingSite) -> None:
    """Nobody receives questions: it waits for nobody in particular from the first moment."""
    for one in (MAPPER, NEIGHBOUR, FARAWAY):
        site.questions.requests.prefer(one, AskingPreferences(receives=False))
    question = site.ask(topic="cadastre")
    found = site.read(ASKER, question)
    assert (found["recipients"], found["stage"]) == (0, "animator")


def test_a_stored_recipient_is_erased_and_tells_no_other(site: AskingSite) -> None:
    """Who may be asked later reads so in their own data; a purge and a deletion erase it."""
    question = site.ask()

    def planned(agent_id: str) -> list[str]:
        return list(site.client(agent_id).get("/api/v1/me/export").json()["asking"]["planned"])

    assert [planned(one) for one in (MAPPER, NEIGHBOUR, STRANGER)] == [[], [question], []]
    assert purge_agent(site.engine, NEIGHBOUR, b"key") > 0
    assert site.questions.requests.recipients_of(question) == (MAPPER, FARAWAY)
    assert site.act(ASKER, question, "delete") == 204
    assert site.questions.requests.recipients_of(question) == ()


def test_a_former_text_is_found_by_nobody(either: AskingSite) -> None:
    """A correction and a deletion act in the index at once; when it was corrected is told."""
    site = either
    question = site.ask(title="Où classer le cadastre erroné ?", text="Texte ancien, prunelle.")
    answer = answered(site, question, "Une réponse ancienne, groseille.")
    author = str(site.questions.one(question).answers[0].author_id)  # type: ignore[union-attr]
    assert site.found(STRANGER, '"groseille"') != []
    assert site.act(author, question, "correct", text="Une réponse.", answer=answer) == 204
    assert site.act(ASKER, question, "edit", title="Le cadastre ?", text="Nouveau.") == 204
    later = everything(site, STRANGER, question) + everything(site, ASKER, question)
    assert "groseille" not in later
    assert "prunelle" not in later
    assert site.found(STRANGER, '"groseille"') == []
    assert len(site.read(STRANGER, question)["answers"][0]["corrected"]) == 1
    with site.engine.connect() as connection:
        kept = [
            connection.execute(sa.select(one)).all() for one in (asked_questions, given_answers)
        ]
    assert "groseille" not in str(kept)
    assert "prunelle" not in str(kept)
    assert site.act(author, question, "delete_answer", answer=answer) == 204
    assert site.read(ASKER, question)["answers"] == []
    assert site.act(ASKER, question, "delete") == 204
    assert site.read(ASKER, question) == 404
    assert site.found(ASKER, "cadastre") == []


def test_a_list_tells_how_long_one_has(site: AskingSite) -> None:
    """By the API as on the page: what waits for one, and until when."""
    question = site.ask()
    (waits,) = site.client(MAPPER).get("/api/v1/questions").json()["waiting"]
    assert (waits["id"], waits["state"]) == (question, "waiting")
    assert waits["until"].startswith((TODAY + timedelta(days=3)).isoformat())
    assert site.act(MAPPER, question, "accept") == 204
    (waits,) = site.client(MAPPER).get("/api/v1/questions").json()["waiting"]
    assert waits["state"] == "accepted"


def test_a_question_says_when_it_was_changed(site: AskingSite) -> None:
    """Under its answers too: the days, on its page and in the API; not where nothing changed."""
    question = site.ask(title="Le cadastre est-il faux ?", text="Ancien.")
    answer_id(site, STRANGER, question)

    def edit(text: str) -> Any:
        title = "Le cadastre est-il faux ?"
        assert site.act(ASKER, question, "edit", title=title, text=text) == 204
        return site.read(STRANGER, question)["corrected"]

    page = site.client(STRANGER).get(f"/questions/{question}").text
    assert ", modifiée le" not in page
    assert edit("Ancien.") == []
    site.clock.now += timedelta(days=1)
    assert [len(edit(text)) for text in ("Nouveau.", "Encore.", "Encore.")] == [1, 2, 2]
    site.clock.now += timedelta(days=1)
    assert len(edit("Enfin.")) == 3
    page = site.client(STRANGER).get(f"/questions/{question}").text
    days = [(TODAY + timedelta(days=n)).isoformat() for n in (1, 2)]
    assert re.findall(r'modifiée le <time datetime="([^"]+)">', page) == days, "each day once"
    kept = site.client(ASKER).get("/api/v1/me/export").json()["asking"]["asked"]
    assert [len(one["corrected"]) for one in kept] == [3]


def test_an_expert_is_not_flooded(site: AskingSite) -> None:
    """Two a week by default, whoever asks; one for who is alone in their region.

    Whoever is reached by their service is never asked.
    """
    for asker in (ASKER, STRANGER, ANIMATOR):
        for number in range(5):
            site.ask(asker, f"{QUESTION}{' ?' * number}", to=MAPPER)
        body = {"title": QUESTION}
        answer = site.client(asker).post("/api/v1/questions", json=body)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_questions")
    with site.engine.connect() as connection:
        asked = connection.execute(
            sa.select(asked_agents.c.agent_id, sa.func.count()).group_by(asked_agents.c.agent_id)
        ).all()
    assert {tuple(row) for row in asked} == {(MAPPER, 2), (NEIGHBOUR, 2), (FARAWAY, 1)}
    site.later(7.5)
    assert site.waiting(site.ask(NEIGHBOUR, to=MAPPER)) == [MAPPER], "a week later"


def test_to_ask_and_delete_escapes_no_limit(site: AskingSite) -> None:
    """Neither the asker's of a day nor the expert's of a week; later nothing is kept of it."""
    for number in range(5):
        question = site.ask(title=f"{QUESTION}{' ?' * number}", to=MAPPER)
        assert (site.waiting(question) == [MAPPER]) is (number < 1)
        assert site.act(ASKER, question, "delete") == 204
    body = {"title": QUESTION}
    assert site.client(ASKER).post("/api/v1/questions", json=body).status_code == 429
    site.later(29)
    with site.engine.connect() as connection:
        assert connection.execute(sa.select(asked_agents)).all() == []
        kept = sa.select(asked_questions.c.agent_key, asked_questions.c.title).distinct()
        assert [tuple(row) for row in connection.execute(kept)] == [("", "")]
    assert site.client(ASKER).post("/api/v1/questions", json=body).status_code == 200


def test_no_asker_takes_all_the_places_of_an_expert(tmp_path: Path) -> None:
    """Half of a week at most, and of four; whatever way leads there, the others come through."""
    geometers = {MAPPER: "géomètre"}
    with asking_site(tmp_path, metiers=geometers, apart=True, hidden_names=True) as site:
        site.accept_community()
        site.questions.requests.prefer(MAPPER, AskingPreferences(per_week=2))
        first = site.ask(to=MAPPER)
        assert site.waiting(first) == [MAPPER]
        assert site.act(MAPPER, first, "transfer", text="Au voisin.") == 204, "passed on"
        assert site.act(ASKER, first, "delete") == 204, "and deleted"
        site.later(1.5)
        ways: tuple[dict[str, Any], ...] = (
            {"to": MAPPER},
            {"metier": "géomètre"},
            {"community": "cadastre"},
            {"to": MAPPER, "hidden": True},
            {"to": MAPPER, "scope": "entity", "scope_id": "Finances"},
        )
        for number, way in enumerate(ways):
            site.later(0.3)
            question = site.ask(title=f"{QUESTION}{' ?' * number}", **way)
            assert MAPPER not in site.waiting(question), way
            told = 422 if answer_id(site, STRANGER, question) is None else 204
            assert site.act(ASKER, question, "lacks", text="Rien.") == told
            assert MAPPER not in site.waiting(question), "nor once it goes on"
        assert site.waiting(site.ask(NEIGHBOUR, to=MAPPER)) == [MAPPER], "another's place is free"


def test_half_of_a_week_of_one_question_is_half_of_four(site: AskingSite) -> None:
    """Who receives one a week receives two in four weeks from one asker, deleted at once or not."""
    site.questions.requests.prefer(MAPPER, AskingPreferences(per_week=1))
    taken = []
    for number in range(6):
        question = site.ask(title=f"{QUESTION}{' ?' * number}", to=MAPPER)
        taken.append(site.waiting(question) == [MAPPER])
        assert site.act(ASKER, question, "delete") == 204
        site.later(7.1)
    assert taken == [True, True, False, False, True, True]


def answer_id(site: AskingSite, agent_id: str, question: str) -> str | None:
    """The id of an answer of that agent, who may not read every question."""
    if site.act(agent_id, question, "answer", text="Une réponse.") != 204:
        return None
    return str(site.read(agent_id, question)["answers"][-1]["id"])


def test_to_answer_and_delete_escapes_no_limit(tmp_path: Path) -> None:
    """Each answer may send a mail: what was deleted again counts; the next day counts anew."""
    with asking_site(tmp_path, answered_per_day=2) as site:
        question, told = site.ask(), []
        for number in range(3):
            told.append(site.act(STRANGER, question, "answer", text=f"Réponse {number}."))
            for one in site.read(STRANGER, question)["answers"]:
                assert site.act(STRANGER, question, "delete_answer", answer=one["id"]) == 204
        assert told == [204, 204, 429]
        site.clock.now += timedelta(days=1)
        assert site.act(STRANGER, question, "answer", text="Le lendemain.") == 204


def test_preferences_are_kept_to(site: AskingSite) -> None:
    """Not at all, on another topic, away, none a week: the next is asked. Seen by nobody else."""
    client = site.client(MAPPER)
    for said in (
        {"receives": False},
        {"topics": ["regies"]},
        {"absent_until": TODAY.isoformat()},
        {"per_week": 0},
    ):
        assert client.post("/api/v1/questions/preferences", json=said).status_code == 204
        question = site.ask(topic="cadastre", to=MAPPER)
        assert site.waiting(question) != [MAPPER]
        assert site.act(ASKER, question, "delete") == 204
    form = {"receives": "true", "topics": "cadastre", "per_week": "3", "absent_until": ""}
    assert client.post("/preferences", data=form).status_code == 303
    assert site.client(MAPPER).get("/preferences").text.count(" checked>") == 1
    assert site.waiting(site.ask(topic="cadastre")) == [MAPPER]
    for wrong in ({"per_week": 21}, {"topics": ["inconnu"]}):
        assert client.post("/api/v1/questions/preferences", json=wrong).status_code == 422


def test_asker_reads_whom_they_chose_by_name(site: AskingSite) -> None:
    """The same whether that agent may be asked now or not; nobody else reads it."""
    pages = []
    for said in (AskingPreferences(), AskingPreferences(receives=False)):
        site.questions.requests.prefer(FARAWAY, said)
        question = site.ask(to=FARAWAY)
        assert (site.waiting(question) == [FARAWAY]) is said.receives
        path = f"/questions/{question}"
        pages.append("Posée d’abord à Jo Lointain" in site.client(ASKER).get(path).text)
        assert "d’abord" not in site.client(STRANGER).get(path).text
        assert site.act(ASKER, question, "delete") == 204
    assert pages == [True, True]
    assert "Posée d’abord" not in site.client(ASKER).get(f"/questions/{site.ask()}").text


def test_questions_of_an_absent_agent_go_on_and_both_are_told(site: AskingSite) -> None:
    """Also one that they accepted; the asker reads why, without a name."""
    question, accepted = site.ask(topic="cadastre"), site.ask(FARAWAY, "Et le bornage ?")
    assert site.waiting(question) == site.waiting(accepted) == [MAPPER]
    assert site.act(MAPPER, accepted, "accept") == 204
    headers = {"x-agent": MAPPER, "origin": "http://testserver"}
    client = TestClient(site.app, headers=headers)
    away = {"receives": "true", "absent_until": (TODAY + timedelta(days=9)).isoformat()}
    page = client.post("/preferences", data=away).text
    assert "passent à d’autres" in page.partition('class="note done"')[2].partition("</div>")[0]
    for asker, one in ((ASKER, question), (FARAWAY, accepted)):
        assert MAPPER not in site.waiting(one)
        (told,) = site.read(asker, one)["passed_on"]
        assert "absence" in told["reason"]
        assert "absence" in site.client(asker).get(f"/questions/{one}").text
        assert site.read(STRANGER, one)["passed_on"] == []
    assert site.waiting(question) == [NEIGHBOUR]
    again = client.post("/preferences", data=away | {"per_week": "1"}).text
    assert "passent à d’autres" not in again, "nothing waits any more"


def test_questions_of_an_agent_who_refuses_questions_go_on_and_both_are_told(
    site: AskingSite,
) -> None:
    """The asker reads that somebody cannot answer now, neither who nor why."""
    question = site.ask(topic="cadastre")
    assert site.waiting(question) == [MAPPER]
    client = TestClient(site.app, headers={"x-agent": MAPPER, "origin": "http://testserver"})
    page = client.post("/preferences", data={"topics": ""}).text
    assert "passent à d’autres" in page.partition('class="note done"')[2].partition("</div>")[0]
    assert site.waiting(question) == [NEIGHBOUR]
    (reason,) = site.read(ASKER, question)["passed_on"]
    assert reason == {"reason": "Ne peut pas y répondre en ce moment.", "on": TODAY.isoformat()}
    shown = site.client(ASKER).get(f"/questions/{question}").text
    assert reason["reason"] in shown
    assert "Une personne a passé la main" in shown
    assert MAPPER not in shown
    assert site.read(STRANGER, question)["passed_on"] == []
    off = {"receives": False}
    assert site.client(NEIGHBOUR).post("/api/v1/questions/preferences", json=off).status_code == 204
    assert len(site.read(ASKER, question)["passed_on"]) == 2
    again = client.post("/preferences", data={"per_week": "1"}).text
    assert "passent à d’autres" not in again, "nothing waits any more"


def test_silence_goes_on_to_the_next_then_to_who_animates(site: AskingSite) -> None:
    """Three agents, each in their time; then whoever animates the topic, and nobody else."""
    question = site.ask(topic="cadastre")
    asked = []
    for _ in range(3):
        asked += site.waiting(question)
        assert site.later(1) == 0
        site.later(2.5)
    assert set(asked) == {MAPPER, NEIGHBOUR, FARAWAY}
    assert site.waiting(question) == []
    (waits,) = site.client(ANIMATOR).get("/api/v1/questions").json()["animated"]
    assert waits["id"] == question
    assert site.client(STRANGER).get("/api/v1/questions").json()["animated"] == []
    assert site.act(STRANGER, question, "answer", text="Je le sais.") == 204
    assert site.act(ASKER, question, "lacks", text="La date.") == 204
    assert site.read(STRANGER, question)["missing"] == "La date."


def test_a_community_reads_its_own_and_is_asked_in_its_turn(tmp_path: Path) -> None:
    """Its members when it was asked read it: who joins later does not, who leaves no more."""
    with asking_site(tmp_path, apart=True) as site:
        site.accept_community()
        own = {"topic": "cadastre", "scope": "community", "scope_id": "cadastre"}
        question = site.ask(MAPPER, f"Le cadastre du carrousel {SECRET} ?", **own)
        assert set(site.waiting(question)) < {NEIGHBOUR, FARAWAY}
        assert site.read(BEHIND, question)["scope"] == "community"

        def does(agent_id: str, act: str) -> None:
            answer = site.client(agent_id).post("/communities/cadastre", data={"act": act})
            assert answer.status_code == 303
            site.authorities.forget()

        def reads(agent_id: str, asked: str) -> bool:
            found = f"questions:{asked}" in site.found(agent_id, SECRET)
            assert bool(site.read(agent_id, asked) != 404) is found
            return found

        does(STRANGER, "join")
        assert not reads(STRANGER, question), "asked before"
        later = site.ask(MAPPER, f"Encore le carrousel {SECRET} ?", community="cadastre", **own)
        assert reads(STRANGER, later)
        does(STRANGER, "leave")
        assert not reads(STRANGER, later)
        for one, expected in (("leave", False), ("join", True)):
            does(FARAWAY, one)
            assert reads(FARAWAY, question) is expected, "a member at the time, unless they left"
        site.act(MAPPER, later, "delete")
        while site.read(MAPPER, question)["stage"] == "experts":
            site.later(3.5)
        assert site.read(MAPPER, question)["stage"] == "community"
        (waits,) = site.client(BEHIND).get("/api/v1/questions").json()["of_communities"]
        assert waits["id"] == question
        assert 'id="communautes"' in site.client(BEHIND).get("/questions").text
        assert site.client(STRANGER).get("/api/v1/questions").json()["of_communities"] == []
        site.later(3.5)
        assert site.read(MAPPER, question)["stage"] == "animator"
        assert site.read(ANIMATOR, question) == 404, "to animate a topic opens nothing"


def test_a_community_question_without_readers_is_its_askers_alone(tmp_path: Path) -> None:
    """A database of the development of 0.2.0 may have one."""
    with asking_site(tmp_path, apart=True) as site:
        site.accept_community()
        own = {"topic": "cadastre", "scope": "community", "scope_id": "cadastre"}
        question = site.ask(MAPPER, **own)
        with site.engine.begin() as connection:
            connection.execute(sa.delete(question_readers))
            connection.execute(sa.update(asked_questions).values(readers_chosen=False))
        site.later(0)
        assert site.read(BEHIND, question) == 404
        assert site.read(MAPPER, question)["scope"] == "community"


def test_a_chosen_community_is_asked_at_once(tmp_path: Path) -> None:
    """By whoever is in it or not; nobody of it in particular; one that is none is refused."""
    with asking_site(tmp_path, apart=True) as site:
        client, wanted = site.client(STRANGER), {"title": QUESTION, "community": "cadastre"}
        assert client.post("/api/v1/questions", json=wanted).status_code == 422
        assert client.post("/questions", data=wanted).status_code == 422
        assert "aqui" not in client.get("/questions/new?community=cadastre").text
        site.accept_community()
        address = "/questions/new?community=cadastre"
        assert address in client.get("/communities/cadastre").text
        assert '<option value="cadastre" selected>' in client.get(address).text
        sent = client.post("/questions", data={**wanted, "topic": "regies"})
        question = sent.headers["location"].rpartition("/")[2]
        assert site.read(STRANGER, question)["topic_id"] == "cadastre"
        assert site.read(STRANGER, question)["stage"] == "community"
        assert site.questions.requests.of_question(question) == ()
        (waits,) = site.client(BEHIND).get("/api/v1/questions").json()["of_communities"]
        assert waits["id"] == question
        hidden = site.ask(ASKER, **{**RESTRICTED, "community": "cadastre"})
        waiting = [
            {one["id"] for one in site.client(who).get("/api/v1/questions").json()[name]}
            for who, name in ((BEHIND, "of_communities"), (STRANGER, "of_communities"))
        ]
        assert waiting == [{question, hidden}, set()]
        site.later(3.5)
        assert site.read(STRANGER, question)["stage"] == "animator"


def test_a_withdrawal_acts_on_it_as_on_all_else(either: AskingSite) -> None:
    """Who withdrew is asked no more, and named nowhere; the answer remains."""
    site = either
    first = site.ask(NEIGHBOUR, "Le cadastre se corrige-t-il ?", topic="cadastre", to=MAPPER)
    answered(site, first)
    question = site.ask(topic="cadastre", to=MAPPER)
    assert site.waiting(question) == [MAPPER]
    assert "Carteau" in everything(site, STRANGER) + everything(site, STRANGER, question)
    site.client(MAPPER).post("/mes-donnees", data={"act": "ask", "kind": "withdraw"})
    site.later(0.1)
    assert MAPPER not in site.waiting(question)
    found = everything(site, STRANGER, first)
    assert "Carteau" not in found
    assert MAPPER not in found
    assert len(site.read(STRANGER, first)["answers"]) == 1


def test_a_withdrawal_from_questions_alone_acts_there_too(site: AskingSite) -> None:
    """Page, API and document name neither who asked nor who answered; other sources still do."""
    question = site.ask(topic="cadastre", to=MAPPER)
    assert site.act(MAPPER, question, "accept") == 204
    assert site.read(ASKER, question)["accepted_by"]["id"] == MAPPER
    withdraw = {"kind": "withdraw", "subject": "questions"}

    def leaves(agent_id: str) -> None:
        client = site.client(agent_id)
        assert client.post("/api/v1/me/wishes", json=withdraw).status_code == 200

    leaves(MAPPER)
    assert site.read(ASKER, question)["accepted_by"] is None
    assert site.act(MAPPER, question, "answer", text="Par un géomètre.") == 204
    assert site.read(MAPPER, question)["answers"][0]["author"]["id"] == MAPPER, "to themselves"
    leaves(ASKER)
    document = f"/api/v1/documents/questions:{question}"
    for agent_id in (STRANGER, ANIMATOR):
        client = site.client(agent_id)
        for path in (f"/questions/{question}", f"/api/v1/questions/{question}"):
            text = client.get(path).text
            assert "Par un géomètre." in text
            assert not {name for name in ("Carteau", "Demandeuse", MAPPER, ASKER) if name in text}
        authors = client.get(document).json()["authors"]
        assert {one["agent_id"] for one in authors} == {None}
    assert "Carteau" in site.client(STRANGER).get("/", params={"q": "cadastre"}).text


def test_of_who_has_left_a_name_alone_is_told(site: AskingSite) -> None:
    """Their post, address and page are not shown, as with authors who left."""
    question, waits = site.ask(to=MAPPER), site.ask(title="Où est la cantine ?", to=NEIGHBOUR)
    answered(site, question)
    gone = {ASKER, MAPPER}

    class SomeLeft:
        def entries(self) -> Iterator[Agent]:
            for one in AGENTS:
                here = replace(one, departement="22")
                yield replace(here, departure=TODAY) if one.id in gone else here

    SqlDirectory(site.engine).replace(SomeLeft())
    site.authorities.forget()
    listed = site.client(STRANGER).get("/api/v1/questions").json()
    ids = [[one["id"] for one in listed[key]] for key in ("open_nearby", "open_elsewhere")]
    assert ids == [[], [waits]], "a list of one's département would tell the post"
    read = site.read(STRANGER, question)
    for one, name in ((read["asker"], "Demandeuse"), (read["answers"][0]["author"], "Carteau")):
        assert name in one["name"]
        assert (one["email"], one["post"]["entity"]) == ("", "")
    page = site.client(STRANGER).get(f"/questions/{question}").text
    assert page.count('class="departed"') == 2
    assert not [one for one in gone if f"/agents/{one}" in page]


def test_a_hidden_name_is_nowhere_until_somebody_accepts(tmp_path: Path) -> None:
    """Not on a page, not in the index; where the settings do not allow it, it is not hidden."""
    with asking_site(tmp_path, hidden_names=True) as site:
        question = site.ask(hidden=True)
        assert ContributorRole.ASKER not in {
            row.role for row in shown(site, question).contributions
        }
        for agent_id in (STRANGER, MAPPER, ANIMATOR):
            assert site.read(agent_id, question)["asker"] is None
            page = site.client(agent_id).get(f"/questions/{question}").text
            assert "Demandeuse" not in page
            assert ASKER not in page
            document = site.client(agent_id).get(f"/api/v1/documents/questions:{question}").text
            assert ASKER not in document
        assert site.act(MAPPER, question, "accept") == 204
        assert site.read(MAPPER, question)["asker"]["id"] == ASKER
        assert ContributorRole.ASKER in {row.role for row in shown(site, question).contributions}
    with asking_site(tmp_path / "other") as site:
        assert site.read(STRANGER, site.ask(hidden=True))["asker"]["id"] == ASKER


def test_who_was_not_asked_unmasks_nobody(tmp_path: Path) -> None:
    """By an answer of one word; nor does the asker, who adds something. Who was asked does."""
    with asking_site(tmp_path, hidden_names=True) as site:
        question = site.ask(hidden=True, text="À Saint-Denis.", scope="entity", scope_id=HERE)
        assert site.act(NEIGHBOUR, question, "answer", text="Peut-être.") == 204
        for agent_id in (NEIGHBOUR, MAPPER, ANIMATOR):
            found = everything(site, agent_id, question).replace(f"/agents/{ASKER}", "")
            elsewhere = everything(site, agent_id)
            own = site.client(agent_id).get("/?q=Saint-Denis").text
            for word in ("Demandeuse", f"agent:{ASKER}", f'"{ASKER}"'):
                assert word not in own
                assert found.count(word) == elsewhere.count(word)
        assert site.act(MAPPER, question, "answer", text="Par un arpentage.") == 204
        assert site.read(NEIGHBOUR, question)["asker"]["id"] == ASKER


def test_what_an_unnamed_asker_adds_names_them_no_more(tmp_path: Path) -> None:
    """Neither on the page nor in the index, before whoever was asked accepts."""
    with asking_site(tmp_path, hidden_names=True) as site:
        question = site.ask(hidden=True)
        assert site.act(ASKER, question, "answer", text="C'est ma parcelle.") == 204
        for agent_id in (STRANGER, MAPPER, ANIMATOR):
            assert site.read(agent_id, question)["answers"][0]["author"] is None
            for path in (
                f"/questions/{question}",
                f"/api/v1/documents/questions:{question}",
                "/?q=parcelle",
            ):
                assert "Demandeuse" not in site.client(agent_id).get(path).text, path
        assert shown(site, question).contributions == ()
        assert site.read(ASKER, question)["answers"][0]["author"]["id"] == ASKER
        assert site.act(MAPPER, question, "accept") == 204
        assert site.read(STRANGER, question)["answers"][0]["author"]["id"] == ASKER
        roles = {row.role for row in shown(site, question).contributions}
        assert roles == {ContributorRole.ASKER, ContributorRole.ANSWERER}


def test_what_was_typed_is_kept_where_it_is_refused(tmp_path: Path) -> None:
    """The page says why, with every field as it was; nothing is asked or answered."""
    typed = {
        "title": " ",
        "text": "Trois pages.",
        "topic": "regies",
        "readers": f"entity:{HERE}",
        "hidden": "true",
        "to": MAPPER,
    }
    with asking_site(tmp_path, hidden_names=True, asked_per_day=1, answered_per_day=1) as site:
        client, question = site.client(ASKER), site.ask()
        for title, status in ((" ", 422), ("Une autre ?", 429), ("x" * 201, 422)):
            answer = client.post("/questions", data=typed | {"title": title})
            assert answer.status_code == status
            for kept in ("Trois pages.", f">{title.strip()}</textarea>", 'value="regies" selected',
                         f'value="entity:{HERE}" selected', 'value="true" checked',
                         f'name="to" value="{MAPPER}"', 'role="alert"'):  # fmt: skip
                assert kept in answer.text, kept
        assert len(site.questions.of_asker(ASKER)) == 1
        path = f"/questions/{question}"
        lines = {"act": "answer", "text": "Ma longue réponse.", "valid_until": "2027-01-31"}
        other = site.client(STRANGER)
        assert other.post(path, data=lines | {"text": "La première."}).status_code == 303
        answer = other.post(path, data=lines)
        assert answer.status_code == 429
        assert ">Ma longue réponse.</textarea>" in answer.text
        assert 'value="2027-01-31"' in answer.text
        assert "Ma longue réponse" not in other.get(path).text
        answer = client.post(path, data={"act": "edit", "title": " ", "text": "Mes précisions."})
        assert (answer.status_code, ">Mes précisions.<" in answer.text) == (422, True)
        reason = {"act": "transfer", "text": "r" * 501}
        answer = site.client(MAPPER).post(path, data=reason)
        assert (answer.status_code, f'value="{"r" * 501}"' in answer.text) == (422, True)
        assert site.client(MAPPER).post(path, data={"act": "accept"}).status_code == 303
        answer = site.client(MAPPER).post(path, data={"act": "decline"})
        assert answer.status_code == 422


class EngineThatStops(EmbeddedIndex):
    """Answers nothing that a reader asks while it is away."""

    away = False

    def show(self, request: ShowRequest) -> tuple[ShownDocument, ...]:
        if self.away:
            raise IndexUnreachable("no answer")
        return super().show(request)

    def kept(self, document_ids: Collection[str]) -> Mapping[str, IndexEntry]:
        if self.away:
            raise IndexUnreachable("no answer")
        return super().kept(document_ids)

    def search(self, request: SearchRequest) -> SearchAnswer:
        if self.away:
            raise IndexUnreachable("no answer")
        return super().search(request)


def test_a_question_outlives_an_engine_that_is_away(tmp_path: Path) -> None:
    """It is not asked, and stands in the form as it was typed; the same form asks it later."""
    index = EngineThatStops(tmp_path / "index", ENCODER.dimension)
    with asking_site(tmp_path, index=index) as site:
        client, typed = site.client(ASKER), {"title": QUESTION, "text": "Trois pages."}
        index.away = True
        answer = client.post("/questions", data=typed)
        assert answer.status_code == 503
        assert ">Trois pages.</textarea>" in answer.text
        assert site.questions.of_asker(ASKER) == ()
        index.away = False
        assert client.post("/questions", data=typed).status_code == 303
        assert len(site.questions.of_asker(ASKER)) == 1


def test_an_engine_that_goes_while_a_question_is_published_refuses_it_no_more(
    tmp_path: Path,
) -> None:
    """It stands by then: told that it does not, its asker would ask it again."""
    index = EngineThatStops(tmp_path / "index", ENCODER.dimension)
    with asking_site(tmp_path, apart=True, index=index) as site:
        site.accept_community()
        asking = site.services.part(Asking)
        assert asking is not None

        def published() -> bool:
            index.away = True
            return False

        gone = site.services.with_parts(replace(asking, publish=published))
        wanted = {"title": QUESTION, "community": "cadastre"}
        client = replace(site, services=gone).client(STRANGER)
        assert client.post("/questions", data=wanted).status_code == 303
        index.away = False
        (thread,) = site.questions.of_asker(STRANGER)
        assert thread.question.stage is QuestionStage.COMMUNITY


def test_a_title_is_one_line_that_is_seen(site: AskingSite) -> None:
    """Of blanks and characters without a shape there is none: nobody could open it in a list."""
    client = site.client(ASKER)
    for title in ("\u200b\u200b", "\u00ad", "\u202e \u2066", "\n\t", "\u00a0"):
        asked = client.post("/api/v1/questions", json={"title": title})
        assert asked.status_code == 422, title
    question = site.ask(title="Le cadastre\n- Qui sait ?")
    assert site.read(ASKER, question)["title"] == "Le cadastre - Qui sait ?"
    assert site.act(ASKER, question, "edit", title="\u200b") == 422
    assert site.act(STRANGER, question, "answer", text="\u200b\n") == 422
    assert site.act(ASKER, question, "edit", title="Le\ncadastre ?") == 204
    assert site.read(ASKER, question)["title"] == "Le cadastre ?"


def test_an_asker_is_shown_that_an_answer_came(site: AskingSite) -> None:
    """On every page, until they say what it was worth; what they add themselves is none."""
    question, client = site.ask(), site.client(ASKER)

    def told() -> tuple[bool, bool, int]:
        home, listed = client.get("/").text, client.get("/api/v1/questions").json()["answered"]
        return "Questions (1)" in home, "/questions#repondues" in home, len(listed)

    assert site.act(ASKER, question, "answer", text="Je précise.") == 204
    assert told() == (False, False, 0)
    for action in ("helped", "thank", "lacks"):
        answer = answered(site, question)
        assert told() == (True, True, 1)
        assert 'id="repondues"' in client.get("/questions").text
        assert site.act(ASKER, question, action, text="La date.", answer=answer) == 204
        assert told() == (False, False, 0)
        question = site.ask(title=f"{QUESTION} ?")
        site.clock.now += timedelta(days=8)


def test_the_topic_that_the_words_name_is_proposed(site: AskingSite) -> None:
    """While they are written, as on the page; empty where they name none."""
    client = site.client(ASKER)
    for words, topic in ((QUESTION, "cadastre"), ("Quelles régies ?", "regies"), ("Bonjour", "")):
        found = client.get("/api/v1/questions/existing", params={"q": words}).json()
        assert found["topic_id"] == topic
        page = client.get("/questions/new", params={"q": words}).text
        assert (f'value="{topic}" selected' in page) is bool(topic)


def test_what_the_asker_adds_is_no_answer(site: AskingSite) -> None:
    """The question goes on to the next; what was said to be missing still is."""
    question = site.ask(topic="cadastre")
    assert site.act(ASKER, question, "answer", text="C'est la parcelle 12.") == 204
    site.later(3.5)
    assert site.waiting(question) == [NEIGHBOUR]
    answered(site, question)
    assert site.act(ASKER, question, "lacks", text="La date.") == 204
    assert site.act(ASKER, question, "answer", text="Celle du bornage.") == 204
    assert site.read(ASKER, question)["missing"] == "La date."
    site.later(0.1)
    assert site.waiting(question) == [FARAWAY]


def test_nobody_keeps_a_question_for_ever(site: AskingSite) -> None:
    """One accepts once; the time to answer is not begun anew."""
    question = site.ask()
    assert site.act(MAPPER, question, "accept") == 204
    assert site.act(MAPPER, question, "accept") == 404
    site.later(3.5)
    assert site.waiting(question) == [NEIGHBOUR]
    assert site.act(MAPPER, question, "accept") == 404, "it is not asked any more"


def test_who_is_asked_next_is_not_told_of_a_decline(site: AskingSite, tmp_path: Path) -> None:
    """The same page as of whoever is asked first, because the first receives no questions."""
    with asking_site(tmp_path / "other") as other:
        said = {"receives": False}
        assert other.client(MAPPER).post("/api/v1/questions/preferences", json=said).is_success
        question = other.ask(to=MAPPER)
        assert other.waiting(question) == [NEIGHBOUR]
        first = other.client(NEIGHBOUR).get("/questions").text.replace(question, "")
    question = site.ask(to=MAPPER)
    assert site.act(MAPPER, question, "decline") == 204
    site.later(A_MOMENT)
    assert site.waiting(question) == [NEIGHBOUR]
    assert site.client(NEIGHBOUR).get("/questions").text.replace(question, "") == first


def test_a_question_of_who_is_gone_stops_no_other(site: AskingSite) -> None:
    """Nobody is asked in the name of whoever was erased; the rest goes on."""
    gone, other = site.ask(), site.ask(STRANGER, f"{QUESTION} ?")
    purge_agent(site.engine, ASKER, b"key")
    for _ in range(4):
        site.later(3.5)
    assert site.questions.one(gone).question.stage == "animator"  # type: ignore[union-attr]
    assert site.read(STRANGER, other)["stage"] == "animator"


def test_what_answers_already_ends_it_and_is_counted(site: AskingSite) -> None:
    """Under the asker's rights: neither who, nor which document is kept."""
    client = site.client(ASKER)
    found = client.get("/api/v1/questions/existing", params={"q": QUESTION}).json()["existing"]
    assert found[0]["document_id"].startswith("wiki:")
    assert (
        'formaction="/questions/existing"'
        in client.get("/questions/new", params={"q": QUESTION}).text
    )
    chosen = {"document": found[0]["document_id"]}
    answer = client.post("/questions/existing", data=chosen)
    assert (answer.status_code, answer.headers["location"]) == (303, found[0]["address"])
    assert site.questions.answered_before(date.min) == 1
    assert client.get("/api/v1/questions").json()["answered_before"] == 1
    assert site.questions.open_figures(site.clock() - timedelta(days=1)).found_again == 0
    earlier, question = site.ask(), site.ask(**RESTRICTED)
    for one in (earlier, question):
        chosen = {"document": f"questions:{one}"}
        assert site.client(NEIGHBOUR).post("/questions/existing", data=chosen).status_code == 303
    figures = client.get("/api/v1/questions").json()
    assert (figures["answered_before"], figures["figures"]["found_again"]) == (2, 1), "one is open"
    hidden = {"document": f"questions:{question}"}
    assert site.client(STRANGER).post("/questions/existing", data=hidden).status_code == 404
    path, said = "/api/v1/questions/existing", {"document_id": f"questions:{question}"}
    assert site.client(STRANGER).post(path, json=said).status_code == 404
    assert site.questions.answered_before(date.min) == 2
    said = {"document_id": f"questions:{earlier}"}
    assert [site.client(STRANGER).post(path, json=said).status_code for _ in range(2)] == [204] * 2
    figures = client.get("/api/v1/questions").json()
    assert (figures["answered_before"], figures["figures"]["found_again"]) == (3, 2)


def test_topics_that_wait_are_told_to_all(site: AskingSite) -> None:
    """The page counts open questions that wait for nobody in particular, but no restricted ones."""

    def told() -> dict[str, int]:
        found = site.client(STRANGER).get("/api/v1/questions").json()["waiting_topics"]
        page = site.client(STRANGER).get("/questions").text
        assert all(f'/topics/{one["topic_id"]}"' in page for one in found)
        return {one["topic_id"]: one["questions"] for one in found}

    question, other = site.ask(topic="cadastre"), site.ask(title="La régie ?", topic="regies")
    site.ask(**{**RESTRICTED, "topic": "cadastre"})
    site.ask(title="Sans sujet ?")
    for _ in range(4):
        site.later(4)
    assert told() == {"cadastre": 1, "regies": 1}
    assert site.act(ASKER, question, "lacks", text="Tout.") == 422, "nobody answered"
    assert (
        '<a href="/topics/cadastre">cadastre</a> (1 question)'
        in site.client(STRANGER).get("/questions").text
    )
    assert site.act(STRANGER, question, "answer", text="Oui.") == 204
    assert site.act(ASKER, other, "delete") == 204
    assert told() == {}
    assert site.act(ASKER, question, "lacks", text="La date.") == 204
    for _ in range(4):
        site.later(4)
    assert told() == {"cadastre": 1}, "what is said to be missing waits"


def test_corrections_have_a_limit_a_day(tmp_path: Path) -> None:
    """Each is dated, is news to who follows, and writes the index."""
    with asking_site(tmp_path, answered_per_day=3) as site:
        question = site.ask()
        answer = answer_id(site, ASKER, question)
        said = [
            site.act(ASKER, question, "edit", title=QUESTION, text="Un."),
            site.act(ASKER, question, "correct", text="Deux.", answer=answer),
            site.act(ASKER, question, "edit", title=QUESTION, text="Trois."),
            site.act(ASKER, question, "edit", title=QUESTION, text="Quatre."),
            site.act(ASKER, question, "correct", text="Cinq.", answer=answer),
        ]
        assert said == [204, 204, 204, 429, 429]
        assert site.read(ASKER, question)["text"] == "Trois."
        page = site.client(ASKER).post(
            f"/questions/{question}", data={"act": "edit", "title": QUESTION, "text": "Gardé ici."}
        )
        assert page.status_code == 429
        assert "Gardé ici." in page.text
        site.clock.now += timedelta(days=1)
        assert site.act(ASKER, question, "edit", title=QUESTION, text="Six.") == 204


def test_what_became_of_open_questions_is_told_to_all(site: AskingSite) -> None:
    """The page shows the number of answers and their median time, without restricted questions."""

    def told() -> tuple[object, ...]:
        """As the API tells it; the page has a heading for it exactly where something is told."""
        client = site.client(STRANGER)
        figures = client.get("/api/v1/questions").json()["figures"]
        assert ("En un an" in client.get("/questions").text) is bool(figures["asked"])
        return figures["asked"], figures["answered"], figures["median_s"]

    assert told() == (0, 0, None)
    first, second = site.ask(), site.ask(title=f"{QUESTION} ?")
    third = site.ask(**RESTRICTED)
    site.act(ASKER, first, "answer", text="Je précise.")
    assert told() == (2, 0, None)
    for days, question in ((2, first), (4, second)):
        site.clock.now += timedelta(days=days)
        for text in ("Oui.", "Oui, encore."):
            assert site.act(STRANGER, question, "answer", text=text) == 204
    assert site.act(NEIGHBOUR, third, "answer", text="Non.") == 204
    assert told() == (2, 2, pytest.approx(4 * 86_400, abs=120))
    assert site.act(ASKER, first, "delete") == 204
    purge_agent(site.engine, ASKER, b"key")
    assert told() == (1, 1, pytest.approx(6 * 86_400, abs=120))
    site.clock.now += timedelta(days=366)
    assert told() == (0, 0, None)


def test_one_takes_ones_own_along_and_deletes_it(site: AskingSite) -> None:
    """All of it in the file of one's data, nobody else's; one button deletes it everywhere."""
    question = site.ask(text="Mes précisions.", topic="cadastre")
    other = site.ask(STRANGER, f"{QUESTION} ?")
    answered(site, question, "Une réponse de la première.")
    assert site.act(ASKER, other, "answer", text="La mienne.") == 204
    own = site.read(ASKER, other)["answers"][0]["id"]
    assert site.act(ASKER, other, "correct", text="Ma réponse.", answer=own) == 204
    kept = site.client(ASKER).get("/api/v1/me/export").json()["asking"]
    assert [one["text"] for one in kept["asked"]] == ["Mes précisions."]
    assert [one["text"] for one in kept["answers"]] == ["Ma réponse."]
    assert [len(one["corrected"]) for one in kept["answers"]] == [1]
    assert kept["requests"] == []
    assert "première" not in json.dumps(kept)
    assert site.client(ASKER).post("/questions/forget").status_code == 303
    empty = site.client(ASKER).get("/api/v1/me/export").json()["asking"]
    assert (empty["asked"], empty["answers"]) == ([], [])
    assert f"questions:{question}" not in site.found(STRANGER, "précisions première")
    assert site.read(STRANGER, other)["answers"] == []


def test_a_restored_database_is_told_what_was_deleted(site: AskingSite) -> None:
    """A question with its answers, and an answer alone; the rest stays."""
    first, second = site.ask(), site.ask(title=f"{QUESTION} ?")
    gone, stays = answered(site, second), ""
    assert site.act(STRANGER, second, "answer", text="Une autre réponse.") == 204
    stays = site.read(ASKER, second)["answers"][-1]["id"]
    copy = site.saved()
    author = str(site.questions.one(second).answers[0].author_id)  # type: ignore[union-attr]
    assert site.act(ASKER, first, "delete") == 204
    assert site.act(author, second, "delete_answer", answer=gone) == 204
    with site.restored(copy) as restored, restored.connect() as connection:
        kept = connection.execute(sa.select(given_answers.c.id)).scalars().all()
        left = sa.select(asked_questions.c.id).where(~asked_questions.c.deleted)
        questions = connection.execute(left).scalars().all()
    assert (kept, questions) == ([stays], [second])


def test_who_left_long_ago_is_named_no_more(site: AskingSite) -> None:
    """Their texts stay, their name and all else of theirs goes, from the index too."""
    question = site.ask()
    answered(site, question)
    for agent_id in (ASKER, MAPPER):
        assert purge_agent(site.engine, agent_id, b"key") > 0
    site.act(STRANGER, question, "answer", text="Plus tard.")
    card = shown(site, question)
    assert {row.account for row in card.contributions} == {f"questions:{STRANGER}"}
    with site.engine.connect() as connection:
        rows = [connection.execute(sa.select(one)).all() for one in (asked_agents, given_answers)]
    assert ASKER not in str(rows)
    assert MAPPER not in str(rows)


def test_where_no_question_is_asked_there_is_none(site: AskingSite) -> None:
    """Off by default: no page, no link, no field that leads there."""
    off = replace(site, services=without(site.services, Asking))
    client = off.client(ASKER)
    for path in ("/questions", "/questions/new", "/api/v1/questions", "/questions/x"):
        assert client.get(path).status_code == 404
    for path in (
        "/",
        "/?q=cadastre",
        "/?q=zzz",
        "/experts?q=cadastre",
        "/mes-donnees",
        "/preferences",
    ):
        assert "/questions" not in client.get(path).text
    assert client.get("/api/v1/me").json()["asking"] is None
    assert "/questions/new" in site.client(ASKER).get("/experts?q=cadastre").text
