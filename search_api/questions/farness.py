"""When nothing comes near a question: what an encoder's cosines mean."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from indexer.french import asked
from indexer.values import Question

FAR: Mapping[str, float] = MappingProxyType({"multilingual-e5-small": 0.845})
"""By model: the cosine below which even the nearest document is far from a question. Each model
puts its cosines elsewhere; of one that is not here nothing is known, and nobody is held back.
`quisait evaluate nobody --foreign-questions` prints the figures to choose by (decision 8)."""


def far_below(encoder: str) -> float:
    """The bar of an encoder, by its name (model, then precision); minus infinity if unknown."""
    return FAR.get(encoder.partition("/")[0], -math.inf)


def all_of(question: Question) -> Question:
    """The question to documents that have every word of it, but for those that only ask."""
    places: dict[int, list[str]] = defaultdict(list)
    for term in asked(question.text):
        places[term.position].append(question.text[term.start : term.end])
    words = tuple(tuple(dict.fromkeys(forms)) for forms in places.values())
    return replace(question, text="", any_of=(*question.any_of, *words), expansions=())
