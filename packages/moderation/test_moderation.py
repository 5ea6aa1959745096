"""Reports of questions and answers: who sees them, what hiding hides, and what it never tells."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from quisait_moderation.service import waiting_reports

from expertise.consent import SqlConsent
from quisait.privacy.replay import replay
from quisait.privacy.retention import purge_agent
from search_api.context import required
from search_api.identity.principals import Grant, Grants, Role
from search_api.questions.service import CORRECTED
from search_api.questions.storage import Asking
from search_api.questions.tables import text_reports
from search_api.waiting import WaitingOf
from tests.made_site import without
from tests.pages.asking_site import (
    ANIMATOR,
    ASKER,
    HERE,
    MAPPER,
    NEIGHBOUR,
    STRANGER,
    AskingSite,
    asking_site,
)
from tests.pages.moderating import SLANDER, desk, moderate, report
from tests.pages.test_asking import RESTRICTED, SECRET, everything
from tests.planted import TODAY

pytestmark = [pytest.mark.pages, pytest.mark.trust]

BESIDE = "Balthazar"
"""Stands beside it."""
NEVER = "0" * 32


def answer_of(site: AskingSite, agent_id: str, question: str, text: str) -> str:
    assert site.act(agent_id, question, "answer", text=text) == 204
    return str(site.read(agent_id, question)["answers"][-1]["id"])


def traces(site: AskingSite, agent_id: str, question: str) -> str:
    """Every answer of the site; what stands beside the word is searched, not the word itself."""
    client = site.client(agent_id)
    paths = (f"/{asked}?q={BESIDE}" for asked in ("", "api/v1/search", "api/v1/experts"))
    found = [client.get(path).text for path in (*paths, f"/api/v1/suggest?q={BESIDE[:6]}")]
    return "\n".join((everything(site, agent_id, question), *found))


def test_a_report_reaches_who_animates_without_its_author(site: AskingSite) -> None:
    """Reasons and days, never a name; once of each reader; left as it is, it is gone."""
    question = site.ask(topic="cadastre")
    answer = answer_of(site, NEIGHBOUR, question, f"{SLANDER}, dit {BESIDE}.")
    assert [report(site, one, question, answer=answer) for one in (STRANGER, MAPPER, MAPPER)] == [
        204
    ] * 3
    (shown,) = desk(site)["reported"]
    assert (shown["answer"], len(shown["reports"])) == (answer, 2)
    assert 'href="/animation/questions">1' in site.client(ANIMATOR).get("/").text
    assert not any("/animation" in site.client(one).get("/").text for one in (MAPPER, STRANGER))
    page = site.client(ANIMATOR).get("/animation/questions").text
    assert "Nomme une personne." in page
    for name in ("Étrangère", STRANGER, "Carteau", MAPPER):
        assert name not in page + str(shown)
    assert report(site, NEIGHBOUR, question, answer=answer) == 404, "their own"
    assert report(site, STRANGER, question, answer="f" * 32) == 404
    assert report(site, STRANGER, question, reason=" ") == 422
    assert moderate(site, question, "dismiss", answer=answer) == 204
    assert desk(site)["reported"] == []
    assert 'href="/animation/questions"' not in site.client(ANIMATOR).get("/").text
    assert report(site, STRANGER, question, answer=answer) == 204, "told as the first time"
    assert desk(site)["reported"] == [], "and it was decided"
    written = [one.reading for one in site.services.audit.newest(50)]
    assert "question dismiss" in written
    kept = site.client(STRANGER).get("/api/v1/me/export").json()["asking"]["reports"]
    assert [one["reason"] for one in kept] == ["Nomme une personne."]


def test_a_report_is_taken_back_while_nobody_decided(site: AskingSite) -> None:
    """By its author alone, by page and API; no backup brings it back, and it may be made again."""
    question = site.ask(topic="cadastre")
    path = f"/api/v1/questions/{question}/reports"
    assert report(site, STRANGER, question) == 204
    client = site.client(STRANGER)
    page = client.get("/preferences").text
    assert f'action="/questions/{question}/reports/taken-back"' in page
    told = [site.client(one).delete(path) for one in (MAPPER, ASKER)]
    assert [one.status_code for one in told] == [404, 404]
    assert site.client(MAPPER).delete(f"/api/v1/questions/{NEVER}/reports").text == told[0].text
    copy = site.saved()
    back = client.post(f"/questions/{question}/reports/taken-back", data={"answer": ""})
    assert back.headers["location"].startswith("/preferences")
    assert desk(site)["reported"] == []
    assert client.get("/api/v1/me/export").json()["asking"]["reports"] == []
    assert client.delete(path).status_code == 404
    lines = list(site.register.lines())
    with site.restored(copy) as restored:
        assert type(site.questions)(restored, site.clock).moderation.reports({question}) == ()
    assert report(site, STRANGER, question) == 204
    consent = SqlConsent(site.engine, site.clock)
    replay(lines, site.engine, consent, cast(Any, site.index), b"key")
    assert len(desk(site)["reported"]) == 1, "what was reported since stays"
    assert moderate(site, question, "dismiss") == 204
    assert client.delete(path).status_code == 404, "it was decided on"
    assert "/reports/taken-back" not in client.get("/preferences").text


def test_a_text_that_changed_since_may_be_reported_again(site: AskingSite) -> None:
    """What was left as it is was another text, of a question and of an answer alike."""
    question = site.ask(topic="cadastre")
    answer = answer_of(site, MAPPER, question, "Deux.")
    for own in ({}, {"answer": answer}):
        assert report(site, STRANGER, question, **own) == 204
        assert moderate(site, question, "dismiss", **own) == 204
        assert report(site, STRANGER, question, **own) == 204
        assert desk(site)["reported"] == [], "it is the text that stays"
    assert site.act(ASKER, question, "edit", title="Autre chose ?", text="Autre.") == 204
    assert site.act(MAPPER, question, "correct", text="Autre.", answer=answer) == 204
    for own in ({}, {"answer": answer}):
        assert report(site, STRANGER, question, **own) == 204
    assert len(desk(site)["reported"]) == 2


def test_a_report_that_nobody_animates_reaches_somebody(site: AskingSite) -> None:
    """Who animates the entity, where nobody of the topic can; else the numbers of who administers.

    Nobody of the topic can who is gone, wrote the text, or may not read it.
    """

    def among(*grants: Grant) -> AskingSite:
        return replace(site, services=replace(site.services, grants=Grants(grants)))

    def animator(agent_id: str, **of: Any) -> Grant:
        return Grant(Role.ANIMATOR, frozenset({agent_id}), **of)

    of_topic = {"topics": frozenset({"cadastre"})}
    of_entity = animator(NEIGHBOUR, entities=frozenset({"Finances"}))
    question = site.ask(**RESTRICTED)
    answer = answer_of(site, ANIMATOR, question, "La mienne.")
    assert report(site, MAPPER, question, answer=answer) == 204
    for other in (ANIMATOR, STRANGER, "ag-jamais"):
        seen = among(animator(other, **of_topic), of_entity)
        assert [one["answer"] for one in desk(seen, NEIGHBOUR)["reported"]] == [answer]
        alone = among(animator(other, **of_topic))
        found = waiting_reports(alone.services)
        assert (found.texts, found.nobodys, found.late) == (1, 1, 0)
        assert desk(alone, other).get("reported", []) == []
    some = among(animator(MAPPER, **of_topic), of_entity)
    assert desk(some, NEIGHBOUR)["reported"] == [], "somebody of the topic can"
    assert waiting_reports(some.services).nobodys == 0
    assert desk(among(of_entity), NEIGHBOUR)["waiting"] == [], "not its turn"
    group = Grant(Role.ANIMATOR, groups=frozenset({"annuaire:group:x"}), topics=frozenset({"*"}))
    assert waiting_reports(among(group).services).nobodys == 0
    later = replace(among(group).services, today=lambda: TODAY + timedelta(days=9))
    assert waiting_reports(later).late == 1, "whoever is in the group"
    unseen = among(of_entity, animator(STRANGER, **of_topic))
    assert moderate(unseen, question, "hide", by=NEIGHBOUR, answer=answer, reason="Un nom.") == 204
    assert waiting_reports(later).texts == 0


def test_a_hidden_answer_leaves_everything_at_once(site: AskingSite) -> None:
    """Pages, search, suggestions, counts; its author sees it with the reason; shown, it is back."""
    question = site.ask(topic="cadastre")
    bare = traces(site, STRANGER, question)
    answer = answer_of(site, NEIGHBOUR, question, f"{SLANDER}, dit {BESIDE}.")
    assert site.act(ASKER, question, "helped", answer=answer) == 204
    before = traces(site, STRANGER, question)
    assert site.found(STRANGER, SLANDER) == [f"questions:{question}"]
    assert moderate(site, question, "hide", answer=answer) == 422, "a reason is needed"
    assert moderate(site, question, "hide", answer=answer, reason="Diffamation.") == 204
    assert SLANDER in before
    assert SLANDER not in traces(site, STRANGER, question)
    assert site.read(STRANGER, question)["answers"] == []
    assert site.read(ASKER, question)["answers"] == [], "of its author alone"
    assert site.act(ASKER, question, "thank", answer=answer) == 404
    (own,) = site.read(NEIGHBOUR, question)["answers"]
    assert own["hidden"] == "Diffamation."
    (kept,) = site.client(NEIGHBOUR).get("/api/v1/me/export").json()["asking"]["answers"]
    assert (kept["hidden"], kept["accepted"]) == ("Diffamation.", True)
    assert "Diffamation." in site.client(NEIGHBOUR).get(f"/questions/{question}").text
    assert site.client(STRANGER).get("/api/v1/questions").json()["figures"]["answered"] == 0
    assert site.read(ASKER, question)["stage"] == "animator", "nothing answers it any more"
    (hidden,) = desk(site)["hidden"]
    assert (hidden["answer"], hidden["hidden"]) == (answer, "Diffamation.")
    assert moderate(site, question, "show", answer=answer) == 204
    assert desk(site)["hidden"] == []
    assert traces(site, STRANGER, question) == before != bare
    assert site.read(STRANGER, question)["stage"] == "answered"


def test_a_hidden_answer_is_corrected_unseen(site: AskingSite) -> None:
    """Neither its new words, nor a date, nor news of it for who follows its topic."""
    question = site.ask(topic="cadastre")
    answer = answer_of(site, NEIGHBOUR, question, "Par un géomètre.")
    assert moderate(site, question, "hide", answer=answer, reason="Diffamation.") == 204
    follow = {"action": "follow", "kind": "topic", "subject": "cadastre"}
    client = site.client(MAPPER)
    assert client.post("/api/v1/follows", json=follow).status_code == 204
    before = traces(site, STRANGER, question)
    site.clock.now += timedelta(hours=1)
    said = {"text": f"{SLANDER}, dit {BESIDE}.", "answer": answer}
    assert site.act(NEIGHBOUR, question, "correct", **said) == 204
    assert traces(site, STRANGER, question) == before
    assert client.get("/api/v1/news").json()["count"] == 0


def test_a_hidden_question_is_as_one_that_never_was(site: AskingSite) -> None:
    """To all but its asker: by its address, in every list, and for whoever was asked it."""
    question = site.ask(title=f"{SLANDER} du cadastre de {BESIDE} ?", topic="cadastre")
    assert site.waiting(question) == [MAPPER]
    assert moderate(site, question, "hide", reason="Diffamation.") == 204
    assert site.waiting(question) == [], "nobody is asked it any more"
    for agent_id in (STRANGER, MAPPER, ANIMATOR):
        client = site.client(agent_id)
        for path in ("/api/v1/questions/{}", "/questions/{}", "/api/v1/documents/questions:{}"):
            told = [client.get(path.format(one)) for one in (question, NEVER)]
            texts = [
                one.text.replace(name, "")
                for one, name in zip(told, (question, NEVER), strict=True)
            ]
            assert texts[0] == texts[1]
            assert told[0].status_code == told[1].status_code == 404
        assert SLANDER not in traces(site, agent_id, question)
        told_of = [report(site, agent_id, one) for one in (question, NEVER)]
        assert told_of == [404, 404]
    assert site.act(STRANGER, question, "answer", text="x") == 404
    assert site.later(40) == 0, "no step moves it"
    assert site.read(ASKER, question)["hidden"] == "Diffamation."
    assert "masquée" in site.client(ASKER).get("/questions").text
    assert site.act(ASKER, question, "edit", title="Autre titre", text="") == 204
    assert site.read(STRANGER, question) == 404, "a correction shows nothing by itself"
    assert moderate(site, question, "show") == 204
    assert site.read(STRANGER, question)["title"] == "Autre titre"
    assert site.act(ASKER, question, "delete") == 204
    assert moderate(site, question, "hide", reason="x") == 404


def test_one_moderates_only_what_one_animates_and_reads(site: AskingSite) -> None:
    """Another topic, another entity's question, one's own text: all like one that never was."""
    animators = tuple(
        Grant(Role.ANIMATOR, frozenset({one}), topics=frozenset({topic}))
        for one, topic in ((ANIMATOR, "cadastre"), (STRANGER, "*"), (NEIGHBOUR, "regies"))
    )
    site = replace(site, services=replace(site.services, grants=Grants(animators)))
    question = site.ask(**RESTRICTED)
    answer = answer_of(site, ANIMATOR, question, "La mienne.")
    assert report(site, NEIGHBOUR, question) == 204
    assert report(site, NEIGHBOUR, question, answer=answer) == 204
    assert [one["answer"] for one in desk(site)["reported"]] == [""], "never one's own text"
    assert moderate(site, question, "dismiss", answer=answer) == 404
    for other in (STRANGER, NEIGHBOUR):
        seen = desk(site, other)
        assert seen["reported"] == seen["hidden"] == seen["waiting"] == []
        assert SECRET not in site.client(other).get("/animation/questions").text
        told = [
            site.client(other).post(f"/api/v1/animation/questions/{one}", json={"act": "dismiss"})
            for one in (question, NEVER)
        ]
        assert told[0].status_code == told[1].status_code == 404
        assert told[0].text.replace(question, "") == told[1].text.replace(NEVER, "")
    assert site.client(MAPPER).get("/animation/questions").status_code == 403


def test_a_question_without_topic_reaches_its_entity(site: AskingSite) -> None:
    """Who animates the entity sees it with a topic to give; a hidden asker tells no entity."""
    grants = (
        Grant(Role.ANIMATOR, frozenset({ANIMATOR}), entities=frozenset({"Finances"})),
        Grant(Role.ANIMATOR, frozenset({STRANGER}), entities=frozenset({"Intérieur"})),
        Grant(Role.ANIMATOR, frozenset({NEIGHBOUR}), topics=frozenset({"cadastre"})),
    )
    asking = site.services.part(Asking)
    assert asking is not None
    rules = replace(asking.rules, hidden_names=True, hidden_names_entities=("Finances",))
    services = replace(site.services, grants=Grants(grants)).with_parts(
        replace(asking, rules=rules)
    )
    site = replace(site, services=services)
    question, unnamed = site.ask(), site.ask(title="Quelle régie ?", hidden=True)
    assert site.read(STRANGER, unnamed)["asker"] is None
    outside = site.ask(STRANGER, title="Quel carnaval ?", hidden=True)
    assert site.read(ASKER, outside)["asker"] is not None, "not an entity that may"
    (shown,) = desk(site)["unclassified"]
    assert '"/animation/questions#attendent">1' in site.client(ANIMATOR).get("/").text
    assert (shown["question"]["id"], shown["proposed"]) == (question, "cadastre")
    (theirs,) = desk(site, STRANGER)["unclassified"]
    assert theirs["question"]["id"] == outside
    assert desk(site, NEIGHBOUR)["unclassified"] == []
    page = site.client(ANIMATOR).get("/animation/questions").text
    assert 'value="classify"' in page
    assert moderate(site, question, "classify", topic="jamais") == 422
    assert moderate(site, outside, "classify", topic="cadastre") == 404
    assert moderate(site, question, "classify", topic="cadastre") == 204
    assert site.read(ASKER, question)["topic_id"] == "cadastre"
    assert desk(site)["unclassified"] == []
    assert moderate(site, question, "classify", by=NEIGHBOUR, topic="regies") == 422
    for _ in range(6):
        site.later(4)
    assert [one["id"] for one in desk(site, NEIGHBOUR)["waiting"]] == [question]
    assert '"/animation/questions#attendent">1' in site.client(NEIGHBOUR).get("/").text


def test_what_one_may_do_in_a_day_is_bounded(tmp_path: Path) -> None:
    """Over a day's limit answers and reports are refused, and «Cela répond» is not counted."""
    with asking_site(tmp_path, answered_per_day=2, reported_per_day=1, found_per_day=2) as site:
        one, other = site.ask(topic="cadastre"), site.ask(title="Autre cadastre ?")
        told = [site.act(STRANGER, one, "answer", text=f"Réponse {n}.") for n in range(3)]
        assert told == [204, 204, 429]
        assert len(site.read(ASKER, one)["answers"]) == 2
        assert [report(site, STRANGER, each) for each in (one, one, other)] == [204, 204, 429]
        client = site.client(STRANGER)
        for document in ("wiki:0", "wiki:0", "wiki:1", "wiki:2"):
            found = client.post("/questions/existing", data={"document": document})
            assert found.status_code == 303, "the document is shown all the same"
        assert site.questions.answered_before(site.services.today()) == 2
        site.clock.now = site.clock.now.replace(day=site.clock.now.day + 1)
        assert site.act(STRANGER, one, "answer", text="Le lendemain.") == 204
        assert report(site, STRANGER, other) == 204


