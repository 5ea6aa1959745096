"""Départements and regions of the official geographic code (INSEE), overseas included."""

from types import MappingProxyType

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

# Each line: the region, then its départements. Overseas collectivities stand alone below.
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


def _departements() -> tuple[dict[str, str], dict[str, str]]:
    names, regions = {}, {}
    for line in _DEPARTEMENTS.strip().splitlines():
        region, _, entries = line.partition(":")
        for code, name in map(_code_and_name, entries.split(",")):
            names[code], regions[code] = name, region
    for code, name in map(_code_and_name, _COLLECTIVITIES.strip().splitlines()):
        names[code], regions[code] = name, code
    return names, regions


_names, _region_codes = _departements()

DEPARTEMENTS = MappingProxyType(_names)
"""Département code → name; a collectivity overseas counts as one."""

REGIONS = MappingProxyType(
    dict(map(_code_and_name, (_REGIONS.strip() + _COLLECTIVITIES.rstrip()).splitlines()))
)
"""Region code → name; a collectivity overseas is its own region, under its own code."""


def area_name(code: str) -> str:
    """Name of a département; the code itself where it is none."""
    return DEPARTEMENTS.get(code, code)


def region_of(code: str) -> str | None:
    """Code of the region that a département belongs to; None where it is none."""
    return _region_codes.get(code)
