"""Find the place that a question names: a commune, a département, a current or former region.

Read `place_in` first. Historic lands («Berry») are known too; see `connectors.geography`.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from connectors.geography import (
    DEPARTEMENTS,
    REGIONS,
    PlaceKind,
    area_name,
    distance_km,
    named_places,
    region_of,
)
from connectors.values import Agent
from indexer.french.analysis import fold

_TOKEN = re.compile(r"[^\W_]+")
_HYPHEN = re.compile(r"[-\u2010\u2011](?=[^\W\d_])")
_ARTICLES = frozenset("le la les l".split())  # noqa: SIM905
_OF = frozenset("de du des d".split())  # noqa: SIM905
_IN = frozenset("en dans".split())  # noqa: SIM905
_AT = frozenset("a au aux sur".split())  # noqa: SIM905
_NEAR = frozenset(
    """
    vers pres cote autour environs alentours proximite proche secteur loin departement region
    commune ville pays bassin arrondissement canton
    """.split()  # noqa: SIM905
)
"""Folded words that announce a place: «du côté de» is followed by nothing else."""

_LEADING = frozenset("du dans le aux a en".split())  # noqa: SIM905
"""Folded words before «côté», «secteur» or «environs» that belong to them."""

_ASKING = frozenset("qui quel quelle ou est pour a y".split())  # noqa: SIM905

_PARTS_OF_TOWNS = frozenset(
    "nord sud est ouest centre ville agglomeration agglo metropole".split()  # noqa: SIM905
)
"""Folded words that a hyphen joins to the name of a town without making another name of it."""

_MOST_WORDS = 9
"""Number of words of the longest name of a place."""

_SHORTEST_INITIALS = 3
_SHORTEST_BEGINNING = 3
_SAINTS = {"st": "saint", "ste": "sainte"}


@dataclass(frozen=True, slots=True)
class AskedPlace:
    """A place that a question names.

    `name` is spelt as in the question, `label` is the whole name. `departements` are those that the
    place covers, one for a commune. `parts` are the parts of the question that name it, with the
    words that announce it; `subject` is the rest of the question.
    """

    name: str
    departements: tuple[str, ...]
    parts: tuple[str, ...] = ()
    subject: str = ""
    label: str = ""

    @property
    def code(self) -> str:
        """The code if the place is a département (`22`) or a region (`r53`), else empty."""
        if len(self.departements) == 1:
            return self.departements[0]
        region = f"r{region_of(self.departements[0])}"
        return region if set(departements_of(region)) == set(self.departements) else ""

    def has(self, agent: Agent) -> bool:
        """Return whether the agent's post is in the place."""
        return agent.departement in self.departements

    def distance_km(self, agent: Agent) -> float:
        """Return the distance to the agent's post; infinite if its place is unknown."""
        return nearest_km(self.departements, agent)


def departements_of(area: str) -> tuple[str, ...]:
    """Return the départements of an area by its code: `22`, or `r53` for a region."""
    if not area.startswith("r"):
        return (area,) if area else ()
    return tuple(code for code in DEPARTEMENTS if region_of(code) == area[1:])


def place_of(area: str) -> AskedPlace:
    """Return an area by its code as a place."""
    return AskedPlace(area_name(area), departements_of(area), label=area_name(area))


def nearest_km(departements: Sequence[str], agent: Agent) -> float:
    """Return the distance from the nearest of these départements to the agent's post."""
    ways = (distance_km(code, agent.departement) for code in departements)
    return min((km for km in ways if km is not None), default=float("inf"))


class _Area(NamedTuple):
    """A possible meaning of a name. `kind` is None for a current département or region."""

    kind: PlaceKind | None
    departements: tuple[str, ...]
    name: str


class _Token(NamedTuple):
    folded: str
    start: int
    end: int
    capital: bool
    acronym: bool
    name: bool
    hyphen: bool


class _Found(NamedTuple):
    first: int
    last: int
    area: _Area


