"""Find what a question asks for and a quotation lacks: a year, a place, a sum, a duration. Pure.

A text about the same thing in another year or place, or one that says how long where the question
asks how much, has the question's words, and its vector is near. Decision 121 has the figures.
"""

import re
from collections.abc import Collection

from indexer.french.analysis import analyse, fold
from indexer.values import Question

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_PLACE = re.compile(r"\b(?:à|en|au|aux|vers|depuis|pour) ([A-ZÀ-Ý][a-zà-ÿ]{3,})")
"""A capitalised word after a preposition: places abroad, too, which `Question.aside` lacks."""

_COUNT_ASKED = re.compile(r"\bcombien\b")
_SUM_ASKED = re.compile(
    r"\bcombien (?:ca |cela )?(?:coute|paie|paye|rembourse|touche)"
    r"|\b(?:coutent|coute|est|touche|remboursee?|payee?|versee?) combien"
    r"|\bquel(?:le)?s? (?:est |sont )?(?:les? |la )?(?:prix|tarif|montant|cout|amende|somme)"
    r"|\bcombien d euros|\bc est combien"
)
_TIME_ASKED = re.compile(
    r"\bcombien de (?:temps|jours?|mois|semaines?|heures?|minutes?)"
    r"|\bcombien d (?:ans|annees|heures)|\bquel(?:s|le)? (?:est )?(?:le |la )?(?:delai|duree|date)"
    r"|\b(?:jusqu a|a partir de|avant|depuis|pour) quand|\A\s*quand\b"
)
_COUNT = re.compile(
    r"\d|\b(?:une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|vingt|trente"
    r"|quarante|cinquante|soixante|cents?|mille|demie?|quart|moitie|tiers|double|aucune?|jamais)\b"
)
_SUM = re.compile(r"[€%]|\b(?:euros?|centimes?|gratuite?s?|gratuitement|forfait|points?|smic)\b")
_TIME = re.compile(
    r"\b(?:jours?|mois|ans?|annees?|semaines?|heures?|minutes?|\d+ ?h|trimestres?|semestres?"
    r"|janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre"
    r"|immediate?s?|immediatement|sans delai|veille|lendemain|lundi|mardi|mercredi|jeudi|vendredi"
    r"|samedi|dimanche|rentree)\b|(?<!\d)(?:19|20)\d\d(?!\d)|\d/\d"
)
_ASKED_AND_GIVEN = ((_COUNT_ASKED, _COUNT), (_SUM_ASKED, _SUM), (_TIME_ASKED, _TIME))


def lacks_what_is_asked(question: Question, quoted: str, around: Collection[str]) -> bool:
    """Return whether a quotation cannot answer a question although its words are near.

    `quoted`: the sentences. `around`: title, heading and passage, where a year or a place may stand
    instead.
    """
    asked, given = _plain(question.words), _plain(quoted)
    if any(wanted.search(asked) and not found.search(given) for wanted, found in _ASKED_AND_GIVEN):
        return True
    text = " ".join((quoted, *around))
    if set(_YEAR.findall(question.words)) - set(_YEAR.findall(text)):
        return True
    terms = _terms(text)
    places = [*question.aside, *_PLACE.findall(question.words)]
    return any(part.isdisjoint(terms) for part in map(_terms, places) if part)


def _plain(text: str) -> str:
    """Return the text in lower case, without accents and apostrophes."""
    return fold(text.lower()).replace("'", " ").replace("’", " ")


def _terms(text: str) -> frozenset[str]:
    return frozenset(term for word in analyse(text) for term in word.all)
