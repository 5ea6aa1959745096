"""Choice of recipients: who may be asked, in which order, and the spread over three months."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.asking_load import simulated
from connectors.values import Agent, ContactVia, RefusedTopic
from search_api.questions.choosing import (
    PossibleAnswerer,
    first_of,
    in_order,
    limits_of_one_asker,
    may_be_asked,
    weekly_limit,
)
from search_api.questions.values import AskedQuestion, AskingPreferences, AskingRules
from tests.planted import TODAY

pytestmark = [pytest.mark.experts, pytest.mark.trust]

RULES = AskingRules()
MOMENT = datetime(TODAY.year, TODAY.month, TODAY.day, 9, tzinfo=UTC)
QUESTION = AskedQuestion("q", "asker", "Le cadastre ?", "", MOMENT, MOMENT, topic_id="cadastre")
ASKER = Agent("asker", "Jo", "A", departement="22")


def possible(id_: str = "x", departement: str = "22", **fields: Any) -> PossibleAnswerer:
    own = {name: fields.pop(name) for name in list(fields) if name in Agent.__dataclass_fields__}
    return PossibleAnswerer(Agent(id_, "Jo", id_, departement=departement, **own), **fields)


def said(**fields: Any) -> dict[str, Any]:
    return {"preferences": AskingPreferences(**fields)}


REFUSALS: dict[str, dict[str, Any]] = {
    "left": {"departure": TODAY},
    "withdrew": {"listed": False},
    "service": {"contact_via": ContactVia.SERVICE},
    "head": {"contact_via": ContactVia.HEAD},
    "no way": {"contact_via": ContactVia.NONE},
    "refused the topic": {"refused": (RefusedTopic("cadastre"),)},
    "refused its words": {"refused": (RefusedTopic("autre", ("cadastre",)),)},
    "receives none": said(receives=False),
    "another topic": said(topics=("regies",)),
    "away": said(absent_until=TODAY),
    "none a week": said(per_week=0),
    "has this week's": {"asked_this_week": RULES.per_week},
    "alone, has half": {"asked_this_week": RULES.per_week // 2, "isolated": True},
}


@pytest.mark.parametrize("why", REFUSALS)
def test_nobody_is_asked_who_may_not_be(why: str) -> None:
    """Each for one reason; without it they may."""
    assert may_be_asked(possible(), QUESTION, RULES, TODAY)
    assert not may_be_asked(possible(**REFUSALS[why]), QUESTION, RULES, TODAY)
    refused = [possible(**REFUSALS[why])]
    assert list(first_of(refused, QUESTION, ASKER, RULES, TODAY, first="x")) == []


def test_the_asker_is_not_asked() -> None:
    """Whatever they know."""
    assert not may_be_asked(possible("asker"), QUESTION, RULES, TODAY)


def test_the_day_after_an_absence_one_is_asked() -> None:
    """The last day without questions is that which was set."""
    back = possible(**said(absent_until=TODAY - timedelta(days=1)))
    assert may_be_asked(back, QUESTION, RULES, TODAY)


def test_three_ranks_are_summed() -> None:
    """The best in two of evidence, nearness and load is first; then who was asked before."""
    known = possible("known", "974", asked_lately=4)
    near = possible("near", "22")
    assert [one.agent.id for one in in_order([known, near], ASKER)] == ["near", "known"]
    chosen = first_of([known, near], QUESTION, ASKER, RULES, TODAY, first="known")
    assert [one.agent.id for one in chosen] == ["known", "near"]


people = st.lists(
    st.builds(
        PossibleAnswerer,
        st.builds(
            lambda n, place: Agent(f"ag-{n}", "Jo", str(n), departement=place),
            st.integers(0, 10**6),
            st.sampled_from(["22", "35", "974", ""]),
        ),
        st.builds(AskingPreferences, per_week=st.none() | st.integers(0, 20)),
        st.booleans(),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    unique_by=lambda one: one.agent.id,
    max_size=10,
)


@given(people, st.booleans())
def test_an_order_leaves_nobody_out_and_follows_the_load(
    named: list[PossibleAnswerer], placed: bool
) -> None:
    """Whoever is asked more, all else the same, never comes sooner."""
    asker = ASKER if placed else None
    ordered = in_order(named, asker)
    assert sorted(map(id, ordered)) == sorted(map(id, named))
    for number, one in enumerate(named):
        busier = [*named[:number], replace(one, asked_lately=99), *named[number + 1 :]]
        ids = [other.agent.id for other in in_order(busier, asker)]
        before = [other.agent.id for other in ordered].index(one.agent.id)
        assert ids.index(one.agent.id) >= before


@given(people)
def test_nobody_beyond_their_limit_is_chosen(named: list[PossibleAnswerer]) -> None:
    """Whatever they set; if nothing, half of the usual, rounded up, where they are alone."""
    for one in first_of(named, QUESTION, ASKER, RULES, TODAY):
        limit = RULES.per_week if one.preferences.per_week is None else one.preferences.per_week
        assert one.asked_this_week < limit
        halved = one.isolated and one.preferences.per_week is None
        assert weekly_limit(one, RULES) == ((limit + 1) // 2 if halved else limit)


@given(st.integers(0, 20), st.booleans())
def test_one_asker_leaves_half_to_the_others(per_week: int, isolated: bool) -> None:
    """One asker gets at most half of four weeks' places, and of a week's if it has several."""
    one = possible(isolated=isolated, **said(per_week=per_week))
    limit = weekly_limit(one, RULES)
    (week, week_ago), (lately, four_weeks_ago) = limits_of_one_asker(one, RULES, MOMENT)
    assert (MOMENT - week_ago, MOMENT - four_weeks_ago) == (timedelta(7), timedelta(28))
    assert lately == 2 * limit
    assert week <= (limit + 1) / 2
    assert week < limit or limit <= 1
    assert (week > 0) is (limit > 0)


def test_a_quarter_of_questions_spreads() -> None:
    """Nobody receives more than they set; who is alone receives less than the median other."""
    spread = simulated(300)
    assert spread.most_over_limit(RULES) == 0
    assert spread.most_over_limit(AskingRules(per_week=1)) > 0, "the figure can be exceeded"
    alone, others = spread.median_received(alone=True), spread.median_received(alone=False)
    assert 0 < alone < others
    above, chose = spread.alone_above_median()
    assert above < 1 / 2
    assert chose == 1, "only by a limit of their own"
    assert spread.answered > spread.asked / 2
