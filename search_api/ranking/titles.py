"""Raise documents whose title repeats the question nearly word for word. Pure.

Two shares are used: the share of the title's words that the question has, and the share of the
question's words that the title has. `fe65daca:benchmarks/title_forms.py` chose the form and the
weight.
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
"""Gain of a title equal to the question if no other title is similar."""
LEAST_SHARE = 0.4
"""Up to this harmonic mean of both shares a title gains nothing."""
CROWD = 5
"""A title gains only for what exceeds the sixth best mean of the window (index 5)."""
TITLES_READ = 100
"""Number of first hits whose titles are read."""

Floats = NDArray[np.float64]


def titled(
    hits: Sequence[FusedHit], attributes: Mapping[str, HitAttributes], question: str
) -> tuple[FusedHit, ...]:
    """Return the hits, with a gain for titles that repeat the question more than others do.

    `question` contains the wanted words; without any nothing changes.
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
    """Return how far each title stands out above the sixth best, 0 to 1, of shape (n,)."""
    mean = said(title, question)
    crowd = np.sort(mean)[::-1][CROWD] if len(mean) > CROWD else 0.0
    return np.maximum(0.0, mean - crowd)


def said(title: Floats, question: Floats) -> Floats:
    """Return harmonic means of both shares, from 0 at `LEAST_SHARE` to 1, of shape (n,)."""
    both = title + question
    mean = np.divide(2 * title * question, both, out=np.zeros(len(both)), where=both > 0)
    return np.maximum(0.0, (mean - LEAST_SHARE) / (1 - LEAST_SHARE))


def asked_terms(question: str) -> frozenset[str]:
    """Return the terms of a question's words."""
    return frozenset(term.term for term in analyse_query(question))


def title_shares(asked: frozenset[str], mark: HitAttributes | None) -> tuple[float, float]:
    """Return (share of the title's words in the question, share of its words in the title)."""
    places = title_terms(mark.title) if mark else ()
    if not asked or not places:
        return 0.0, 0.0
    has = asked & frozenset().union(*places)
    return sum(not asked.isdisjoint(place) for place in places) / len(places), len(has) / len(asked)


@lru_cache(maxsize=20_000)
def title_terms(title: str) -> tuple[frozenset[str], ...]:
    """Return, for each word of a title, the terms by which it is found."""
    return tuple(terms_found(title))
