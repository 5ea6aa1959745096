"""The people of an answer: whom the question names, else who knows, as a few cards."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from connectors.geography import distance_km
from connectors.values import Agent, ContributorRole, EvidencePolicy
from expertise.lookup import NOBODY, DirectoryMatches, LookupDirectory, look_up
from expertise.names import DirectoryField, asked_words
from expertise.places import AskedPlace, departements_of, nearest_km
from expertise.values import Candidate, DirectAnswerer, ScoreParts, TopicHolders
from expertise.visibility import may_be_shown, refuses, refuses_document
from expertise.who_knows import Experts
from indexer.access import Reader
from indexer.values import Expansion
from search_api.answers.context import AnswerContext
from search_api.questions.pasted_mail import question_of_mail
from search_api.ranking.results import Result

MOST_CARDS = 3
"""So many people at most stand above the documents."""

CHOSEN_FROM = 10
"""Among so many who know, the nearest to the asker is looked for."""

FIRST_DOCUMENTS = 3
"""Who wrote the answering passage of one of the first documents is among the cards."""

_LOWER_CASE = re.compile(r"(?<![\w@.])[^\W\d_]+(?![\w@]|\.\w)")


class CardReason(StrEnum):
    """Why somebody has a card."""

    NAMED = "named"
    IN_POST = "in_post"
    NEAREST_POST = "nearest_post"
    KNOWS = "knows"
    NEAR_SUBJECT = "near_subject"
    METIER = "metier"


@dataclass(frozen=True, slots=True)
class PersonCard:
    """Somebody to ask. `distance_km` is from the asker's post, None where that says nothing.

    `wrote`: the answering passage of one of the first documents is theirs. `nearest`: of those
    who know, none is nearer to the asker. `self_`: it is the asker.
    """

    candidate: Candidate
    reason: CardReason
    distance_km: float | None = None
    wrote: bool = False
    nearest: bool = False
    self_: bool = False

    @property
    def proposed(self) -> bool:
        """Whether the answer found them, rather than the question."""
        return self.reason is not CardReason.NAMED and not self.self_


@dataclass(frozen=True, slots=True)
class PeopleAnswer:
    """Up to `MOST_CARDS` people, and what else of the directory the question names.

    `beyond` counts those whom the question names as well. `near_subject`: where nobody has a card,
    those whose documents only come near the question; they stand after the documents, and are no
    answer to it (decision 41). `nobody_in`: the place that the question names, if nobody on a card
    works there; the first card is the nearest. `left`: somebody who knew there has left.
    """

    cards: tuple[PersonCard, ...] = ()
    near_subject: tuple[PersonCard, ...] = ()
    beyond: int = 0
    matches: DirectoryMatches = NOBODY
    nobody_in: AskedPlace | None = None
    left: bool = False


def asker_of(context: AnswerContext, reader: Reader) -> Agent | None:
    """The reader as the directory has them."""
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
    """Whom and what a question names; nobody for a reader without an agent.

    `expansions` are the glossary's for the question.
    `texts` are of readable documents: their words in lower case are no names.
    Raises `IndexUnreachable`.
    """
    if reader.agent_id is None:
        return NOBODY
    return look_up(
        context.people,
        question,
        context.today(),
        asker=asker,
        asked_text=question_of_mail(question),
        unknown=lambda words: context.search.near_words(words, reader).keys(),
        ordinary=ordinary_words(texts),
        otherwise=[
            re.sub(re.escape(one.words), lambda _, said=other: said, question, flags=re.IGNORECASE)  # type: ignore[misc]
            for one in expansions
            for other in one.others
        ],
    )


def ordinary_words(texts: Iterable[str]) -> frozenset[str]:
    """The words that texts write in lower case, folded; addresses of mail are left out."""
    words = {word for text in texts for word in _LOWER_CASE.findall(text) if word.islower()}
    return asked_words(" ".join(words))


def asked_instead(
    context: AnswerContext, asker: Agent | None, results: Sequence[Result], question: str = ""
) -> dict[str, tuple[Agent, ...]]:
    """Return by document id whom to ask where nobody who wrote it can be (see `ask_instead`)."""
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
            of_topic,
            assigned.get(one.card.document_id, ()),
        )
    return {id_: people for id_, people in found.items() if people}


def _authors_can_be_asked(one: Result) -> bool:
    """Return whether an author is in post and may be named, or nobody is known to have written."""
    writers = [author for author in one.authors if author.role in _WROTE]
    return not writers or any(author.shown for author in writers)


def ask_instead(
    directory: LookupDirectory,
    asker: Agent | None,
    one: Result,
    today: date,
    question: str = "",
    holders: Sequence[Agent] = (),
    topics: Sequence[tuple[str, float]] = (),
) -> tuple[Agent, ...]:
    """Whom to ask where no author of a document is in post and may be named, else nobody.

    Those in post who edited, reviewed or answered there, else of the `holders` of its topic who is
    nearest to the asker, else of the writers' métier. Not the asker, nor who may not be shown, or
    refused what the document (whose `topics` these are) or the `question` is about. Nobody where
    contributions to the document count as no evidence.
    """
    card = one.card
    if card.evidence == EvidencePolicy.NONE or _authors_can_be_asked(one):
        return ()

    def may_be_asked(agent: Agent) -> bool:
        about_document = refuses_document(agent, card.document_id, card.title, topics)
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
    if asked := nearest(holders):
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
    """Those to show, of those whom the question names and those who know.

    A question that only names somebody, or a service in its place, is answered by the directory
    alone: who contributed to documents near such words is not meant. Who wrote the direct answer
    (`answered`) is among those who know. Who is not sure to know has no card.
    """
    choice = _Choice(matches, asker, frozenset(first_documents[:FIRST_DOCUMENTS]), answered)
    every = (*choice.oneself(), *experts.stated, *experts.candidates, *experts.named)
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
    near = () if shown or matches.services else choice.near_subject(experts.candidates, limit)
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

    None if nobody is shown, or the question names somebody or a service.
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
        """The asker, where the question names them: nobody is proposed to themselves else."""
        asker = self.asker
        return [
            Candidate(one.agent, 0.0, ScoreParts(0.0, 0.0, 0), ())
            for one in self.matches.people
            if asker and one.agent.id == asker.id and DirectoryField.NAME in one.fields
        ]

    def named(self, one: Candidate) -> PersonCard:
        """Whom the question names: by name, or by métier and place."""
        if self.matches.elsewhere:
            return self.card(one, CardReason.NEAREST_POST)
        by_name = any(
            DirectoryField.NAME in match.fields
            for match in self.matches.people
            if match.agent.id == one.agent.id
        )
        return self.card(one, CardReason.NAMED if by_name else CardReason.IN_POST)

    def known(self, experts: Experts, limit: int) -> list[PersonCard]:
        """Of who is sure, in their order: the best, who wrote an answer shown, and the nearest.

        Some by what they wrote, some by what the directory says of the question's topics.
        """
        sure = experts.known
        if limit < 1 or not sure:
            return []
        if self.matches.place:
            return [self._known(one) for one in sure[:limit]]
        writers = sorted(
            (one for one in sure if self._wrote(one)),
            key=lambda one: not self._answered(one),
        )
        placed = [one for one in sure[:CHOSEN_FROM] if self._distance_km(one) is not None]
        near = min(placed, key=lambda one: self._distance_km(one) or 0.0) if placed else None
        first = [*writers[:1], sure[0], *([near] if near else []), *sure]
        kept = set(list(dict.fromkeys(one.agent.id for one in first))[:limit])
        return [
            self._known(one, nearest=one is near and len(sure) > 1)
            for one in sure
            if one.agent.id in kept
        ]

    def _known(self, one: Candidate, *, nearest: bool = False) -> PersonCard:
        reason = CardReason.KNOWS if one.evidence else CardReason.METIER
        return self.card(one, reason, nearest=nearest)

    def stated(self, experts: Experts) -> list[PersonCard]:
        """Whose métier the question says: the nearest to the asker first."""
        by_metier = [one for one in experts.candidates if not one.sure and one.reasons]
        placed = [
            (math.inf if (km := self._distance_km(one)) is None else km, number, one)
            for number, one in enumerate((*by_metier, *experts.stated))
        ]
        return [
            self.card(one, CardReason.METIER) for *_, one in sorted(placed, key=lambda p: p[:2])
        ]

    def near_subject(self, ranked: Sequence[Candidate], limit: int) -> list[PersonCard]:
        """Who is not sure, in the order of the ranking."""
        return [self.card(one, CardReason.NEAR_SUBJECT) for one in ranked if not one.sure][:limit]

    def is_there(self, one: PersonCard) -> bool:
        """Return whether somebody works in the place that the question names."""
        return self.matches.place is not None and self.matches.place.has(one.candidate.agent)

    def card(self, one: Candidate, reason: CardReason, *, nearest: bool = False) -> PersonCard:
        """One person, seen from where the asker works."""
        away = reason is CardReason.NEAREST_POST  # near to the area asked for, not to the asker
        return PersonCard(
            one,
            reason,
            None if away else self._distance_km(one),
            wrote=self._wrote(one),
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
        if self.asker is None:
            return None
        return distance_km(self.asker.departement, one.agent.departement)
