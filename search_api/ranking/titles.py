"""Titles that say a question nearly word for word stand first. Pure.

Two shares tell it: of its title's words, how many the question has, and of the question's words,
how many its title has. `fe65daca:benchmarks/title_forms.py` chose the form and the weight.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from indexer.french.analysis import analyse_query
from indexer.highlighting import terms_found
from indexer.values import HitAttributes
from search_api.ranking.fusion import FusedHit

TITLE_WEIGHT = 0.05
"""Of a title that is the question, where no other is like it."""
LEAST_SHARE = 0.4
"""A harmonic mean of both shares up to that says nothing."""
CROWD = 5
"""A title stands out by what it has more than the sixth best of the window."""
TITLES_READ = 100
"""So many first hits have their titles read."""

Floats = NDArray[np.float64]


def titled(
    hits: Sequence[FusedHit], attributes: Mapping[str, HitAttributes], question: str
) -> tuple[FusedHit, ...]:
    """The hits again, those first whose titles stand out by saying the question.

    `question`: the words that are wanted; without any nothing moves.
    """
    asked = asked_terms(question)
    first, rest = hits[:TITLES_READ], hits[TITLES_READ:]
    if not asked or not first:
        return tuple(hits)
    shares = np.array([title_shares(asked, attributes.get(hit.document_id)) for hit in first])
    gains: list[float] = (TITLE_WEIGHT * standing_out(*shares.T)).round(6).tolist()
    again = [
        hit._replace(score=hit.score + gain, title=gain) if gain else hit
        for hit, gain in zip(first, gains, strict=True)
    ]
    return (*sorted(again, key=lambda hit: (-hit.score, hit.document_id)), *rest)


def standing_out(title: Floats, question: Floats) -> Floats:
    """(n,) from 0 to 1: how far each title says the question, beyond the sixth best."""
    mean = said(title, question)
    crowd = np.sort(mean)[::-1][CROWD] if len(mean) > CROWD else 0.0
    return np.maximum(0.0, mean - crowd)


def said(title: Floats, question: Floats) -> Floats:
    """(n,) harmonic means of both shares, from 0 at `LEAST_SHARE` to 1."""
    both = title + question
    mean = np.divide(2 * title * question, both, out=np.zeros(len(both)), where=both > 0)
    return np.maximum(0.0, (mean - LEAST_SHARE) / (1 - LEAST_SHARE))


def asked_terms(question: str) -> frozenset[str]:
    """The terms of a question's words."""
    return frozenset(term.term for term in analyse_query(question))


def title_shares(asked: frozenset[str], mark: HitAttributes | None) -> tuple[float, float]:
    """(share of the title's words that are asked for, share of those asked for that it has)."""
    places = title_terms(mark.title) if mark else ()
    if not asked or not places:
        return 0.0, 0.0
    has = asked & frozenset().union(*places)
    return sum(not asked.isdisjoint(place) for place in places) / len(places), len(has) / len(asked)


@lru_cache(maxsize=20_000)
def title_terms(title: str) -> tuple[frozenset[str], ...]:
    """For each place of a title, the terms by which it is found."""
    return tuple(terms_found(title))
