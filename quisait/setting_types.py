"""What several tables of settings are made of."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from quisait.durations import seconds_of


class Table(BaseModel):
    """A table of the settings' file: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _duration(written: str) -> str:
    """Kept as written. Raises `ValueError` for what is none."""
    seconds_of(written)
    return written


Duration = Annotated[str, AfterValidator(_duration)]

NEVER = "jamais"


def pace(written: str) -> str:
    """A duration, never, or nothing said. Raises `ValueError` for anything else."""
    return written if written in ("", NEVER) else _duration(written)
