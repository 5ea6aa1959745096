"""A hash of the French analysis: an index made with another analysis is told by it."""

import hashlib
import json
import re
from functools import cache
from typing import Any

from indexer.french import analysis, references, stems, stop_words

PROBE = (
    "L’exonération facultative de la taxe foncière, l'inspecteur et l'inspectrice des finances "
    "publiques, directeurs et directrices ; agent·e·s comptables, C.F.E, 2042-C-PRO, PAS, TA, ES. "
    "Œuvre, cœur, journaux, travaux, généraux, nationales, déclaré, déclarations, déclarante, "
    "chevaux de bois, aujourd'hui, quelqu'un, service:budget, fin.Début, 3,5 %, 1er janvier."
)
"""Words on which the analysis is tried; what its tables hold counts besides."""


@cache
def analysis_signature() -> str:
    """The same for the same analysis: of its tables, and of the terms that it makes of a probe."""
    modules = (analysis, references, stems, stop_words)
    tables = [
        {name: value for name, value in vars(module).items() if name.isupper()}
        for module in modules
    ]
    tried = [analysis.encoded(analysis.analyse(PROBE)), analysis.folded_words(PROBE)]
    canonical = json.dumps([tables, tried], default=_plain, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, re.Pattern):
        return value.pattern
    return sorted(map(str, value)) if isinstance(value, frozenset | set) else repr(value)
