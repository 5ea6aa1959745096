"""Verification of documents: who is asked, who may answer, and who sees the answer."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connectors.values import EVERYONE, Access, Contribution, ContributorRole
from expertise.consent import Preference, PreferenceKind, SqlConsent
from indexer.values import Put, PutAccess, Remove
from quisait.privacy import retention
from quisait.privacy.replay import replay
from quisait.privacy.retention import purge_agent
from search_api.communities.storage import SqlCommunityPages
from search_api.verification.storage import (
    SqlVerifications,
    VerificationRules,
    Verifying,
    document_openings,
    documents_verified,
    forget_openings,
    verifications,
)
from tests.builders import indexed, make_document
from tests.pages.asking_site import (
    ANIMATOR,
    FARAWAY,
    MAPPER,
    NEIGHBOUR,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.planted import TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]
OWN = ("/mes-donnees", "/preferences")
"""Pages on which one sees what is kept of oneself."""

LONG_AGO = datetime(TODAY.year - 5, 1, 1)
SECRET = "Ornithorynque"
RULES = VerificationRules(old_days=1095, per_month=3, marked_per_day=2)


def note(
    name: str, text: str, *authors: int, when: datetime = LONG_AGO, readers: str = EVERYONE
) -> Put:
    rows = tuple(
        Contribution(f"wiki:a{one}", ContributorRole.AUTHOR, last=when.date()) for one in authors
    )
    document = make_document(
        f"wiki:{name}",
        title=f"Note {name} du cadastre",
        contributions=rows,
        modified=when,
        access=Access(frozenset({readers})),
    )
    return Put(indexed(document, text))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AskingSite]:
    """The mapper wrote three old notes and a new one, and a restricted one they cannot read."""
    with asking_site(tmp_path) as made:
        written = [
            note("vieille", "Un vieux texte sur le bornage.", 1),
            note("ancienne", "Un autre vieux texte.", 1, when=LONG_AGO + timedelta(days=30)),
            note("neuve", "Un texte de ce mois.", 1, when=datetime(TODAY.year, TODAY.month, 1)),
            note("autre", "Le vieux texte d'une autre.", 2),
            note("secrete", f"{SECRET}.", 1, readers="agent:ag-6"),
        ]
        assert not made.index.write(written).failed
        verifying = Verifying(SqlVerifications(made.engine), RULES)
        yield replace(made, services=made.services.with_parts(verifying))


def asked(site: AskingSite, agent_id: str = MAPPER) -> dict[str, Any]:
    body = site.client(agent_id).get("/api/v1/verifications").json()
    return {one["id"]: one for one in body["documents"]}


def text_hash(site: AskingSite, name: str) -> str:
    return site.index.kept([f"wiki:{name}"])[f"wiki:{name}"].content_hash


def say(site: AskingSite, agent_id: str, name: str, act: str, **fields: str) -> int:
    body = {"document": f"wiki:{name}", "act": act, **fields}
    if act == "outdated":
        body.setdefault("note", "Le seuil a changé.")
    if "text_hash" not in fields and name in ("vieille", "ancienne", "neuve", "autre", "secrete"):
        body["text_hash"] = text_hash(site, name)
    answer = site.client(agent_id).post("/api/v1/verifications", json=body)
    return int(answer.status_code)


def verified(site: AskingSite, name: str, agent_id: str = STRANGER) -> Any:
    return site.client(agent_id).get(f"/api/v1/documents/wiki:{name}").json()["verified"]


def test_authors_are_asked_about_their_own_old_documents(site: AskingSite) -> None:
    """Of those that they may read, the oldest first; at their pace, or not at all."""
    assert list(asked(site)) == ["wiki:vieille", "wiki:ancienne"]
    assert asked(site)["wiki:vieille"]["why"] == ["old"]
    assert list(asked(site, NEIGHBOUR)) == ["wiki:autre"]
    assert asked(site, STRANGER) == {}
    page = site.client(MAPPER).get("/a-verifier").text
    assert "Note vieille" in page
    assert "secrete" not in page
    client = site.client(MAPPER)
    assert client.post("/preferences", data={"per_month": "1"}).status_code == 303
    assert list(asked(site)) == ["wiki:vieille"]
    assert "D’autres attendent" in client.get("/a-verifier").text
    assert say(site, MAPPER, "vieille", "right") == 204
    assert asked(site) == {}, "what they said counts for thirty days"
    assert client.post("/preferences", data={"per_month": "0"}).status_code == 303
    assert asked(site) == {}
    assert client.post("/api/v1/verifications/pace", json={"per_month": 51}).status_code == 422


def test_what_is_much_read_is_asked_about_earlier(site: AskingSite) -> None:
    """A reader counts once a day, the author never; until it is verified, and of the last month."""
    verifying = Verifying(SqlVerifications(site.engine), replace(RULES, much_opened=2))
    site = replace(site, services=site.services.with_parts(verifying))
    lately = datetime(TODAY.year - 2, TODAY.month, 1)
    assert not site.index.write([note("lue", "Un texte lu.", 1, when=lately)]).failed
    for reader in (NEIGHBOUR, NEIGHBOUR, MAPPER):
        assert site.client(reader).get("/documents/wiki:lue").status_code == 200
    assert "wiki:lue" not in asked(site)
    assert site.client(STRANGER).get("/documents/wiki:neuve").status_code == 200
    assert site.client(NEIGHBOUR).get("/documents/wiki:neuve").status_code == 200
    assert site.client(STRANGER).get("/documents/wiki:lue").status_code == 200
    assert asked(site)["wiki:lue"]["why"] == ["much_read"]
    assert "wiki:neuve" not in asked(site), "it is of this month"
    assert "beaucoup lu" in site.client(MAPPER).get("/a-verifier").text
    hash_ = text_hash(site, "lue")
    assert say(site, MAPPER, "lue", "right", text_hash=hash_) == 204
    assert "wiki:lue" not in asked(site)
    assert say(site, MAPPER, "lue", "take_back") == 204
    assert "wiki:lue" in asked(site)
    assert documents_verified(site.engine) == {"wiki:lue", "wiki:neuve"}
    forget_openings(site.engine, TODAY + timedelta(days=1))
    assert "wiki:lue" not in asked(site)
    assert documents_verified(site.engine) == set()


def test_openings_are_not_counted_where_they_are_not_wanted(site: AskingSite) -> None:
    verifying = Verifying(SqlVerifications(site.engine), replace(RULES, much_opened=0))
    site = replace(site, services=site.services.with_parts(verifying))
    assert site.client(STRANGER).get("/documents/wiki:vieille").status_code == 200
    assert documents_verified(site.engine) == set()


def test_a_document_is_shown_whose_opening_cannot_be_counted(site: AskingSite) -> None:
    document_openings.drop(site.engine)
    assert site.client(STRANGER).get("/documents/wiki:vieille").status_code == 200


def test_what_is_verified_is_shown_until_the_text_changes(site: AskingSite) -> None:
    """On the document and among results, for pages and programs; without a name who withdrew."""
    assert verified(site, "vieille") is None
    assert say(site, MAPPER, "vieille", "right") == 204
    said = verified(site, "vieille")
    assert (said["right"], said["agent"]["id"], said["day"]) == (True, MAPPER, TODAY.isoformat())
    client = site.client(STRANGER)
    for path in ("/documents/wiki:vieille", "/?q=vieille+cadastre"):
        assert 'class="verified"' in client.get(path).text
    body = client.get("/api/v1/search?q=vieille+cadastre").json()["documents"]
    assert [one["id"] for one in body if one["verified"]] == ["wiki:vieille"]
    wish = Preference(MAPPER, PreferenceKind.WITHDRAW, "", ())
    SqlConsent(site.engine, site.clock).put(wish, site.clock())
    assert verified(site, "vieille")["agent"] is None
    page = client.get("/documents/wiki:vieille").text
    assert 'class="verified"' in page
    assert "Carteau" not in page.partition('class="verified"')[2].partition("</p>")[0]
    assert not site.index.write([note("vieille", "Un texte corrigé.", 1)]).failed
    assert verified(site, "vieille") is None
    assert 'class="verified"' not in client.get("/documents/wiki:vieille").text


def test_a_search_is_narrowed_to_what_is_verified(site: AskingSite) -> None:
    """Under the rights of who asks, and as long as the text is the same; counts follow."""

    def found(agent_id: str) -> tuple[list[str], int]:
        path = "/api/v1/search?q=note+cadastre&verified=true"
        body = site.client(agent_id).get(path).json()
        return sorted(one["id"] for one in body["documents"]), body["total"]

    assert found(NEIGHBOUR) == ([], 0)
    restricted = note("reservee", "Un texte réservé.", 2, readers=f"agent:{NEIGHBOUR}")
    assert not site.index.write([restricted]).failed
    hash_ = text_hash(site, "reservee")
    assert say(site, NEIGHBOUR, "reservee", "right", text_hash=hash_) == 204
    assert say(site, NEIGHBOUR, "autre", "right") == 204
    assert say(site, MAPPER, "vieille", "wrong", note="Le seuil.") == 204
    assert found(NEIGHBOUR) == (["wiki:autre", "wiki:reservee"], 2)
    assert found(STRANGER) == (["wiki:autre"], 1)
    page = site.client(STRANGER).get("/?q=note+cadastre").text
    link = "/?q=note+cadastre&amp;verified=1"
    assert link in page
    narrowed = site.client(STRANGER).get(link.replace("&amp;", "&")).text
    assert "Note autre" in narrowed
    assert "reservee" not in narrowed
    assert "Note vieille" not in narrowed
    assert not site.index.write([note("autre", "Un texte corrigé.", 2)]).failed
    assert found(STRANGER) == ([], 0)


def test_what_is_no_longer_right_is_said_to_its_readers(site: AskingSite) -> None:
    """In the author's words, to who may read it alone; and taken back by them alone."""
    assert say(site, MAPPER, "vieille", "wrong") == 422, "what is not?"
    assert say(site, MAPPER, "vieille", "wrong", note="Le seuil a changé.") == 204
    assert "Le seuil a changé." in site.client(STRANGER).get("/documents/wiki:vieille").text
    assert "wiki:vieille" not in asked(site), "nothing more to say until it changes"
    assert say(site, NEIGHBOUR, "vieille", "take_back") == 204
    assert verified(site, "vieille")["right"] is False, "of nobody else's word"
    assert say(site, MAPPER, "vieille", "take_back") == 204
    assert verified(site, "vieille") is None


