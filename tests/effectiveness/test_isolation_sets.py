"""`quisait evaluate isolation`: claims against the truth, on planted sets with noise."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from evaluation.answers import read_truth
from evaluation.corpora import MalformedSet
from evaluation.isolation import (
    Claim,
    ClaimResult,
    IsolationReport,
    IsolationSet,
    TrueTopic,
    evaluate_isolation,
    isolation_body,
    isolation_text,
    judge,
    load_isolation_set,
)
from evaluation.scratch import Bench
from evaluation.topics import JudgedRows, JudgedTopics, topics_text
from quisait.settings import Settings
from tests.isolation_sets import write_isolation_set

pytestmark = pytest.mark.experts

TOPICS = 10


def true_topic(holders: set[str], alone: Mapping[str, str], past: str = "") -> TrueTopic:
    return TrueTopic("topic", frozenset(holders), frozenset({past}), alone, frozenset({"ag-1"}))


TRUTH = {
    "t1": true_topic({"ag-1"}, {"": "ag-1", "22": "ag-1"}),
    "t2": true_topic({"ag-1", "ag-2"}, {"22": "ag-1", "35": "ag-2"}, past="ag-3"),
}


def test_each_claim_is_right_or_wrong_in_one_way() -> None:
    """By whom it names; what the truth has no topic for is not counted."""
    claims = [
        Claim("t1", "ag-1", ""),
        Claim("t2", "ag-1", ""),
        Claim("t2", "ag-3", ""),
        Claim("t2", "ag-4", ""),
        Claim("other", "ag-1", ""),
    ]
    found = judge(TRUTH, claims, country=True)
    assert found.results == dict.fromkeys(ClaimResult, 1)
    assert (found.claims, found.right, found.alone, found.alone_wrote, found.found_wrote) == (
        4, 1, 1, 1, 1,
    )  # fmt: skip
    near = judge(TRUTH, [Claim("t2", "ag-2", "35")], country=False)
    assert (near.right, near.alone, near.alone_wrote, near.found_wrote) == (1, 3, 2, 0)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[IsolationReport, ...]]:
    folder, settings = tmp_path_factory.mktemp("isolation"), Settings()
    bench = Bench(settings.index, settings.encoder, folder / "cache", quiet=True)
    return {
        name: evaluate_isolation(
            load_isolation_set(write_isolation_set(folder, name, topics=TOPICS)), bench, (0.6, 0.0)
        )
        for name in ("open", "silent", "missions", "some")
    }


def test_alone_is_true_where_it_is_said(
    reports: Mapping[str, tuple[IsolationReport, ...]],
) -> None:
    """Silent holders, who edits everything, job offers and who left do not mislead it."""
    serves, _ = reports["open"]
    found = serves.outcomes["topic", False]
    assert found.claims >= TOPICS
    assert found.right >= 0.9 * found.claims
    assert found.right * 3 >= found.alone_wrote


def test_where_few_write_nobody_is_alone_in_the_country(
    reports: Mapping[str, tuple[IsolationReport, ...]],
) -> None:
    """The build says of how many topics it claims nothing, and that without its bar it would."""
    serves, without = reports["silent"]
    assert serves.outcomes["topic", True].claims == 0
    assert serves.unclaimed > 0
    assert without.unclaimed == 0
    assert without.outcomes["topic", False].claims >= serves.outcomes["topic", False].claims


def test_missions_find_those_who_do_not_write(
    reports: Mapping[str, tuple[IsolationReport, ...]],
) -> None:
    """Complete missions find isolated people who do not write; half of them mislead nobody."""
    (serves, _), (some, _) = reports["missions"], reports["some"]
    found = serves.outcomes["topic", False]
    assert found.right >= 0.9 * found.claims
    assert found.right > 2 * found.found_wrote
    assert found.right * 2 >= found.alone
    half = some.outcomes["topic", False]
    assert half.claims
    assert half.right >= 0.9 * half.claims
    assert some.outcomes["topic", True].claims == 0


def test_the_table_and_the_body_say_the_same(
    reports: Mapping[str, tuple[IsolationReport, ...]],
) -> None:
    """Every outcome of every bar."""
    some = reports["open"]
    judged = IsolationSet("open", Path(), date(2026, 10, 1), TRUTH)
    body = json.loads(json.dumps(isolation_body(judged, some)))
    text = isolation_text(judged, some)
    assert body["best_by_evidence"] == {"claims": 2, "right": 1}
    assert "1 of 2 claims for the country right (0.50)" in text
    assert len(body["bars"]) == len(some)
    for bar, report in zip(body["bars"], some, strict=True):
        assert [one["claims"] for one in bar["outcomes"]] == [
            one.claims for one in report.outcomes.values()
        ]
    assert text.count("département") == len(some)


def test_a_set_without_a_truth_is_refused(tmp_path: Path) -> None:
    """With the file's name."""
    with pytest.raises(MalformedSet, match=r"truth\.json"):
        load_isolation_set(tmp_path)
    directory = write_isolation_set(tmp_path, "silent", topics=2)
    (directory / "truth.json").write_text('{"topics": {"t0": {}}, "snapshot": "2026-10-01"}')
    with pytest.raises(MalformedSet, match="KeyError"):
        load_isolation_set(directory)


def test_a_truth_names_the_country_in_either_way(tmp_path: Path) -> None:
    """`everywhere` and `france` are the scope that the product calls the country."""
    lines = [
        {"topic": "t1", "agent": "a", "alone_in": ["departement", "everywhere"]},
        {"topic": "t2", "only_in": {"france": ["b"]}},
    ]
    (tmp_path / "questions.jsonl").write_text("")
    (tmp_path / "isolation.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert read_truth(tmp_path).alone == {
        ("t1", "a"): (frozenset({"departement", "country"}), True),
        ("t2", "b"): (frozenset({"country"}), True),
    }


def test_an_assignment_is_fitted_on_the_other_administrations() -> None:
    """A title that decides gets the weight, and without it the other has nothing to go by."""
    draw = np.random.default_rng(1)
    rows = [(draw.random((60, 6)) < 0.5).astype(float) for _ in range(2)]
    judged = {
        name: JudgedTopics(JudgedRows(one, one[:, 0] > 0), JudgedRows(one[:, :2], one[:, 0] > 0))
        for name, one in zip("ab", rows, strict=True)
    }
    told = topics_text(judged).splitlines()
    areas = {row.split("|")[1].strip(): float(row.split("/")[-1].strip(" |")) for row in told[2:10]}
    assert areas["nothing"] == 1.0
    assert areas["title"] < 0.8
    with pytest.raises(ValueError, match="deux"):
        topics_text({"a": judged["a"]})
