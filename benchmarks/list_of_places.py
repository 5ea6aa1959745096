"""Write `connectors/places.tsv`: communes, former regions and historic lands of France.

`python -m benchmarks.list_of_places FOLDER`, where FOLDER is a `node_modules` with two npm
packages: `@etalab/decoupage-administratif`, the official geographical code of INSEE under the
Licence Ouverte 2.0, and `an-array-of-french-words` (MIT), to find names that are also words. Former
regions come from `pygal-maps-fr`. No list of historic lands is as open: they are taken from the
names of communes and of groups of communes (Sainte-Maure-de-Touraine, Nohant-en-Berry).
"""

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from connectors.geography import DEPARTEMENTS, PLACES_FILE, REGIONS, PlaceKind

TOWN_INHABITANTS = 10_000
"""A commune with this many inhabitants, a préfecture or a sous-préfecture is widely known."""

SHORTEST_LAND = 3

LAND_NAMES = 2
"""Fewest communes or groups named after a land."""

LAND_DEPARTEMENTS = 4
LAND_SHARE = 0.25
"""A land has at most `LAND_DEPARTEMENTS` départements; each has at least this share of the names
that the département with the most has.
"""

LAND_CORE = 0.8
"""Share of the names that must lie in these départements: «Bois» and «Lac» are everywhere."""

LAND_HEADS = 0.25
"""Least ratio of places named after a land to communes elsewhere that begin with the word: this
excludes «Pont» and «Beaumont».
"""

_NAME = r"[A-ZÀÉÈÊÎÔŒ][^\s\-'’/]+"
_LAND = re.compile(rf"(?:[-\s](?P<article>en|du|de)[-\s]|[-\s]d[’'])(?P<land>{_NAME})(?=$|[\s/])")
_ARTICLE = re.compile(r"^(?:Le |La |Les |L')")
_HEAD = re.compile(rf"(?:Le |La |Les |L')?({_NAME})")


def main(folder: Path) -> None:
    """Write the list."""
    official = folder / "@etalab/decoupage-administratif/data"
    communes = json.loads((official / "communes.json").read_text(encoding="utf-8"))
    groups = json.loads((official / "epci.json").read_text(encoding="utf-8"))
    seats = {
        one["chefLieu"]
        for name in ("departements", "arrondissements")
        for one in json.loads((official / f"{name}.json").read_text(encoding="utf-8"))
    }
    words = json.loads((folder / "an-array-of-french-words/index.json").read_text(encoding="utf-8"))
    names = land_names(communes, groups)
    heads = Counter(
        (match[1], departement_of(one)) for one in communes if (match := _HEAD.match(one["nom"]))
    )
    after_en = lands_after_en([*communes, *groups])
    of_groups = {word for one in groups for word in re.findall(_NAME, one["nom"])}
    lands = historic_lands(names, heads, after_en | of_groups)
    places = lands | former_parts(names, after_en) | former_regions()
    known = {*DEPARTEMENTS.values(), *REGIONS.values()}
    rows = [(PlaceKind.LAND, name, of) for name, of in sorted(places.items()) if name not in known]
    by_name: dict[str, list[tuple[int, str]]] = defaultdict(list)
    towns: set[str] = set()
    for one in communes:
        if one["type"] != "arrondissement-municipal":
            by_name[one["nom"]].append((one.get("population") or 0, departement_of(one)))
            if one["code"] in seats or (one.get("population") or 0) >= TOWN_INHABITANTS:
                towns.add(one["nom"])
    for name, found in sorted(by_name.items()):
        ordered = sorted(found, key=lambda one: (-one[0], one[1]))
        kind = PlaceKind.TOWN if name in towns else PlaceKind.COMMUNE
        rows.append((kind, name, list(dict.fromkeys(code for _, code in ordered if code))))
    common = set(words)
    every = {name for _, name, _ in rows} | known
    rows += [
        (PlaceKind.WORD, name, ["-"])
        for name in sorted(every)
        if _ARTICLE.sub("", name).lower() in common
    ]
    lines = (f"{kind}\t{name}\t{' '.join(of)}\n" for kind, name, of in rows if of)
    PLACES_FILE.write_text("".join(lines), encoding="utf-8")


def departement_of(commune: Mapping[str, Any]) -> str:
    """Return the code of a commune's département, with which the commune's code begins."""
    code = str(commune["code"])
    return next((begun for begun in (code[:3], code[:2]) if begun in DEPARTEMENTS), "")


def former_regions() -> dict[str, list[str]]:
    """Return the départements of each region of before 2016 that no longer exists."""
    source = (files("pygal_maps_fr") / "maps.py").read_text(encoding="utf-8")
    regions = dict(re.findall(r"^    '(\d\d)': u\(\"([^\"]+)\"\)", source, re.MULTILINE))
    present = {"Centre", *(name.replace(" ", "-") for name in REGIONS.values()), *REGIONS.values()}
    found: dict[str, list[str]] = defaultdict(list)
    for departement, region in re.findall(r'^    "(\w\w)": "(\d\d)"', source, re.MULTILINE):
        if departement in DEPARTEMENTS and regions[region] not in present:
            found[regions[region]].append(departement)
    return dict(found)


def former_parts(
    names: Mapping[str, Counter[str]], after_en: Collection[str]
) -> dict[str, list[str]]:
    """Return the parts of former regions' names that are lands: «Languedoc», «Roussillon»."""
    found = {}
    for name, region in former_regions().items():
        for land in sorted(set(name.split("-")) & set(after_en) - {name}):
            places = Counter({code: names[land][code] for code in region if names[land][code]})
            found[land] = core_of(places) if places.total() >= LAND_NAMES else region
    return found


def land_names(
    communes: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]]
) -> defaultdict[str, Counter[str]]:
    """Return for each land the number of communes and groups named after it, by département."""
    of_commune = {one["code"]: departement_of(one) for one in communes}
    named = [(one["nom"], departement_of(one)) for one in communes]
    for group in groups:
        places = Counter(of_commune.get(one["code"], "") for one in group["membres"])
        named.append((group["nom"], places.most_common(1)[0][0]))
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, departement in named:
        for match in _LAND.finditer(name):
            counts[match["land"]][departement] += 1
    return counts


def lands_after_en(named: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the words after «en» in names of communes: Berry for «Nohant-en-Berry»."""
    return {
        match["land"]
        for one in named
        for match in _LAND.finditer(one["nom"])
        if match["article"] == "en"
    }


def historic_lands(
    names: Mapping[str, Counter[str]], heads: Mapping[tuple[str, str], int], sure: Collection[str]
) -> dict[str, list[str]]:
    """Return the départements of each land with enough places named after it in few of them."""
    found = {}
    for land, places in names.items():
        core = core_of(places)
        few = len(core) <= LAND_DEPARTEMENTS
        inside = sum(places[code] for code in core) >= LAND_CORE * places.total()
        elsewhere = sum(n for (head, code), n in heads.items() if head == land and code not in core)
        named = places.total() >= max(LAND_NAMES, elsewhere / LAND_HEADS)
        if land in sure and len(land) > SHORTEST_LAND and few and inside and named:
            found[land] = core
    return found


def core_of(places: Mapping[str, int]) -> list[str]:
    """Return the départements with enough of the names."""
    return sorted(
        code for code, count in places.items() if count >= LAND_SHARE * max(places.values())
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