def test_nobody_speaks_of_what_they_may_not_read_or_did_not_write(site: AskingSite) -> None:
    """What may not be read answers as what never was; a text that has changed is read again."""
    for act in ("right", "wrong", "outdated"):
        told = [
            site.client(MAPPER).post(
                "/api/v1/verifications",
                json={"document": id_, "act": act, "text_hash": "x", "note": "x"},
            )
            for id_ in ("wiki:secrete", "wiki:jamais")
        ]
        assert told[0].status_code == told[1].status_code == 404
        assert told[0].text == told[1].text
    assert say(site, MAPPER, "secrete", "right") == 404, "its author may not read it"
    assert say(site, NEIGHBOUR, "vieille", "right") == 404
    assert say(site, MAPPER, "vieille", "right", text_hash="0") == 409
    assert say(site, STRANGER, "secrete", "outdated") == 204
    for agent_id in (MAPPER, NEIGHBOUR):
        client = site.client(agent_id)
        for path in (*OWN, "/a-verifier", "/api/v1/verifications", "/api/v1/me/export"):
            assert "secrete" not in client.get(path).text


def test_each_number_of_what_is_to_do_is_that_of_its_page(site: AskingSite) -> None:
    """Questions put to one, an answer to one's own, texts to verify, one that a reader marked."""
    question = site.ask(topic="cadastre", to=MAPPER)
    site.ask(STRANGER, "Où est le plan ?", topic="cadastre", to=MAPPER)
    own = site.ask(MAPPER, "Qui borne ici ?", topic="cadastre")
    assert site.act(STRANGER, own, "answer", text="Un géomètre.") == 204
    assert say(site, STRANGER, "vieille", "outdated") == 204
    client = site.client(MAPPER)
    home = client.get("/").text.partition('id="a-faire"')[2].partition("</section>")[0]
    told = {
        one: int(re.findall(rf'href="{one}">(\d+)', home)[0])
        for one in ("/questions#attendent", "/questions#repondues", "/a-verifier")
    }
    listed = client.get("/api/v1/questions").json()
    assert told["/questions#attendent"] == len(listed["waiting"]) == 2
    assert question in {one["id"] for one in listed["waiting"]}
    page = client.get("/questions").text.partition('id="repondues"')[2].partition("</section>")[0]
    assert told["/questions#repondues"] == page.count('href="/questions/') == 1
    assert (
        told["/a-verifier"] == client.get("/a-verifier").text.count("<article") == len(asked(site))
    )
    other = site.client(FARAWAY).get("/").text.partition('id="a-faire"')[2]
    assert "<li>" not in other.partition("</section>")[0]


