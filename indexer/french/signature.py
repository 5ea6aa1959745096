"""A hash of the French analysis, which identifies indexes built with another analysis."""

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
"""A text whose terms are part of the signature, together with the tables of the analysis."""


@cache
def analysis_signature() -> str:
    """Return a hash of the tables of the analysis and of its terms for `PROBE`."""
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