def test_to_report_and_take_back_escapes_no_limit(tmp_path: Path) -> None:
    """Every report of the day counts, even if it was taken back or its text deleted."""
    with asking_site(tmp_path, reported_per_day=3) as site:
        texts = [site.ask(title=f"Quel cadastre {n} ?", topic="cadastre") for n in range(3)]
        client = site.client(STRANGER)

        def take_back(question: str) -> int:
            return client.delete(f"/api/v1/questions/{question}/reports").status_code

        assert report(site, STRANGER, texts[0]) == 204
        assert report(site, STRANGER, texts[0]) == 204, "told again, it counts once"
        assert take_back(texts[0]) == 204
        assert report(site, STRANGER, texts[0]) == 204
        assert take_back(texts[0]) == 204
        assert report(site, STRANGER, texts[1]) == 204
        assert site.act(ASKER, texts[1], "delete") == 204
        assert report(site, STRANGER, texts[2]) == 429
        assert report(site, STRANGER, texts[0]) == 429
        assert report(site, MAPPER, texts[0]) == 204, "a limit of each"
        assert len(desk(site)["reported"]) == 1
        site.clock.now += timedelta(days=1)
        assert report(site, STRANGER, texts[2]) == 204


def test_what_is_hidden_stays_so_in_a_restored_database(site: AskingSite) -> None:
    """What was hidden since the backup is hidden there; what was shown again is shown."""
    first, second = site.ask(topic="cadastre"), site.ask(title="Une autre ?", topic="cadastre")
    assert moderate(site, second, "hide", reason="Diffamation.") == 204
    copy = site.saved()
    assert moderate(site, first, "hide", reason="Diffamation.") == 204
    assert moderate(site, second, "show") == 204
    with site.restored(copy) as restored:
        site.replayed(restored)
        questions = type(site.questions)(restored, site.clock)
        assert questions.one(first) is None
        assert questions.one(second) is not None
    assert moderate(site, second, "hide", reason="Encore.") == 204
    site.replayed(site.engine)
    hidden = (thread.question for thread, _ in site.questions.moderation.texts_hidden())
    reasons = {one.id: one.hidden for one in hidden}
    assert reasons == {first: "Diffamation.", second: "Encore."}, "known already, they keep theirs"


