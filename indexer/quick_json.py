"""JSON read quickly, and all of it."""

import json
import re
from typing import Any

import orjson

_LONG_NUMBER = re.compile(r"\d{19}")


def loads(text: str | bytes) -> Any:
    """By orjson, and by Python's own what orjson refuses or changes, and a source may well write.

    Half a surrogate pair it refuses; a whole number beyond 64 bits it rounds.
    Raises `ValueError` for what is no JSON.
    """
    told = text.decode() if isinstance(text, bytes) else text
    if _LONG_NUMBER.search(told):
        return json.loads(told)
    try:
        return orjson.loads(told)
    except ValueError:
        return json.loads(told)
