"""Questions that a model proposes: what it is sent, what is kept, and how rounds go on.

The model is a server that replays recorded answers, one per document.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from threading import Event
from unittest.mock import patch

import pytest
from pydantic import ValidationError
from quisait_proposed_questions import proposing
from quisait_proposed_questions.checking import names_somebody, safe_questions
from quisait_proposed_questions.feature import FEATURE, PROPOSALS
from quisait_proposed_questions.proposing import Proposals, open_server, proposals_state
from quisait_proposed_questions.settings import ProposedQuestionsSettings
from quisait_proposed_questions.storage import SqlProposals

from connectors.values import EvidencePolicy
from indexer.values import WITHHELD, Put, PutAccess
from quisait.application import engines
from quisait.application.assembly import Application, open_application
from quisait.clock import today
from quisait.settings import load_settings
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.expected import apply_expected_questions
from quisait.work.worker import purge, tasks_of
from search_api.expected.storage import QuestionOrigin, SqlExpectedQuestions
from tests.each import each
from tests.model_server import ModelServer, model_server, streamed
from tests.own_loop import apart
from tests.service.place import Place, make_place
from tests.service.test_questions import client_of

pytestmark = [pytest.mark.trust, pytest.mark.sources]

NOTE, OFFICE, SECRET = "notes:bornage.txt", "notes:regie.md", "notes:secret.txt"
LAY = "Mon voisin a déplacé la clôture du jardin, que faire ?"
RECORDED = {
    "bornage contradictoire": [LAY, "Qui fixe la limite entre deux terrains ?"],
    "régisseur de recettes": ["Quand faut-il rendre la caisse au comptable ?"],
    "carrousel Zanzibar": ["Quelles sociétés servent au carrousel de taxe ?"],
}
"""Answers by a phrase of the document; none for others."""
OPEN_DOCUMENTS = 5


def replayed(sent: str) -> Iterator[bytes]:
    answers = (answer for phrase, answer in RECORDED.items() if phrase in sent)
    return streamed(json.dumps(next(answers, []), ensure_ascii=False))


@pytest.fixture(scope="module", autouse=True)
def one_encoder() -> Iterator[None]:
    """The real encoder, opened once for this module."""
    with patch.object(engines, "open_encoder", cache(engines.open_encoder)):
        yield


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server() as server:
        server.answer = replayed
        yield server


@pytest.fixture
def place(tmp_path: Path, model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = make_place(
        tmp_path / "place",
        QUISAIT_GUARD_SHARE="1",
        QUISAIT_EXPECTED_QUESTIONS__SERVER=model.url,
        QUISAIT_EXPECTED_QUESTIONS__MODEL="petit",
        QUISAIT_EXPECTED_QUESTIONS__KEY="cle-du-serveur",
        QUISAIT_EXPECTED_QUESTIONS__PER_MINUTE="100",
    )
    made.enter(monkeypatch)
    return made


@pytest.fixture
def application(place: Place) -> Iterator[Application]:
    with open_application(load_settings()) as opened:
        read_directory(opened)
        crawl(opened)
        yield opened


def crawl(application: Application) -> None:
    assert all(run.report for run in crawl_sources(application, application.settings.sources))


def opened(application: Application, **settings: object) -> Proposals:
    """The rounds of a worker that has just started, with other settings."""
    own = application.settings.table(ProposedQuestionsSettings)
    proposals = Proposals(application, open_server(own))
    proposals._own = own.model_copy(update=settings)
    return proposals


def round_of(proposals: Proposals, stop: Event | None = None) -> int:
    """Work in a thread of its own: after a browser's tests an event loop runs in pytest's."""
    return apart(lambda: proposals.work(stop or Event()))


def worked(application: Application, **settings: object) -> int:
    return round_of(opened(application, **settings))


def questions(application: Application, document_id: str = NOTE) -> list[str]:
    rows = application.expected.of_document(document_id)
    assert all(row.origin is QuestionOrigin.MODEL for row in rows)
    return sorted(row.question for row in rows if not row.removed)


def test_proposals_reach_the_index_and_each_text_is_sent_once(
    application: Application, model: ModelServer, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """The key is in its header; nothing of a text or question is logged."""
    caplog.set_level(logging.DEBUG)
    assert worked(application) == OPEN_DOCUMENTS
    assert questions(application) == sorted(RECORDED["bornage contradictoire"])
    assert apply_expected_questions(application, Event()) == 2
    asked = {"q": "déplacer une clôture de jardin", "as_typed": "1"}
    answer = client_of(application, "ag-1").get("/api/v1/search", params=asked).json()
    assert answer["documents"][0]["id"] == NOTE
    assert len(model.asked) == OPEN_DOCUMENTS
    assert all("Authorization: Bearer cle-du-serveur" in sent for sent in model.sent)
    for private in ("voisin", "bornage", "Zanzibar", "Goff"):
        assert private not in caplog.text
    assert worked(application) == 0, "another worker has nothing left to ask"
    state = proposals_state(application.settings, application.database)
    assert state.startswith("documents faits : 5, en attente : 0")
    (place.folder / "notes/bornage.txt").write_text("Le bornage contradictoire a changé.", "utf-8")
    crawl(application)
    assert worked(application) == 1
    assert len(model.asked) == OPEN_DOCUMENTS + 1


def test_question_that_the_author_removed_is_not_proposed_again(application: Application) -> None:
    worked(application)
    assert application.expected.remove(NOTE, LAY)
    SqlProposals(application.database).keep_only([])
    worked(application)
    assert LAY not in questions(application)


def test_restricted_documents_are_sent_only_where_the_settings_say_so(
    application: Application, model: ModelServer
) -> None:
    """What nobody may read, and health and personnel matters, never are."""
    kept = next(iter(application.whole_index.documents([OFFICE])))
    closed = replace(kept.document, evidence=EvidencePolicy.NONE)
    writes = [Put(replace(kept, document=closed)), PutAccess("wiki:1", WITHHELD)]
    assert not application.whole_index.write(writes).failed
    assert worked(application) == OPEN_DOCUMENTS - 2
    assert all("Zanzibar" not in text for text in model.texts)
    assert worked(application, documents="all") == 1
    assert "Zanzibar" in model.texts[-1]
    assert questions(application, SECRET) == RECORDED["carrousel Zanzibar"]
    for text in model.texts:
        assert "régisseur" not in text
        assert "à cheval" not in text


def test_rights_are_read_again_right_before_sending(
    application: Application, model: ModelServer
) -> None:
    """A document that is closed while it waits is not sent."""
    proposals = opened(application, per_minute=1)
    assert round_of(proposals) == 1
    *closed, last = proposals._waiting
    writes = [PutAccess(id_, WITHHELD) for id_ in closed]
    assert not application.whole_index.write(writes).failed
    proposals._own = proposals._own.model_copy(update={"per_minute": 100})
    assert round_of(proposals) == 1
    assert len(model.asked) == 2
    assert (
        SqlProposals(application.database).waiting([application.index.kept([last])[last]], today())
        == []
    )


BAD: dict[str, str] = {
    "no list": "Voici ce que dit ce document à propos du bornage.",
    "broken list": '["Mon voisin a déplacé la clôture du jardin',
    "english": '["Who pays for the boundary of the land?", "Qui paie about the clôture donc ?"]',
    "name": '["Comment joindre Ana Le Goff pour cela ?", "À quoi sert donc ana goff ici ?"]',
    "unknown name": '["Que fait M. Untel pour la limite ?", "Que fait Mme Chose pour la limite ?"]',
    "number": '["Faut-il payer 150 euros pour la limite ?", "Faut-il sept mois pour la limite ?"]',
    "too short": '["La limite ?", "Et"]',
    "too long": json.dumps([f"Que faire {'de la limite ' * 5} ?"]),
    "markup": '["Que fait <b>la</b> limite des parcelles ?", "Voir www.voleur.fr la limite ?"]',
    "not strings": '[1, null, {"question": "Qui fixe la limite des parcelles ?"}]',
    "silence": "",
}


def test_bad_answers_leave_nothing(application: Application, model: ModelServer) -> None:
    """The text counts as done: the same question to the same model has the same answer."""

    def check(bad: str) -> None:
        SqlProposals(application.database).keep_only([])
        model.says(bad)
        assert worked(application, per_minute=1_000) == OPEN_DOCUMENTS
        assert list(application.expected.every()) == []
        assert worked(application) == 0

    each(BAD.items(), check)


def test_lists_lines_and_near_copies() -> None:
    """At most one of near copies; a title is none, nor what the document has."""
    text = "La limite des deux parcelles se fixe en 30 jours, après trois visites."
    written = (
        "<think>Quelles questions faut-il donc écrire ?</think>\n"
        "1. Qui fixe la limite des deux parcelles ?\n"
        "- « En 30 jours, que devient la limite ? »\n"
        "Qui fixe donc la limite des parcelles ?\n"
        "* Comment se fixe la limite ?\n"
        "Faut-il trois visites avant la fin ?\n"
    )
    assert list(safe_questions(written, "Fixer", text, (), ["comment se fixe la limite"])) == [
        "Qui fixe la limite des deux parcelles ?",
        "En 30 jours, que devient la limite ?",
        "Faut-il trois visites avant la fin ?",
    ]
    fenced = '```json\n["Qui fixe la limite des parcelles ?"]\n```'
    assert list(safe_questions(fenced, "", text, (), ())) == ["Qui fixe la limite des parcelles ?"]
    assert list(safe_questions(fenced, "Qui fixe la limite des parcelles", text, (), ())) == []


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("Que fait Marchand le lundi ?", True),
        ("Que fait rose marchand le lundi ?", True),
        ("Que fait le marchand le lundi ?", False),
        ("Où joindre Monsieur Untel ?", True),
        ("Où joindre monsieur le maire ?", False),
    ],
)
def test_common_words_are_no_names(question: str, named: bool) -> None:
    assert names_somebody(question, {"rose", "marchand"}) is named


def test_question_that_leads_elsewhere_is_dropped(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search for it finds another document first. Stored questions of others do not count."""
    monkeypatch.setattr(proposing, "FIRST_HITS", 1)
    elsewhere = "Quand le régisseur verse-t-il ses fonds au comptable ?"
    own = "Qui fixe la limite de deux parcelles cadastrales ?"
    with patch.dict(RECORDED, {"bornage contradictoire": [elsewhere, own]}):
        worked(application)
    assert questions(application) == [own]


