"""Plural forms, and names that bring no markup into a page."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.values import Agent, ContributorRole
from expertise.answer_values import AloneDegree, Unclaimed
from expertise.holders import IsolationScope
from expertise.topics import Topic
from search_api.templating import voice
from search_api.wording import alone, of, plural, post, unclaimed

pytestmark = pytest.mark.pages


@given(st.sampled_from([ContributorRole.ASKER, ContributorRole.ANSWERER]), st.text(max_size=40))
def test_a_name_becomes_no_markup(role: ContributorRole, name: str) -> None:
    """Whatever somebody is called: it is escaped within the sentence around it."""
    assert not {"<", ">", '"', "'", "\u202e"} & set(voice(role, f"<b>\u202e{name}"))


def test_zero_and_one_are_singular() -> None:
    """As in French; thousands are held together, other values stand as they are."""
    said = [plural("{num} sujet", "{num} sujets", number) for number in (0, 1, 2, 12_345)]
    assert said == ["0 sujet", "1 sujet", "2 sujets", "12\u202f345 sujets"]
    assert plural("{num} de {name}", "{num} de {name}", 1, name="{num}") == "1 de {num}"


@pytest.mark.parametrize(
    ("name", "said"),
    [("octobre 2025", "d’octobre 2025"), ("mai", "de mai"), ("Étienne", "d’Étienne")],
)
def test_a_vowel_elides_before_it(name: str, said: str) -> None:
    """`d’octobre`, never `de octobre`."""
    assert of(name) == said


def test_a_post_says_the_service_and_the_place_once() -> None:
    """The last part of the entity's path; the town where the service does not name it."""
    agent = Agent("ag-1", "Maëlle", "Le Goff", "agent de SIP", departement="22")
    path = "DGFiP/DDFiP 22/SIP Guingamp"
    said = "agent de SIP · SIP Guingamp · Côtes-d'Armor (22)"
    assert post(replace(agent, entity=path, office="Guingamp")) == said
    said = "agent de SIP · SIP · Guingamp · Côtes-d'Armor (22)"
    assert post(replace(agent, entity="DGFiP/SIP", office="Guingamp")) == said


def test_being_alone_says_what_it_rests_on() -> None:
    """By the directory's métier, or as far as anybody is known by what all may read."""
    assert (
        alone(AloneDegree.METIER, IsolationScope.REGION)
        == "Seule personne de ce métier dans la région, d’après l’annuaire"
    )
    few = Unclaimed((Topic("a", "a"), Topic("b", "b")), 9, 0.221)
    assert unclaimed(few, one=False).startswith("Sur 2 sujets de 9, personne n’est dit seul")
    assert "environ 22\u00a0% au plus" in unclaimed(few, one=False)
    assert unclaimed(replace(few, topics=()), one=True) == ""
    known = "Seule personne connue ici sur ce sujet en France"
    assert alone(AloneDegree.KNOWN, IsolationScope.COUNTRY) == known
