"""A text without the year, place, sum or duration that is asked for does not answer."""

from datetime import date

import pytest

from indexer.values import Question
from search_api.ranking.missing import asks_who, lacks_what_is_asked, places_abroad

pytestmark = pytest.mark.search

LENT = "Le prêt dure trois mois."
PAID = "La nuit est remboursée 90 €."
TODAY = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("asked", "quoted", "lacks"),
    [
        ("combien de temps dure le prêt ?", LENT, False),
        ("combien coûte le prêt ?", LENT, True),
        ("Quel est le délai ?", "Il faut une lettre.", True),
        ("Quand finit le prêt ?", "Il faut une lettre.", True),
        ("Que faire quand le prêt finit ?", "Il faut une lettre.", False),
        ("Quelle amende pour un retard ?", "Un lecteur coûte 90 €.", True),
        ("Quelle amende pour un retard ?", "Une contravention ? Non, une amende.", False),
        ("Il est valable combien de temps ?", "Obligatoire depuis 2021.", True),
        ("Il est valable combien de temps ?", "Il reste valable cinq ans.", False),
        ("la nuit d’hôtel, c’est combien ?", PAID, False),
        ("combien d'échelons", "Le reclassement suit le coefficient.", True),
        ("combien d'échelons", "Il y en a onze.", False),
        ("nuit d'hôtel à Bruxelles", PAID, True),
        ("nuit d'hôtel à Nantes", f"À Nantes, {PAID}", False),
        ("Bonjour Monsieur, la nuit est-elle remboursée ?", PAID, False),
        ("plafond de 2023", "Plafond de 2026 : 90 €", True),
        ("plafond de 2026", "Plafond de 2026 : 90 €", False),
        ("note 12024 du plafond", PAID, False),
        ("l'hôtel de 1980 est-il remboursé", PAID, False),
    ],
)
def test_what_is_asked_stands_in_the_text(asked: str, quoted: str, lacks: bool) -> None:
    assert lacking(asked, quoted) is lacks


def lacking(asked: str, text: str, around: str = "") -> bool:
    places = places_abroad(Question(asked))
    return lacks_what_is_asked(Question(asked), text, around, places, TODAY)


def test_a_year_or_place_may_stand_around_the_text_a_sum_may_not() -> None:
    assert not lacking("plafond 2023", "Plafond : 90 €", around="Barème 2023")
    assert not lacking("nuit d'hôtel à Bruxelles", PAID, around="Hôtels de Bruxelles")
    assert lacking("quel montant", "Une lettre.", around="Montant : 90 €")


def test_a_year_is_not_found_within_a_longer_number() -> None:
    assert lacking("plafond 2023", "Plafond de la note 120231 : 90 €")


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        (Question("nuit d'hôtel à Bruxelles"), ["Bruxelles"]),
        (Question("nuit d'hôtel à Guingamp", aside=("Guingamp",)), []),
        (Question("que répondre à Madame Martin"), []),
        (Question("un courrier pour Jean"), []),
    ],
)
def test_places_abroad_are_neither_places_in_france_nor_people(
    asked: Question, places: list[str]
) -> None:
    assert places_abroad(asked) == places


@pytest.mark.parametrize(
    ("asked", "who"),
    [
        ("Qui rembourse la nuit ?", True),
        ("La nuit, à qui la demander ?", True),
        ("Qui rembourse la nuit, et comment ?", False),
        ("L'agent qui rentre tard est-il remboursé ?", False),
        ("L'agent, qui est muté, est-il remboursé ?", False),
    ],
)
def test_a_relative_clause_does_not_ask_who(asked: str, who: bool) -> None:
    assert asks_who(asked) is who
