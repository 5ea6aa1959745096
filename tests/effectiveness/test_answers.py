"""Scores of an installation on a truth of its own: how the files are read, what counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.answers import (
    AnswerScores,
    QuestionScore,
    Truth,
    answers_text,
    of_half,
    read_truth,
)

pytestmark = pytest.mark.search


def question(number: int, **other: Any) -> dict[str, Any]:
    experts = {"ideal": ["ag-1"], "ok": ["ag-2"], "wrong": ["ag-3"]}
    documents = {"ideal": ["wiki:1"], "ok": ["wiki:2"]}
    row = {"id": f"q{number}", "agent": "ag-9", "q": "Où est le cadastre ?"}
    return {**row, "experts": experts, "documents": documents, **other}


def written(folder: Path, **files: list[dict[str, Any]]) -> Truth:
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return read_truth(folder)


def shares(truth: Truth, *shown: tuple[tuple[str, ...], tuple[str, ...]]) -> dict[str, Any]:
    """Figures where the page of each question showed these people and documents."""
    scores = AnswerScores()
    for want, (cards, documents) in zip(truth.questions, shown, strict=True):
        scores.add(QuestionScore(want, cards, documents, True, "wiki:1", "le plan cadastral"))
    assert len(answers_text(scores).splitlines()) == len(scores.shares)
    return {name: (one.hits, one.of) for name, one in scores.shares.items()}


def test_what_a_page_shows_is_counted(tmp_path: Path) -> None:
    """The first card, a wrong one, nobody, and documents by the place of the ideal one."""
    truth = written(tmp_path, questions=[question(n) for n in range(3)])
    found = shares(
        truth,
        (("ag-2", "ag-3"), ("wiki:1", "wiki:2")),
        (("ag-3", "ag-1"), ("wiki:2", "wiki:1")),
        ((), ()),
    )
    assert found["first_right"] == (1, 3)
    assert found["wrong_card"] == (2, 3)
    assert found["nobody_named"] == (1, 3)
    assert (found["success_1"], found["success_3"]) == ((1, 3), (2, 3))
    assert 1 < found["ndcg_10"][0] < 2


def test_where_nobody_knows_a_card_is_a_fault(tmp_path: Path) -> None:
    """So are documents presented as answers where none answers."""
    nothing: dict[str, Any] = {
        "experts": {"ideal": [], "ok": []},
        "documents": {"ideal": [], "ok": []},
    }
    rows = [question(n, **nothing, nobody=True, no_documents=True) for n in range(2)]
    found = shares(written(tmp_path, questions=rows), (("ag-1",), ("wiki:1",)), ((), ()))
    assert found == {
        "named_though_nobody": (1, 2),
        "documents_though_none": (1, 2),
        "direct_though_none": (2, 2),
    }


@pytest.mark.parametrize(
    ("wanted", "right"),
    [
        ({"direct_answer": "wiki:1"}, 1),
        ({"direct_answer": "wiki:2"}, 0),
        ({"direct_contains": ["Plan"]}, 1),
        ({"direct_contains": ["tribunal"]}, 0),
    ],
)
def test_a_direct_answer_is_right_by_its_document_or_text(
    tmp_path: Path, wanted: dict[str, Any], right: int
) -> None:
    found = shares(written(tmp_path, questions=[question(1, **wanted)]), (("ag-1",), ("wiki:1",)))
    assert (found["direct_shown"], found["direct_right"]) == ((1, 1), (right, 1))


def test_a_half_has_its_questions_alone_and_facts_are_read(tmp_path: Path) -> None:
    """Questions may go without people and asker."""
    rows = [
        {
            "id": half,
            "half": half,
            "q": "Où ?",
            "documents": {"ideal": [], "ok": []},
            "fact": "Plan",
        }
        for half in "ab"
    ]
    near = [{**rows[0], "form": "near", "near": [], "answers": [], "fact": ""}]
    truth = written(tmp_path, questions=rows, near_misses=near)
    with pytest.raises(ValueError, match="« c »"):
        of_half(truth, "c")
    half = of_half(truth, "b")
    assert ([one.id for one in half.questions], half.near_misses) == (["b"], ())
    assert (half.questions[0].direct_texts, half.questions[0].agent) == (("plan",), "")


def test_near_misses_twins_and_controls_are_counted_apart(tmp_path: Path) -> None:
    """A direct answer to a near miss is a fault; a twin's has its words and its document."""
    forms = [("near", [], ""), ("twin", ["wiki:1"], "Plan|carte"), ("control", ["wiki:2"], "plan")]
    rows = [
        {"id": f"n{n}", "q": "Où ?", "form": form, "near": [], "answers": answers, "fact": fact}
        for n, (form, answers, fact) in enumerate(forms)
    ]
    truth = written(tmp_path, questions=[question(0)], near_misses=rows)
    assert {one.agent for one in truth.near_misses} == {"ag-9"}
    scores = AnswerScores()
    for want in truth.near_misses:
        scores.add(QuestionScore(want, (), ("wiki:1",), True, "wiki:1", "le plan cadastral"))
    found = {name: (one.hits, one.of) for name, one in scores.shares.items()}
    assert found == {
        "near_direct": (1, 1),
        "near_answered": (1, 1),
        "twin_right": (1, 1),
        "twin_first": (1, 1),
        "control_right": (0, 1),
        "control_first": (0, 1),
        "control_unanswered": (0, 1),
    }


def test_claims_of_who_is_alone_are_read_in_both_forms(tmp_path: Path) -> None:
    """A line for an agent, or one for a topic; who may not be shown is in neither."""
    truth = written(
        tmp_path,
        questions=[question(1)],
        isolation=[
            {"topic": "regie", "agent": "ag-1", "alone_in": ["region", "france"]},
            {"topic": "regie", "agent": "ag-2", "alone_in": []},
            {
                "topic": "bail",
                "only_in": {"region": ["ag-3", "ag-4"]},
                "accept": {"departement": ["ag-3", "ag-5"]},
                "departed_holders": ["ag-4"],
            },
        ],
        holders=[
            {"topic": "regie", "agent": "ag-1", "degree": 3},
            {"topic": "regie", "agent": "ag-2", "degree": 1},
            {"topic": "regie", "agent": "ag-3", "degree": 2, "departed": True},
        ],
    )
    assert truth.alone == {
        ("regie", "ag-1"): (frozenset({"region", "country"}), True),
        ("regie", "ag-2"): (frozenset(), False),
        ("bail", "ag-3"): (frozenset({"region", "departement"}), True),
        ("bail", "ag-5"): (frozenset({"departement"}), False),
    }
    assert truth.holders == {("regie", "ag-1"): 3, ("regie", "ag-2"): None, ("regie", "ag-3"): 0}
