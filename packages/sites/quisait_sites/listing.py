"""List all items of an interface that gives them page by page, while they may change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.ports import SourceRefused, SourceUnreachable

MOST_ITEMS = 200_000
MOST_TRIES = 4
_MOST_REQUESTS = 20_000
_FEWEST = 10
"""How far to go on where an interface has not given one item yet."""


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """What one request gave: `items` from an offset on, and the `total` that the interface says."""

    items: tuple[Mapping[str, Any], ...]
    total: int


def whole_listing(ask: Callable[[int], ItemsPage], host: str) -> dict[int, Mapping[str, Any]]:
    """Every item by its id. Raises `SourceUnreachable`, `SourceRefused`.

    `ask` gives a page from an offset on, in the order of ids. Each page begins with the last item
    of the one before: where it does not, something was deleted meanwhile, and an item that is
    there could be missing. The items are then listed again, as where there are fewer of them than
    the total; an interface that hides some has given twice the same ones.
    """
    before: dict[int, Mapping[str, Any]] | None = None
    for _ in range(MOST_TRIES):
        found, exact = _listed(ask, host)
        if exact or (before is not None and before.keys() == found.keys()):
            return found
        before = found
    raise SourceUnreachable(
        f"{host} : la liste des contenus change pendant qu'elle est lue : rien n'a été supprimé, "
        "elle sera relue plus tard."
    )


def _listed(
    ask: Callable[[int], ItemsPage], host: str
) -> tuple[dict[int, Mapping[str, Any]], bool]:
    """The items, and whether they are surely all."""
    found: dict[int, Mapping[str, Any]] = {}
    exact, offset, most, last = True, 0, 0, 0
    for _ in range(_MOST_REQUESTS):
        page = ask(offset)
        ids = [one["id"] for one in page.items if _has_id(one)]
        if max(page.total, len(found)) > MOST_ITEMS:
            raise SourceRefused(
                f"{host} : plus de {MOST_ITEMS} contenus ; partagez-les en sources, une par type."
            )
        exact = exact and len(ids) == len(page.items) and (not last or last in ids)
        found |= {one["id"]: one for one in page.items if _has_id(one)}
        most = max(most, len(page.items))
        if offset + len(page.items) >= page.total or (
            not page.items and offset + max(most, _FEWEST) >= page.total
        ):
            return found, exact and len(found) == page.total
        offset += max(1, (len(page.items) or most or _FEWEST) - 1)
        last = ids[-1] if ids else last
    raise SourceRefused(f"{host} : la liste des contenus ne finit pas.")


def _has_id(item: Mapping[str, Any]) -> bool:
    number = item.get("id")
    return type(number) is int and number > 0
