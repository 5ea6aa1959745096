"""What several tables of settings are made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from connectors.values import principal_form
from quisait.settings.durations import seconds_of


class Table(BaseModel):
    """A table of the settings' file: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def without_password(written: str) -> str:
    """An address that may be told. Raises `ValueError`, which says nothing of it, otherwise."""
    if "@" in written.partition("://")[2].partition("/")[0]:
        raise ValueError(
            "retirez compte et mot de passe de l'adresse : d'autres réglages les disent"
        )
    return written


Secret = Annotated[str, Field(repr=False)]
"""Never told again: neither in a `repr` nor in a sentence about settings."""

Address = Annotated[str, AfterValidator(without_password)]
"""Of a server, without an account or a password in it: addresses are told in sentences."""


def _principal(written: str) -> str:
    return principal_form(written.strip())


Principal = Annotated[str, AfterValidator(_principal)]
"""Who reads: `everyone`, or `authority:kind:id` in its form, without spaces around."""


def _duration(written: str) -> str:
    """Kept as written. Raises `ValueError` for what is none."""
    seconds_of(written)
    return written


Duration = Annotated[str, AfterValidator(_duration)]

NEVER = "jamais"


def pace(written: str) -> str:
    """A duration, never, or nothing said. Raises `ValueError` for anything else."""
    return written if written in ("", NEVER) else _duration(written)
