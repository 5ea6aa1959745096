"""Durations as a person writes them in the settings: `15 min`, `1 h`, `1 j`."""

import re

_UNITS_S = {"s": 1, "min": 60, "h": 3600, "j": 86400}
_WRITTEN = re.compile(r"(\d{1,6})\s*(s|min|h|j)")


def seconds_of(written: str) -> float:
    """In seconds. Raises `ValueError`, in French, for anything else, and for nothing at all."""
    understood = _WRITTEN.fullmatch(written.strip())
    if not understood or not int(understood[1]):
        raise ValueError("écrivez une durée comme « 30 s », « 15 min », « 2 h » ou « 1 j »")
    return float(int(understood[1]) * _UNITS_S[understood[2]])
