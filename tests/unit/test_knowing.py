"""Probability that a person knows: which features count, and which never lower it."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.values import Agent, ContributorRole
from expertise.knowing import (
    CARD,
    WEIGHTS,
    Features,
    Knowledge,
    QuestionTopics,
    log_odds,
    odds_of,
    subject_terms,
    topic_shares,
)
from expertise.names import Reason
from expertise.values import DirectAnswerer, RankedDocument, TopicHolders, Window
from expertise.votes import cast_votes
from expertise.who_knows import PeopleQuestion, find_experts
from tests.windows import TODAY, ListedBook, card, ranked, wrote

pytestmark = pytest.mark.experts

ANA = Agent("ag-1", "Ana", "Le Goff", metier="technicienne forestière", accounts=("wiki:ana",))
BEN = Agent("ag-2", "Ben", "Amrani", accounts=("wiki:ben",))
OWNERS = {"wiki:ana": ANA.id, "wiki:ben": BEN.id}


def knowledge(
    *documents: RankedDocument,
    topics: QuestionTopics = QuestionTopics(),  # noqa: B008 - immutable
    direct: DirectAnswerer | None = None,
) -> Knowledge:
    window = Window(documents)
    return Knowledge(window, OWNERS, cast_votes(window, TODAY, OWNERS), topics, direct)


def near(role: ContributorRole = ContributorRole.AUTHOR, said: float = 1.0) -> RankedDocument:
    return ranked(1.0, card("wiki:1", wrote("wiki:ana", role)))._replace(said=said)


def test_last_digit_of_a_feature_does_not_part_candidates() -> None:
    """Processors differ in it; equal candidates are ordered by votes and id instead."""
    found = Features(0.5, 0.7, 0.0, 0.0, 0.1, 0.0, 0.0, 0.3)
    other = found._replace(said=math.nextafter(0.7, 1.0), topical=math.nextafter(0.3, 0.0))
    assert log_odds(found) == log_odds(other)


def test_features_of_a_document() -> None:
    """Rank, share of the question, and the direct answer."""
    found = knowledge(near(ContributorRole.ACCEPTED_ANSWERER)).features(ANA)
    assert (found.first, found.said) == (1.0, 1.0)
    assert found.direct == 0.0
    direct = knowledge(near(), direct=DirectAnswerer(ANA.id, "wiki:1")).features(ANA)
    assert direct.direct == 1.0


def test_the_directory_says_who_holds_the_questions_topic() -> None:
    """Without documents; a declared skill counts less than a métier."""
    for why, share in ((Reason.METIER, 1.0), (Reason.DECLARED, 0.7)):
        holders = TopicHolders(
            {BEN.id: BEN}, stated={BEN.id: {"t": why}}, labels={"t": ("défrichement",)}
        )
        told = knowledge(near(), topics=QuestionTopics({"t": 0.5}, holders=holders))
        assert told.features(BEN).stated == pytest.approx(0.5 * share)
        assert told.reasons(BEN) == (why,)
        assert told.reasons(ANA) == ()


def test_metiers_match_in_any_gender_and_number() -> None:
    """«technicien forestier» is she; words that only ask say nothing."""
    assert subject_terms("techniciens forestiers") == subject_terms(ANA.metier)
    assert subject_terms("qui s'occupe de") == frozenset()
    holders = TopicHolders(labels={"t": ("technicien forestier",)})
    assert (
        knowledge(near(), topics=QuestionTopics({"t": 1.0}, holders=holders)).features(ANA).metier
        == 1.0
    )


def test_the_first_documents_say_the_topic() -> None:
    """The first counts most."""
    shares = topic_shares(
        [near(), ranked(1.0, card("wiki:2"))], {"wiki:1": [("a", 1.0)], "wiki:2": [("b", 1.0)]}
    )
    assert shares == pytest.approx({"a": 2 / 3, "b": 1 / 3})


def test_nothing_that_speaks_for_somebody_counts_against_them() -> None:
    """Only that the question has a topic does, for agents who do not hold it."""
    assert all(value >= 0 for value in WEIGHTS._replace(topical=0.0))
    assert WEIGHTS.stated > -WEIGHTS.topical > 0
    nothing = Features(*[0.0] * len(Features._fields))
    everything = Features(*[1.0] * len(Features._fields))
    assert log_odds(nothing) < odds_of(CARD) < log_odds(everything)
    assert math.isclose(odds_of(0.5), 0.0)


@settings(deadline=None)
@given(
    place=st.integers(0, 2),
    role=st.sampled_from([ContributorRole.FORWARDER, ContributorRole.ASKER, ContributorRole.BOT]),
    said=st.floats(0, 1),
)
def test_what_shows_no_knowledge_takes_none_away(
    place: int, role: ContributorRole, said: float
) -> None:
    """A mail that was passed on, a question or a robot's page, wherever it stands."""
    documents = [
        near(ContributorRole.ANSWERER, said),
        ranked(0.8, card("wiki:2", wrote("wiki:ben")))._replace(said=said / 2),
    ]
    added = ranked(1.0, card("mail:1", wrote("mail:x", role)))
    with_it = [*documents[:place], added, *documents[place:]]
    before, after = (
        find_experts(
            Window(tuple(some)),
            PeopleQuestion("bornage"),
            ListedBook((ANA, BEN)),
            TODAY,
        )
        for some in (documents, with_it)
    )
    assert before.candidates == after.candidates
