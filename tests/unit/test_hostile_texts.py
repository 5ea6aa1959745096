"""Hostile texts of a source are read in linear time."""

import time
from collections.abc import Callable
from datetime import date

import pytest

from connectors.values import Section
from indexer.french.analysis import analyse
from indexer.near_duplicates import signature
from indexer.passages import cut
from indexer.values import WINDOW, HitAttributes, Passage
from search_api.ranking.reranking import Successors

pytestmark = pytest.mark.trust

SIGNS = 40_000
MOST_S = 6.0
"""Of the processor. Any of these took more than twenty before its pattern was mended."""

TEXTS = {
    "a word cut by blank lines": "a-" + "\n" * SIGNS + ".b",
    "starred numbers": "1*" * (SIGNS // 2) + "1",
    "numbers in chains": "11-11*" * (SIGNS // 6),
    "dots": "." * SIGNS + "x",
    "calls": "!" * SIGNS + "x",
    "dots and brackets": ".)" * (SIGNS // 2),
    "blanks": "a" + " \n" * (SIGNS // 2) + ".",
    "abbreviations": "art. " * (SIGNS // 5),
    "middle dots": "agent" + "·e" * (SIGNS // 2) + "1",
    "apostrophes": "a'" * (SIGNS // 2),
    "digits": "1" * SIGNS,
    "addresses": "a@a." * (SIGNS // 4),
}
READERS: dict[str, Callable[[str], object]] = {
    "cut": lambda text: cut((Section(text),), "titre"),
    "analyse": analyse,
    "signature": lambda text: signature((Passage(text),)),
}


@pytest.mark.parametrize("said", TEXTS)
def test_no_text_takes_its_square(said: str) -> None:
    for name, read in READERS.items():
        began = time.process_time()
        read(TEXTS[said])
        assert time.process_time() - began < MOST_S, name


def test_a_word_is_still_joined_over_a_line() -> None:
    """What the patterns are for."""
    joined = {one.term for one in analyse("exonération")}
    assert joined <= {one.term for one in analyse("exoné- \n \n  ration")}
    assert [passage.text for passage in cut((Section("Vraiment... Oui."),), "", 1, 0)] == [
        "Vraiment...",
        "Oui.",
    ]


@pytest.mark.parametrize("circling", [True, False])
def test_who_names_everything_as_replaced_holds_up_no_answer(circling: bool) -> None:
    """Twice as many as a window holds; all replace all, or each all before it."""
    names = [f"forum:{number}" for number in range(4 * WINDOW)]
    marks = {
        name: HitAttributes("forum", replaces=tuple(names if circling else names[:number]))
        for number, name in enumerate(names)
    }
    began = time.process_time()
    succession = Successors(marks, {}, date(2026, 1, 1))
    assert time.process_time() - began < MOST_S
    assert succession.depth(names[0]) == (0 if circling else len(names) - 1)
