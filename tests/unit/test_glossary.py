"""The glossary, and files that are edited while they are used."""

import logging
import os
from pathlib import Path

import pytest

from indexer.parsed_query import EXPANSION_WEIGHT, MAX_EXPANSION_WORDS, parse_query
from indexer.values import Expansion, Question
from search_api.query.glossary import GlossaryFile, ParsedFile, ReloadedFile, read_glossary

pytestmark = pytest.mark.search

PHRASE = "cotisation foncière des entreprises"
PHRASE_TYPED = "Cotisations foncieres des entreprises"

LINES = [
    "# un commentaire",
    "",
    "CFE;cotisation foncière des entreprises;",
    '"PAS";"prélèvement à la source"',
    "avis à tiers détenteur => SATD",
    "CFE;contribution des entreprises",
]


def _others(text: str) -> dict[str, tuple[str, ...]]:
    return {one.words: one.others for one in read_glossary(LINES).content.expansions(text)}


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("payer la cfe", {"cfe": (PHRASE, "contribution des entreprises")}),
        ("Cotisations foncieres des entreprises 2024", {PHRASE_TYPED: ("CFE",)}),
        ("le PAS en 2024", {"PAS": ("prélèvement à la source",)}),
        ("ne pas payer", {}),
        ("un avis à tiers détenteur", {"avis à tiers détenteur": ("SATD",)}),
        ("SATD", {}),
        ("cotisation des entreprises", {}),
        ("", {}),
    ],
)
def test_a_text_is_expanded(text: str, others: dict[str, tuple[str, ...]]) -> None:
    """Both ways, or one way behind an arrow; an acronym that is a word only in capitals."""
    assert _others(text) == others


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("CFE", "une seule"),
        ("CFE, cotisation foncière", "une seule"),
        ("CFE;;taxe", "vide"),
        ("=> taxe", "vide"),
        ("a => b => c", "flèche"),
        ("CFE;le la les", "sans mot"),
        ("taxe;Taxes", "deux fois"),
        ('"CFE;taxe', "guillemets"),
        ("CFE;" + "mot " * 13, "plus de 12 mots"),
        (";".join(f"mot{n}" for n in range(21)), "plus de 20"),
    ],
)
def test_a_bad_line_is_left_out_and_said(line: str, reason: str) -> None:
    """Nothing is guessed; the other lines hold."""
    read = read_glossary([line, "A1;B2"])
    assert [fault.line for fault in read.faults] == [1]
    assert reason in read.faults[0].reason
    assert len(read.content.others) == 2


def test_an_expansion_weighs_as_a_whole() -> None:
    """Half of the words typed, however many words it has; phrases that do not fit are left out."""
    for typed, other, weight in (("CFE", PHRASE, 1 / 3), (PHRASE, "CFE", 3.0)):
        question = Question(typed, expansions=(Expansion(typed, (other,)),))
        assert parse_query(question, 512).expansions[0][0].weight == EXPANSION_WEIGHT * weight
    many = Question("CFE", expansions=(Expansion("CFE", tuple(f"a{n} b{n}" for n in range(99))),))
    assert (
        sum(len(one.phrase) for one in parse_query(many, 512).expansions[0]) == MAX_EXPANSION_WORDS
    )
    assert parse_query(many, 1).expansions == ()


def test_an_edited_glossary_holds_at_the_next_question(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Read again when it changes; away or broken, what it said last holds; no text is logged."""
    path = tmp_path / "glossaire.csv"
    glossary = GlossaryFile(path)
    assert glossary.now().expansions("CFE") == ()
    path.write_text("\ufeffCFE;taxe\nmalformee-secrete\n", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert [one.others for one in glossary.now().expansions("CFE")] == [("taxe",)]
    assert [(r.message, r.line) for r in caplog.records] == [("line left out", 2)]  # type: ignore[attr-defined]
    assert "secrete" not in caplog.text
    path.write_text("CFE;impôt\n", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert [one.others for one in glossary.now().expansions("CFE")] == [("impôt",)]
    path.write_bytes(b"CFE;\xff\xfe\n")
    assert [one.others for one in glossary.now().expansions("CFE")] == [("impôt",)]
    path.unlink()
    assert [one.others for one in glossary.now().expansions("CFE")] == [("impôt",)]


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    """A question costs no more than a look at the file's time."""
    path, times = tmp_path / "a.csv", []
    path.write_text("a", encoding="utf-8")
    file = ReloadedFile(path, lambda lines: times.append(1) or ParsedFile(len(lines)), 0)  # type: ignore[func-returns-value]
    assert (file.now(), file.now(), len(times)) == (1, 1, 1)


DEFINED = [
    "SATD;saisie administrative à tiers détenteur | Fait payer un tiers ; la banque.",
    "AT;accident du travail",
    "AT;aide technique",
    "ATD => SATD",
    "PAS;prélèvement à la source;retenue",
    "régie | Encaisse au plus près.",
    "auto-entrepreneur;micro-entrepreneur",
]


@pytest.mark.parametrize(
    "question",
    [
        "SATD",
        "satd ?",
        "c'est quoi un SATD",
        "C’est quoi, une SATD ?",
        "que veut dire SATD",
        "ça veut dire quoi SATD",
        "que signifie l'acronyme SATD ?",
        "qu'est-ce qu'un SATD",
        "définition de SATD",
        "definition du satd",
        "SATD, c'est quoi ?",
    ],
)
def test_what_an_acronym_is_can_be_asked(question: str) -> None:
    (one,) = read_glossary(DEFINED).content.definitions(question)
    assert (one.term, one.meaning) == ("SATD", "saisie administrative à tiers détenteur")
    assert one.text == "Fait payer un tiers ; la banque."


def test_only_one_expression_alone_is_defined() -> None:
    """Each line of an acronym; not what stands beside other words, nor what no line defines."""
    glossary = read_glossary(DEFINED).content
    assert [one.meaning for one in glossary.definitions("AT")] == [
        "accident du travail",
        "aide technique",
    ]
    assert glossary.definitions("c'est quoi une régie")[0].meaning == ""
    assert glossary.definitions("PAS")[0].others == ("retenue",)
    for other in ("SATD sur salaire", "pas", "ATD", "c'est quoi", "", "auto-entrepreneur"):
        assert glossary.definitions(other) == ()
    assert glossary.acronyms["AT"] == "accident du travail, ou aide technique"
    assert set(glossary.acronyms) == {"SATD", "AT", "PAS"}


@pytest.mark.parametrize("line", ["SATD;saisie |", f"SATD;saisie | {'x' * 501}", "| seule"])
def test_a_bad_definition_is_left_out_and_said(line: str) -> None:
    read = read_glossary([line])
    assert [fault.line for fault in read.faults] == [1]
    assert not read.content.defined
