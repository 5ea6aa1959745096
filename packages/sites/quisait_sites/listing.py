"""List all items of a paged interface, although they may change meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.ports import SourceRefused, SourceUnreachable

MOST_ITEMS = 200_000
MOST_TRIES = 4
_MOST_REQUESTS = 20_000
_FEWEST = 10
"""Step to the next offset as long as the interface has given no item."""


@dataclass(frozen=True, slots=True)
class ItemsPage:
    """The answer to one request: `items` from an offset on, and the interface's `total`."""

    items: tuple[Mapping[str, Any], ...]
    total: int


def whole_listing(ask: Callable[[int], ItemsPage], host: str) -> dict[int, Mapping[str, Any]]:
    """Return every item by its id. Raises `SourceUnreachable`, `SourceRefused`.

    `ask` returns a page from an offset on, in the order of ids. Each page must begin with the last
    item of the page before; if not, something was deleted meanwhile, and an existing item could be
    missing. In that case, and if there are fewer items than the total, the items are listed again.
    If the second listing has the same items, the interface hides some, and the listing is complete.
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
    """Return the items, and whether they are surely complete."""
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