@lru_cache(maxsize=256)
def place_in(question: str, near: str = "") -> AskedPlace | None:
    """Return the place that a question names, or None.

    Among communes of the same name, the one in the département `near` is meant, else the most
    populous. A name in small letters that is also a word counts only after «vers», «près de» and
    the like; a small commune needs a word before it that announces a place. Of two places («à
    Nyons, dans la Drôme»), only the common part counts if one lies in the other.
    """
    tokens = _tokens(question)
    mentions: list[_Found] = []
    at = 0
    while at < len(tokens):
        mention = _place_at(tokens, at, beside=bool(mentions) and mentions[-1].last == at - 1)
        if mention:
            mentions.append(mention)
        at = mention.last + 1 if mention else at + 1
    if not mentions:
        return None
    names = [
        question[tokens[mention.first].start : tokens[mention.last].end] for mention in mentions
    ]
    spans = [(tokens[_announced(tokens, o.first)].start, tokens[o.last].end) for o in mentions]
    parts = tuple(question[start:end] for start, end in spans)
    subject = question
    for start, end in reversed(spans):
        subject = f"{subject[:start]} {subject[end:]}"
    departements = _common([mention.area for mention in mentions], near)
    label = ", ".join(mention.area.name for mention in mentions)
    return AskedPlace(", ".join(names), departements, parts, " ".join(subject.split()), label)


def _common(areas: Sequence[_Area], near: str) -> tuple[str, ...]:
    """Return the départements that the areas have in common, or else all of them."""
    inside = set.intersection(*(set(area.departements) for area in areas))
    if inside and len(areas) > 1:
        return tuple(sorted(inside))
    every: dict[str, None] = {}
    for area in areas:
        communes = area.kind in (PlaceKind.TOWN, PlaceKind.COMMUNE)
        meant = [near] if near in area.departements else area.departements[:1]
        every |= dict.fromkeys(meant if communes else area.departements)
    return tuple(every)


def _tokens(question: str) -> list[_Token]:
    """Return the question's words.

    Capitals are ignored at its beginning, and if the whole question is in capitals. `acronym`: the
    word is all in capitals, the question is not. `name`: only the first letter is a capital.
    `hyphen`: one joins the word to the next.
    """
    shouted = question.isupper()
    return [
        _Token(
            _SAINTS.get(folded := fold(match[0].lower()), folded),
            match.start(),
            match.end(),
            match[0][0].isupper() and not shouted and match.start() > 0,
            match[0].isupper() and not shouted,
            match[0].istitle(),
            _HYPHEN.match(question, match.end()) is not None,
        )
        for match in _TOKEN.finditer(question)
    ]


def _place_at(tokens: Sequence[_Token], at: int, *, beside: bool) -> _Found | None:
    """Return the longest name of a place that begins at a word, or None.

    `beside`: the word before it ends another place.
    """
    known = _areas()
    for last in range(min(len(tokens), at + _MOST_WORDS) - 1, at - 1, -1):
        name = " ".join(token.folded for token in tokens[at : last + 1])
        areas = known.get(name, ())
        for area in sorted(areas, key=lambda candidate: _order(candidate, _before(tokens, at))):
            town = area.kind is PlaceKind.TOWN
            person = town and not beside and at > 0 and _may_be_given_name(tokens[at - 1])
            part = _is_part_of_name(area, tokens, at, last)
            if not person and not part and _is_meant(area, name, tokens, at, last):
                return _Found(at, last, area)
    return None


def _is_part_of_name(area: _Area, tokens: Sequence[_Token], at: int, last: int) -> bool:
    """Return whether the words belong to a longer name: «Saint» of «Saint-Vaast» is no place.

    «Rennes-Est» is in Rennes. A small commune is also not meant before another capital.
    """
    following = tokens[last + 1] if last + 1 < len(tokens) else None
    if at > 0 and tokens[at - 1].hyphen and not tokens[at - 1].acronym:
        return True
    if following is None:
        return False
    if tokens[last].hyphen:
        return following.folded not in _PARTS_OF_TOWNS
    beside = following.start - tokens[last].end == 1
    return area.kind is PlaceKind.COMMUNE and beside and following.name and following.capital


def _may_be_given_name(token: _Token) -> bool:
    return token.name and token.folded not in _NEAR | _AT | _IN | _OF | _ARTICLES


def _order(area: _Area, before: str) -> int:
    """Return the rank of an area: «à Vienne» is the town, «dans la Vienne» the département."""
    kinds = [None, PlaceKind.TOWN, PlaceKind.LAND, PlaceKind.COMMUNE]
    if before == "a":
        kinds = [PlaceKind.TOWN, None, PlaceKind.COMMUNE, PlaceKind.LAND]
    elif before in _IN:
        kinds = [None, PlaceKind.LAND, PlaceKind.TOWN, PlaceKind.COMMUNE]
    return kinds.index(area.kind)


