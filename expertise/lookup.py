"""Find people, services and métiers of the directory that a question names.

Read `look_up` first. Agents who may not be shown are never found: the directory's `entries_with`
returns only listed agents in post.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import chain, islice, pairwise, product
from typing import NamedTuple, TypeAlias

from connectors.geography import DEPARTEMENTS, REGIONS, area_name, region_of
from connectors.values import Agent, ContactVia
from expertise.directory import SqlDirectory
from expertise.names import (
    MOST_NAMED,
    DirectoryField,
    NamedAgent,
    asked_words,
    match_agent,
    words_of,
)
from expertise.places import AskedPlace, departements_of, nearest_km, place_in, place_of
from indexer.french.analysis import fold, folded_words, terms

MOST_WORDS = 8
"""In a longer question, only a given name and a family name side by side name somebody."""

MOST_READ_WORDS = 40
"""In a longer text no name is looked for."""

MOST_RESPELT = 4
"""In a longer question no word is taken for a misspelt name, since the other words suffice."""

TRIALS = 6
"""Maximum number of spellings of a question that are looked up; each needs a request."""

NEAREST_ELSEWHERE = 3
"""Number of holders of a métier named if nobody in the requested area holds it."""

TITLES = frozenset({"m", "mr", "mme", "mlle", "monsieur", "madame"})
"""Words before a family name: «M. Petit» names somebody, «petit» may not."""

_ASKING = TITLES | frozenset(
    """
    qui est ou quel quelle qu il elle telephone tel numero mail mel email courriel coordonnees
    adresse contact contacter joindre ecrire appeler trouver cherche chercher travaille
    travaillent bureau poste au aupres avec pour chez sur dans je cherche bonjour bonsoir salut
    merci svp stp voudrais souhaite souhaiterais parler connaissez vous connait s appelle collegue
    un une quelqu encore occupe
    """.split()  # noqa: SIM905
)
"""Folded words that ask for somebody and are no part of a name."""


_GENERAL = frozenset(
    """
    service pole cellule equipe unite direction referent referente expert experte specialiste agent
    agente contact responsable
    """.split()  # noqa: SIM905
)
"""Words of posts and services that a directory may leave out; they are dropped if no entry has
them.
"""

_JOINED = re.compile(r"(?<=[^\W\d_])['’-](?=[^\W\d_])")
"""Matches «N'Diaye», which the directory may write «Ndiaye»."""


UnknownWords: TypeAlias = Callable[[Sequence[str]], Collection[str]]
"""Function that returns those of the given folded words that occur in no document of the reader."""


@dataclass(frozen=True, slots=True)
class ServiceMatch:
    """A service that the question names, and its agents who may be shown, sorted by name.

    `reached_by` is an agent whose entity has an address for the whole service, or None.
    """

    entity: str
    office: str
    departement: str
    people: tuple[Agent, ...]
    reached_by: Agent | None

    @property
    def name(self) -> str:
        """The last part of the entity's path."""
        return service_name(self.entity)


@dataclass(frozen=True, slots=True)
class MetierMatch:
    """A métier that the question names, the number of its listed holders, and the nearest."""

    metier: str
    holders: int
    nearest: Agent


