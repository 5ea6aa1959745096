"""Hostile texts of a source are read in linear time."""

from collections.abc import Callable
from datetime import date
from functools import partial
from math import isqrt

import pytest

from connectors.values import Section
from indexer.french.analysis import analyse
from indexer.near_duplicates import signature
from indexer.passages import cut
from indexer.values import WINDOW, HitAttributes, Passage
from search_api.ranking.reranking import Successors
from tests.regular_expressions import growth

pytestmark = pytest.mark.trust

SIZES = (4_000, 40_000)
"""Of a text, in characters. The longer one took twenty seconds before its pattern was mended."""

TEXTS: dict[str, Callable[[int], str]] = {
    "a word cut by blank lines": lambda signs: "a-" + "\n" * signs + ".b",
    "starred numbers": lambda signs: "1*" * (signs // 2) + "1",
    "numbers in chains": lambda signs: "11-11*" * (signs // 6),
    "dots": lambda signs: "." * signs + "x",
    "calls": lambda signs: "!" * signs + "x",
    "dots and brackets": lambda signs: ".)" * (signs // 2),
    "blanks": lambda signs: "a" + " \n" * (signs // 2) + ".",
    "abbreviations": lambda signs: "art. " * (signs // 5),
    "middle dots": lambda signs: "agent" + "·e" * (signs // 2) + "1",
    "apostrophes": lambda signs: "a'" * (signs // 2),
    "digits": lambda signs: "1" * signs,
    "addresses": lambda signs: "a@a." * (signs // 4),
}
READERS: dict[str, Callable[[str], object]] = {
    "cut": lambda text: cut((Section(text),), "titre"),
    "analyse": analyse,
    "signature": lambda text: signature((Passage(text),)),
}


@pytest.mark.parametrize("said", TEXTS)
@pytest.mark.parametrize("reader", READERS)
def test_no_text_takes_its_square(said: str, reader: str) -> None:
    read, text = READERS[reader], TEXTS[said]
    assert not growth(lambda signs: partial(read, text(signs)), SIZES).fault


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
    """Twice as many as a window holds; all replace all, or each all before it.

    The time may grow with the replacements, whose number is the square of that of the names.
    """

    def depth(replacements: int) -> Callable[[], int]:
        names = [f"forum:{number}" for number in range(isqrt(replacements))]
        marks = {
            name: HitAttributes("forum", replaces=tuple(names if circling else names[:number]))
            for number, name in enumerate(names)
        }
        return lambda: Successors(marks, {}, date(2026, 1, 1)).depth(names[0])

    assert depth((4 * WINDOW) ** 2)() == (0 if circling else 4 * WINDOW - 1)
    assert not growth(depth, (WINDOW**2, (4 * WINDOW) ** 2)).fault
