"""Outlines of the départements, from the drawing of the package `pygal_maps_fr` (LGPL, Kozea).

The drawing is read, rounded to a coarse grid and merged into regions, once per process.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from lxml import etree

from connectors.geography import region_of

WIDTH, HEIGHT = 500, 475
"""Size of the drawing in units of the grid: a quarter of the package's units."""
_GRID = 4.0
_ORIGIN = (42.932808, -96.039162)
"""Offset of the package's drawing."""
_LEAST_AREA = 4.0
"""Minimum area of a ring that is drawn: smaller islands, and slivers between two borders, would
only be a point on a screen.
"""
_SVG = "{http://www.w3.org/2000/svg}"
_CODE = re.compile(r"z(\w+) departement")
_TOKEN = re.compile(r"[a-zA-Z]|-?\d*\.?\d+(?:e-?\d+)?")

Point = tuple[int, int]
Ring = Sequence[Point]


@dataclass(frozen=True, slots=True)
class Outline:
    """A shape as SVG path data, and the position of its figure in its largest part."""

    path: str
    x: int
    y: int


@cache
def departement_outlines() -> Mapping[str, Outline]:
    """Return outlines by code.

    Paris and its neighbours are drawn twice: in place, and enlarged next to it.
    """
    return {code: _outline(rings) for code, rings in _rings_by_code().items()}


@cache
def region_outlines() -> Mapping[str, Outline]:
    """Return outlines by code with an `r`, without borders inside a region."""
    inside: dict[str, list[Ring]] = defaultdict(list)
    for code, rings in _rings_by_code().items():
        inside[f"r{region_of(code)}"] += rings
    return {code: _outline(_merged(rings)) for code, rings in inside.items()}


@cache
def _rings_by_code() -> Mapping[str, Sequence[Ring]]:
    drawn = (files("pygal_maps_fr") / "fr.departments.svg").read_bytes()
    root = etree.fromstring(drawn, etree.XMLParser(resolve_entities=False, no_network=True))
    found: dict[str, list[Ring]] = defaultdict(list)
    for group in root.iter(f"{_SVG}g"):
        if code := _CODE.match(group.get("class", "")):
            for path in group.iter(f"{_SVG}path"):
                found[code[1]] += [_on_grid(ring) for ring in _read_path(path.get("d", ""))]
    return found


def _read_path(data: str) -> list[list[tuple[float, float]]]:
    """Return rings of points, in the drawing's units; each curve is reduced to its end point."""
    rings: list[list[tuple[float, float]]] = []
    x = y = 0.0
    command, tokens, at = "", _TOKEN.findall(data), 0
    while at < len(tokens):
        if tokens[at].isalpha():
            command = tokens[at]
            at += 1
            if command in "zZ":
                x, y = rings[-1][0]
                continue
        numbers = 6 if command in "cC" else 2
        to_x, to_y = (float(token) for token in tokens[at + numbers - 2 : at + numbers])
        at += numbers
        x, y = (x + to_x, y + to_y) if command.islower() else (to_x, to_y)
        if command in "mM":
            rings.append([])
            command = "l" if command == "m" else "L"
        rings[-1].append((x, y))
    return rings


def _on_grid(ring: Iterable[tuple[float, float]]) -> Ring:
    """Return the ring with its points rounded to a grid, which common borders share."""
    points: list[Point] = []
    for x, y in ring:
        point = (round((x - _ORIGIN[0]) / _GRID), round((y - _ORIGIN[1]) / _GRID))
        if not points or points[-1] != point:
            points.append(point)
    return points[:-1] if len(points) > 1 and points[0] == points[-1] else points


def _merged(rings: Iterable[Ring]) -> list[Ring]:
    """Return the outer rings: edges that belong to two rings are left out."""
    edges: dict[frozenset[Point], tuple[Point, Point]] = {}
    for ring in rings:
        for one, other in zip(ring, (*ring[1:], *ring[:1]), strict=True):
            if edges.pop(frozenset((one, other)), None) is None:
                edges[frozenset((one, other))] = (one, other)
    beside: dict[Point, list[Point]] = defaultdict(list)
    for one, other in edges.values():
        beside[one].append(other)
        beside[other].append(one)
    found: list[Ring] = []
    while beside:
        at = next(iter(beside))
        around = [at]
        while beside.get(at):
            to = beside[at].pop()
            beside[to].remove(at)
            around.append(to)
            at = to
        for point in around:
            if not beside.get(point):
                beside.pop(point, None)
        found.append(around[:-1])
    return found


def _outline(rings: Iterable[Ring]) -> Outline:
    """Return the outline of the rings that are large enough, or of the largest ring."""
    ordered = sorted((_straightened(ring) for ring in rings), key=_area, reverse=True)
    kept = [*ordered[:1], *(ring for ring in ordered[1:] if _area(ring) >= _LEAST_AREA)]
    x, y = _middle(kept[0])
    return Outline("".join(map(_path, kept)), x, y)


def _straightened(ring: Ring) -> Ring:
    """Return the ring without points in the middle of a straight line."""
    kept: list[Point] = []
    for n, (x, y) in enumerate(ring):
        (x_0, y_0), (x_2, y_2) = ring[n - 1], ring[(n + 1) % len(ring)]
        if (x - x_0) * (y_2 - y) != (y - y_0) * (x_2 - x):
            kept.append((x, y))
    return kept or ring


def _area(ring: Ring) -> float:
    return abs(_doubled_areas(ring)) / 2


def _doubled_areas(ring: Ring) -> int:
    pairs = zip(ring, (*ring[1:], *ring[:1]), strict=True)
    return sum(x * y_2 - x_2 * y for (x, y), (x_2, y_2) in pairs)


def _middle(ring: Ring) -> Point:
    """Return the centroid of the area."""
    whole = _doubled_areas(ring)
    if not whole:
        return ring[0]
    sum_x = sum_y = 0
    for (x, y), (x_2, y_2) in zip(ring, (*ring[1:], *ring[:1]), strict=True):
        part = x * y_2 - x_2 * y
        sum_x += (x + x_2) * part
        sum_y += (y + y_2) * part
    return round(sum_x / (3 * whole)), round(sum_y / (3 * whole))


def _path(ring: Ring) -> str:
    """Return relative path data, which is a third shorter than absolute data."""
    (x, y), *others = ring
    steps = []
    for to_x, to_y in others:
        steps.append(f"{to_x - x} {to_y - y}")
        x, y = to_x, to_y
    return f"M{ring[0][0]} {ring[0][1]}l{' '.join(steps).replace(' -', '-')}z"