def test_a_document_says_what_was_said_of_it_and_which_text_it_has(site: AskingSite) -> None:
    """To programs, so that a mark can be made of it; under the reader's rights."""

    def shown(agent_id: str, name: str) -> Any:
        return site.client(agent_id).get(f"/api/v1/verifications/documents/wiki:{name}")

    before = shown(STRANGER, "vieille").json()
    assert (before["verified"], before["owner"], before["said"]) == (None, False, False)
    assert say(site, STRANGER, "vieille", "outdated", text_hash=before["text_hash"]) == 204
    assert shown(STRANGER, "vieille").json()["said"]
    assert say(site, MAPPER, "vieille", "wrong", note="Le seuil.") == 204
    after = shown(MAPPER, "vieille").json()
    assert (after["verified"]["note"], after["owner"]) == ("Le seuil.", True)
    closed, never = shown(MAPPER, "secrete"), shown(MAPPER, "jamais")
    assert closed.status_code == never.status_code == 404
    assert closed.text == never.text


def test_a_readers_mark_asks_the_author_first(site: AskingSite) -> None:
    """This also holds for new documents. The reader is not named, and marks are limited by day."""
    assert say(site, STRANGER, "neuve", "outdated") == 204
    assert say(site, STRANGER, "neuve", "outdated") == 204, "the same again"
    assert say(site, STRANGER, "autre", "outdated") == 204
    assert say(site, STRANGER, "vieille", "outdated") == 429
    assert list(asked(site)) == ["wiki:neuve", "wiki:vieille", "wiki:ancienne"]
    assert asked(site)["wiki:neuve"]["why"] == ["marked"]
    page = site.client(MAPPER).get("/a-verifier").text
    assert "un lecteur pense" in page
    assert "Étrangère" not in page
    assert verified(site, "neuve") is None, "a mark is shown to no other reader"
    assert "Revenir dessus" in site.client(STRANGER).get("/documents/wiki:neuve").text
    assert "Est-il toujours juste" in site.client(MAPPER).get("/documents/wiki:neuve").text
    assert say(site, MAPPER, "neuve", "right") == 204
    assert "wiki:neuve" not in asked(site)


