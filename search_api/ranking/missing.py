"""Find what a question asks for and a text lacks: who, a year, a place, a sum, a duration. Pure.

A text about the same thing in another year or place, or one that says how long where the question
asks how much, has the question's words, and its vector is near. Decision 121 has the figures.
"""

import re
from collections.abc import Collection
from datetime import date

from indexer.french.analysis import analyse, fold
from indexer.values import Question

_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_RECENT_YEARS = 10
"""Who asks about an older year mostly tells how old a thing is (« un bâtiment de 1980 »)."""

_PLACE = re.compile(r"\b(?:à|en|au|aux|vers|depuis|pour) ([A-ZÀ-Ý][a-zà-ÿ]{3,})")
"""A capitalised word after a preposition: places abroad, too, which `Question.aside` lacks."""

_WHO_ASKED = re.compile(r"(?:\A|[:,?;] )(?:(?:a|de|par|avec|chez|pour|c est) )?qui\b")
_ELSE_ASKED = re.compile(r"\b(?:comment|combien|pourquoi|quel(?:le)?s?)\b")
_WHO = re.compile(r"\bqui\b")

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
    r"\d+|\b(?:une?|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|quinze|vingt|trente"
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
    question: Question, text: str, title: str, around: Collection[str], today: date
) -> bool:
    """Return whether sentences cannot answer a question although their words are near.

    `around`: heading and passage, where a place, or a year that the title does not contradict, may
    stand instead.
    """
    asked = _plain(question.words)
    only_who = _WHO_ASKED.search(asked) and not _ELSE_ASKED.search(asked)
    if only_who and not _WHO.search(_plain(title)):
        return True
    years = _YEAR.findall(title)
    dated = " ".join((text, *(years or around)))
    whole = " ".join((text, title, *around))
    return (
        _lacks_kind(asked, text)
        or _lacks_year(question, dated, today)
        or _lacks_place(whole, (*question.aside, *_places(question)))
    )


def lacks_when_and_where(question: Question, text: str, today: date) -> bool:
    """Return whether a document lacks a recent year, a penalty or a place abroad that is asked for.

    `text`: its title and the passages shown. Other places of the question may be its asker's.
    """
    asked = _plain(question.words)
    known = {term for place in question.aside for term in _terms(place)}
    abroad = [place for place in _places(question) if known.isdisjoint(_terms(place))]
    return (
        bool(_PENALTY_ASKED.search(asked) and not _PENALTY.search(_plain(text)))
        or _lacks_year(question, text, today)
        or _lacks_place(text, abroad)
    )


def _lacks_kind(asked: str, text: str) -> bool:
    """Return whether the text has no number, sum, penalty, duration or date where one is asked."""
    given = _plain(text)
    return any(
        wanted.search(asked) and not found.search(given) for wanted, found in _ASKED_AND_GIVEN
    )


def _lacks_year(question: Question, text: str, today: date) -> bool:
    first = today.year - _RECENT_YEARS
    return any(int(year) >= first and year not in text for year in _YEAR.findall(question.words))


def _places(question: Question) -> list[str]:
    return _PLACE.findall(question.words)


def _lacks_place(text: str, places: Collection[str]) -> bool:
    """Return whether the text lacks all words of one of the places."""
    found = _terms(text) if places else frozenset()
    return any(terms.isdisjoint(found) for terms in map(_terms, places) if terms)


def _plain(text: str) -> str:
    """Return the text in lower case, without accents and apostrophes."""
    return fold(text.lower()).replace("'", " ").replace("’", " ")


def _terms(text: str) -> frozenset[str]:
    return frozenset(term for word in analyse(text) for term in word.all)
