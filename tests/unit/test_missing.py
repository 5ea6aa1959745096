"""A text without the year, place, sum, duration or person that is asked for does not answer."""

from datetime import date

import pytest

from indexer.values import Question
from search_api.ranking.missing import lacks_what_is_asked, lacks_when_and_where

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
def test_what_is_asked_stands_in_the_quotation(asked: str, quoted: str, lacks: bool) -> None:
    assert lacks_what_is_asked(Question(asked), quoted, "", (), TODAY) is lacks


def test_a_year_or_place_may_stand_in_the_title_a_sum_may_not() -> None:
    dated, placed = Question("plafond 2023"), Question("nuit d'hôtel", aside=("Guingamp",))
    assert not lacks_what_is_asked(dated, "Plafond : 90 €", "Barème 2023", (), TODAY)
    assert not lacks_what_is_asked(dated, "Plafond : 90 €", "Barème", ("Depuis 2023.",), TODAY)
    assert lacks_what_is_asked(dated, "Plafond : 90 €", "Barème 2026", ("Depuis 2023.",), TODAY)
    assert lacks_what_is_asked(placed, PAID, "", (), TODAY)
    assert not lacks_what_is_asked(placed, PAID, "Hôtels de Guingamp", (), TODAY)
    assert lacks_what_is_asked(Question("quel montant"), "Une lettre.", "Montant : 90 €", (), TODAY)


@pytest.mark.parametrize(
    ("asked", "lacks"),
    [
        ("Qui rembourse la nuit ?", True),
        ("La nuit, à qui la demander ?", True),
        ("Qui rembourse la nuit, et comment ?", False),
        ("L'agent qui rentre tard est-il remboursé ?", False),
    ],
)
def test_who_asks_for_a_person_gets_the_answer_to_such_a_question(asked: str, lacks: bool) -> None:
    assert (
        lacks_what_is_asked(Question(asked), PAID, "Nuit d'hôtel : combien ?", (), TODAY) is lacks
    )
    assert not lacks_what_is_asked(Question(asked), PAID, "La nuit : qui paie ?", (), TODAY)


@pytest.mark.parametrize(
    ("asked", "lacks"),
    [
        (Question("plafond 2023"), True),
        (Question("plafond 2026"), False),
        (Question("hôtel construit en 1980"), False),
        (Question("nuit d'hôtel à Bruxelles"), True),
        (Question("nuit d'hôtel à Guingamp", aside=("Guingamp",)), False),
        (Question("quelle amende pour une nuit en trop"), True),
        (Question("combien de temps"), False),
    ],
)
def test_documents_lack_a_recent_year_a_place_abroad_or_a_penalty(
    asked: Question, lacks: bool
) -> None:
    assert lacks_when_and_where(asked, "Plafond 2026 : " + PAID, TODAY) is lacks
