"""Where a département lies: the middle of its territory, and great-circle distances."""

import math
from types import MappingProxyType

EARTH_RADIUS_KM = 6371.0

# Code, latitude and longitude in degrees (WGS 84), rounded to a kilometre; the main island
# of a collectivity overseas. Those without inhabitants have none.
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


def _read() -> dict[str, tuple[float, float]]:
    rows = (entry.split() for entry in _CENTROIDS.replace("\n", " ").split(","))
    return {code: (float(latitude), float(longitude)) for code, latitude, longitude in rows}


CENTROIDS = MappingProxyType(_read())
"""Département code → (latitude, longitude) in degrees."""


def distance_km(one: str, other: str) -> float | None:
    """Great-circle distance between two départements' centroids; None where one is unknown.

    The haversine formula (Sinnott, "Virtues of the haversine", Sky & Telescope 1984).
    Agents of one département are 0 km apart.
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