def put_back(site: AskingSite, copy: Path) -> None:
    """The site goes on from a copy, told what the register knows; its questions are read again."""
    site.engine.dispose()
    Path(str(site.engine.url.database)).write_bytes(copy.read_bytes())
    site.replayed(site.engine)
    required(site.services.part(Asking)).publish()


def test_a_former_text_is_shown_to_its_author_alone(site: AskingSite) -> None:
    """Of a question and of an answer; others see that it was corrected, until it is confirmed."""
    question = site.ask(title=f"{SLANDER} de {BESIDE} ?", text=f"Selon {BESIDE}.", topic="cadastre")
    other = site.ask(title="Une autre parcelle ?", topic="cadastre")
    answer = answer_of(site, NEIGHBOUR, other, f"{SLANDER}, dit {BESIDE}.")
    assert site.act(ASKER, other, "helped", answer=answer) == 204
    copy = site.saved()
    assert site.act(ASKER, question, "edit", title="Le cadastre ?", text="Autre.") == 204
    assert site.act(NEIGHBOUR, other, "correct", text="Par un géomètre.", answer=answer) == 204
    put_back(site, copy)
    put_back(site, site.saved())
    for reader in (STRANGER, MAPPER, ANIMATOR):
        for one in (question, other):
            assert SLANDER not in traces(site, reader, one)
            assert BESIDE not in site.client(reader).get(f"/questions/{one}").text
    told = site.read(STRANGER, question)
    assert (told["outdated"], told["text"], told["asker"], told["digest"]) == (True, "", None, "")
    (given,) = site.read(STRANGER, other)["answers"]
    assert (given["outdated"], given["text"], given["author"], given["digest"]) == (
        True,
        "",
        None,
        "",
    )
    assert 'class="note"' in site.client(STRANGER).get(f"/questions/{other}").text
    assert CORRECTED in site.client(STRANGER).get(f"/questions/{question}").text
    assert site.act(STRANGER, question, "answer", text="x") == 404
    assert report(site, STRANGER, other, answer=answer) == 404
    assert site.act(ASKER, other, "thank", answer=answer) == 404, "of its author alone"
    own = site.read(ASKER, question)
    assert (own["outdated"], own["text"]) == (True, f"Selon {BESIDE}.")
    assert "ancien texte" in site.client(ASKER).get("/questions").text
    page = site.client(NEIGHBOUR).get(f"/questions/{other}").text
    assert SLANDER in page
    assert 'value="confirm"' in page
    (mine,) = site.read(NEIGHBOUR, other)["answers"]
    assert site.act(NEIGHBOUR, other, "confirm", answer=answer, digest="0" * 32) == 422
    assert site.act(ASKER, other, "confirm", answer=answer, digest=mine["digest"]) == 404
    form = {"act": "confirm", "answer": answer, "digest": mine["digest"]}
    assert site.client(NEIGHBOUR).post(f"/questions/{other}", data=form).status_code == 303
    assert SLANDER in traces(site, STRANGER, other)
    assert site.act(NEIGHBOUR, other, "confirm", answer=answer, digest=mine["digest"]) == 404
    assert site.act(ASKER, question, "edit", title="Le cadastre ?", text="De nouveau.") == 204
    assert site.read(STRANGER, question)["text"] == "De nouveau.", "corrected, it waits no more"
    put_back(site, copy)
    assert site.read(STRANGER, other)["stage"] == "answered"
    assert SLANDER in traces(site, STRANGER, other), "what was confirmed stays so"
    assert site.read(STRANGER, question)["outdated"]


