"""The people of an answer, as a few cards: people named in the question, else experts."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from connectors.geography import distance_km
from connectors.values import Agent, ContributorRole, EvidencePolicy
from expertise.directory import SqlDirectory
from expertise.lookup import NOBODY, DirectoryMatches, DocumentWords, look_up
from expertise.names import DirectoryField, asked_words
from expertise.places import AskedPlace, departements_of, nearest_km
from expertise.values import Candidate, DirectAnswerer, ScoreParts, TopicHolders
from expertise.visibility import may_be_shown, refuses, refuses_document
from expertise.who_knows import Experts
from indexer.access import Reader
from indexer.values import Expansion
from search_api.context import AnswerContext
from search_api.query.asking_phrases import subject_of
from search_api.ranking.results import Result

MOST_CARDS = 3
"""Maximum number of people above the documents."""

CHOSEN_FROM = 10
"""Number of best experts from which the expert nearest to the asker is chosen."""

NEAR_KM = 100
"""Distance up to which the nearest expert is called near to the asker, in km. A convention: one to
two hours of road, mostly the neighbouring départements.
"""

FIRST_DOCUMENTS = 3
"""Number of first documents for which the author of the answering passage gets a card."""

_LOWER_CASE = re.compile(r"(?<![\w@.])[^\W\d_]+(?![\w@]|\.\w)")


class CardReason(StrEnum):
    """Reason why a person has a card."""

    NAMED = "named"
    IN_POST = "in_post"
    NEAREST_POST = "nearest_post"
    KNOWS = "knows"
    NEAR_SUBJECT = "near_subject"
    METIER = "metier"


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A person to ask. `distance_km`: from the place that the question names, else from the asker.

    It is None if unknown. `wrote`: the person wrote the first sentences of the direct answer.
    `nearest`: no other expert is nearer to the asker, and they are near. `self_`: the
    person is the asker.
    """

    candidate: Candidate
    reason: CardReason
    distance_km: float | None = None
    wrote: bool = False
    nearest: bool = False
    self_: bool = False

    @property
    def proposed(self) -> bool:
        """Whether the answer proposes this person: not the asker, and not named in the question."""
        return self.reason is not CardReason.NAMED and not self.self_


@dataclass(frozen=True, slots=True)
class PeopleAnswer:
    """Up to `MOST_CARDS` people, and other entries of the directory that the question names.

    `beyond`: number of further people whom the question names. `near_subject`: if nobody has a
    card, people whose documents are only near the question; they are shown after the documents, and
    not as experts (decision 41). `nobody_in`: the place that the question names, if nobody on a
    card works there; the first card is then the nearest person. `left` is true if an expert there
    has left.
    """

    cards: tuple[PersonCard, ...] = ()
    near_subject: tuple[PersonCard, ...] = ()
    beyond: int = 0
    matches: DirectoryMatches = NOBODY
    nobody_in: AskedPlace | None = None
    left: bool = False


def asker_of(context: AnswerContext, reader: Reader) -> Agent | None:
    """Return the reader's entry in the directory."""
    if reader.agent_id is None:
        return None
    return context.people.agents([reader.agent_id]).get(reader.agent_id)


def named_by(
    context: AnswerContext,
    reader: Reader,
    asker: Agent | None,
    question: str,
    texts: Iterable[str],
    expansions: Sequence[Expansion] = (),
) -> DirectoryMatches:
    """Return the people and entries that a question names; empty for a reader without an agent.

    `expansions`: the glossary's expansions of the question. `texts`: texts of readable documents,
    whose words in lower case are not names. Raises `IndexUnreachable`.
    """
    if reader.agent_id is None:
        return NOBODY
    question = subject_of(question)  # nobody asks about a signature
    return look_up(
        context.people,
        question,
        context.today(),
        asker=asker,
        words=DocumentWords(
            lambda words: context.search.near_words(words, reader).keys(), ordinary_words(texts)
        ),
        otherwise=[
            re.sub(re.escape(one.words), lambda _, said=other: said, question, flags=re.IGNORECASE)  # type: ignore[misc]
            for one in expansions
            for other in one.others
        ],
    )


def ordinary_words(texts: Iterable[str]) -> frozenset[str]:
    """Return the folded words that texts write in lower case, without mail addresses."""
    words = {word for text in texts for word in _LOWER_CASE.findall(text) if word.islower()}
    return asked_words(" ".join(words))


