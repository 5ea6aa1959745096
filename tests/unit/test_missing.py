"""A quotation that lacks the year, place, sum or duration that is asked for does not answer."""

import pytest

from indexer.values import Question
from search_api.ranking.missing import lacks_what_is_asked

pytestmark = pytest.mark.search

LENT = "Le prêt dure trois mois."
PAID = "La nuit est remboursée 90 €."


@pytest.mark.parametrize(
    ("asked", "quoted", "lacks"),
    [
        ("combien de temps dure le prêt ?", LENT, False),
        ("combien coûte le prêt ?", LENT, True),
        ("Quel est le délai ?", "Il faut une lettre.", True),
        ("Quand finit le prêt ?", "Il faut une lettre.", True),
        ("Que faire quand le prêt finit ?", "Il faut une lettre.", False),
        ("Quelle amende pour un retard ?", "Le retard est signalé au chef.", True),
        ("la nuit d’hôtel, c’est combien ?", PAID, False),
        ("combien d'échelons", "Le reclassement suit le coefficient.", True),
        ("combien d'échelons", "Il y en a onze.", False),
        ("nuit d'hôtel à Bruxelles", PAID, True),
        ("nuit d'hôtel à Nantes", f"À Nantes, {PAID}", False),
        ("Bonjour Monsieur, la nuit est-elle remboursée ?", PAID, False),
        ("plafond de 2023", "Plafond de 2026 : 90 €", True),
        ("plafond de 2026", "Plafond de 2026 : 90 €", False),
        ("note 12024 du plafond", PAID, False),
    ],
)
def test_what_is_asked_stands_in_the_quotation(asked: str, quoted: str, lacks: bool) -> None:
    assert lacks_what_is_asked(Question(asked), quoted, ()) is lacks


def test_a_year_or_place_may_stand_in_the_title_a_sum_may_not() -> None:
    dated = Question("plafond 2023")
    assert not lacks_what_is_asked(dated, "Plafond : 90 €", ("Barème 2023",))
    placed = Question("nuit d'hôtel", aside=("Guingamp",))
    assert lacks_what_is_asked(placed, PAID, ())
    assert not lacks_what_is_asked(placed, PAID, ("Hôtels de Guingamp",))
    assert lacks_what_is_asked(Question("quel montant"), "Une lettre.", ("Montant : 90 €",))
