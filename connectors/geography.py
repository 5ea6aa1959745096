"""French départements and regions (INSEE codes, overseas included), and distances between them."""

import math
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

_REGIONS = """
01 Guadeloupe
02 Martinique
03 Guyane
04 La Réunion
06 Mayotte
11 Île-de-France
24 Centre-Val de Loire
27 Bourgogne-Franche-Comté
28 Normandie
32 Hauts-de-France
44 Grand Est
52 Pays de la Loire
53 Bretagne
75 Nouvelle-Aquitaine
76 Occitanie
84 Auvergne-Rhône-Alpes
93 Provence-Alpes-Côte d'Azur
94 Corse
"""

# Each line: the region, then its départements. Overseas collectivities are listed below.
_DEPARTEMENTS = """
01: 971 Guadeloupe
02: 972 Martinique
03: 973 Guyane
04: 974 La Réunion
06: 976 Mayotte
11: 75 Paris, 77 Seine-et-Marne, 78 Yvelines, 91 Essonne, 92 Hauts-de-Seine, \
93 Seine-Saint-Denis, 94 Val-de-Marne, 95 Val-d'Oise
24: 18 Cher, 28 Eure-et-Loir, 36 Indre, 37 Indre-et-Loire, 41 Loir-et-Cher, 45 Loiret
27: 21 Côte-d'Or, 25 Doubs, 39 Jura, 58 Nièvre, 70 Haute-Saône, 71 Saône-et-Loire, 89 Yonne, \
90 Territoire de Belfort
28: 14 Calvados, 27 Eure, 50 Manche, 61 Orne, 76 Seine-Maritime
32: 02 Aisne, 59 Nord, 60 Oise, 62 Pas-de-Calais, 80 Somme
44: 08 Ardennes, 10 Aube, 51 Marne, 52 Haute-Marne, 54 Meurthe-et-Moselle, 55 Meuse, \
57 Moselle, 67 Bas-Rhin, 68 Haut-Rhin, 88 Vosges
52: 44 Loire-Atlantique, 49 Maine-et-Loire, 53 Mayenne, 72 Sarthe, 85 Vendée
53: 22 Côtes-d'Armor, 29 Finistère, 35 Ille-et-Vilaine, 56 Morbihan
75: 16 Charente, 17 Charente-Maritime, 19 Corrèze, 23 Creuse, 24 Dordogne, 33 Gironde, \
40 Landes, 47 Lot-et-Garonne, 64 Pyrénées-Atlantiques, 79 Deux-Sèvres, 86 Vienne, 87 Haute-Vienne
76: 09 Ariège, 11 Aude, 12 Aveyron, 30 Gard, 31 Haute-Garonne, 32 Gers, 34 Hérault, 46 Lot, \
48 Lozère, 65 Hautes-Pyrénées, 66 Pyrénées-Orientales, 81 Tarn, 82 Tarn-et-Garonne
84: 01 Ain, 03 Allier, 07 Ardèche, 15 Cantal, 26 Drôme, 38 Isère, 42 Loire, 43 Haute-Loire, \
63 Puy-de-Dôme, 69 Rhône, 73 Savoie, 74 Haute-Savoie
93: 04 Alpes-de-Haute-Provence, 05 Hautes-Alpes, 06 Alpes-Maritimes, 13 Bouches-du-Rhône, \
83 Var, 84 Vaucluse
94: 2A Corse-du-Sud, 2B Haute-Corse
"""

_COLLECTIVITIES = """
975 Saint-Pierre-et-Miquelon
977 Saint-Barthélemy
978 Saint-Martin
984 Terres australes et antarctiques françaises
986 Wallis et Futuna
987 Polynésie française
988 Nouvelle-Calédonie
989 Île de Clipperton
"""


def _code_and_name(entry: str) -> tuple[str, str]:
    code, _, name = entry.strip().partition(" ")
    return code, name


def _departement_tables() -> tuple[dict[str, str], dict[str, str]]:
    names, regions = {}, {}
    for line in _DEPARTEMENTS.strip().splitlines():
        region, _, entries = line.partition(":")
        for code, name in map(_code_and_name, entries.split(",")):
            names[code], regions[code] = name, region
    for code, name in map(_code_and_name, _COLLECTIVITIES.strip().splitlines()):
        names[code], regions[code] = name, code
    return names, regions


_names, _region_codes = _departement_tables()

DEPARTEMENTS = MappingProxyType(_names)
"""Département code → name; overseas collectivities are included."""

