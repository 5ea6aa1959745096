"""A pasted mail gives the same query as its question; references are normalised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expertise.places import place_in
from indexer.french.analysis import analyse_query
from search_api.query.pasted_mail import question_of_mail
from search_api.query.typed_references import with_references_in_one_way

pytestmark = pytest.mark.search

QUESTION = "La mère d'un usager est entrée en EHPAD : doit-elle encore la taxe foncière ?"


@pytest.mark.parametrize("before", ["", "Bonjour,", "Bonjour à tous,\n\n", "Bjr, ", "Madame, "])
@pytest.mark.parametrize(
    "after",
    [
        "",
        "Merci d'avance pour votre aide.",
        "Merci bcp, Pauline",
        "Merci !",
        "Cordialement, Maëlle Le Goff SIP de Guingamp 02 96 00 00 00",
        "Bonne journée\n--\nMaëlle",
        "Bien cordialement > Le 3 juin, C. Dupuis a écrit : > Merci pour votre retour.",
        "Le 3 juin 2026 à 10:00, C. Dupuis a écrit : nous en parlerons à la cantine.",
    ],
)
def test_what_surrounds_a_question_is_left_out(before: str, after: str) -> None:
    """On one line, as a search field has it, or on several."""
    found = question_of_mail(f"{before} {QUESTION} {after}")
    assert [term.term for term in analyse_query(found)] == [
        term.term for term in analyse_query(QUESTION)
    ]


@pytest.mark.parametrize(
    "typed",
    [
        "Bonjour, géomètre Guingamp. Merci d'avance",
        "bonjour géomètre Guingamp svp merci",
        "Bonsoir géomètre Guingamp, s'il vous plaît",
    ],
)
def test_a_short_text_loses_its_courtesy(typed: str) -> None:
    assert question_of_mail(typed).strip(" .,") == "géomètre Guingamp"


@pytest.mark.parametrize(
    "mail",
    [
        "Bonjour,\nMerci de me dire qui peut m'aider sur le dossier ci-dessous.\n\n"
        "> De : mairie de Dole\n> {question}\n\nCordialement",
        "Objet : RE: urgent\nJe te transfère la demande d'un administré.\n> Madame, {question}",
        "Bonjour, à qui dois-je envoyer ceci ?\nDe : M. Prunier\nEnvoyé : lundi\n{question}",
    ],
)
def test_a_forwarded_mail_asks_what_it_quotes(mail: str) -> None:
    """Where the sender's own words only point to it."""
    found = question_of_mail(mail.format(question=QUESTION))
    wanted = {term.term for term in analyse_query(QUESTION)}
    others = {term.term for term in analyse_query(found)} - wanted
    assert wanted <= {term.term for term in analyse_query(found)}
    assert len(others) <= 1, others


@pytest.mark.parametrize(
    "typed",
    [
        "merci",
        "bonjour",
        "Cordialement",
        "Bonjour, merci",
        "svp",
        "Le bonjour du matin",
        "Qui remercier, et comment dire merci à un collègue âgé ?",
    ],
)
def test_what_is_a_question_itself_stays(typed: str) -> None:
    """A text of courtesy alone, and words of a sentence."""
    assert question_of_mail(typed) == typed


@given(st.text(max_size=300))
def test_something_is_left_of_whatever_has_a_word(typed: str) -> None:
    """Nothing is made empty that was not."""
    assert any(map(str.isalnum, typed)) <= bool(question_of_mail(typed).strip())


@pytest.mark.parametrize(
    "spellings",
    [
        ("article 1390 du CGI", "CGI 1390", "1390 cgi", "art 1390", "code général des impôts 1390"),
        ("art. 1391 B bis", "1391Bbis CGI", "CGI, article 1391 b bis", "1391 B bis"),
        (
            "2042 C PRO",
            "2042CPRO",
            "2042-C-PRO",
            "formulaire 2042 c pro",
            "imprimé n° 2042-C-PRO-SD",
        ),
        ("L. 80 A LPF", "L80A", "art L.80 A du LPF", "LPF L 80 A", "l 80 a du lpf"),
        ("R*196-2 du LPF", "R. 196-2", "lpf r196-2"),
        ("article 809 du code civil", "code civil 809"),
    ],
)
def test_a_reference_is_read_in_one_way(spellings: tuple[str, ...]) -> None:
    """In any order and spelling, with or without its code: the same terms are asked for."""
    read = {
        tuple(term.term for term in analyse_query(with_references_in_one_way(one)))
        for one in spellings
    }
    assert len(read) == 1, read


@pytest.mark.parametrize(
    "typed",
    ["1390", "budget 2024", "en 2024 a-t-on", "CGI", "CGI et LPF", "articles 3 et 4", "12 agents"],
)
def test_numbers_and_names_of_codes_are_left_as_they_are(typed: str) -> None:
    """Of a code without a number, and a number without a code."""
    read = with_references_in_one_way(typed)
    assert [t.term for t in analyse_query(read)] == [t.term for t in analyse_query(typed)]


def test_a_reference_to_the_bofip_is_a_phrase() -> None:
    """Its numbers stand in every document."""
    assert with_references_in_one_way("bofip boi-if-tfb-10-50") == '"BOI-IF-TFB-10-50"'


@pytest.mark.parametrize(
    "signature",
    [
        "Merci, Maëlle Le Goff SIP Guingamp",
        "Merci d'avance.\nMaëlle Le Goff\nSIP de Guingamp",
        "Maëlle Le Goff, SIP de Guingamp, 02 96 00 00 00",
        "Maëlle Le Goff, 12 rue de Brest, 22200 Guingamp",
        "M. Le Goff, SIP Guingamp, m.le-goff@finances.example",
    ],
)
def test_place_of_a_signature_is_not_asked(signature: str) -> None:
    asked = "Bonjour, qui suit le remaniement du cadastre d'une parcelle à Lorient ?"
    place = place_in(question_of_mail(f"{asked} {signature}"))
    assert place is not None
    assert place.label == "Lorient"


def test_what_follows_a_question_without_signature_stays() -> None:
    typed = "Bonjour, qui suit le remaniement du cadastre ? C'est pour Lorient, en zone boisée."
    place = place_in(question_of_mail(typed))
    assert place is not None
