"""The figures of docs/evaluation.md on planted inventions in written answers."""

from pathlib import Path

import pytest

from evaluation.inventions import PARAPHRASED, TRUE, JudgedInventions, judge_inventions

pytestmark = pytest.mark.search

FILE = Path(__file__).parents[1] / "judged/inventions.jsonl"
ALWAYS = ("number", "unit", "date", "reference", "name", "sense")
"""Kinds of which none passes."""


@pytest.fixture(scope="module")
def judged() -> JudgedInventions:
    return judge_inventions(FILE)


def shares(judged: JudgedInventions, kind: str) -> tuple[int, int]:
    """(kept, asked) over both sets."""
    return tuple(  # type: ignore[return-value]
        sum(count for (_, one), count in counts.items() if one == kind)
        for counts in (judged.kept, judged.asked)
    )


@pytest.mark.parametrize("kind", ALWAYS)
def test_what_stands_in_no_passage_is_struck(judged: JudgedInventions, kind: str) -> None:
    """Each of them."""
    kept, asked = shares(judged, kind)
    assert asked > 5
    assert kept == 0


def test_what_the_passages_say_is_kept(judged: JudgedInventions) -> None:
    """In their own words: else no answer would be shown."""
    kept, asked = shares(judged, TRUE)
    assert kept >= 0.95 * asked


def test_most_inventions_are_struck(judged: JudgedInventions) -> None:
    """Of all kinds together, those that the check misses most among them."""
    kinds = {kind for _, kind in judged.asked} - {TRUE, PARAPHRASED}
    kept, asked = map(sum, zip(*(shares(judged, kind) for kind in kinds), strict=True))
    assert asked > 250
    assert kept <= 0.15 * asked
