"""What is wrong with the settings, in sentences that say what to do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

_SENTENCES = {
    "extra_forbidden": "réglage inconnu : corrigez son nom, ou retirez-le",
    "missing": "réglage manquant : ajoutez-le",
    "literal_error": "valeur refusée ; attendu : {expected}",
    "greater_than": "donnez un nombre supérieur à {gt}",
    "greater_than_equal": "donnez un nombre d'au moins {ge}",
    "less_than_equal": "donnez un nombre d'au plus {le}",
    "string_type": "donnez un texte, entre guillemets",
    "string_pattern_mismatch": "forme refusée ; attendu : {pattern}",
    "int_type": "donnez un nombre entier",
    "int_parsing": "donnez un nombre entier",
    "float_type": "donnez un nombre",
    "float_parsing": "donnez un nombre",
    "list_type": "donnez une liste, entre crochets",
    "value_error": "{error}",
}
"""By pydantic's kind of error; its context fills the braces."""


def sentences(error: ValidationError, file: Path) -> list[str]:
    """One line per fault: the file, the setting, what to do."""
    return [
        f"{file} : {'.'.join(map(str, one['loc']))} : {_sentence(one['type'], one.get('ctx', {}))}"
        for one in error.errors()
    ]


def _sentence(kind: str, context: Mapping[str, Any]) -> str:
    known = _SENTENCES.get(kind, f"valeur refusée ({kind})")
    expected = str(context.get("expected", "")).replace(" or ", " ou ").replace("'", '"')
    return known.format(**{**context, "expected": expected})
