"""Map of France: outlines, and a row of equal tiles below for places without an outline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from connectors.geography import DEPARTEMENTS, REGIONS
from search_api.topics import outlines

TILE = 40
"""Side of a tile with its gap, in units of the drawing."""


@dataclass(frozen=True, slots=True)
class TilePlace:
    """Position of a place in the drawing's units: its outline, or a tile if `outline` is empty.

    `x` and `y` are a tile's corner, or the position of the figure in an outline.
    """

    code: str
    name: str
    x: int
    y: int
    outline: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A place with its figure; `level` tells the style sheet how isolated the agents there are."""

    place: TilePlace
    figure: str
    level: str
    said: str
    address: str


@dataclass(frozen=True, slots=True)
class TileMap:
    """A drawing with its width and height."""

    tiles: tuple[Tile, ...]
    width: int
    height: int


def tile_map(
    places: tuple[TilePlace, ...],
    counts: Mapping[str, tuple[str, str]],
    say: Callable[[TilePlace, str], str],
    address: Callable[[TilePlace], str],
) -> TileMap:
    """Return the map of `counts`, which are (figure, level) by code.

    Other places have level `none`.
    """
    tiles = []
    for place in places:
        figure, level = counts.get(place.code, ("", "none"))
        tiles.append(Tile(place, figure, level, say(place, figure), address(place)))
    ends = [place for place in places if not place.outline]
    return TileMap(
        tuple(tiles),
        max([outlines.WIDTH, *(place.x + TILE for place in ends)]),
        max([outlines.HEIGHT, *(place.y + TILE for place in ends)]),
    )


@cache
def departement_places() -> tuple[TilePlace, ...]:
    """Return every département and collectivity."""
    return _places(DEPARTEMENTS, outlines.departement_outlines())


@cache
def region_places() -> tuple[TilePlace, ...]:
    """Return every region, with an `r` before its code."""
    names = {f"r{code}": name for code, name in REGIONS.items()}
    return _places(names, outlines.region_outlines())


def _places(
    names: Mapping[str, str], drawn: Mapping[str, outlines.Outline]
) -> tuple[TilePlace, ...]:
    """Return the places that have an outline, then the others as tiles in a row below."""
    shapes = [
        TilePlace(code, name, drawn[code].x, drawn[code].y, outline=drawn[code].path)
        for code, name in names.items()
        if code in drawn
    ]
    left = [code for code in names if code not in drawn]
    y = outlines.HEIGHT + TILE // 4
    tiles = [TilePlace(code, names[code], number * TILE, y) for number, code in enumerate(left)]
    return (*shapes, *tiles)
