"""French sentences for pydantic's errors: they say what is expected, and never repeat the value."""

from collections.abc import Mapping
from typing import Any

_TEXT = "donnez un texte"
_WHOLE = "donnez un nombre entier"
_NUMBER = "donnez un nombre"
_BOOLEAN = "donnez true ou false"
_LIST = "donnez une liste"
_OBJECT = "donnez un objet"
_DAY = "donnez un jour, comme 2026-01-31"
_TIME = "donnez un instant avec son fuseau, comme 2026-01-31T09:00:00+01:00"

MESSAGES: Mapping[str, str] = {
    "extra_forbidden": "nom inconnu : corrigez-le, ou retirez-le",
    "missing": "manque : ajoutez-le",
    "json_invalid": "ce n'est pas du JSON",
    "json_type": "donnez du JSON",
    "literal_error": "valeur refusée ; attendu : {expected}",
    "enum": "valeur refusée ; attendu : {expected}",
    "union_tag_invalid": "valeur refusée ; attendu : {expected_tags}",
    "union_tag_not_found": "dites son type",
    "greater_than": "donnez un nombre supérieur à {gt}",
    "greater_than_equal": "donnez un nombre d'au moins {ge}",
    "less_than": "donnez un nombre inférieur à {lt}",
    "less_than_equal": "donnez un nombre d'au plus {le}",
    "multiple_of": "donnez un multiple de {multiple_of}",
    "finite_number": _NUMBER,
    "string_type": _TEXT,
    "string_unicode": "donnez un texte en UTF-8",
    "string_pattern_mismatch": "forme refusée ; attendu : {pattern}",
    "string_too_short": "donnez un texte d'au moins {min_length} signes",
    "string_too_long": "donnez un texte d'au plus {max_length} signes",
    "too_short": "donnez au moins {min_length} valeurs",
    "too_long": "donnez au plus {max_length} valeurs",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "donnez un nombre entier plus petit",
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "list_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "tuple_type": _LIST,
    "iterable_type": _LIST,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "none_required": "ce champ n'est pas offert ici : retirez-le",
    "date_type": _DAY,
    "date_parsing": _DAY,
    "date_from_datetime_parsing": _DAY,
    "date_from_datetime_inexact": _DAY,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "datetime_object_invalid": _TIME,
    "timezone_aware": _TIME,
}
"""French messages by kind of error. Values of the error's context replace the braces."""

_PATTERNS = {
    r"^[^\x00]*$": "un texte sans caractère NUL",
    r"^[^\x00]+$": "un texte, sans caractère NUL",
    r"^[^\x00]*[^\x00\s][^\x00]*$": "un texte, sans caractère NUL",
    r"^[0-9]*$": "des chiffres",
    r"^(everyone|[^:\s]+:\S[^\x00]*)$": "« everyone », ou un lecteur comme « annuaire:group:nom »",
    r"^[^:\s]+:\S.*$": "un compte comme « source:nom »",
    r"^[^:\s]+:[^:\s]+:\S.*$": "un groupe comme « annuaire:group:nom »",
}

_DEFAULT = "valeur refusée"


def expected(
    error: Mapping[str, Any], messages: Mapping[str, str] = MESSAGES, default: str = _DEFAULT
) -> str:
    """Return a French clause that says what is expected instead of a value that pydantic refused.

    `error` is one of `ValidationError.errors()`, with its context. Messages of validators may
    repeat the value; they are only used if `messages` contains them.
    """
    context = dict(error.get("ctx", {}))
    for name in ("expected", "expected_tags"):
        listed = str(context.get(name, "")).replace(" or ", " ou ").replace("'", '"')
        context[name] = listed
    pattern = str(context.get("pattern", ""))
    context["pattern"] = _PATTERNS.get(pattern, pattern)
    return messages.get(error["type"], default).format(**context)