def test_who_moderates_may_confirm_a_former_text(site: AskingSite) -> None:
    """The desk lists it without its text; a decision made for an earlier text is refused."""
    question = site.ask(topic="cadastre")
    answer = answer_of(site, NEIGHBOUR, question, f"{SLANDER}, dit {BESIDE}.")
    copy = site.saved()
    assert site.act(NEIGHBOUR, question, "correct", text="Autre.", answer=answer) == 204
    put_back(site, copy)
    (waiting,) = desk(site)["hidden"]
    assert (waiting["outdated"], waiting["answer"], waiting["hidden"]) == (True, answer, "")
    assert "sauvegarde restaurée" in site.client(ANIMATOR).get("/animation/questions").text
    stale = {"answer": answer, "digest": waiting["digest"]}
    assert site.act(NEIGHBOUR, question, "correct", text="Encore autre.", answer=answer) == 204
    assert site.read(STRANGER, question)["answers"][0]["text"] == "Encore autre."
    put_back(site, copy)
    assert moderate(site, question, "hide", answer=answer, reason="Diffamation.") == 204
    assert site.act(NEIGHBOUR, question, "confirm", **stale) == 404, "by who hid it alone"
    assert site.act(NEIGHBOUR, question, "correct", text=f"{SLANDER} !", answer=answer) == 204
    assert moderate(site, question, "show", **stale) == 422
    assert moderate(site, question, "show", answer=answer, digest="") == 422
    assert site.read(STRANGER, question)["answers"] == []
    put_back(site, copy)
    assert site.read(STRANGER, question)["answers"] == [], "hidden by somebody, it shows nothing"
    assert moderate(site, question, "show", answer=answer) == 204
    assert SLANDER in traces(site, STRANGER, question)