def test_what_is_kept_is_shown_taken_along_and_let_go(site: AskingSite) -> None:
    """By its author; who left is named no more; with a deleted document all of it goes."""
    assert say(site, MAPPER, "vieille", "right") == 204
    assert say(site, FARAWAY, "vieille", "outdated") == 204
    kept = site.client(MAPPER).get("/api/v1/me/export").json()["verifications"]
    assert [one["document"] for one in kept["said"]] == ["wiki:vieille"]
    assert "wiki:vieille" in site.client(FARAWAY).get("/mes-donnees").text
    assert purge_agent(site.engine, MAPPER, b"key") > 0
    said = verified(site, "vieille")
    assert (said["right"], said["agent"]) == (True, None)
    pages = site.services.part(SqlCommunityPages)
    assert pages is not None
    for name in ("wiki:vieille", "wiki:neuve"):
        pages.pin("cadastre", name)
    site.register.note("gone", documents=["wiki:vieille"])
    assert not site.index.write([Remove("wiki:vieille")]).failed
    retention._forget_words_on_deleted(site.register, site.engine, site.index)
    with site.engine.connect() as connection:
        assert connection.execute(sa.select(verifications)).all() == []
    assert pages.pins("cadastre") == ("wiki:neuve",)


def test_who_withdrew_from_a_source_is_not_named_by_it(site: AskingSite) -> None:
    """Their name would stand again beside a document of that source."""
    assert say(site, MAPPER, "vieille", "right") == 204
    wish = {"kind": "withdraw", "subject": "wiki"}
    assert site.client(MAPPER).post("/api/v1/me/wishes", json=wish).status_code == 200
    assert (verified(site, "vieille")["right"], verified(site, "vieille")["agent"]) == (True, None)