def asked_instead(
    context: AnswerContext, asker: Agent | None, results: Sequence[Result], question: str = ""
) -> dict[str, tuple[Agent, ...]]:
    """Return the agents to ask instead, for each document whose authors cannot be asked."""
    today, build = context.today(), context.overview
    alone = [one for one in results if not _authors_can_be_asked(one)]
    ids = {one.card.document_id for one in alone}
    assigned = build.topics_of(ids, today) if build and ids else {}
    main = {id_: max(topics, key=lambda t: t[1])[0] for id_, topics in assigned.items() if topics}
    holders = TopicHolders()
    if build and main:
        holders = build.holders_of(sorted(set(main.values())), today)
    found = {}
    for one in alone:
        topic = main.get(one.card.document_id, "")
        of_topic = [
            agent
            for id_, agent in holders.agents.items()
            if topic in holders.shown.get(id_, ()) or topic in holders.stated.get(id_, ())
        ]
        found[one.card.document_id] = ask_instead(
            context.people,
            asker,
            one,
            today,
            question,
            DocumentTopics(assigned.get(one.card.document_id, ()), of_topic),
        )
    return {id_: people for id_, people in found.items() if people}


def _authors_can_be_asked(one: Result) -> bool:
    """Return whether an author is in post and may be named, or no author is known."""
    writers = [author for author in one.authors if author.role in _WROTE]
    return not writers or any(author.shown for author in writers)


@dataclass(frozen=True, slots=True)
class DocumentTopics:
    """Topics of a document, each with its confidence, and the `holders` of the surest one."""

    assigned: Sequence[tuple[str, float]] = ()
    holders: Sequence[Agent] = ()


NO_TOPICS = DocumentTopics()


def ask_instead(
    directory: SqlDirectory,
    asker: Agent | None,
    one: Result,
    today: date,
    question: str = "",
    topics: DocumentTopics = NO_TOPICS,
) -> tuple[Agent, ...]:
    """Return agents to ask if no author of a document is in post and may be named; else none.

    These are agents in post who edited, reviewed or answered in the document; else the holders of
    its topic nearest to the asker; else the agents of the authors' métier nearest to the asker. The
    asker, agents who may not be shown, and agents who refused the subject of the document
    or of the `question` are left out. The result is empty if contributions to the
    document are not evidence.
    """
    card = one.card
    if card.evidence == EvidencePolicy.NONE or _authors_can_be_asked(one):
        return ()

    def may_be_asked(agent: Agent) -> bool:
        about_document = refuses_document(agent, card.document_id, card.title, topics.assigned)
        refused = about_document or refuses(agent, question)
        own = asker is not None and agent.id == asker.id
        return may_be_shown(agent, today) and not refused and not own

    def nearest(agents: Iterable[Agent]) -> tuple[Agent, ...]:
        asked = [agent for agent in agents if may_be_asked(agent)]
        return tuple(sorted(asked, key=lambda agent: (nearest_km(here, agent), agent.id))[:1])

    here = departements_of(asker.departement) if asker else ()
    carried_on = [
        author.agent for author in one.authors if author.agent and author.role in _CARRIED_ON
    ]
    if asked := tuple(agent for agent in carried_on if may_be_asked(agent)):
        return asked
    if asked := nearest(topics.holders):
        return asked
    writers = [author.agent for author in one.authors if author.agent and author.role in _WROTE]
    for metier in dict.fromkeys(agent.metier for agent in writers):
        entries = directory.entries_with(asked_words(metier), today) or ()
        if asked := nearest(agent for agent in entries if agent.metier == metier):
            return asked
    return ()


_WROTE = {ContributorRole.AUTHOR, ContributorRole.ACCEPTED_ANSWERER}
_CARRIED_ON = {ContributorRole.EDITOR, ContributorRole.REVIEWER, ContributorRole.ANSWERER}


def people_answer(
    experts: Experts,
    matches: DirectoryMatches,
    asker: Agent | None,
    first_documents: Sequence[str],
    answered: DirectAnswerer | None = None,
    limit: int = MOST_CARDS,
) -> PeopleAnswer:
    """Return the people to show, among people whom the question names and experts.

    If the question only names a person, or a service in its place, only people of the directory are
    returned, because authors of documents with these words are not meant. The author of the direct
    answer (`answered`) counts as an expert. Only sure experts have a card.
    """
    choice = _Choice(matches, asker, frozenset(first_documents[:FIRST_DOCUMENTS]), answered)
    every = (*choice.oneself(), *experts.stated, *experts.ranked, *experts.named)
    called = {one.agent.id: one for one in every}
    named = [choice.named(called[id_]) for id_ in matches.ids if id_ in called]
    ids = {one.candidate.agent.id for one in named}
    if matches.placed and not matches.by_name:
        cards = []
    elif matches.elsewhere:
        known = [one for one in choice.known(experts, limit) if one.candidate.agent.id not in ids]
        cards = [*(one for one in known if choice.is_there(one)), *named]
    elif matches.ordinary:
        known = choice.known(experts, limit - 1)
        cards = [*known, *named]
    else:
        cards = named[:limit]
        if not named or not matches.whole:
            cards += choice.known(experts, limit - len(cards))
        if matches.metiers:
            there = {one.candidate.agent.id for one in cards}
            cards += [one for one in choice.stated(experts) if one.candidate.agent.id not in there]
    counted = len(named) + matches.beyond
    shown = tuple(cards[:limit])
    own = sum(1 for one in shown if one.reason in _BY_DIRECTORY)
    near = () if shown or matches.services else choice.near_subject(experts.near, limit)
    return PeopleAnswer(
        shown,
        tuple(near),
        max(0, counted - own) if own else 0,
        matches,
        nobody_in=nobody_in(matches, [one.candidate.agent for one in shown]),
        left=experts.left,
    )


