"""Each step of a ranking, worked out by hand."""

import math
import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError
from quisait_tune.ranker import FEATURES, Forest, Ranker, Tree, features_of, reordered

from connectors.values import ContributorRole
from indexer.values import (
    Passage,
    Question,
    SearchAnswer,
    SearchHit,
    ShownDocument,
    ShownPassage,
)
from search_api.query.query import ResultOrder
from search_api.ranking import titles
from search_api.ranking.answered import LogisticModel
from search_api.ranking.fusion import FusedHit, unfused
from search_api.ranking.results import MOST_WORDS, Result, Results, best_parts, explanation
from tests.windows import card, wrote

pytestmark = pytest.mark.search


def hit(document_id: str, score: float = 0.0, words: int | None = None) -> FusedHit:
    return FusedHit(document_id, score, score, words, 0.0, None)


def test_a_ranking_that_is_not_fused_keeps_ranks_and_no_score() -> None:
    found = unfused([SearchHit("a", 3.0), SearchHit("b", 2.0)])
    assert found == (hit("a", words=1), hit("b", words=2))


def test_a_logistic_model() -> None:
    model = LogisticModel((2.0, 1.0), -1.0, 0.5)
    assert model.probability((0.5, 0.0)) == pytest.approx(0.5)
    assert model.probability((0.5, math.log(3))) == pytest.approx(0.75)
    assert model.holds((0.5, 0.0))
    assert not model.holds((0.49, 0.0))


def test_how_much_of_a_question_a_title_says() -> None:
    """Nothing up to four tenths, all where both say the other, in between on a line."""
    shares = np.array([0.0, 0.4, 0.7, 1.0])
    assert titles.said(shares, shares).tolist() == pytest.approx([0.0, 0.0, 0.5, 1.0])
    assert titles.said(np.array([1.0]), np.array([0.0])).tolist() == [0.0]


def test_a_title_stands_out_above_the_sixth_best() -> None:
    shares = np.array([1.0, 0.7, 0.7, 0.7, 0.7, 0.7, 0.4])
    assert titles.standing_out(shares, shares).tolist() == pytest.approx([0.5, *[0.0] * 6])
    assert titles.standing_out(shares[:6], shares[:6])[0] == pytest.approx(0.5)
    assert titles.standing_out(shares[:5], shares[:5])[0] == pytest.approx(1.0)


TREE = {
    "feature": (0, 0, 1, 0, 0),
    "threshold": (0.5, 0.0, 0.2, 0.0, 0.0),
    "left": (1, 0, 3, 0, 0),
    "right": (2, 0, 4, 0, 0),
    "value": (0.0, 1.0, 0.0, 10.0, 100.0),
}


def test_a_forest_adds_up_the_leaves_that_a_hit_comes_to() -> None:
    """A value at the threshold goes to the left."""
    leaf = Tree(feature=(0,), threshold=(0.0,), left=(0,), right=(0,), value=(1_000.0,))
    forest = Forest.of((Tree.model_validate(TREE), leaf))
    rows = np.zeros((4, len(FEATURES)))
    rows[:, 0], rows[:, 1] = (0.5, 0.6, 0.6, 0.4), (9.0, 0.2, 0.3, 0.0)
    assert forest.scores(rows).tolist() == [1_001.0, 1_010.0, 1_100.0, 1_001.0]


def test_equal_sums_of_trees_tie_in_any_order_of_additions() -> None:
    """0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in the last digit."""
    values = (0.1, 0.2, 0.3)
    one, other = (
        Forest.of(
            tuple(
                Tree(feature=(0,), threshold=(0.0,), left=(0,), right=(0,), value=(value,))
                for value in order
            )
        ).scores(np.zeros((1, len(FEATURES))))
        for order in (values, values[::-1])
    )
    assert one.tolist() == other.tolist()


def test_a_hit_says_what_its_new_place_gave_or_took() -> None:
    """Places keep their scores; a hit that stays has neither gained nor lost."""
    tree = Tree.model_validate(TREE)
    made = Ranker.model_validate(
        {
            **dict.fromkeys(("format", "questions", "groups", "before", "after", "p_value"), 0),
            **{"encoder": "x", "features": FEATURES, "made": date(2026, 3, 10), "trees": (tree,)},
        }
    )
    rows = np.zeros((3, len(FEATURES)))
    rows[:, 0], rows[:, 1] = (0.4, 0.6, 0.4), (0.0, 0.3, 0.0)
    found = reordered([hit("a", 0.9), hit("b", 0.5), hit("c", 0.1)], rows, made)
    assert [one.document_id for one in found] == ["b", "a", "c"]
    assert [one.score for one in found] == pytest.approx([0.9, 0.5, 0.1])
    assert [one.learned for one in found] == pytest.approx([0.4, -0.4, 0.0])


