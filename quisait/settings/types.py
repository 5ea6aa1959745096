"""Types shared by the tables of settings: durations, addresses, principals, secrets."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from connectors.values import normalize_principal

_UNITS_S = {"s": 1, "min": 60, "h": 3600, "j": 86400}
_WRITTEN = re.compile(r"(\d{1,6})\s*(s|min|h|j)")


def seconds_of(written: str) -> float:
    """In seconds. Raises `ValueError`, in French, for anything else, and for nothing at all."""
    understood = _WRITTEN.fullmatch(written.strip())
    if not understood or not int(understood[1]):
        raise ValueError("écrivez une durée comme « 30 s », « 15 min », « 2 h » ou « 1 j »")
    return float(int(understood[1]) * _UNITS_S[understood[2]])


class SettingsTable(BaseModel):
    """A table of the settings' file: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def without_password(written: str) -> str:
    """An address without a password in it. Raises `ValueError`, which does not repeat it."""
    if "@" in written.partition("://")[2].partition("/")[0]:
        raise ValueError(
            "retirez compte et mot de passe de l'adresse : d'autres réglages les disent"
        )
    return written


Secret = Annotated[str, Field(repr=False)]
"""Never shown: neither in a `repr` nor in a message about settings."""

Address = Annotated[str, AfterValidator(without_password)]
"""Of a server, without an account or a password in it: messages show addresses."""


def _principal(written: str) -> str:
    return normalize_principal(written.strip())


Principal = Annotated[str, AfterValidator(_principal)]
"""Who reads: `everyone`, or `authority:kind:id` in its form, without spaces around."""


def _duration(written: str) -> str:
    """Kept as written. Raises `ValueError` for what is none."""
    seconds_of(written)
    return written


Duration = Annotated[str, AfterValidator(_duration)]

NEVER = "jamais"


def pace(written: str) -> str:
    """A duration, never, or empty. Raises `ValueError` for anything else."""
    return written if written in ("", NEVER) else _duration(written)