def nobody_in(matches: DirectoryMatches, people: Sequence[Agent]) -> AskedPlace | None:
    """Return the place that a question names if none of the people shown works there.

    Returns None if nobody is shown, or if the question names a person or a service.
    """
    place = None if matches.by_name or matches.services else matches.place
    return place if place and people and not any(map(place.has, people)) else None


_BY_DIRECTORY = {CardReason.NAMED, CardReason.IN_POST, CardReason.NEAREST_POST}


@dataclass(frozen=True, slots=True)
class _Choice:
    matches: DirectoryMatches
    asker: Agent | None
    first_documents: frozenset[str]
    answered: DirectAnswerer | None

    def oneself(self) -> list[Candidate]:
        """Return the asker if the question names them. Otherwise the asker is never proposed."""
        asker = self.asker
        return [
            Candidate(one.agent, 0.0, ScoreParts(0.0, 0.0, 0), ())
            for one in self.matches.people
            if asker and one.agent.id == asker.id and DirectoryField.NAME in one.fields
        ]

    def named(self, one: Candidate) -> PersonCard:
        """Return the card of a person whom the question names by name, or by métier and place."""
        if self.matches.elsewhere:
            return self.card(one, CardReason.NEAREST_POST)
        by_name = any(
            DirectoryField.NAME in match.fields
            for match in self.matches.people
            if match.agent.id == one.agent.id
        )
        return self.card(one, CardReason.NAMED if by_name else CardReason.IN_POST)

    def known(self, experts: Experts, limit: int) -> list[PersonCard]:
        """Return cards of sure experts, in the order of the ranking.

        An author of a shown answer, the best expert and the nearest expert are preferred. Some
        experts are sure by documents, others by the directory's entries on the question's topics.
        """
        sure = experts.known
        if limit < 1 or not sure:
            return []
        if self.matches.place:
            return [self._known(one) for one in sure[:limit]]
        writers = sorted(
            (one for one in sure if self._wrote(one)), key=lambda one: not self._answered(one)
        )
        placed = [one for one in sure[:CHOSEN_FROM] if self._distance_km(one) is not None]
        near = min(placed, key=lambda one: self._distance_km(one) or 0.0) if placed else None
        beside = near is not None and (self._distance_km(near) or 0.0) <= NEAR_KM
        first = [*writers[:1], sure[0], *([near] if near else []), *sure]
        kept = set(list(dict.fromkeys(one.agent.id for one in first))[:limit])
        return [
            self._known(one, nearest=one is near and beside and len(sure) > 1)
            for one in sure
            if one.agent.id in kept
        ]

    def _known(self, one: Candidate, *, nearest: bool = False) -> PersonCard:
        reason = CardReason.KNOWS if one.evidence else CardReason.METIER
        return self.card(one, reason, nearest=nearest)

    def stated(self, experts: Experts) -> list[PersonCard]:
        """Return cards of holders of the named métier, nearest to the asker first."""
        by_metier = [one for one in experts.near if one.reasons]
        placed = [
            (math.inf if (km := self._distance_km(one)) is None else km, number, one)
            for number, one in enumerate((*by_metier, *experts.stated))
        ]
        return [
            self.card(one, CardReason.METIER) for *_, one in sorted(placed, key=lambda p: p[:2])
        ]

    def near_subject(self, near: Sequence[Candidate], limit: int) -> list[PersonCard]:
        """Return cards of people who only come near, in the order of the ranking."""
        return [self.card(one, CardReason.NEAR_SUBJECT) for one in near[:limit]]

    def is_there(self, one: PersonCard) -> bool:
        """Return whether the person works in the place that the question names."""
        return self.matches.place is not None and self.matches.place.has(one.candidate.agent)

    def card(self, one: Candidate, reason: CardReason, *, nearest: bool = False) -> PersonCard:
        """Return the card of a person, with the distance."""
        return PersonCard(
            one,
            reason,
            self._distance_km(one),
            wrote=self._answered(one),
            nearest=nearest,
            self_=self.asker is not None and one.agent.id == self.asker.id,
        )

    def _wrote(self, one: Candidate) -> bool:
        return self._answered(one) or any(
            proof.answers and proof.document_id in self.first_documents for proof in one.evidence
        )

    def _answered(self, one: Candidate) -> bool:
        return self.answered is not None and one.agent.id == self.answered.agent_id

    def _distance_km(self, one: Candidate) -> float | None:
        if self.matches.place:
            km = self.matches.place.distance_km(one.agent)
            return None if math.isinf(km) else km
        if self.asker is None:
            return None
        return distance_km(self.asker.departement, one.agent.departement)
