"""Map of France: outlines, and tiles for places without one; only tiles without outlines.

Tiles have equal size and are laid out by centroids: no département hides another.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from connectors.geography import CENTROIDS, DEPARTEMENTS, REGIONS, region_of
from search_api.topics import outlines

TILE = 40
"""Side of a tile with its gap, in units of the drawing."""
LINE = 12
"""Maximum characters of a region's name on one line of its tile."""
_COSINE = 0.687
"""Cosine of 46.6° north, the middle of the country: length of a degree of longitude relative to one
of latitude (equirectangular projection).
"""


@dataclass(frozen=True, slots=True)
class TilePlace:
    """Position of a place in the drawing's units: its outline, or a tile if `outline` is empty.

    `x` and `y` are a tile's corner, or the position of the figure in an outline. `lines` are the
    text of a tile: a département's number, which people know, or a region's name.
    """

    code: str
    name: str
    x: int
    y: int
    lines: tuple[str, ...] = ()
    outline: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """A place with its figure; `level` tells the style sheet how isolated agents are there."""

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
    """Return the map of `counts`: (figure, level) by code. Other places have level `none`."""
    tiles = []
    for place in places:
        figure, level = counts.get(place.code, ("", "none"))
        tiles.append(Tile(place, figure, level, say(place, figure), address(place)))
    drawn = any(place.outline for place in places)
    width, height = (outlines.WIDTH, outlines.HEIGHT) if drawn else (0, 0)
    ends = [place for place in places if not place.outline]
    return TileMap(
        tuple(tiles),
        max([width, *(place.x + TILE for place in ends)]),
        max([height, *(place.y + TILE for place in ends)]),
    )


@cache
def departement_places() -> tuple[TilePlace, ...]:
    """Return every département and collectivity; overseas ones as tiles in rows below."""
    return _outlined(DEPARTEMENTS, outlines.departement_outlines()) or departement_tiles()


@cache
def region_places() -> tuple[TilePlace, ...]:
    """Return every region, with an `r` before its code."""
    names = {f"r{code}": name for code, name in REGIONS.items()}
    return _outlined(names, outlines.region_outlines()) or region_tiles()


def _outlined(
    names: Mapping[str, str], drawn: Mapping[str, outlines.Outline]
) -> tuple[TilePlace, ...]:
    """Return outlines, and tiles below for places without; nothing without any outline."""
    if not drawn:
        return ()
    shapes = [
        TilePlace(code, name, drawn[code].x, drawn[code].y, outline=drawn[code].path)
        for code, name in names.items()
        if code in drawn
    ]
    left = [code for code in names if code not in drawn]
    y = outlines.HEIGHT + TILE // 4
    tiles = [
        TilePlace(code, names[code], number * TILE, y, (code.removeprefix("r"),))
        for number, code in enumerate(left)
    ]
    return (*shapes, *tiles)


@cache
def departement_tiles() -> tuple[TilePlace, ...]:
    """Return every département and collectivity as tiles."""
    metropolitan = {c: p for c, p in CENTROIDS.items() if not c.startswith("9") or len(c) < 3}
    overseas = [code for code in DEPARTEMENTS if code not in metropolitan]
    return _laid_out(metropolitan, overseas, columns=13, rows=13, names=DEPARTEMENTS)


@cache
def region_tiles() -> tuple[TilePlace, ...]:
    """Return every region as tiles."""
    inside: dict[str, list[tuple[float, float]]] = {}
    for code, place in CENTROIDS.items():
        if not code.startswith("9") or len(code) < 3:
            inside.setdefault(f"r{region_of(code)}", []).append(place)
    middles = {code: tuple(np.mean(places, axis=0)) for code, places in inside.items()}
    names = {f"r{code}": name for code, name in REGIONS.items()}
    overseas = [code for code in names if code not in middles]
    return _laid_out(middles, overseas, columns=5, rows=5, names=names)


def _wrapped(name: str) -> tuple[str, ...]:
    """Return a name in lines that fit a tile, broken after hyphens and at spaces."""
    lines = [""]
    for piece in re.findall(r"[^- ]+[- ]?", name):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > LINE:
            lines.append("")
        lines[-1] += piece
    return tuple(line.rstrip() for line in lines)


def _laid_out(
    centroids: Mapping[str, tuple[float, ...]],
    overseas: list[str],
    *,
    columns: int,
    rows: int,
    names: Mapping[str, str],
) -> tuple[TilePlace, ...]:
    """Assign each centroid, from north to south, to the nearest tile that is free."""
    codes = sorted(centroids, key=lambda code: -centroids[code][0])
    lat = np.array([centroids[code][0] for code in codes])
    lon = np.array([centroids[code][1] for code in codes]) * _COSINE
    across = (lon - lon.min()) / (lon.max() - lon.min()) * (columns - 1)
    down = (lat.max() - lat) / (lat.max() - lat.min()) * (rows - 1)
    grid = np.array([(x, y) for y in range(rows) for x in range(columns)])
    moved = (across[:, None] - grid[:, 0]) ** 2 + (down[:, None] - grid[:, 1]) ** 2
    chosen = []
    for distances in moved:
        chosen.append(int(distances.argmin()))
        moved[:, chosen[-1]] = np.inf
    places = [
        _tile(code, names[code], int(grid[n][0]) * TILE, int(grid[n][1]) * TILE)
        for code, n in zip(codes, chosen, strict=True)
    ]
    for number, code in enumerate(overseas):
        y = rows + 1 + number // columns
        places.append(_tile(code, names[code], number % columns * TILE, y * TILE))
    return tuple(places)


def _tile(code: str, name: str, x: int, y: int) -> TilePlace:
    return TilePlace(code, name, x, y, _wrapped(name) if code.startswith("r") else (code,))