@dataclass(frozen=True, slots=True)
class DirectoryMatches:
    """What a question names in the directory; people are sorted by distance to the asker.

    `people` are meant by name, or by métier and place; `beyond` counts further people left out.
    `whole`: the question asks for nothing else. `ordinary`: their name is also a word that
    documents write in lower case. `spelt` is the question in the directory's spelling, empty if
    nothing was misspelt. `place` is the place that the question names, unless it names a person.
    `elsewhere`: nobody there holds the métier, and `people` are the nearest to it. `others` have
    the words in their métier or skills. `placed`: a service is named with its place.
    """

    people: tuple[NamedAgent, ...] = ()
    beyond: int = 0
    whole: bool = True
    ordinary: bool = False
    spelt: str = ""
    place: AskedPlace | None = None
    elsewhere: bool = False
    others: tuple[NamedAgent, ...] = ()
    services: tuple[ServiceMatch, ...] = ()
    metiers: tuple[MetierMatch, ...] = ()
    placed: bool = False

    @property
    def by_name(self) -> bool:
        """Whether the question names a person."""
        return any(DirectoryField.NAME in one.fields for one in self.people)

    @property
    def names_something(self) -> bool:
        """Whether the question names a person, a service or a métier."""
        return bool(self.people or self.services or self.metiers)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of `people`, in the same order."""
        return tuple(one.agent.id for one in self.people)


NOBODY = DirectoryMatches()


def look_up(
    directory: SqlDirectory,
    question: str,
    today: date,
    *,
    asker: Agent | None = None,
    unknown: UnknownWords | None = None,
    ordinary: Collection[str] = (),
    otherwise: Sequence[str] = (),
) -> DirectoryMatches:
    """Return the people, services and métiers that a question names.

    A question that only has a subject names nobody. `otherwise` are other wordings of the question
    (acronyms written out, long names as acronyms). A word is taken for a misspelt name if it is
    `unknown` to documents and directory. A name that is an `ordinary` word (folded) never comes
    before the question's subject.
    """
    asked = _Asked.of(question)
    if not asked.words:
        return NOBODY
    finder = _Finder(directory, today, asker, frozenset(ordinary))
    near = asker.departement if asker else ""
    place = place_in(question, near)
    found = _looked_up(finder, question, asked, place, unknown, otherwise)
    return found if found.place or found.by_name else replace(found, place=place)


def _looked_up(
    finder: "_Finder",
    question: str,
    asked: "_Asked",
    place: AskedPlace | None,
    unknown: UnknownWords | None,
    otherwise: Sequence[str],
) -> DirectoryMatches:
    if len(asked.words) > MOST_WORDS:
        return finder.full_names(asked)
    wordings = [_Asked.of(one) for one in (_JOINED.sub("", question), *otherwise)][:TRIALS]
    ways = chain(
        [finder.exact(asked)],
        map(finder.exact, _other_wordings(asked, wordings)),
        [finder.full_names(asked)],
        finder.at_place(_Asked.of(place.subject), place) if place else (),
        finder.nearly(question, asked, unknown),
    )
    others = NOBODY
    for found in ways:
        if found.names_something:
            return found
        others = others if others.others else found
    return others


def service_name(entity: str) -> str:
    """Return `SIP Guingamp` for `DGFiP/DDFiP 22/SIP Guingamp`."""
    return entity.rstrip("/").rpartition("/")[2]


class _Asked(NamedTuple):
    """A question without its words of asking, in order and as a set."""

    folded: tuple[str, ...]
    words: frozenset[str]
    titled: bool

    @classmethod
    def of(cls, question: str) -> "_Asked":
        every = folded_words(question)[:MOST_READ_WORDS]
        folded = tuple(word for word in every if word not in _ASKING)
        return cls(folded, asked_words(" ".join(folded)), not TITLES.isdisjoint(every))

    def without_general(self) -> "_Asked":
        """Return the question without general words; empty if nothing else is left."""
        kept = tuple(word for word in self.folded if word not in _GENERAL)
        return self._replace(folded=kept, words=asked_words(" ".join(kept)))


def _other_wordings(asked: _Asked, wordings: Sequence[_Asked]) -> Iterator[_Asked]:
    """Return the other wordings of the question, each also without general words."""
    seen = {asked.words, frozenset[str]()}
    for one in (asked, *wordings):
        for tried in (one, one.without_general()):
            if tried.words not in seen:
                seen.add(tried.words)
                yield tried


_THERE = frozenset({DirectoryField.METIER, DirectoryField.PLACE})


class _Finder:
    """Looks up one question in the directory."""

    def __init__(
        self, directory: SqlDirectory, today: date, asker: Agent | None, ordinary: frozenset[str]
    ) -> None:
        self._directory, self._today, self._ordinary = directory, today, ordinary
        self._asker = asker
        self._here = departements_of(asker.departement) if asker else ()

    def exact(self, asked: _Asked) -> DirectoryMatches:
        """Find entries that have every word."""
        agents = self._entries(asked.words, self._here[:1])
        matched = [m for one in agents if (m := match_agent(asked.words, one))]
        meant = [one for one in matched if one.pointed_at]
        by_name = [one for one in meant if DirectoryField.NAME in one.fields]
        demoted = [] if asked.titled else [o for o in by_name if self._is_ordinary(o, asked.words)]
        people = by_name or meant
        ordinary = bool(demoted) and len(demoted) == len(by_name)
        if ordinary and len(asked.words) > 1:  # «petit matériel»: Petit, who knows materials
            people = [one for one in meant if DirectoryField.NAME not in one.fields]
            ordinary = False
        nearest = self._by_distance(people, self._here)
        called = any(DirectoryField.NAME in one.fields for one in nearest)
        rest = [one for one in matched if one not in nearest]
        others = self._by_distance(map(_without_name, rest), self._here)
        services, placed = self._services(asked.words, agents)
        return DirectoryMatches(
            people=nearest[:MOST_NAMED],
            beyond=max(0, len(nearest) - MOST_NAMED),
            ordinary=ordinary,
            others=others if len(others) <= MOST_NAMED and not called else (),
            services=services,
            metiers=self._metiers(asked.words, agents),
            placed=placed,
        )

    def full_names(self, asked: _Asked) -> DirectoryMatches:
        """Find people by a given and a family name side by side among other words."""
        if len(asked.folded) < 2:
            return NOBODY
        beside = set(pairwise(asked.folded))
        found = [
            NamedAgent(agent, frozenset({DirectoryField.NAME}))
            for agent in self._directory.with_names_in(set(asked.folded), self._today)
            if not beside.isdisjoint(_name_pairs(agent))
        ]
        people = self._by_distance(found, self._here)
        return DirectoryMatches(people[:MOST_NAMED], max(0, len(people) - MOST_NAMED), whole=False)

    def nearly(
        self, question: str, asked: _Asked, unknown: UnknownWords | None
    ) -> Iterator[DirectoryMatches]:
        """Find people for a short question: elsewhere, misspelt, or by family name alone."""
        if len(asked.words) <= MOST_RESPELT:
            yield from self.outside_the_area(asked)
            if unknown:
                yield self.respelt(asked, unknown)
                yield self.of_family(question, asked, unknown)

    def respelt(self, asked: _Asked, unknown: UnknownWords) -> DirectoryMatches:
        """Replace words of no document by the directory's spelling; nearest spelling first."""
        said = {word: self._directory.near(word, self._today) for word in asked.folded}
        strange = [word for word, near in said.items() if all(one.slips for one in near)]
        missing = unknown(strange) if strange else ()
        # Documents are searched without endings: «Bastid» is found in a text with «Bastide».
        ways = [
            [one.written for one in said[word] if word in missing or _same_stem(word, one.written)]
            if word in strange
            else [word]
            for word in asked.folded
        ]
        for chosen in islice(
            product(*(way or [w] for way, w in zip(ways, asked.folded, strict=True))), TRIALS
        ):
            text = " ".join(chosen)
            tried = _Asked.of(text)
            if tried.folded == asked.folded or not tried.words:
                continue
            found = self.exact(tried._replace(titled=all(word in missing for word in strange)))
            if (found.people and not found.ordinary) or found.services:
                return replace(found, spelt=text, others=())
        return NOBODY

    def of_family(self, question: str, asked: _Asked, unknown: UnknownWords) -> DirectoryMatches:
        """Find people by family name if the given name beside it is unknown.

        In «Soizic Kermarrec» both words begin with a capital, as names do.
        """
        written = [word for word in question.split() if fold(word.lower()) in asked.folded]
        if not len(written) == len(asked.folded) == 2 or not all(
            word[:1].isupper() for word in written
        ):
            return NOBODY
        for family, given in (asked.folded, asked.folded[::-1]):
            near = self._directory.near(given, self._today)
            if any(one.slips == 0 for one in near) or given not in unknown([given]):
                continue
            found = self.exact(_Asked((family,), asked_words(family), titled=True))
            of_family = [o for o in found.people if family in folded_words(o.agent.family_name)]
            if of_family:
                return DirectoryMatches(
                    tuple(of_family), found.beyond, spelt=of_family[0].agent.name
                )
        return NOBODY

    def outside_the_area(self, asked: _Asked) -> Iterator[DirectoryMatches]:
        """Find the people of an area that is typed in lower case or named by one of its towns."""
        code, rest = self._area_in(asked.words)
        if code and rest:
            yield from self.at_place(
                asked._replace(
                    folded=tuple(w for w in asked.folded if asked_words(w) <= rest), words=rest
                ),
                place_of(code),
            )

    def at_place(self, subject: _Asked, place: AskedPlace) -> Iterator[DirectoryMatches]:
        """Find a service in a place, or the holders of a métier there.

        If nobody there holds it, find the nearest holders.
        """
        placed = _Asked.of(f"{place.subject} {place.name}")
        service = (
            self.exact(placed) if place.subject and len(placed.words) <= MOST_WORDS else NOBODY
        )
        if service.services and {one.departement for one in service.services} <= set(
            place.departements
        ):
            yield replace(service, people=(), beyond=0, place=place)
        for words in dict.fromkeys((subject.words, subject.without_general().words)):
            agents = self._entries(words, place.departements[:1]) if words else ()
            holders = [
                NamedAgent(one, _THERE if place.has(one) else _THERE - {DirectoryField.PLACE})
                for one in agents
                if words <= words_of(one)[DirectoryField.METIER] and one != self._asker
            ]
            there = [one for one in holders if place.has(one.agent)]
            people = self._by_distance(there or holders, place.departements)
            most = MOST_NAMED if there else NEAREST_ELSEWHERE
            beyond = max(0, len(people) - most)
            if people:
                yield DirectoryMatches(people[:most], beyond, place=place, elsewhere=not there)

    def _entries(self, words: frozenset[str], near: Sequence[str]) -> Sequence[Agent]:
        """Return the entries with these words.

        If there are too many, only the entries of the département, else of its region.
        """
        found = self._directory.entries_with(words, self._today)
        if found is None and near:
            region = [one for one in DEPARTEMENTS if region_of(one) == region_of(near[0])]
            for area in (region, near):
                found = self._directory.entries_with(words, self._today, area)
                if found is not None:
                    break
        return found or ()

    def _is_ordinary(self, one: NamedAgent, words: frozenset[str]) -> bool:
        by_name = words_of(one.agent)[DirectoryField.NAME] & words
        return len(by_name) < 2 and by_name <= self._ordinary

    def _by_distance(
        self, found: Iterable[NamedAgent], area: Sequence[str]
    ) -> tuple[NamedAgent, ...]:
        def order(one: NamedAgent) -> tuple[object, ...]:
            agent = one.agent
            return (nearest_km(area, agent), agent.family_name, agent.given_name, agent.id)

        return tuple(sorted(found, key=order))

    def _services(
        self, words: frozenset[str], agents: Sequence[Agent]
    ) -> tuple[tuple[ServiceMatch, ...], bool]:
        """Return the services with every word in name and place, nearest first.

        The second value tells whether the question names a place of theirs.
        """
        there: dict[str, list[Agent]] = {}
        placed = False
        for agent in agents:
            if direction := _direction(words, agent):
                there.setdefault(direction, []).append(agent)
                placed = True
                continue
            name = asked_words(service_name(agent.entity))
            place = asked_words(f"{agent.office} {area_name(agent.departement)}") | {
                agent.departement.lower()
            }
            if not words <= words_of(agent)[DirectoryField.PLACE] or not words & name:
                continue
            by_kind = words <= name and asked_words(service_name(agent.entity).split()[0]) <= words
            if name <= words or words & place or by_kind:
                there.setdefault(agent.entity, []).append(agent)
                placed = placed or bool(words & (name - place) and words & place)
        found = [_service(entity, some) for entity, some in there.items()]
        return tuple(
            sorted(found, key=lambda one: (nearest_km(self._here, one.people[0]), one.entity))
        ), placed

    def _metiers(self, words: frozenset[str], agents: Sequence[Agent]) -> tuple[MetierMatch, ...]:
        """Return the métiers that have every word of the question."""
        holders: dict[str, list[Agent]] = {}
        for agent in agents:
            if words <= words_of(agent)[DirectoryField.METIER]:
                holders.setdefault(agent.metier, []).append(agent)
        return tuple(
            MetierMatch(
                metier, len(some), min(some, key=lambda one: (nearest_km(self._here, one), one.id))
            )
            for metier, some in sorted(holders.items())
        )

    def _area_in(self, words: frozenset[str]) -> tuple[str, frozenset[str]]:
        """Return (code of the area that the words name, other words).

        The area of a town is its département.
        """
        named = [(len(of), code, of) for of, code in _area_words().items() if of < words]
        if named:
            _, code, of = max(named)
            return code, words - of
        for word in sorted(words):
            agents = self._directory.entries_with({word}, self._today) or ()
            towns = [one for one in agents if word in asked_words(one.office) and one.departement]
            if towns:
                town = min(towns, key=lambda one: one.id)
                return town.departement, words - asked_words(town.office)
        return "", words