def test_refusing_server_is_told_and_asked_again(
    application: Application, model: ModelServer
) -> None:
    """One request in a round; no document is passed over."""
    for number, status in enumerate((401, 429, 503), 1):
        model.status = status
        assert worked(application) == 0
        assert len(model.asked) == number
        with pytest.raises(ValueError, match=f"status {status}.*vérifiez server, model et key"):
            proposals_state(application.settings, application.database)
    model.status = 200
    assert worked(application) == OPEN_DOCUMENTS
    assert "en attente : 0" in proposals_state(application.settings, application.database)


def test_server_that_is_down_is_told(application: Application) -> None:
    own = application.settings.table(ProposedQuestionsSettings)
    unused = own.model_copy(update={"server": "http://127.0.0.1:9/v1"})
    assert round_of(Proposals(application, open_server(unused))) == 0
    with pytest.raises(ValueError, match=r"en attente : 5 .* a refusé la dernière \(Connect"):
        proposals_state(application.settings, application.database)
    assert worked(application) == OPEN_DOCUMENTS


def test_failing_documents_wait_for_another_day(
    application: Application, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not keep the others from being asked about."""
    model.status = 400
    assert worked(application) == 0
    assert len(model.asked) == proposing.MOST_FAILED
    model.status = 200
    assert worked(application) == OPEN_DOCUMENTS - proposing.MOST_FAILED
    assert worked(application) == 0
    monkeypatch.setattr(proposing, "today", lambda: datetime(2100, 1, 1).date())
    assert worked(application) == proposing.MOST_FAILED


def test_budgets_of_a_minute_and_a_day_hold_across_workers(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(
        [*[datetime(2026, 12, 1, 9, 0, tzinfo=UTC)] * 3, *[datetime(2026, 12, 1, 9, 1)] * 9]
    )
    monkeypatch.setattr(proposing, "now", lambda: next(times))
    assert worked(application, per_minute=2) == 2
    assert worked(application, per_minute=2, per_day=3) == 1
    assert worked(application, per_minute=9, per_day=3) == 0


@pytest.mark.parametrize("place_of_death", [SqlExpectedQuestions, SqlProposals])
def test_killed_round_goes_on(
    application: Application, model: ModelServer, place_of_death: type
) -> None:
    """Before or after a document's questions are stored: none is lost, none is there twice."""

    class Killed(BaseException):
        pass

    method = "add" if place_of_death is SqlExpectedQuestions else "note"

    def die(*_: object, **__: object) -> None:
        raise Killed

    with patch.object(place_of_death, method, die), pytest.raises(Killed):
        worked(application)
    assert worked(application) == OPEN_DOCUMENTS
    assert questions(application) == sorted(RECORDED["bornage contradictoire"])
    assert len(model.asked) == OPEN_DOCUMENTS + 1


def test_stopped_round_leaves_a_hanging_server(
    application: Application, model: ModelServer
) -> None:
    stop = Event()

    def hang(_: str) -> Iterator[bytes]:
        stop.set()
        return iter(())

    model.answer, model.hang = hang, True
    assert round_of(opened(application), stop) == 0
    assert len(model.asked) == 1
    model.answer, model.hang = replayed, False
    assert worked(application) == OPEN_DOCUMENTS


def test_hanging_server_is_left_in_time(application: Application, model: ModelServer) -> None:
    model.answer, model.hang = lambda _: iter(()), True
    proposals = opened(application, time_limit_s=1.0)
    assert round_of(proposals) == 0
    assert len(proposals._waiting) == OPEN_DOCUMENTS - proposing.MOST_FAILED
    with pytest.raises(ValueError, match="délai dépassé"):
        proposals_state(application.settings, application.database)


def test_documents_that_go_take_their_questions(application: Application, place: Place) -> None:
    worked(application)
    apply_expected_questions(application, Event())
    (place.folder / "notes/bornage.txt").unlink()
    crawl(application)
    purge(application)
    assert questions(application) == []
    worked(application)
    assert "documents faits : 4" in proposals_state(application.settings, application.database)


def test_feature_is_off_without_a_server(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task, no state, no line of the report; with a server, all of them."""
    assert PROPOSALS in {task.name for task in tasks_of(application)}
    (state,) = FEATURE.states(application.settings).values()
    assert state(application.database).startswith("aucun document lu encore")
    (line,) = FEATURE.report(application.settings)["transfers"]
    assert "ouverts à tous" in line
    off = load_settings().model_copy()
    monkeypatch.setenv("QUISAIT_EXPECTED_QUESTIONS__SERVER", "")
    off = load_settings()
    assert PROPOSALS not in {task.name for task in tasks_of(replace(application, settings=off))}
    assert not FEATURE.states(off)
    assert not FEATURE.report(off)
    with pytest.raises(ValidationError, match="server demande model"):
        ProposedQuestionsSettings(server="http://127.0.0.1:9/v1")