@pytest.mark.parametrize(
    ("left", "right"),
    [((0, 0, 3, 0, 0), (2, 0, 4, 0, 0)), ((1, 1, 3, 0, 0), (2, 2, 4, 0, 0))],
    ids=["one leaf", "itself"],
)
def test_a_node_stands_behind_its_parent(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError):
        Tree.model_validate(TREE | {"left": left, "right": right})


def test_the_features_of_a_hit() -> None:
    """Ranks as parts of one; cosines below the best; a title that nobody knows says nothing."""
    hits = [FusedHit("a", 0.9, 0.8, 2, 0.7, 4), FusedHit("b", 0.3, 0.0, None, 0.2, None)]
    found = SearchAnswer((), (SearchHit("a", 0.75), SearchHit("c", 0.5)), 0, {})
    rows = features_of(hits, found, {}, "bornage").tolist()
    assert rows[0] == [0.9, 0.8, 0.7, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert rows[1] == [0.3, 0.0, 0.2, 0.0, 0.0, -0.25, 0.0, 0.0, 0.0, 0.0]


def passage(
    text: str, heading: str = "", author: str | None = None, marked: int = 0
) -> ShownPassage:
    return ShownPassage(Passage(text, heading, author), 1.0, ((0, marked),) if marked else ())


def test_answers_of_a_conversation_stand_before_the_question_and_thanks_nowhere() -> None:
    """By the heading and the author of each part; then those with words of the question."""
    rows = (
        wrote("t:ana", ContributorRole.ASKER),
        wrote("t:ben", ContributorRole.ACCEPTED_ANSWERER),
        wrote("t:cyd", ContributorRole.ANSWERER),
        wrote("t:dan", ContributorRole.COMMENTER),
    )
    parts = (
        passage("Merci", "Commentaire", "t:dan"),
        passage("Quoi", "", "t:ana"),
        passage("Ceci", "Réponse", "t:cyd"),
        passage("Cela", "Réponse", "t:cyd", marked=4),
        passage("Bien", "Réponse acceptée", "t:ben"),
    )
    shown = best_parts(ShownDocument(card("t:1", *rows), parts))
    assert [one.passage.text for one in shown] == ["Bien", "Cela", "Ceci"]
    assert best_parts(ShownDocument(card("t:1", *rows), parts[:1])) == parts[:1]
    plain = card("t:1", wrote("t:ana"))
    assert best_parts(ShownDocument(plain, parts)) == parts[:3]


def test_who_asked_answers_under_the_heading_of_an_answer() -> None:
    """A heading that no role of the author's bears is not believed."""
    rows = (wrote("t:ana", ContributorRole.ASKER), wrote("t:ana", ContributorRole.ANSWERER))
    own = passage("Trouvé", "Réponse acceptée", "t:ana")
    asked = passage("Quoi", "", "t:ana")
    shown = best_parts(ShownDocument(card("t:1", *rows), (asked, own)))
    assert [one.passage.text for one in shown] == ["Trouvé", "Quoi"]


def results_of(*some: Result, page: int = 1) -> Results:
    return Results(
        question=Question("bornage"),
        order=ResultOrder.RELEVANCE,
        results=some,
        counts=None,
        page=page,
        page_size=10,
        facets={},
        shortened=False,
        incomplete=(),
    )


def test_where_nothing_is_counted_a_page_says_whether_there_is_something() -> None:
    one = Result(card("t:1"), (), (), (), hit("t:1"))
    assert [results_of().found, results_of(one).found, results_of(page=2).found] == [0, 1, 1]


def test_a_result_says_each_word_once_and_what_lifts_it() -> None:
    words = "Bornage bornage " + " ".join(f"borne{n}" for n in range(MOST_WORDS))
    spans = tuple((at.start(), at.end()) for at in re.finditer(r"\w+", words))
    near = hit("t:1", words=1)._replace(near_hits=0.5)
    shown = ShownPassage(Passage(words), 1.0, spans)
    result = Result(card("t:1"), (), (shown,), (None,), near)
    lifted = explanation(result, results_of(result))
    plain = explanation(replace(result, parts=hit("t:1", words=1)), results_of(result))
    assert (len(lifted), len(plain)) == (2, 1)
    assert lifted[0] == plain[0]
    assert plain[0].lower().count("bornage") == 1
    assert plain[0].endswith(", ….")
    up, down = (
        explanation(replace(result, parts=near._replace(learned=moved)), results_of(result))
        for moved in (0.5, -0.5)
    )
    assert up[:2] == down[:2] == lifted
    assert up[2] != down[2]
