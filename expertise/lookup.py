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
        return any(DirectoryField.NAME in person.fields for person in self.people)

    @property
    def names_something(self) -> bool:
        """Whether the question names a person, a service or a métier."""
        return bool(self.people or self.services or self.metiers)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of `people`, in the same order."""
        return tuple(person.agent.id for person in self.people)


NOBODY = DirectoryMatches()


@dataclass(frozen=True, slots=True)
class DocumentWords:
    """Words of documents, which tell names from other words of a question.

    A word is taken for a misspelt name if it is `unknown` to documents and directory. A name that
    is an `ordinary` word (folded) never comes before the question's subject.
    """

    unknown: UnknownWords | None = None
    ordinary: Collection[str] = ()


NO_WORDS = DocumentWords()


def look_up(
    directory: SqlDirectory,
    question: str,
    today: date,
    *,
    asker: Agent | None = None,
    words: DocumentWords = NO_WORDS,
    otherwise: Sequence[str] = (),
) -> DirectoryMatches:
    """Return the people, services and métiers that a question names.

    A question that only has a subject names nobody. `otherwise` are other wordings of the question
    (acronyms written out, long names as acronyms).
    """
    wording = _Wording.of(question)
    if not wording.words:
        return NOBODY
    finder = _Finder(directory, today, asker, frozenset(words.ordinary))
    near = asker.departement if asker else ""
    place = place_in(question, near)
    matches = _looked_up(finder, question, wording, place, words.unknown, otherwise)
    return matches if matches.place or matches.by_name else replace(matches, place=place)


def _looked_up(
    finder: "_Finder",
    question: str,
    wording: "_Wording",
    place: AskedPlace | None,
    unknown: UnknownWords | None,
    otherwise: Sequence[str],
) -> DirectoryMatches:
    if len(wording.words) > MOST_WORDS:
        return finder.full_names(wording)
    wordings = [_Wording.of(text) for text in (_JOINED.sub("", question), *otherwise)][:TRIALS]
    ways = chain(
        [finder.exact(wording)],
        map(finder.exact, _other_wordings(wording, wordings)),
        [finder.full_names(wording)],
        finder.at_place(_Wording.of(place.subject), place) if place else (),
        finder.nearly(question, wording, unknown),
    )
    others = NOBODY
    for matches in ways:
        if matches.names_something:
            return matches
        others = others if others.others else matches
    return others


def service_name(entity: str) -> str:
    """Return `SIP Guingamp` for `DGFiP/DDFiP 22/SIP Guingamp`."""
    return entity.rstrip("/").rpartition("/")[2]


class _Wording(NamedTuple):
    """A question without its words of asking, in order and as a set."""

    folded: tuple[str, ...]
    words: frozenset[str]
    titled: bool

    @classmethod
    def of(cls, question: str) -> "_Wording":
        every = folded_words(question)[:MOST_READ_WORDS]
        folded = tuple(word for word in every if word not in _ASKING)
        return cls(folded, asked_words(" ".join(folded)), not TITLES.isdisjoint(every))

    def without_general(self) -> "_Wording":
        """Return the question without general words; empty if nothing else is left."""
        specific = tuple(word for word in self.folded if word not in _GENERAL)
        return self._replace(folded=specific, words=asked_words(" ".join(specific)))


def _other_wordings(wording: _Wording, wordings: Sequence[_Wording]) -> Iterator[_Wording]:
    """Return the other wordings of the question, each also without general words."""
    seen = {wording.words, frozenset[str]()}
    for base in (wording, *wordings):
        for tried in (base, base.without_general()):
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

    def exact(self, wording: _Wording) -> DirectoryMatches:
        """Find entries that have every word."""
        agents = self._entries(wording.words, self._here[:1])
        matched = [m for agent in agents if (m := match_agent(wording.words, agent))]
        meant = [match for match in matched if match.pointed_at]
        by_name = [match for match in meant if DirectoryField.NAME in match.fields]
        demoted = (
            [] if wording.titled else [o for o in by_name if self._is_ordinary(o, wording.words)]
        )
        people = by_name or meant
        ordinary = bool(demoted) and len(demoted) == len(by_name)
        if ordinary and len(wording.words) > 1:  # «petit matériel»: Petit, who knows materials
            people = [match for match in meant if DirectoryField.NAME not in match.fields]
            ordinary = False
        nearest = self._by_distance(people, self._here)
        called = any(DirectoryField.NAME in match.fields for match in nearest)
        rest = [match for match in matched if match not in nearest]
        others = self._by_distance(map(_without_name, rest), self._here)
        services, placed = self._services(wording.words, agents)
        return DirectoryMatches(
            people=nearest[:MOST_NAMED],
            beyond=max(0, len(nearest) - MOST_NAMED),
            ordinary=ordinary,
            others=others if len(others) <= MOST_NAMED and not called else (),
            services=services,
            metiers=self._metiers(wording.words, agents),
            placed=placed,
        )

    def full_names(self, wording: _Wording) -> DirectoryMatches:
        """Find people by a given and a family name side by side among other words."""
        if len(wording.folded) < 2:
            return NOBODY
        beside = set(pairwise(wording.folded))
        named = [
            NamedAgent(agent, frozenset({DirectoryField.NAME}))
            for agent in self._directory.with_names_in(set(wording.folded), self._today)
            if not beside.isdisjoint(_name_pairs(agent))
        ]
        people = self._by_distance(named, self._here)
        return DirectoryMatches(people[:MOST_NAMED], max(0, len(people) - MOST_NAMED), whole=False)

    def nearly(
        self, question: str, wording: _Wording, unknown: UnknownWords | None
    ) -> Iterator[DirectoryMatches]:
        """Find people for a short question: elsewhere, misspelt, or by family name alone."""
        if len(wording.words) <= MOST_RESPELT:
            yield from self.outside_the_area(wording)
            if unknown:
                yield self.respelt(wording, unknown)
                yield self.of_family(question, wording, unknown)

    def respelt(self, wording: _Wording, unknown: UnknownWords) -> DirectoryMatches:
        """Replace words of no document by the directory's spelling; nearest spelling first."""
        near_words = {word: self._directory.near(word, self._today) for word in wording.folded}
        strange = [word for word, near in near_words.items() if all(match.slips for match in near)]
        missing = unknown(strange) if strange else ()
        # Documents are searched without endings: «Bastid» is found in a text with «Bastide».
        ways = [
            [
                match.written
                for match in near_words[word]
                if word in missing or _same_stem(word, match.written)
            ]
            if word in strange
            else [word]
            for word in wording.folded
        ]
        for chosen in islice(
            product(*(way or [w] for way, w in zip(ways, wording.folded, strict=True))), TRIALS
        ):
            text = " ".join(chosen)
            tried = _Wording.of(text)
            if tried.folded == wording.folded or not tried.words:
                continue
            matches = self.exact(tried._replace(titled=all(word in missing for word in strange)))
            if (matches.people and not matches.ordinary) or matches.services:
                return replace(matches, spelt=text, others=())
        return NOBODY

    def of_family(
        self, question: str, wording: _Wording, unknown: UnknownWords
    ) -> DirectoryMatches:
        """Find people by family name if the given name beside it is unknown.

        In «Soizic Kermarrec» both words begin with a capital, as names do.
        """
        written = [word for word in question.split() if fold(word.lower()) in wording.folded]
        if not len(written) == len(wording.folded) == 2 or not all(
            word[:1].isupper() for word in written
        ):
            return NOBODY
        for family, given in (wording.folded, wording.folded[::-1]):
            near = self._directory.near(given, self._today)
            if any(match.slips == 0 for match in near) or given not in unknown([given]):
                continue
            matches = self.exact(_Wording((family,), asked_words(family), titled=True))
            of_family = [o for o in matches.people if family in folded_words(o.agent.family_name)]
            if of_family:
                return DirectoryMatches(
                    tuple(of_family), matches.beyond, spelt=of_family[0].agent.name
                )
        return NOBODY

    def outside_the_area(self, wording: _Wording) -> Iterator[DirectoryMatches]:
        """Find the people of an area that is typed in lower case or named by one of its towns."""
        code, rest = self._area_in(wording.words)
        if code and rest:
            yield from self.at_place(
                wording._replace(
                    folded=tuple(w for w in wording.folded if asked_words(w) <= rest), words=rest
                ),
                place_of(code),
            )

    def at_place(self, subject: _Wording, place: AskedPlace) -> Iterator[DirectoryMatches]:
        """Find a service in a place, or the holders of a métier there.

        If nobody there holds it, find the nearest holders.
        """
        placed = _Wording.of(f"{place.subject} {place.name}")
        service = (
            self.exact(placed) if place.subject and len(placed.words) <= MOST_WORDS else NOBODY
        )
        if service.services and {office.departement for office in service.services} <= set(
            place.departements
        ):
            yield replace(service, people=(), beyond=0, place=place)
        for words in dict.fromkeys((subject.words, subject.without_general().words)):
            agents = self._entries(words, place.departements[:1]) if words else ()
            holders = [
                NamedAgent(agent, _THERE if place.has(agent) else _THERE - {DirectoryField.PLACE})
                for agent in agents
                if words <= words_of(agent)[DirectoryField.METIER] and agent != self._asker
            ]
            there = [holder for holder in holders if place.has(holder.agent)]
            people = self._by_distance(there or holders, place.departements)
            most = MOST_NAMED if there else NEAREST_ELSEWHERE
            beyond = max(0, len(people) - most)
            if people:
                yield DirectoryMatches(people[:most], beyond, place=place, elsewhere=not there)

    def _entries(self, words: frozenset[str], near: Sequence[str]) -> Sequence[Agent]:
        """Return the entries with these words.

        If there are too many, only the entries of the département, else of its region.
        """
        agents = self._directory.entries_with(words, self._today)
        if agents is None and near:
            region = [code for code in DEPARTEMENTS if region_of(code) == region_of(near[0])]
            for area in (region, near):
                agents = self._directory.entries_with(words, self._today, area)
                if agents is not None:
                    break
        return agents or ()

    def _is_ordinary(self, match: NamedAgent, words: frozenset[str]) -> bool:
        by_name = words_of(match.agent)[DirectoryField.NAME] & words
        return len(by_name) < 2 and by_name <= self._ordinary

    def _by_distance(
        self, matches: Iterable[NamedAgent], area: Sequence[str]
    ) -> tuple[NamedAgent, ...]:
        def order(match: NamedAgent) -> tuple[object, ...]:
            agent = match.agent
            return (nearest_km(area, agent), agent.family_name, agent.given_name, agent.id)

        return tuple(sorted(matches, key=order))

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
        services = [_service(entity, agents) for entity, agents in there.items()]
        return tuple(
            sorted(
                services,
                key=lambda service: (nearest_km(self._here, service.people[0]), service.entity),
            )
        ), placed

    def _metiers(self, words: frozenset[str], agents: Sequence[Agent]) -> tuple[MetierMatch, ...]:
        """Return the métiers that have every word of the question."""
        holders: dict[str, list[Agent]] = {}
        for agent in agents:
            if words <= words_of(agent)[DirectoryField.METIER]:
                holders.setdefault(agent.metier, []).append(agent)
        return tuple(
            MetierMatch(
                metier,
                len(agents),
                min(agents, key=lambda agent: (nearest_km(self._here, agent), agent.id)),
            )
            for metier, agents in sorted(holders.items())
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
            towns = [
                agent for agent in agents if word in asked_words(agent.office) and agent.departement
            ]
            if towns:
                town = min(towns, key=lambda agent: agent.id)
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


def _without_name(match: NamedAgent) -> NamedAgent:
    return replace(match, fields=match.fields - {DirectoryField.NAME})


def _service(entity: str, agents: Sequence[Agent]) -> ServiceMatch:
    people = tuple(
        sorted(agents, key=lambda agent: (agent.family_name, agent.given_name, agent.id))
    )
    shared = (ContactVia.SERVICE, ContactVia.HEAD)
    reached = (
        agent for way in shared for agent in people if agent.contact_via is way and agent.contact
    )
    first = people[0]
    office = first.office if all(agent.office == first.office for agent in people) else ""
    return ServiceMatch(entity, office, first.departement, people, next(reached, None))
