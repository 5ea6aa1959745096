"""The place that a question names."""

import pytest

from connectors.geography import DEPARTEMENTS, PlaceKind, named_places
from connectors.values import Agent
from expertise.places import place_in


@pytest.mark.parametrize(
    ("question", "departements", "subject"),
    [
        ("qui gère les régies vers Vannes", "56", "qui gère les régies"),
        ("qui gère les régies vers vannes ?", "56", "qui gère les régies ?"),
        ("QUI GÈRE LES RÉGIES VERS VANNES", "56", "QUI GÈRE LES RÉGIES"),
        ("cadastre du côté de Dax", "40", "cadastre"),
        ("géomètre près de Rodez", "12", "géomètre"),
        ("géomètre aux environs du Puy-en-Velay", "43", "géomètre"),
        ("les haies dans le Berry", "18 36 45", "les haies"),
        ("évaluateur en Touraine ?", "37", "évaluateur ?"),
        ("référent cadastre en Bourgogne-Franche-Comté", "21 25 39 58 70 71 89 90", None),
        ("évaluateur en Rhône-Alpes", "01 07 26 38 42 69 73 74", "évaluateur"),
        ("la vigne en Languedoc", "11 30 34 48 66", "la vigne"),
        ("droit des sols en Corse", "2A 2B", "droit des sols"),
        ("octroi de mer à La Réunion", "974", "octroi de mer"),
        ("géomètre à Saint-Denis de la Réunion", "974", "géomètre"),
        ("géomètre à St Malo", "35", "géomètre"),
        ("secrétaire CDPENAF Nièvre", "58", "secrétaire CDPENAF"),
        ("chasse Ariège Foix responsable", "09", "chasse responsable"),
        ("les PPRI dans la Drôme à Nyons", "26", "les PPRI"),
        ("géomètre dans le 22", "22", "géomètre"),
        ("dossier PAC en PACA", "04 05 06 13 83 84", "dossier PAC"),
        ("permis à Vienne", "38", "permis"),
        ("la MAEC du côté de Florac", "48", "la MAEC"),
        ("loup vers Saint-Dié", "88", "loup"),
        ("À Laval, qui suit la MAEC ?", "53", ", qui suit la MAEC ?"),
        ("Vers Laval : la MAEC", "53", ": la MAEC"),
        ("permis dans la Vienne", "86", "permis"),
    ],
)
def test_a_place_and_what_is_left_of_the_question(
    question: str, departements: str, subject: str | None
) -> None:
    place = place_in(question)

    assert place is not None
    assert set(place.departements) == set(departements.split())
    assert subject in (None, place.subject)


@pytest.mark.parametrize(
    "question",
    [
        "la manche du bornage",
        "un lot de copropriété trop cher",
        "somme due au nord",
        "une rue à sens unique",
        "Denis Vautrin assainissement",
        "Claire Martin instructrice",
        "réponse dans les 15 jours, ou dans le 22 mars",
        "appeler vers 10 heures",
        "loi Pinel et plan Vauban",
        "corriger un versement dans MEDOC",
        "saisir le dossier sur Hélios ou dans Chanac",
        "Denis Laval, assainissement",
        "marché public à bons de commande",
        "Sens de circulation",
        "médecin de garde",
        "",
    ],
)
def test_an_ordinary_word_or_a_name_is_no_place(question: str) -> None:
    assert place_in(question) is None


def test_of_two_communes_the_one_in_the_askers_departement_is_meant() -> None:
    far, near = place_in("permis à Castres", "75"), place_in("permis à Castres", "02")

    assert far
    assert near
    assert (far.departements, near.departements) == (("81",), ("02",))


def test_the_distance_to_a_place_is_that_to_its_nearest_departement() -> None:
    place = place_in("régies en Bretagne")

    assert place
    assert place.code == "r53"
    assert place.has(agent("56"))
    assert place.distance_km(agent("56")) == 0
    assert 0 < place.distance_km(agent("44")) < place.distance_km(agent("13"))
    assert place.distance_km(agent("")) == float("inf")


def test_the_list_names_known_departements_alone() -> None:
    places = list(named_places())

    assert {one.kind for one in places} == set(PlaceKind)
    codes = {code for one in places if one.kind is not PlaceKind.WORD for code in one.departements}
    assert codes <= DEPARTEMENTS.keys()
    assert len(codes) > 100


def agent(departement: str) -> Agent:
    return Agent(
        id="a", given_name="A", family_name="B", email="a@example.org", departement=departement
    )


@pytest.mark.parametrize(
    "question",
    [
        "cadastre près de Saint-Machin",
        "cadastre près de Saint Machin",
        "permis à Châteauneuf-du-Truc",
        "agence de l'eau Loire-Bretagne",
    ],
)
def test_part_of_a_longer_name_is_no_place(question: str) -> None:
    """«Saint» is a commune of Morbihan, but not in «Saint-Machin»."""
    assert place_in(question) is None


@pytest.mark.parametrize(
    ("question", "label"),
    [
        ("bail à La Rochelle", "La Rochelle"),
        ("bail au Mans", "Le Mans"),
        ("cadastre à Lorient", "Lorient"),
        ("SIP de Rennes-Est", "Rennes"),
        ("géomètre dans le 22", "Côtes-d'Armor"),
        ("dossier PAC en PACA", "Provence-Alpes-Côte d'Azur"),
    ],
)
def test_label_is_the_whole_name(question: str, label: str) -> None:
    place = place_in(question)
    assert place is not None
    assert place.label == label