def test_what_one_may_not_read_any_more_is_taken_back_with_all(site: AskingSite) -> None:
    """Told as a number alone; a restored backup brings back neither a word nor a mark."""
    verifying = site.services.part(Verifying)
    assert verifying is not None
    store = SqlVerifications(site.engine, site.register)
    site = replace(site, services=site.services.with_parts(replace(verifying, store=store)))
    assert say(site, NEIGHBOUR, "autre", "take_back") == 204
    assert list(site.register.lines()) == [], "nothing was said"

    def speak() -> None:
        assert say(site, NEIGHBOUR, "autre", "right") == 204
        assert say(site, NEIGHBOUR, "vieille", "outdated") == 204

    speak()
    closed = PutAccess("wiki:autre", Access(frozenset({f"agent:{STRANGER}"})))
    assert not site.index.write([closed]).failed
    assert verified(site, "autre")["agent"]["id"] == NEIGHBOUR
    client = site.client(NEIGHBOUR)
    kept = client.get("/api/v1/me/export").json()["verifications"]
    assert (kept["said"], len(kept["marks"]), kept["hidden"]) == ([], 1, 1)
    page = client.get("/mes-donnees").text
    assert "wiki:autre" not in page
    form = {"act": "forget", "back": "/preferences"}
    assert client.post("/verifications", data=form).status_code == 303
    assert verified(site, "autre") is None
    own = store.of_agent(NEIGHBOUR)
    assert (own.said, own.marks) == ((), ())
    assert not site.index.write([note("autre", "Le vieux texte d'une autre.", 2)]).failed
    speak()  # as an older backup has them
    assert say(site, MAPPER, "vieille", "right") == 204
    lines = list(site.register.lines())
    consent = SqlConsent(site.engine, site.clock)
    replay(lines, site.engine, consent, site.index, b"key")
    own = store.of_agent(NEIGHBOUR)
    assert (own.said, own.marks) == ((), ())
    assert verified(site, "vieille")["agent"]["id"] == MAPPER


def test_where_nobody_is_asked_nothing_is_offered(tmp_path: Path) -> None:
    """Off by default: no page, no button, no line."""
    with asking_site(tmp_path) as site:
        client = site.client(MAPPER)
        assert client.get("/a-verifier").status_code == 404
        assert client.get("/api/v1/verifications").status_code == 404
        for path in (*OWN, "/documents/wiki:0"):
            assert "verif" not in client.get(path).text
        assert client.get("/api/v1/documents/wiki:0").json()["verified"] is None


def doubt(
    site: AskingSite, agent_id: str, question: str, answer: str, reason: str = "Vieux."
) -> int:
    body = {"reason": reason, "answer": answer, "outdated": True}
    path = f"/api/v1/questions/{question}/reports"
    return int(site.client(agent_id).post(path, json=body).status_code)


def test_a_mark_says_what_is_no_longer_right(site: AskingSite) -> None:
    """To the author alone, who is told at home; without the reader's name, as long as it holds."""
    assert say(site, STRANGER, "neuve", "outdated", note=" ") == 422
    form = {"document": "wiki:neuve", "act": "outdated", "text_hash": text_hash(site, "neuve")}
    client = site.client(STRANGER)
    assert 'value="outdated"' in client.get("/documents/wiki:neuve").text
    done = client.post("/verifications", data={**form, "note": f"{SECRET} : 300 euros"})
    assert done.status_code == 303
    kept = client.get("/api/v1/me/export").json()["verifications"]["marks"]
    assert [one["note"] for one in kept] == [f"{SECRET} : 300 euros"]
    assert asked(site)["wiki:neuve"]["notes"] == [f"{SECRET} : 300 euros"]
    assert SECRET in site.client(MAPPER).get("/a-verifier").text
    doubt = "Un lecteur pense"
    assert doubt in site.client(MAPPER).get("/").text
    for other in (NEIGHBOUR, ANIMATOR):
        assert doubt not in site.client(other).get("/").text
        for path in ("/a-verifier", "/documents/wiki:neuve", "/animation/documents"):
            assert SECRET not in site.client(other).get(path).text
    assert say(site, MAPPER, "neuve", "right") == 204
    assert doubt not in site.client(MAPPER).get("/").text


