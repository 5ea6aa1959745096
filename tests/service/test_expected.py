"""Expected questions in the assembled application: into the index, through crawls, from files."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from threading import Event
from unittest.mock import patch

import pytest

from indexer.values import WITHHELD, PutAccess
from quisait.application import engines
from quisait.application.assembly import Application, open_application
from quisait.application.locks import hold_source_lock
from quisait.clock import today
from quisait.settings import load_settings
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.expected import (
    MOST_OF_DOCUMENT,
    ImportReport,
    apply_expected_questions,
    export_questions,
    import_questions,
)
from quisait.work.worker import EXPECTED, purge, tasks_of
from search_api.expected.storage import ExpectedQuestion, QuestionOrigin
from tests.service.place import NOTES, POSTS, Place, export, make_place
from tests.service.test_questions import client_of

pytestmark = [pytest.mark.trust, pytest.mark.sources]

NOTE, POST = "notes:bornage.txt", "wiki:2"
SECRET = "notes:secret.txt"
LAY = "Mon voisin a bougé le piquet du jardin"
OTHER = "À qui est ce mur mitoyen"


@pytest.fixture(scope="module", autouse=True)
def one_encoder() -> Iterator[None]:
    """The real encoder, opened once for this module."""
    with patch.object(engines, "open_encoder", cache(engines.open_encoder)):
        yield


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = make_place(tmp_path / "place", QUISAIT_GUARD_SHARE="1")
    made.enter(monkeypatch)
    return made


@pytest.fixture
def application(place: Place) -> Iterator[Application]:
    with open_application(load_settings()) as opened:
        read_directory(opened)
        crawl(opened)
        yield opened


def crawl(application: Application, *, full: bool = False) -> int:
    """Read every source; return how many documents were written."""
    runs = crawl_sources(application, application.settings.sources, full=full, quiet=True)
    reports = [run.report for run in runs]
    assert all(reports)
    return sum(report.put for report in reports if report)


def add(application: Application, *questions: str, origin: str = "hand", of: str = NOTE) -> None:
    entry = application.index.kept([of])[of]
    rows = [
        ExpectedQuestion(of, one, QuestionOrigin(origin), today(), entry.content_hash)
        for one in questions
    ]
    assert application.expected.add(rows) == len(questions)


def applied(application: Application) -> int:
    return apply_expected_questions(application, Event())


def indexed(application: Application, document_id: str = NOTE) -> tuple[str, ...]:
    (document,) = application.whole_index.documents([document_id])
    questions = document.document.questions
    assert len(document.question_vectors) == len(questions) * application.encoder.dimension
    return questions


def found(application: Application, words: str, agent_id: str = "ag-1") -> list[str]:
    asked = {"q": words, "as_typed": "1"}
    answer = client_of(application, agent_id).get("/api/v1/search", params=asked)
    return [str(one["id"]) for one in answer.json()["documents"]]


def test_a_worker_puts_changes_into_the_index(application: Application) -> None:
    """Text, vectors and rights stay; a full reading afterwards has nothing to write."""
    (task,) = (task for task in tasks_of(application) if task.name == EXPECTED)
    (before,) = application.whole_index.documents([NOTE])
    assert NOTE not in found(application, "piquet")
    add(application, LAY, OTHER)
    with hold_source_lock(application.locks, EXPECTED) as held:
        assert task.work(held, Event()) == 1
        assert task.work(held, Event()) == 0
    assert application.expected.pending() == ()
    assert set(indexed(application)) == {LAY, OTHER}
    assert found(application, "piquet")[0] == NOTE
    (after,) = application.whole_index.documents([NOTE])
    assert after.document.access == before.document.access
    assert (after.passages, after.content_hash) == (before.passages, before.content_hash)
    assert after.vectors.tobytes() == before.vectors.tobytes()
    assert crawl(application, full=True) == 0, "the record has the hash that a reading gives it"
    assert applied(application) == 0
    assert application.expected.remove(NOTE, LAY)
    assert applied(application) == 1
    assert indexed(application) == (OTHER,)
    assert NOTE not in found(application, "piquet")
    assert [row.question for row in application.expected.of_document(NOTE)] == [OTHER]


def test_restricted_document_keeps_its_readers(application: Application) -> None:
    add(application, LAY, of=SECRET)
    assert applied(application) == 1
    assert SECRET in found(application, "piquet", "ag-2")
    assert SECRET not in found(application, "piquet", "ag-1")
    assert client_of(application, "ag-1").get(f"/api/v1/documents/{SECRET}").status_code == 404


def test_source_being_read_and_withheld_documents_wait(application: Application) -> None:
    add(application, LAY)
    add(application, OTHER, of=POST)
    with hold_source_lock(application.locks, "notes"):
        assert applied(application) == 1
    assert indexed(application, POST) == (OTHER,)
    assert not application.whole_index.write([PutAccess(NOTE, WITHHELD)]).failed
    assert applied(application) == 0
    assert application.whole_index.kept([NOTE])[NOTE].access == WITHHELD
    assert application.expected.pending() == (NOTE,)


def test_document_whose_readers_change_meanwhile_waits(application: Application) -> None:
    """What another process narrows between the reading and the writing stays narrowed."""
    add(application, LAY)
    encode = application.encoder.passages

    def narrowing(texts: list[str]) -> object:
        application.whole_index.write([PutAccess(NOTE, WITHHELD)])
        return encode(texts)

    with patch.object(type(application.encoder), "passages", lambda _, texts: narrowing(texts)):
        assert applied(application) == 0
    assert application.whole_index.kept([NOTE])[NOTE].access == WITHHELD


def test_questions_of_a_former_text_leave_the_index_with_it(
    application: Application, place: Place
) -> None:
    """At once: readers of the new text may not have been readers of the former one."""
    add(application, LAY)
    add(application, OTHER, origin="model")
    assert applied(application) == 1
    (place.folder / "notes/bornage.txt").write_text("Un autre texte sur les haies.", "utf-8")
    assert crawl(application) == 1
    assert indexed(application) == ()
    assert applied(application) == 0
    assert [row.question for row in application.expected.of_document(NOTE)] == [LAY]


def test_questions_go_with_their_document(application: Application, place: Place) -> None:
    """Not when it is only unread for a while."""
    add(application, LAY)
    add(application, OTHER, of=POST)
    (place.folder / "notes/bornage.txt").unlink()
    crawl(application)
    assert applied(application) == 1
    purge(application)
    assert {row.document_id for row in application.expected.every()} == {POST}


def test_import_takes_csv_and_json_lines(application: Application, place: Place) -> None:
    """By id, by page here, by address at the source; what is known is not added again."""
    url = "https://wiki.example/2"
    posts = [POSTS[0], {**POSTS[1], "url": url}, POSTS[2]]
    (place.folder / "export.jsonl").write_text(export(posts), "utf-8")
    crawl(application)
    table = f"\ufeffdocument;question;origin\n{NOTE};{LAY};hand\n{NOTE};Où est la borne ?;\n"
    assert import_questions(application, table) == ImportReport(2, 0)
    lines = [
        {"url": url, "question": OTHER, "pinned": True},
        {"document": f"https://qui-sait.test/documents/{NOTE}", "question": LAY.upper()},
        {"id": NOTE, "questions": ["Une première chose", "Une seconde chose"], "origin": "model"},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    assert import_questions(application, text) == ImportReport(3, 1)
    assert applied(application) == 2
    assert indexed(application, POST) == (OTHER,)
    exported = list(export_questions(application))
    rows = [json.loads(one) for one in exported]
    assert len(rows) == 5
    told = {(one["document"], one["question"], one["origin"], one["pinned"]) for one in rows}
    assert {(NOTE, LAY, "hand", False), (POST, OTHER, "import", True)} <= told
    for row in application.expected.every():
        application.expected.remove(row.document_id, row.question)
    assert import_questions(application, "\n".join(exported)) == ImportReport(5, 0)
    assert [json.loads(one) for one in export_questions(application)] == rows
    pin = f"document,question,pinned\n{NOTE},{LAY},oui\n"
    assert import_questions(application, pin) == ImportReport(0, 1)
    assert {row.question for row in application.expected.pinned()} == {LAY, OTHER}
    assert found(application, LAY)[0] == NOTE


def test_best_bets_of_earlier_versions_become_pinned_questions(place: Place) -> None:
    """What has no document of the index is named and left out; the old setting says what to do."""
    place.run("crawl")
    (place.folder / "tete.csv").write_text(
        f"# commentaire\nrégie|{LAY};{NOTE}\nbornage;{NOTE}\nautre;notes:absente.md\n"
        'code général;https://x.example/;Code\nautre;"x\n',
        "utf-8",
    )
    settings = place.folder / "quisait.toml"
    before = settings.read_text("utf-8")
    settings.write_text(before + '[search]\nbest_bets = "tete.csv"\n', "utf-8")
    assert "expected import FICHIER --best-bets" in place.run("crawl", status=2).stderr
    settings.write_text(before, "utf-8")
    printed = place.run("expected", "import", "tete.csv", "--best-bets").stdout
    assert "3 questions ajoutées" in printed
    for line in ("ligne 4", "ligne 5", "ligne 6"):
        assert f"Laissée de côté, {line} : " in printed
    exported = [json.loads(one) for one in place.run("expected", "export").stdout.splitlines()]
    assert {(one["document"], one["question"], one["pinned"]) for one in exported} == {
        (NOTE, "régie", True),
        (NOTE, LAY, True),
        (NOTE, "bornage", True),
    }


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("document,question\nnotes:jamais,Où ça donc ?\n", "ligne 2 : document inconnu"),
        (f"document,question\n{NOTE},ab\n", "ligne 2 : Écrivez une question"),
        (f"document,question\n{NOTE}\n", "ligne 2 : ce n'est pas une ligne"),
        (f'document,question\n{NOTE},"Où\n', "ce n'est pas une ligne"),
        (f"document,question,origin\n{NOTE},Où ça donc ?,source\n", "origine inconnue"),
        (f"document,question,pinned\n{NOTE},Où ça donc ?,demain\n", "oui ou non"),
        (f"texte,question\n{NOTE},Où ça donc ?\n", "ligne 2 : aucun document"),
        ('{"document": \n', "ligne 1 : ce n'est pas une ligne"),
        ('{"id": "notes:bornage.txt", "questions": "Où ça ?"}', "ligne 1 : aucune question"),
        ("", "aucune question"),
    ],
)
def test_bad_line_is_named_and_nothing_is_written(
    application: Application, written: str, told: str
) -> None:
    good = json.dumps({"document": NOTE, "question": LAY})
    if written.startswith("{"):
        written = f"{written}\n{good}"
    elif written:
        third = written.partition("\n")[0].count(",") > 1
        written += f"{NOTE},{LAY}{',' if third else ''}\n"
    with pytest.raises(ValueError, match="Rien n'a été écrit") as refused:
        import_questions(application, written)
    assert told in str(refused.value)
    assert list(application.expected.every()) == []


def test_document_has_a_most(application: Application) -> None:
    lines = [f"{NOTE},Question numéro {number}" for number in range(MOST_OF_DOCUMENT + 1)]
    with pytest.raises(ValueError, match="au plus"):
        import_questions(application, "\n".join(["document,question", *lines]))
    assert list(application.expected.every()) == []


def test_commands(place: Place) -> None:
    """Errors are sentences; the export is in the audit log."""
    assert NOTES
    place.run("crawl")
    file = place.folder / "faq.csv"
    file.write_text(f"document,question\n{NOTE},{LAY}\nnotes:jamais,{LAY}\n", "utf-8")
    assert (
        "ligne 3 : document inconnu" in place.run("expected", "import", "faq.csv", status=1).stderr
    )
    file.write_text(f"document,question\n{NOTE},{LAY}\n", "utf-8")
    assert "1 question ajoutée" in place.run("expected", "import", "faq.csv").stdout
    assert json.loads(place.run("expected", "export").stdout)["question"] == LAY
    file.write_bytes(b"document,question\nx,\xe9\n")
    assert "UTF-8" in place.run("expected", "import", "faq.csv", status=1).stderr
    audited = [one["reading"] for one in place.json("audit")["readings"]]
    assert "quisait expected export" in audited