def _before(tokens: Sequence[_Token], at: int) -> str:
    """Return the word before a name and its article, folded; empty if there is none."""
    while at > 0 and tokens[at - 1].folded in _ARTICLES:
        at -= 1
    return tokens[at - 1].folded if at > 0 else ""


def _is_near(tokens: Sequence[_Token], at: int) -> bool:
    """Return whether «vers», «près de» or the like announces the name."""
    while at > 0 and tokens[at - 1].folded in _ARTICLES | _OF:
        at -= 1
    return at > 0 and tokens[at - 1].folded in _NEAR


def _is_meant(area: _Area, name: str, tokens: Sequence[_Token], at: int, last: int) -> bool:
    before, capital = _before(tokens, at), any(token.capital for token in tokens[at : last + 1])
    near, word = _is_near(tokens, at), name in _words()
    if name[0].isdigit():
        return _is_number_meant(tokens, at)
    if area.kind in (PlaceKind.COMMUNE, PlaceKind.LAND) and tokens[at].acronym:
        return False  # a name in capitals is no commune or land: «dans MEDOC»
    if area.kind is PlaceKind.COMMUNE:
        announced = near or (before in _AT - {"sur"} and not word)
        return announced and (capital or (near and not word))
    if near:
        return capital or not word or area.kind is not PlaceKind.LAND
    if not capital:
        return not word and (before in _AT | _IN | _OF or (at < last and area.kind is None))
    if area.kind is PlaceKind.LAND:
        return before in _IN | _OF | _AT or at < last
    return not word or before in _AT | _IN | _OF or (at > 0 and area.kind is None)


def _is_number_meant(tokens: Sequence[_Token], at: int) -> bool:
    """Return whether a number is a département's: «dans le 22», but not «dans le 22 mars»."""
    preceding = [token.folded for token in tokens[max(0, at - 2) : at]]
    following = tokens[at + 1].folded if at + 1 < len(tokens) else "qui"
    return preceding[-1:] == ["departement"] or (
        preceding == ["dans", "le"] and following in _ASKING
    )


def _announced(tokens: Sequence[_Token], at: int) -> int:
    """Return the index of the first of the words that announce a name («du côté de»)."""
    first = at
    while first > 0 and tokens[first - 1].folded in _ARTICLES | _OF:
        first -= 1
    if first > 0 and tokens[first - 1].folded in _NEAR:
        first -= 1
        while first > 0 and tokens[first - 1].folded in _LEADING | _ARTICLES:
            first -= 1
        return first
    return first - 1 if first > 0 and tokens[first - 1].folded in _AT | _IN else first


@cache
def _areas() -> Mapping[str, tuple[_Area, ...]]:
    """Return the possible meanings of each name, by its folded words without their article."""
    by_name: dict[str, list[_Area]] = defaultdict(list)
    for code, name in DEPARTEMENTS.items():
        by_name[_key(name)].append(_Area(None, (code,), name))
        by_name[code.lower()].append(_Area(None, (code,), name))
    for code, name in REGIONS.items():
        inside = _Area(None, departements_of(f"r{code}"), name)
        initials = "".join(letter for letter in name if letter.isupper()).lower()
        for key in {_key(name), initials if len(initials) >= _SHORTEST_INITIALS else _key(name)}:
            by_name[key] = by_name[key] or [inside]
    begun: dict[str, list[_Area]] = defaultdict(list)
    for kind, name, departements in named_places():
        if kind is not PlaceKind.WORD:
            by_name[_key(name)].append(_Area(kind, departements, name))
        if kind is PlaceKind.TOWN:
            words = _key(name).split()
            for count in range(1, len(words)):
                begun[" ".join(words[:count])].append(
                    _Area(PlaceKind.COMMUNE, departements[:1], name)
                )
    for name, towns in begun.items():  # «Florac», «Châlons»: beginnings of only one town
        if len(towns) == 1 and len(name) >= _SHORTEST_BEGINNING:
            by_name[name] = [*towns, *by_name.get(name, ())]
    return {name: tuple(areas) for name, areas in by_name.items()}


@cache
def _words() -> frozenset[str]:
    """Return the names that are also ordinary words."""
    return frozenset(_key(place.name) for place in named_places() if place.kind is PlaceKind.WORD)


def _key(name: str) -> str:
    words = [fold(word.lower()) for word in _TOKEN.findall(name)]
    return " ".join(words[1:] if words[0] in _ARTICLES and len(words) > 1 else words)