def test_who_animates_is_told_where_no_author_can_be_asked(site: AskingSite) -> None:
    """Animators only decide on readable documents of their topics: a note is shown, or nothing."""
    gone = [
        note("orpheline", "Le vieux bornage.", 99),
        note("fermee", f"{SECRET}.", 99, readers=f"agent:{STRANGER}"),
    ]
    assert not site.index.write(gone).failed
    carnival = make_document("wiki:bal", title="Le carnaval de Dunkerque")
    assert not site.index.write([Put(indexed(carnival, "Un bal."))]).failed
    verifying = site.services.part(Verifying)
    assert verifying is not None
    rules = replace(RULES, marked_per_day=9)
    site = replace(site, services=site.services.with_parts(replace(verifying, rules=rules)))
    for name in ("orpheline", "fermee", "bal", "vieille"):
        assert say(site, STRANGER, name, "outdated", text_hash=text_hash(site, name)) == 204

    def waiting() -> list[str]:
        body = site.client(ANIMATOR).get("/api/v1/animation/documents").json()
        return [one["id"] for one in body["documents"]]

    assert waiting() == ["wiki:orpheline"]
    assert 'href="/animation/documents">1' in site.client(ANIMATOR).get("/").text
    assert "/animation/documents" not in site.client(MAPPER).get("/").text
    page = site.client(ANIMATOR).get("/animation/documents").text
    assert "Le seuil a changé." in page
    assert "Étrangère" not in page
    client = site.client(MAPPER)
    assert client.post("/preferences", data={"per_month": "0"}).status_code == 303
    assert set(waiting()) == {"wiki:orpheline", "wiki:vieille"}, "its author asked not to be asked"
    assert client.get("/animation/documents").status_code == 403

    def decide(name: str, act: str, **fields: str) -> int:
        body = {"document": f"wiki:{name}", "act": act, **fields}
        path = "/api/v1/animation/documents"
        return int(site.client(ANIMATOR).post(path, json=body).status_code)

    for hidden in ("fermee", "bal", "jamais"):
        assert decide(hidden, "dismiss") == 404
    assert decide("orpheline", "wrong", text_hash=text_hash(site, "orpheline")) == 422
    assert decide("orpheline", "wrong", text_hash="0", note="Le seuil.") == 409
    read = text_hash(site, "orpheline")
    assert decide("orpheline", "wrong", text_hash=read, note="Le seuil.") == 204
    said = verified(site, "orpheline")
    assert (said["right"], said["note"], said["agent"]["id"]) == (False, "Le seuil.", ANIMATOR)
    assert decide("vieille", "dismiss") == 204
    assert waiting() == []
    written = [one.reading for one in site.services.audit.newest(20)]
    assert {"document wrong", "document dismiss"} <= set(written)


def test_an_answer_that_is_no_longer_right_comes_back_to_its_author(site: AskingSite) -> None:
    """And to who animates; the author corrects it, or says that it is right. Nobody else reads."""
    question = site.ask(topic="cadastre")
    assert site.act(MAPPER, question, "answer", text="Il faut trois bornes.") == 204
    answer = site.read(MAPPER, question)["answers"][0]["id"]
    assert doubt(site, STRANGER, question, "") == 404, "only of an answer"
    assert doubt(site, MAPPER, question, answer) == 404, "their own"
    assert doubt(site, STRANGER, question, answer, SECRET) == 204
    (told,) = site.client(MAPPER).get("/api/v1/verifications").json()["answers"]
    assert (told["question"], told["answer"], told["notes"]) == (question, answer, [SECRET])
    for path in (f"/questions/{question}", "/a-verifier"):
        page = site.client(MAPPER).get(path).text
        assert SECRET in page
        assert "Étrangère" not in page
    assert 'href="/a-verifier"' in site.client(MAPPER).get("/").text
    assert SECRET in site.client(ANIMATOR).get("/animation/questions").text
    for other in (NEIGHBOUR, FARAWAY):
        assert site.read(other, question)["answers"][0]["doubts"] == []
        for path in (f"/questions/{question}", "/a-verifier", "/"):
            assert SECRET not in site.client(other).get(path).text
    assert site.act(NEIGHBOUR, question, "still_right", answer=answer) == 404
    assert site.act(MAPPER, question, "still_right", answer=answer) == 204
    assert site.client(MAPPER).get("/api/v1/verifications").json()["answers"] == []
    assert doubt(site, STRANGER, question, answer) == 204
    assert site.read(MAPPER, question)["answers"][0]["doubts"] == [], "it was decided"
    assert doubt(site, FARAWAY, question, answer) == 204
    assert site.act(MAPPER, question, "correct", answer=answer, text="Quatre bornes.") == 204
    assert site.read(MAPPER, question)["answers"][0]["doubts"] == []
    assert doubt(site, FARAWAY, question, answer) == 204, "of the new text"
    assert site.read(MAPPER, question)["answers"][0]["doubts"] == ["Vieux."]