@cache
def _area_words() -> Mapping[frozenset[str], str]:
    """Map the words of each area's name to its code.

    A département comes before a region of the same name.
    """
    regions = {asked_words(name): f"r{code}" for code, name in REGIONS.items()}
    codes = {frozenset({code.lower()}): code for code in DEPARTEMENTS}
    return regions | {asked_words(name): code for code, name in DEPARTEMENTS.items()} | codes


def _direction(words: frozenset[str], agent: Agent) -> str:
    """Return the path of the direction that the words name («DDFiP 22»), or an empty path.

    The words must contain a word of its own name, and all others must belong to its name or place.
    """
    *above, _ = agent.entity.rstrip("/").split("/")
    place = asked_words(area_name(agent.departement)) | {agent.departement.lower()}
    for depth, part in enumerate(above[1:], 2):
        name = asked_words(part)
        if words <= name | place and words & (name - place) and (name <= words or words & place):
            return "/".join(above[:depth])
    return ""


def _same_stem(word: str, other: str) -> bool:
    return set(terms(word)) == set(terms(other))


def _name_pairs(agent: Agent) -> set[tuple[str, str]]:
    """Return the pairs of adjacent words of both names, for both orders of the names."""
    given, family = folded_words(agent.given_name), folded_words(agent.family_name)
    if not given or not family:
        return set()
    return {(given[-1], family[0]), (family[-1], given[0])}


def _without_name(one: NamedAgent) -> NamedAgent:
    return replace(one, fields=one.fields - {DirectoryField.NAME})


def _service(entity: str, agents: Sequence[Agent]) -> ServiceMatch:
    people = tuple(sorted(agents, key=lambda one: (one.family_name, one.given_name, one.id)))
    shared = (ContactVia.SERVICE, ContactVia.HEAD)
    reached = (one for way in shared for one in people if one.contact_via is way and one.contact)
    first = people[0]
    office = first.office if all(one.office == first.office for one in people) else ""
    return ServiceMatch(entity, office, first.departement, people, next(reached, None))
