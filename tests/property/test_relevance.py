"""Weights of a question's words: shares that sum to 1 and depend only on rarity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.relevance import information, question_parts, says_nothing
from indexer.values import Expansion, Question

pytestmark = pytest.mark.search

COUNTS = st.integers(min_value=0, max_value=500).flatmap(
    lambda total: st.tuples(
        st.just(total), st.lists(st.integers(min_value=0, max_value=total), max_size=20)
    )
)


@given(COUNTS)
def test_shares_are_of_one_whole_and_grow_with_rarity(drawn: tuple[int, list[int]]) -> None:
    """They sum to 1, each at least 0, a rarer word's never less than another's."""
    total, counts = drawn
    shares = information(counts, total)
    assert len(shares) == len(counts)
    assert sum(shares) == pytest.approx(1 if counts else 0, abs=1e-4)
    pairs = sorted(zip(counts, shares, strict=True))
    assert [share for _, share in pairs] == sorted((share for _, share in pairs), reverse=True)


@given(COUNTS, st.integers(min_value=0, max_value=5))
def test_what_is_set_aside_changes_no_share_of_the_rest(
    drawn: tuple[int, list[int]], aside: int
) -> None:
    total, counts = drawn
    alone = information(counts, total)
    together = information([*counts, *[total] * aside], total, aside)
    assert together[: len(counts)] == alone
    assert all(share >= 0 for share in together)


@given(st.text(alphabet="?!.,;:…«»()[]{}#$^€ \t🤗_-'\""))
def test_symbols_alone_say_nothing(text: str) -> None:
    """However many; an empty question asks for everything, which is something else."""
    assert says_nothing(Question(text.strip())) is bool(text.strip())


@pytest.mark.parametrize("text", ["taxe", "la taxe", "IR", "2042", "l'OU", "PAS", "10 %"])
def test_a_word_or_a_number_says_something(text: str) -> None:
    """Capitals tell an acronym from a word that stands everywhere."""
    assert not says_nothing(Question(text))


def test_a_part_is_said_in_several_ways() -> None:
    """As a word, as the compound that it is a part of, or as the glossary puts it."""
    parts = question_parts(
        Question("micro-entreprise SATD", expansions=(Expansion("SATD", ("saisie à tiers",)),))
    )
    assert [{tuple(term for _, term in phrase) for phrase in part} for part in parts] == [
        {("micro",), ("microentrepris",)},
        {("entrepris",), ("microentrepris",)},
        {("satd",), ("sais", "tier")},
    ]