def test_to_show_a_text_again_opens_no_former_one(site: AskingSite) -> None:
    """A hidden text that was corrected is not shown when a backup with it is restored."""
    question = site.ask(topic="cadastre")
    answer = answer_of(site, NEIGHBOUR, question, f"{SLANDER}, dit {BESIDE}.")
    copy = site.saved()
    assert moderate(site, question, "hide", answer=answer, reason="Diffamation.") == 204
    assert site.act(NEIGHBOUR, question, "correct", text="Un géomètre.", answer=answer) == 204
    assert moderate(site, question, "show", answer=answer) == 204
    assert site.act(NEIGHBOUR, question, "correct", text="Deux géomètres.", answer=answer) == 204
    lines = list(site.register.lines())
    assert not [line for line in lines if SLANDER in str(line) or "géomètre" in str(line)]
    consent = SqlConsent(site.engine, site.clock)
    replay(lines, site.engine, consent, cast(Any, site.index), b"key")
    assert site.read(STRANGER, question)["answers"][0]["text"] == "Deux géomètres."
    put_back(site, copy)
    assert site.read(STRANGER, question)["answers"] == []
    (own,) = site.read(NEIGHBOUR, question)["answers"]
    assert (own["outdated"], own["hidden"]) == (False, "")
    assert SLANDER not in traces(site, STRANGER, question)


