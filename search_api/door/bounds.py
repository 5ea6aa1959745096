"""How long a request may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """`body_s` for a whole body, `answer_s` from then to the beginning of the answer."""

    body_s: float = 30.0
    answer_s: float = 60.0
