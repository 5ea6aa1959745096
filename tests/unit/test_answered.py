"""Whether a page of results answers the question, decided from the page's documents."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.values import ContributorRole
from indexer.values import Passage, Question, SearchHit, ShownPassage
from search_api.ranking.answered import ANY_ANSWERS, LogisticModel, any_answers, features
from search_api.ranking.fusion import FusedHit
from search_api.ranking.results import Result
from tests.windows import card, wrote

pytestmark = pytest.mark.search

QUESTION = Question("exonération de taxe foncière des personnes âgées")
TEXT = "L'exonération de taxe foncière des personnes âgées dépend du revenu."
FAR_COSINE = 0.845


def _result(number: int, title: str, marked: str, score: float) -> Result:
    """A document whose passage has the words `marked`."""
    spans = [
        (TEXT.index(word), TEXT.index(word) + len(word)) for word in marked.split() if word in TEXT
    ]
    own = replace(card(f"s:{number}"), title=title)
    shown = ShownPassage(Passage(TEXT, "", None), 1.0, tuple(spans))
    rank = number if marked else None
    return Result(
        own, (), (shown,), (None,), FusedHit(f"s:{number}", score, 1.0, rank, 1.0, number)
    )


def _vector(cosine: float) -> list[SearchHit]:
    return [SearchHit(f"s:{number}", cosine - number / 100) for number in range(1, 30)]


def test_a_page_with_the_words_answers_and_one_without_does_not() -> None:
    """Words, nearness and a first place by both rankings speak for an answer."""
    good = [
        _result(1, "Exonération", "taxe foncière personnes âgées", 1.0),
        _result(2, "", "", 0.2),
    ]
    bad = [_result(2, "Drones", "", 0.5), _result(3, "Recette", "", 0.49)]
    found = features(good, _vector(0.92), QUESTION, FAR_COSINE)
    assert any_answers(found)
    assert found[-1] == pytest.approx(0.8)
    found = features(bad, _vector(0.83), QUESTION, FAR_COSINE)
    assert not any_answers(found)


def test_a_document_with_every_word_answers_whatever_else() -> None:
    """An acronym alone is found by the one document that has it."""
    found = features([_result(1, "VCN3", "", 1.0)], _vector(0.7), Question("VCN3"), FAR_COSINE)
    assert any_answers(found)


def test_a_near_expected_question_counts_as_words_of_the_document() -> None:
    """Its text may share no word with the question; another question of it does not count."""
    asked = Question("le papi est mort qui règle la note")
    document = _result(1, "Succession", "", 1.0)
    own = replace(document.card, questions=("autre chose", "qui règle la note du papi mort"))
    near = replace(document, card=own, parts=document.parts._replace(question=1))
    assert any_answers(features([near], _vector(0.7), asked, FAR_COSINE))
    for parts in (document.parts, document.parts._replace(question=0)):
        other = replace(near, parts=parts)
        assert not any_answers(features([other], _vector(0.7), asked, FAR_COSINE))


@pytest.mark.parametrize(
    ("question", "written"),
    [
        ("article 1391 B bis", "1391 B bis"),
        ("2042-C-PRO", "2042 C PRO"),
        ("L. 169 A", "L. 169 A"),
        ("R*196-1", "R.* 196-1"),
    ],
)
def test_a_document_with_the_asked_reference_answers(question: str, written: str) -> None:
    """Written in capitals in its text, as references are."""
    text = f"Voir {written} du code."
    start = text.index(written)
    document = _result(1, "", "", 1.0)
    passage = ShownPassage(Passage(text, "", None), 1.0, ((start, start + len(written)),))
    document = replace(document, passages=(passage,))
    found = features([document], _vector(0.7), Question(question), FAR_COSINE)
    assert any_answers(found)


def test_an_empty_page_answers_nothing() -> None:
    """Without results all features are 0 but the number of words."""
    found = features([], [], QUESTION, FAR_COSINE)
    assert not any_answers(found)


def test_last_digit_of_a_feature_changes_no_probability() -> None:
    """Processors differ in it: sentences that are equal stay equal, and a bar is reached or not."""
    model = LogisticModel((0.1, 0.7), -0.3, 0.5)
    at_bar = [3.0, 0.0]
    for found in (at_bar, [math.nextafter(3.0, 0.0), 0.0], [math.nextafter(3.0, 9.0), 0.0]):
        assert model.probability(found) == 0.5
        assert model.holds(found)


@given(st.lists(st.floats(-10, 10), min_size=8, max_size=8), st.integers(0, 7))
def test_no_feature_that_speaks_for_an_answer_lowers_the_probability(
    found: list[float], which: int
) -> None:
    """All weights are positive."""
    more = [value + (place == which) for place, value in enumerate(found)]
    assert ANY_ANSWERS.probability(more) >= ANY_ANSWERS.probability(found)


def test_a_first_place_behind_an_open_question_is_one() -> None:
    """A question that nobody answered is no document; without a vector nothing is near."""
    asks = replace(card("s:9", wrote("a:1", ContributorRole.ASKER)), title="VCN3")
    open_question = replace(_result(1, "VCN3", "", 1.0), card=asks)
    for rank, is_first in ((2, 1.0), (3, 0.0)):
        document = _result(2, "VCN3", "", 0.5)
        document = replace(document, parts=document.parts._replace(lexical_rank=rank))
        found = features([open_question, document], [], Question("VCN3"), FAR_COSINE)
        assert found[:4] == (1.0, 1.0, 0.0, 0.0)
        assert found[5:] == (is_first, 1.0, 0.5)
