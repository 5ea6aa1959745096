"""Expected questions on a document's page and in the API: who sees them, who changes them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.values import EVERYONE, Access, Contribution, ContributorRole
from indexer.centroids import quantised
from indexer.values import Put, Remove
from search_api.audit.sql import SqlAudit
from search_api.context import required
from search_api.engine import Search
from search_api.expected.service import MOST_BY_HAND
from search_api.expected.storage import ExpectedQuestion, QuestionOrigin, SqlExpectedQuestions
from search_api.identity.principals import Grant, Grants, Role
from search_api.ranking.search_configuration import SearchConfiguration
from tests.builders import indexed, make_document
from tests.judging import ENGINES, engine_index
from tests.pages.asking_site import (
    ANIMATOR,
    ASKER,
    BEHIND,
    MAPPER,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.planted import ENCODER, TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

NOTE = "wiki:borne"
RESTRICTED = "wiki:secrete"
LAY = "Mon voisin a bougé le piquet"
GIVEN = "Qui replante une borne ?"
"""The source itself gives this question."""
WORD = "ornithorynque"
SECRET = f"Qui nourrit l’{WORD} ?"
HEADING = "Aussi demandé comme"


def note(
    document_id: str, text: str, *questions: str, readers: str = EVERYONE, author: int = 1
) -> Put:
    document = make_document(
        document_id,
        title="Corriger le cadastre : la borne",
        contributions=(Contribution(f"wiki:a{author}", ContributorRole.AUTHOR, last=TODAY),),
        access=Access(frozenset({readers})),
        questions=questions,
    )
    vectors = quantised(ENCODER.passages(questions))
    return Put(replace(indexed(document, text), question_vectors=vectors))


def filled(site: AskingSite) -> AskingSite:
    """A note that all read, and one that only a stranger to the subject reads."""
    administrator = Grant(Role.ADMINISTRATOR, frozenset({BEHIND}))
    expected = SqlExpectedQuestions(site.engine)
    configuration = SearchConfiguration(pinned=expected.pinned)
    services = replace(
        site.services,
        search=Search(site.index, ENCODER, site.services.people, configuration),
        grants=Grants((*site.services.grants.every, administrator)),
    ).with_parts(expected)
    written = [
        note(NOTE, "Le bornage fixe la limite.", GIVEN),
        note(RESTRICTED, "Un texte restreint.", SECRET, readers=f"agent:{STRANGER}", author=6),
    ]
    assert not site.index.write(written).failed
    return replace(site, services=services)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AskingSite]:
    with asking_site(tmp_path) as made:
        yield filled(made)


@pytest.fixture(params=ENGINES)
def on_either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AskingSite]:
    with (
        engine_index(request.param, tmp_path, ENCODER.dimension) as index,
        asking_site(tmp_path, index=index) as made,
    ):
        yield filled(made)


def store_of(site: AskingSite) -> SqlExpectedQuestions:
    return required(site.services.part(SqlExpectedQuestions))


def text_hash(site: AskingSite, document_id: str = NOTE) -> str:
    return site.index.kept([document_id])[document_id].content_hash


def listed(site: AskingSite, agent_id: str = ASKER, document_id: str = NOTE) -> dict[str, str]:
    """The questions that the API gives a reader, with their origins."""
    body = site.client(agent_id).get(f"/api/v1/documents/{document_id}").json()
    return {one["question"]: one["origin"] for one in body["expected_questions"]}


def add(site: AskingSite, agent_id: str, question: str = LAY, **fields: str) -> Any:
    document_id = fields.pop("document", NOTE)
    path = f"/api/v1/documents/{document_id}/expected-questions"
    return site.client(agent_id).post(path, json={"question": question, **fields})


def remove(site: AskingSite, agent_id: str, question: str = LAY, document_id: str = NOTE) -> Any:
    path = f"/api/v1/documents/{document_id}/expected-questions"
    return site.client(agent_id).delete(path, params={"question": question})


def page(site: AskingSite, agent_id: str, document_id: str = NOTE) -> str:
    return site.client(agent_id).get(f"/documents/{document_id}").text


def test_authors_animators_and_administrators_add_and_remove(site: AskingSite) -> None:
    """Every reader of the document sees it; the use of a role is in the audit log, no name is."""
    for agent_id in (MAPPER, ANIMATOR, BEHIND):
        assert add(site, agent_id).status_code == 204
        assert listed(site) == {GIVEN: "source", LAY: "hand"}
        assert LAY in page(site, STRANGER)
        assert remove(site, agent_id, LAY.upper()).status_code == 204
        assert listed(site) == {GIVEN: "source"}
        assert remove(site, agent_id).status_code == 404
    audit = site.services.audit
    assert isinstance(audit, SqlAudit)
    written = {(one.actor, one.reading) for one in audit.newest(50)}
    assert {(ANIMATOR, "expected add"), (BEHIND, "expected remove")} <= written
    assert MAPPER not in {actor for actor, _ in written}


def test_readers_without_the_right_change_nothing(site: AskingSite) -> None:
    """Neither other readers of the document, nor those who may not read it."""
    add(site, MAPPER)
    for agent_id in (ASKER, STRANGER):
        assert add(site, agent_id, "Une autre question").status_code == 403
        assert remove(site, agent_id).status_code == 403
        form = {"document": NOTE, "act": "remove", "question": LAY}
        assert site.client(agent_id).post("/expected-questions", data=form).status_code == 403
        assert 'action="/expected-questions"' not in page(site, agent_id)
    assert listed(site) == {GIVEN: "source", LAY: "hand"}
    assert 'action="/expected-questions"' in page(site, ANIMATOR)


def test_page_adds_undoes_and_names_the_origin(site: AskingSite) -> None:
    client = site.client(ANIMATOR)
    form = {"document": NOTE, "act": "add", "question": f"  {LAY}\u200b "}
    answer = client.post("/expected-questions", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/documents/{NOTE}#aussi-demande"
    row = ExpectedQuestion(NOTE, "Qui borne ?", QuestionOrigin.MODEL, TODAY, text_hash(site))
    store_of(site).add([row])
    shown = page(site, ANIMATOR)
    assert LAY in shown
    assert "\u200b" not in shown
    assert "ajoutée à la main" in shown
    assert "proposée par un programme" in shown
    assert "donnée par la source" in shown
    client.post("/expected-questions", data={**form, "act": "remove"})
    assert LAY not in page(site, ANIMATOR)


@pytest.mark.parametrize("text", ["", "ab", "???!", "\u200b\u200b\u200b\u200b", "x" * 201, "\0a\0"])
def test_unusable_questions_are_refused(site: AskingSite, text: str) -> None:
    assert add(site, MAPPER, text).status_code == 422
    form = {"document": NOTE, "act": "add", "question": text}
    assert site.client(MAPPER).post("/expected-questions", data=form).status_code == 422
    assert listed(site) == {GIVEN: "source"}


def test_duplicates_and_the_twenty_first_are_refused(site: AskingSite) -> None:
    assert add(site, MAPPER, "qui  REPLANTE une borne").status_code == 422, "the source gives it"
    assert remove(site, MAPPER, GIVEN).status_code == 422
    for number in range(MOST_BY_HAND):
        assert add(site, MAPPER, f"Question numéro {number}").status_code == 204
    assert add(site, MAPPER, "QUESTION numero 3 ?").status_code == 422
    assert add(site, MAPPER).status_code == 422
    assert len(listed(site)) == MOST_BY_HAND + 1
    assert "retirez-en une" in page(site, MAPPER)
    assert remove(site, MAPPER, "question numéro 3").status_code == 204
    assert add(site, MAPPER).status_code == 204


def test_changed_text_asks_those_who_may_change_the_list(site: AskingSite) -> None:
    add(site, MAPPER)
    before = text_hash(site)
    row = ExpectedQuestion(NOTE, "Qui borne ?", QuestionOrigin.MODEL, TODAY, before)
    store_of(site).add([row])
    sentence = "Le texte a changé"
    assert sentence not in page(site, MAPPER)
    assert not site.index.write([note(NOTE, "Un tout autre texte.", GIVEN)]).failed
    assert sentence in page(site, MAPPER)
    assert sentence not in page(site, ASKER)
    assert listed(site, MAPPER) == {GIVEN: "source", LAY: "hand"}, "a program's goes with its text"
    assert listed(site, ASKER) == {GIVEN: "source"}, "who never read the former text sees none"
    assert add(site, MAPPER, LAY, act="confirm", text_hash=before).status_code == 409
    assert add(site, ASKER, LAY, act="confirm", text_hash=text_hash(site)).status_code == 403
    form = {"document": NOTE, "act": "confirm", "question": LAY, "text_hash": text_hash(site)}
    assert site.client(MAPPER).post("/expected-questions", data=form).status_code == 303
    assert sentence not in page(site, MAPPER)
    assert listed(site, ASKER) == {GIVEN: "source", LAY: "hand"}


def test_nothing_reaches_who_may_not_read_the_document(on_either: AskingSite) -> None:
    """Neither list, nor match, nor the difference between an unreadable and an unknown document."""
    site = on_either
    row = ExpectedQuestion(RESTRICTED, LAY, QuestionOrigin.HAND, TODAY, "")
    store_of(site).add([row])
    assert listed(site, STRANGER, RESTRICTED) == {SECRET: "source", LAY: "hand"}
    for agent_id in (ASKER, MAPPER, ANIMATOR, BEHIND):
        client = site.client(agent_id)
        unknown = {
            path: client.get(path.format("wiki:inconnue")).text
            for path in ("/api/v1/documents/{}", "/documents/{}")
        }
        for path, body in unknown.items():
            answer = client.get(path.format(RESTRICTED))
            assert answer.status_code == 404
            assert answer.text.replace(RESTRICTED, "wiki:inconnue") == body
            assert LAY not in answer.text
        for ask in (add, remove):
            refused = ask(site, agent_id, SECRET, **_named(ask, RESTRICTED))
            absent = ask(site, agent_id, SECRET, **_named(ask, "wiki:inconnue"))
            assert (refused.status_code, refused.text) == (absent.status_code, absent.text)
            assert refused.status_code == 404
        for asked in (SECRET, WORD, f'"{WORD}"', LAY):
            body = client.get("/api/v1/search", params={"q": asked, "wide": "1"}).text
            assert RESTRICTED not in body
            assert SECRET not in body
    for asked in (SECRET, WORD):
        body = site.client(STRANGER).get("/api/v1/search", params={"q": asked}).json()
        assert RESTRICTED in [one["id"] for one in body["documents"]]


def test_animators_and_administrators_pin(site: AskingSite) -> None:
    """Not the author, nor other readers; the questions of a source cannot be pinned."""
    add(site, MAPPER)
    for agent_id in (MAPPER, ASKER):
        assert add(site, agent_id, LAY, act="pin").status_code == 403
        assert "Épingler" not in page(site, agent_id)
    assert add(site, ANIMATOR, GIVEN, act="pin").status_code == 422
    assert add(site, ANIMATOR, "Une question que rien n’a", act="pin").status_code == 404
    assert ">Épingler<" in page(site, ANIMATOR)
    assert add(site, ANIMATOR, LAY.upper(), act="pin").status_code == 204
    (body,) = (one for one in shown_to(site, ASKER) if one["question"] == LAY)
    assert body["pinned"] is True
    assert "ajoutée à la main, épinglée" in page(site, ASKER)
    form = {"document": NOTE, "act": "unpin", "question": LAY}
    assert site.client(BEHIND).post("/expected-questions", data=form).status_code == 303
    assert not any(one["pinned"] for one in shown_to(site, ASKER))
    audit = site.services.audit
    assert isinstance(audit, SqlAudit)
    written = {(one.actor, one.reading) for one in audit.newest(50)}
    assert {(ANIMATOR, "expected pin"), (BEHIND, "expected unpin")} <= written


def shown_to(site: AskingSite, agent_id: str) -> list[dict[str, Any]]:
    body = site.client(agent_id).get(f"/api/v1/documents/{NOTE}").json()
    return list(body["expected_questions"])


PINNED = "Refaire une clôture"
OTHER = "wiki:cloture"


def test_pinned_document_comes_first_while_its_text_answers(on_either: AskingSite) -> None:
    """Whether or not the index has the question yet; any other words may be typed beside it."""
    site = on_either
    other = note(OTHER, "Refaire une clôture : la clôture se refait ainsi.", author=2)
    assert not site.index.write([other]).failed
    assert first(site, PINNED)[0] == OTHER
    add(site, ANIMATOR, PINNED)
    assert first(site, PINNED)[0] == OTHER
    add(site, ANIMATOR, PINNED, act="pin")
    for words in (PINNED, "clôture refaire", "qui veut REFAIRE la cloture du jardin"):
        found = search(site, words)
        assert found[0]["id"] == NOTE, words
        assert found[0]["effects"][0] == "pinned"
        assert [one["id"] for one in found[1:]].count(NOTE) == 0
    shown = site.client(ASKER).get("/", params={"q": PINNED}).text
    assert "À lire d’abord" in shown
    assert "une de ses questions épinglées est dans la vôtre" in shown
    for params in ({"q": "clôture"}, {"q": f"{PINNED} -bornage"}, {"q": PINNED, "sort": "date"}):
        effects = [effect for one in search(site, **params) for effect in one["effects"]]
        assert "pinned" not in effects, params
    assert not site.index.write([note(NOTE, "Un tout autre texte.", GIVEN)]).failed
    assert first(site, PINNED)[0] == OTHER, "a changed text waits for a confirmation"
    assert add(site, MAPPER, PINNED, act="confirm", text_hash=text_hash(site)).status_code == 204
    assert first(site, PINNED)[0] == NOTE
    remove(site, MAPPER, PINNED)
    assert first(site, PINNED)[0] == OTHER
    add(site, MAPPER, PINNED)
    assert first(site, PINNED)[0] == OTHER, "added again, it is not pinned"
    add(site, ANIMATOR, PINNED, act="pin")
    assert not site.index.write([Remove(NOTE)]).failed
    assert first(site, PINNED)[0] == OTHER


def test_pinned_document_is_only_found_by_its_readers(on_either: AskingSite) -> None:
    """A search of anybody else gives the same answer as without it."""
    site = on_either
    before = site.client(ASKER).get("/api/v1/search", params={"q": PINNED}).json()
    text = text_hash(site, RESTRICTED)
    row = ExpectedQuestion(RESTRICTED, PINNED, QuestionOrigin.HAND, TODAY, text, pinned=True)
    store_of(site).add([row])
    assert first(site, PINNED, STRANGER)[0] == RESTRICTED
    after = site.client(ASKER).get("/api/v1/search", params={"q": PINNED}).json()
    assert after == before
    for act in ("pin", "unpin"):
        refused = add(site, ANIMATOR, PINNED, act=act, document=RESTRICTED)
        assert refused.status_code == 404


def search(site: AskingSite, q: str, agent_id: str = ASKER, **params: str) -> list[dict[str, Any]]:
    asked = {"q": q, "explain": "1", **params}
    return list(site.client(agent_id).get("/api/v1/search", params=asked).json()["documents"])


def first(site: AskingSite, words: str, agent_id: str = ASKER) -> list[str]:
    return [str(one["id"]) for one in search(site, words, agent_id)]


def _named(ask: Any, document_id: str) -> dict[str, str]:
    return {"document": document_id} if ask is add else {"document_id": document_id}
