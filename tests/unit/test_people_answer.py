"""Only certain experts get cards; other people are shown only if nobody has a card."""

from dataclasses import replace

import pytest

from connectors.geography import distance_km
from connectors.values import Agent
from expertise.lookup import NOBODY, DirectoryMatches, ServiceMatch
from expertise.places import place_in
from expertise.values import Candidate, Degree, ScoreParts
from expertise.who_knows import Experts
from search_api.people.service import CardReason, people_answer
from search_api.wording import distance

pytestmark = [pytest.mark.experts, pytest.mark.trust]


def candidate(number: int, degree: Degree) -> Candidate:
    agent = Agent(f"ag-{number}", "Ana", f"Le Gall {number}", "", "", "", "")
    return Candidate(agent, 1.0, ScoreParts(1.0, 0.0, 1), (), (), 1.0, degree)


WROTE, ANSWERED = candidate(1, Degree.WROTE), candidate(4, Degree.ANSWERED)
WEAK, WEAKER = candidate(2, Degree.NEAR), candidate(3, Degree.NEAR)


def test_who_is_not_sure_has_no_card() -> None:
    """Beside somebody who is sure they are not shown at all."""
    found = people_answer(Experts((WROTE, ANSWERED), (WEAK, WEAKER)), NOBODY, None, [])
    assert [one.candidate for one in found.cards] == [WROTE, ANSWERED]
    assert found.near_subject == ()


def test_where_nobody_is_sure_others_may_point_the_way() -> None:
    """Apart from the cards, in the order of the ranking, at most as many as cards."""
    many = (WEAK, WEAKER, *(candidate(number, Degree.NEAR) for number in range(4, 9)))
    found = people_answer(Experts(near=many), NOBODY, None, [])
    assert found.cards == ()
    assert [one.candidate.agent.id for one in found.near_subject] == ["ag-2", "ag-3", "ag-4"]
    assert {one.reason for one in found.near_subject} == {CardReason.NEAR_SUBJECT}


def test_a_service_that_is_named_needs_nobody_to_point_the_way() -> None:
    """Its own people stand on its card."""
    service = ServiceMatch("DGFiP/DDFiP 22/SIP Guingamp", "Guingamp", "22", (WEAK.agent,), None)
    found = people_answer(Experts(near=(WEAKER,)), DirectoryMatches(services=(service,)), None, [])
    assert (found.cards, found.near_subject) == ((), ())


def placed(number: int, departement: str) -> Candidate:
    one = candidate(number, Degree.WROTE)
    return replace(one, agent=replace(one.agent, departement=departement))


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("cadastre à Lorient", "de Lorient"),
        ("cadastre au Mans", "du Mans"),
        ("cadastre à Arras", "d’Arras"),
        ("cadastre en Normandie", "de là"),
        ("cadastre", "de vous"),
    ],
)
def test_distance_is_from_the_place_that_was_asked(question: str, told: str) -> None:
    """Named; from the asker, in Lille, only if no place was asked."""
    place, asker = place_in(question), Agent("ag-9", "Jo", "Nord", departement="59")
    matches = DirectoryMatches(place=place)
    (card,) = people_answer(Experts((placed(1, "35"),)), matches, asker, []).cards
    said = distance(card.distance_km, place).replace("\u00a0", " ")
    km = place.distance_km(card.candidate.agent) if place else distance_km("59", "35")
    assert said == f"à {km:.0f} km {told}"


def test_only_an_expert_who_is_near_is_called_the_nearest() -> None:
    asker = Agent("ag-9", "Jo", "Nord", departement="59")
    for other, near in (("62", True), ("13", False)):
        found = Experts((placed(1, "974"), placed(2, other)))
        cards = people_answer(found, NOBODY, asker, []).cards
        assert [one.nearest for one in cards] == [False, near]
