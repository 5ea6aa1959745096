"""The bench of votes ranks as what serves does, and plants what it says."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.voting_sets import (
    COMMA,
    FORMS,
    LINES,
    PLAIN,
    SERVED,
    SETS,
    Form,
    corrected,
    forms_text,
    in_role,
    on_rows,
)
from connectors.values import Contribution, ContributorRole
from expertise.votes import Vote, discounted_votes, summed_by_kind
from tests.windows import card, wrote

pytestmark = pytest.mark.experts

VOTES = st.dictionaries(
    st.sampled_from(("ana", "ben", "cyd")),
    st.lists(
        st.builds(
            lambda score, near, answers, edited: Vote(
                "w:1", score, 1.0, 1, answers, edited, 0.2 * (near - score)
            ),
            st.floats(0, 1),
            st.floats(0, 1),
            st.booleans(),
            st.sampled_from((0.0, 0.5, 1.0)),
        ),
        max_size=4,
    ).map(tuple),
)


@given(VOTES)
def test_the_served_form_sums_as_what_serves(votes: dict[str, tuple[Vote, ...]]) -> None:
    """To the last digit, however much anybody contributed elsewhere."""
    whole = {"ana": 1, "ben": 7, "cyd": 300}
    assert SERVED in FORMS
    assert SERVED.sums(votes, whole) == summed_by_kind(votes)


def test_another_form_by_hand() -> None:
    """Pages at the fourth power, over the root of two, over the root of four documents in all."""
    votes = {"ana": (Vote("w:1", 0.5, edited=1.0),)}
    found = Form(4.0, 0.5, 0.5).sums(votes, {"ana": 4})["ana"]
    assert found == pytest.approx(0.5**4 / 2**0.5 / 2)
    assert discounted_votes(votes["ana"], 4.0) == 0.5**4


def test_each_set_gets_what_other_organisations_choose() -> None:
    """Neither its own figures nor those of its organisation's other questions."""

    def means(best: Form) -> dict[object, float]:
        return {form: 0.5 + 0.1 * (form == best) for form in FORMS} | dict.fromkeys(PLAIN, 0.52)

    own, others = FORMS[0], FORMS[-1]
    tables = {name: means(own if "beta" in name else others) for name in SETS}
    lines = [line.split(" | ") for line in forms_text(tables)][2 : 2 + len(SETS)]
    chosen = {line[0].strip("| "): line[-1].strip("| ") for line in lines}
    assert chosen["expert_beta, products"] == chosen["expert_beta, themes"] == "0.500"
    assert {line[4] for line in lines} == {"0.020"}


@pytest.mark.parametrize("volumes", [True, False])
def test_a_planted_corrector_changes_two_lines_of_others(volumes: bool) -> None:
    """Always the same one; never of their own page; a page of nobody stays so."""
    page = card("w:1", wrote("w:ana"))
    rows: Sequence[Contribution] = corrected(page, ["w:ben"], volumes=volumes).contributions
    assert [(row.account, row.role.value, row.volume) for row in rows] == [
        ("w:ana", "author", LINES if volumes else None),
        ("w:ben", "editor", COMMA if volumes else None),
    ]
    assert corrected(page, ["w:ana"], volumes=volumes) == page
    assert corrected(card("w:2"), ["w:ana"], volumes=volumes).contributions == ()


def test_a_role_stands_in_others_or_in_none() -> None:
    """Other roles stay as they are."""
    page = card("w:1", wrote("w:ana"), wrote("w:ben", ContributorRole.EDITOR))
    none = on_rows(in_role(ContributorRole.EDITOR), page)
    assert [row.account for row in none.contributions] == ["w:ana"]
    both = in_role(ContributorRole.EDITOR, ContributorRole.EDITOR, ContributorRole.AUTHOR)
    roles = [row.role.value for row in on_rows(both, page).contributions]
    assert roles == ["author", "editor", "author"]