def test_reports_go_with_their_author_and_their_text(site: AskingSite) -> None:
    """Reports by a purged agent, and reports of a deleted text, are deleted."""
    question, other = site.ask(topic="cadastre"), site.ask(title="Une autre ?", topic="cadastre")
    for one in (question, other):
        for agent_id in (STRANGER, MAPPER):
            assert report(site, agent_id, one) == 204
    assert purge_agent(site.engine, STRANGER, b"key") > 0
    assert site.act(ASKER, other, "delete") == 204
    with site.engine.connect() as connection:
        left = connection.execute(sa.select(text_reports)).mappings().all()
    assert [(row["question_id"], row["agent_id"]) for row in left] == [(question, MAPPER)]
    assert HERE not in str(left)


def test_desk_and_its_questions_count_the_same(site: AskingSite) -> None:
    """A question waits on both pages once nobody is asked any more, and on none once answered."""

    def counts() -> tuple[int, int, int]:
        client = site.client(ANIMATOR)
        risks = client.get("/api/v1/animation/risks").json()["topics"]
        (page,) = re.findall(r'href="/animation/questions">[^<]*<', client.get("/animation").text)
        return (
            sum(one["open_questions"] for one in risks if one["topic"]["id"] == "cadastre"),
            len(desk(site)["waiting"]),
            int("".join(re.findall(r"(\d+) sans réponse", page.replace("\u00a0", " "))) or 0),
        )

    question = site.ask(topic="cadastre")
    assert counts() == (0, 0, 0), "an agent is asked"
    for _ in range(6):
        site.later(4)
    assert counts() == (1, 1, 1)
    answer_of(site, NEIGHBOUR, question, "Par un procès-verbal.")
    assert counts() == (0, 0, 0)


def test_without_the_package_nothing_offers_reports_and_hidden_texts_stay_hidden(
    site: AskingSite,
) -> None:
    """No page links to a report or to the desk, and neither has an address."""
    question = site.ask(topic="cadastre")
    answer = answer_of(site, NEIGHBOUR, question, SLANDER)
    assert report(site, MAPPER, question) == 204
    assert moderate(site, question, "hide", answer=answer, reason="Un nom.") == 204
    bare = replace(site, services=replace(without(site.services, WaitingOf), features=()))
    for agent_id in (ANIMATOR, MAPPER):
        paths = ("/", "/questions", f"/questions/{question}", "/preferences", "/animation")
        pages = [bare.client(agent_id).get(path).text for path in paths]
        assert not [page for page in pages if "/reports" in page or "/animation/questions" in page]
    assert SLANDER not in traces(bare, STRANGER, question)
    assert bare.client(ANIMATOR).get("/animation/questions").status_code == 404
    assert report(bare, STRANGER, question) == 404