REGIONS = MappingProxyType(
    dict(map(_code_and_name, (_REGIONS.strip() + _COLLECTIVITIES.rstrip()).splitlines()))
)
"""Region code → name; an overseas collectivity is a region with the same code."""


def area_name(code: str) -> str:
    """Return the name of a département, or of a region (`r53`); the code itself if unknown."""
    return REGIONS.get(code[1:], code) if code.startswith("r") else DEPARTEMENTS.get(code, code)


def region_of(code: str) -> str | None:
    """Return the region code of a département, or None if it is unknown."""
    return _region_codes.get(code)


EARTH_RADIUS_KM = 6371.0

# Code, latitude and longitude in degrees (WGS 84), rounded to a kilometre. An overseas
# collectivity has the position of its main island; uninhabited territories are left out.
_CENTROIDS = """
01 46.10 5.35, 02 49.56 3.56, 03 46.39 3.19, 04 44.11 6.24, 05 44.66 6.26, 06 43.94 7.12, \
07 44.75 4.43, 08 49.62 4.64, 09 42.92 1.50, 10 48.30 4.16, 11 43.10 2.41, 12 44.28 2.68, \
13 43.54 5.09, 14 49.10 -0.36, 15 45.05 2.67, 16 45.72 0.20, 17 45.78 -0.68, 18 47.07 2.49, \
19 45.36 1.88, 21 47.43 4.77, 22 48.44 -2.86, 23 46.09 2.02, 24 45.10 0.74, 25 47.17 6.36, \
26 44.68 5.16, 27 49.11 1.00, 28 48.39 1.37, 29 48.26 -4.06, 2A 41.86 8.99, 2B 42.39 9.21, \
30 43.99 4.18, 31 43.36 1.18, 32 43.69 0.45, 33 44.84 -0.58, 34 43.58 3.37, 35 48.16 -1.64, \
36 46.78 1.58, 37 47.26 0.69, 38 45.26 5.57, 39 46.73 5.70, 40 43.97 -0.78, 41 47.62 1.43, \
42 45.73 4.16, 43 45.13 3.81, 44 47.36 -1.68, 45 47.91 2.34, 46 44.62 1.61, 47 44.37 0.46, \
48 44.52 3.50, 49 47.39 -0.56, 50 49.08 -1.33, 51 48.95 4.24, 52 48.11 5.23, 53 48.15 -0.66, \
54 48.79 6.16, 55 48.99 5.38, 56 47.85 -2.81, 57 49.04 6.66, 58 47.12 3.50, 59 50.45 3.22, \
60 49.41 2.43, 61 48.62 0.13, 62 50.49 2.29, 63 45.73 3.14, 64 43.26 -0.76, 65 43.05 0.16, \
66 42.60 2.52, 67 48.67 7.55, 68 47.86 7.27, 69 45.87 4.64, 70 47.64 6.09, 71 46.64 4.54, \
72 47.99 0.22, 73 45.48 6.44, 74 46.03 6.43, 75 48.86 2.34, 76 49.65 1.03, 77 48.63 2.93, \
78 48.82 1.84, 79 46.56 -0.32, 80 49.96 2.28, 81 43.79 2.17, 82 44.09 1.28, 83 43.44 6.24, \
84 44.01 5.18, 85 46.67 -1.30, 86 46.56 0.46, 87 45.89 1.23, 88 48.20 6.38, 89 47.84 3.56, \
90 47.63 6.93, 91 48.52 2.24, 92 48.85 2.25, 93 48.92 2.48, 94 48.78 2.47, 95 49.08 2.13, \
971 16.20 -61.54, 972 14.65 -61.02, 973 3.92 -53.24, 974 -21.13 55.53, 976 -12.82 45.15, \
975 46.92 -56.30, 977 17.90 -62.83, 978 18.07 -63.06, 986 -13.29 -176.20, 987 -17.65 -149.45, \
988 -21.30 165.60
"""


def _parse_centroids() -> dict[str, tuple[float, float]]:
    rows = (entry.split() for entry in _CENTROIDS.replace("\n", " ").split(","))
    return {code: (float(latitude), float(longitude)) for code, latitude, longitude in rows}


CENTROIDS = MappingProxyType(_parse_centroids())
"""Département code → (latitude, longitude) in degrees."""


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

    `departements`: for a land, all départements that it lies in; for communes, one per commune of
    this name, by descending number of inhabitants.
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
