"""How many hold a topic in each area, from the holders that stand."""

from collections import defaultdict
from collections.abc import Sequence

from connectors.areas import region_of
from expertise.holders import Basis
from expertise.overview_values import AreaCount, Count
from expertise.standing import Holder


def counted(holders: Sequence[Holder], most: int) -> Count:
    """A count that stops at `most`."""
    agents = len({one.agent.id for one in holders})
    return Count(min(agents, most), agents > most)


def area_counts(standing: Sequence[Holder], most: int) -> tuple[AreaCount, ...]:
    """The country, then regions, then départements, by code; where nobody is there is no row."""
    by_area: dict[str, list[Holder]] = defaultdict(list)
    for one in standing:
        by_area[""].append(one)
        code = one.agent.departement
        if code:
            by_area[code].append(one)
            if region := region_of(code):
                by_area[f"r{region}"].append(one)
    ordered = sorted(by_area, key=lambda area: (area != "", not area.startswith("r"), area))
    return tuple(
        AreaCount(
            area,
            counted([one for one in by_area[area] if one.cell.basis != Basis.DECLARED], most),
            counted([one for one in by_area[area] if one.cell.basis == Basis.DECLARED], most),
        )
        for area in ordered
    )
