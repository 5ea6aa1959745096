"""French départements and regions (INSEE codes, overseas included), and distances between them."""

import math
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

# Code, name, code and name of the region, latitude and longitude in degrees (WGS 84), rounded to a
# kilometre. An overseas collectivity is its own region, and has the position of its main island;
# uninhabited territories have none.
_ROWS = [
    line.split("\t")
    for line in Path(__file__).with_name("departements.tsv").read_text("utf-8").splitlines()
]
_region_codes = {code: region for code, _, region, *_ in _ROWS}

DEPARTEMENTS = MappingProxyType({code: name for code, name, *_ in _ROWS})
"""Département code → name; overseas collectivities are included."""

REGIONS = MappingProxyType({region: name for _, _, region, name, *_ in _ROWS})
"""Region code → name; an overseas collectivity is a region with the same code."""

CENTROIDS = MappingProxyType(
    {
        code: (float(latitude), float(longitude))
        for code, _, region, _, latitude, longitude in sorted(
            _ROWS, key=lambda row: (row[0] == row[2], row[0])
        )
        if latitude
    }
)
"""Département code → (latitude, longitude) in degrees; sorted by code, collectivities last."""


def area_name(code: str) -> str:
    """Return the name of a département, or of a region (`r53`); the code itself if unknown."""
    return REGIONS.get(code[1:], code) if code.startswith("r") else DEPARTEMENTS.get(code, code)


def region_of(code: str) -> str | None:
    """Return the region code of a département, or None if it is unknown."""
    return _region_codes.get(code)


EARTH_RADIUS_KM = 6371.0


def distance_km(one: str, other: str) -> float | None:
    """Return the great-circle distance of two départements' centroids, or None if one is unknown.

    The haversine formula (Sinnott, "Virtues of the haversine", Sky & Telescope 1984). Two agents in
    the same département are 0 km apart.
    """
    if one == other and one in CENTROIDS:
        return 0.0
    here, there = CENTROIDS.get(one), CENTROIDS.get(other)
    if here is None or there is None:
        return None
    (lat, lon), (lat_2, lon_2) = (tuple(map(math.radians, place)) for place in (here, there))
    half = (
        math.sin((lat_2 - lat) / 2) ** 2
        + math.cos(lat) * math.cos(lat_2) * math.sin((lon_2 - lon) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))


PLACES_FILE = Path(__file__).with_name("places.tsv")
"""Communes of INSEE's official geographical code of 2026 (Licence Ouverte 2.0), former regions and
historic lands; `python -m benchmarks.list_of_places` writes the file.
"""


class PlaceKind(StrEnum):
    """The kind of a name in `PLACES_FILE`.

    `TOWN` is a commune that is known far from it. `WORD` marks the name of any place in France that
    is also a word of the language; its kind as a place is on another line.
    """

    LAND = "land"
    TOWN = "town"
    COMMUNE = "commune"
    WORD = "word"


class NamedPlace(NamedTuple):
    """A line of `PLACES_FILE`.

    `departements`: for a historic land, all départements in which it lies; for communes, the
    département of each commune with this name, largest population first.
    """

    kind: PlaceKind
    name: str
    departements: tuple[str, ...]


def named_places() -> Iterator[NamedPlace]:
    """Yield every line of `PLACES_FILE`."""
    with PLACES_FILE.open(encoding="utf-8") as lines:
        for line in lines:
            kind, name, departements = line.rstrip("\n").split("\t")
            yield NamedPlace(PlaceKind(kind), name, tuple(departements.split()))
