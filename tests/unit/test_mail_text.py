"""A mail's own words, told from what it quotes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.mail_text import own_text

pytestmark = pytest.mark.sources

OWN = "Oui, le bornage amiable suffit."
QUOTED = {
    "thunderbird": "Le 03/03/2026 à 10:00, Paul Martin a écrit :\n> Un géomètre ?\n>> avant",
    "gmail": "On Tue, Mar 3, 2026 at 10:00 AM Paul Martin <p@ex.fr> wrote:\n\n> Do we need one?",
    "broken line": "Le mar. 3 mars 2026 à 10:00, Paul Martin <p@exemple.fr> a\nécrit :\n> x",
    "no-break spaces": "Le 3 mars 2026 à 10:00, Paul a écrit\u00a0:\n> Faut-il un géomètre\u00a0?",
    "outlook": (
        "De : Paul Martin <p@ex.fr>\nEnvoyé : mardi 3 mars 2026 10:00\nÀ : Jeanne Dupont\n"
        "Objet : RE: bornage\n\nFaut-il un géomètre ?"
    ),
    "outlook, in bold": "*De :* Paul\n*Envoyé :* mardi\n*À :* Jeanne\n*Objet :* plan\n\nFaut-il ?",
    "original": "-----Message d'origine-----\nDe : Paul\nFaut-il un géomètre ?",
    "forwarded": "---------- Forwarded message ---------\nFrom: Paul\nDo we need one?",
    "unmarked": "Le 3 mars 2026 à 10:00, Paul Martin a écrit :\nFaut-il un géomètre ?",
    "signature": "-- \nJeanne Dupont\nDDFiP 22",
}


@pytest.mark.parametrize("quoted", QUOTED.values(), ids=QUOTED)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_is_quoted_is_cut_away(quoted: str, ends: str) -> None:
    """As each program writes it."""
    assert own_text(f"{OWN}\n\n{quoted}\n".replace("\n", ends)) == OWN


def test_answers_between_quoted_lines_stay() -> None:
    """Point after point."""
    mail = "Le 3 mars 2026 à 10:00, Paul a écrit :\n> Un géomètre ?\nNon.\n> Et le plan ?\nOui."
    assert own_text(mail) == "Non.\nOui."


@pytest.mark.parametrize(
    "text",
    [
        "Le 3 mars 2026, j'ai reçu le plan.\nIl a écrit une note.",
        "De : la mairie\nà la trésorerie, la route est longue.",
        "Objet : régie de recettes\n\nLe régisseur verse ses fonds.",
        "-- un tiret au milieu d'une phrase",
    ],
)
def test_ordinary_sentences_stay(text: str) -> None:
    """Even where they begin as a quotation would."""
    assert own_text(text) == text


@given(st.text(alphabet="> \nLeaécrit:-Dnovyj", max_size=300))
def test_nothing_is_invented(text: str) -> None:
    """What is kept stands in the mail, line by line; cutting again cuts no line in two."""
    lines = {line.strip() for line in text.replace("\r", "\n").split("\n")}
    assert {line.strip() for line in own_text(text).split("\n")} <= lines | {""}


@pytest.mark.parametrize(
    "piece", ["\n", "> \n", "Le 3 mars\n", "De : x\n", "Le " + "a " * 90 + "\n", "- " * 50 + "\n"]
)
@pytest.mark.timeout(120)
def test_hostile_mails_are_cut_in_linear_time(piece: str) -> None:
    """A megabyte of what looks like a beginning: it ends at all."""
    text = piece * (1_000_000 // len(piece))
    assert len(own_text(text)) <= len(text)
