"""How near is near: what a bar on the nearest document does. Read `farness` first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from expertise.confidence import SERVED
from quisait.evaluation.nobody import Asked, Case, Named, folds, line, named

STEPS = tuple(step / 200 for step in range(160, 181))
"""The cosines among which a bar is chosen."""
LOST = 0.005
"""A bar may cost so many of the answerable questions their answer (share of all)."""


@dataclass(frozen=True, slots=True)
class Farness:
    """At a bar: what answerable questions get, those without their experts, and foreign ones."""

    bar: float
    able: Named
    unable: Named
    foreign: Named


def farness(asked: Sequence[Asked], bar: float) -> Farness:
    """Nobody is named where no document comes as near as `bar` nor has all the words.

    The bar of confidence is the served one throughout.
    """
    each = [
        named([one for one in asked if one.case is case], SERVED, bar)
        for case in (Case.ANSWERABLE, Case.WITHOUT_EXPERTS, Case.FOREIGN)
    ]
    return Farness(bar, *each)


def chosen(asked: Sequence[Asked]) -> float:
    """The highest of `STEPS` that costs no more than `LOST`; none needs a foreign question."""
    before = farness(asked, -math.inf).able.share
    cheap = [bar for bar in STEPS if before - farness(asked, bar).able.share <= LOST]
    return cheap[-1] if cheap else -math.inf


def farness_text(name: str, asked: Sequence[Asked], served: float) -> str:
    """A table in Markdown, as it stands in docs/evaluation.md; the served bar is bold."""
    lines = [
        f"| {name}: nearest | answerable answered | names "
        "| without experts named | names | foreign named | names |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    bars = {bar for bar in STEPS if round(bar * 200) % 2 == 0} | {served, -math.inf}
    for bar in sorted(bars):
        told = "none" if math.isinf(bar) else f"{bar:.3f}"
        mark = "**" if bar == served else ""
        lines.append(line([told, *_cells(farness(asked, bar))], mark))
    foreign = [one for one in asked if one.case is Case.FOREIGN]
    for number, (kept, others) in enumerate(folds(asked), 1):
        bar = chosen(others)
        lines.append(
            line([f"fold {number}: {bar:.3f}", *_cells(farness([*kept, *foreign], bar))], "")
        )
    return "\n".join(lines)


def _cells(one: Farness) -> list[str]:
    each = (one.able, one.unable, one.foreign)
    return [f"{value:.2f}" for some in each for value in (some.share, some.names)]
