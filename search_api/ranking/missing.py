"""Check whether a text has what a question asks for: a sum, a recent year, a place… Pure.

A text about the same thing in another year or place, or one that says how long where the question
asks how much, has the question's words, and its vector is near. Decision 121 has the figures.
"""

import re
from collections.abc import Collection
from datetime import date

from indexer.french.analysis import all_terms, fold
from indexer.values import Question

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_RECENT_YEARS = 10
"""Older years need not stand in a text: they mostly date a thing (« un bâtiment de 1980 »)."""

_PLACE = re.compile(
    r"\b(?:à|en|au|aux|vers|depuis) (?!Mme|Madame|Monsieur|Maître|Mesdames|Messieurs)"
    r"([A-ZÀ-Ý][a-zà-ÿ]{3,})"
)
_WHO_ASKED = re.compile(r"(?:\A|[:?;] |, (?=[^,]*\Z))(?:(?:a|de|par|avec|chez|pour|c est) )?qui\b")
"""After a comma only in the last clause: « l'agent, qui est muté, garde-t-il… » asks nobody."""

_ELSE_ASKED = re.compile(r"\b(?:comment|combien|pourquoi|quel(?:le)?s?)\b")

_COUNT_ASKED = re.compile(r"\bcombien\b")
_SUM_ASKED = re.compile(
    r"\bcombien (?:ca |cela )?(?:coute|paie|paye|rembourse|touche)"
    r"|\b(?:coutent|coute|est|touche|remboursee?|payee?|versee?) combien"
    r"|\bquel(?:le)?s? (?:est |sont )?(?:les? |la )?(?:prix|tarif|montant|cout|somme)"
    r"|\bcombien d euros|\bc est combien"
)
_PENALTY_ASKED = re.compile(
    r"\bquel(?:le)?s? (?:est |sont )?(?:les? |la |l )?(?:amende|sanction|peine|penalite)"
)
_DURATION_ASKED = re.compile(
    r"\bcombien de (?:temps|jours?|mois|semaines?|heures?|minutes?)"
    r"|\bcombien d (?:ans|annees|heures)|\bquel(?:s|le)? (?:est )?(?:le |la )?(?:delai|duree)"
)
_TIME_ASKED = re.compile(
    r"\bquelle (?:est )?(?:la )?date|\b(?:jusqu a|a partir de|avant|depuis|pour) quand|\A\s*quand\b"
)
_NUMBER = (
    r"\d|\b(?:une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|vingt|trente"
    r"|quarante|cinquante|soixante|cents?|mille|demie?)\b"
)
_COUNT = re.compile(rf"{_NUMBER}|\b(?:quart|moitie|tiers|double|aucune?|jamais)\b")
_SUM = re.compile(r"[€%]|\b(?:euros?|centimes?|gratuite?s?|gratuitement|forfait|points?|smic)\b")
_PENALTY = re.compile(
    r"\b(?:amende|sanction|peine|penal|contravention|majoration|prison|emprisonne|retrait|suspen"
    r"|exclu|avertissement|blame|fermeture|demeure)"
)
_DURATION = re.compile(
    rf"(?:{_NUMBER}|\b(?:plusieurs|quelques|chaque|par)) ?(?:(?:premiere?|derniere?|bon)s? )?"
    r"(?:jours?|mois|ans?|annees?|semaines?|heures?|h|minutes?|trimestres?|semestres?)\b"
    r"|\b(?:immediat|sans delai|meme jour|jamais|illimite|definiti)"
)
_TIME = re.compile(
    r"\b(?:jours?|mois|ans?|annees?|semaines?|heures?|minutes?|\d+ ?h|trimestres?|semestres?"
    r"|janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre"
    r"|immediate?s?|immediatement|sans delai|veille|lendemain|lundi|mardi|mercredi|jeudi|vendredi"
    r"|samedi|dimanche|rentree)\b|(?<!\d)(?:19|20)\d\d(?!\d)|\d/\d"
)
_ASKED_AND_GIVEN = (
    (_COUNT_ASKED, _COUNT),
    (_SUM_ASKED, _SUM),
    (_PENALTY_ASKED, _PENALTY),
    (_DURATION_ASKED, _DURATION),
    (_TIME_ASKED, _TIME),
)


def lacks_what_is_asked(
    question: Question, text: str, around: str, places: Collection[str], today: date
) -> bool:
    """Return whether a question asks for a sum, duration, date, year or place that a text lacks.

    A year, or a word of each of the `places`, may stand in `around` instead.
    """
    asked, plain, whole = _plain(question.words), _plain(text), f"{around} {text}"
    if any(asks.search(asked) and not gives.search(plain) for asks, gives in _ASKED_AND_GIVEN):
        return True
    first = today.year - _RECENT_YEARS
    years = {year for year in _YEAR.findall(question.words) if int(year) >= first}
    if not years.issubset(_YEAR.findall(whole)):
        return True
    terms = all_terms(whole) if places else frozenset()
    return any(place.isdisjoint(terms) for place in map(all_terms, places) if place)


def asks_who(text: str) -> bool:
    """Return whether a question asks who does something, and nothing else."""
    asked = _plain(text)
    return bool(_WHO_ASKED.search(asked)) and not _ELSE_ASKED.search(asked)


def places_abroad(question: Question) -> list[str]:
    """Return capitalised words after « à », « en »… that are not places in France (`aside`)."""
    known = frozenset().union(*map(all_terms, question.aside))
    return [place for place in _PLACE.findall(question.words) if known.isdisjoint(all_terms(place))]


def _plain(text: str) -> str:
    """Return the text in lower case, without accents and apostrophes."""
    return fold(text.lower()).replace("'", " ").replace("’", " ")
