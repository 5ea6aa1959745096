"""Rank the agents who may know, with their evidence. Read `find_experts` first."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, TypeAlias

from connectors.geography import distance_km, region_of
from connectors.values import Agent
from expertise.names import DirectoryField, NamedAgent, reasons
from expertise.scoring import NO_TOPICS, SERVED_THRESHOLD, CandidateConfidences, Threshold, walk
from expertise.values import (
    AccountDirectory,
    AssignedTopics,
    Candidate,
    Degree,
    DirectAnswerer,
    Evidence,
    NameMatcher,
    RankedDocument,
    ScoreParts,
    TopicsOf,
    Window,
)
from expertise.visibility import may_be_shown, refused_documents, refuses
from expertise.votes import Vote, cast_votes, counting_contributions, summed_by_kind
from indexer.french.analysis import analyse_query

EVIDENCE_SHARE = 0.5
"""A document is shown as evidence if its vote has at least this share of the candidate's best."""


def supporting_votes(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """The votes to show as evidence, strongest first: those far below the best are left out."""
    enough = EVIDENCE_SHARE * max((vote.weight for vote in votes), default=0.0)
    return tuple(vote for vote in votes if vote.weight > 0 and vote.weight >= enough)


SAME_QUESTION = 0.6
"""Of the words of a question and of a title, the share that both have from which they ask the
same. Chosen by hand: no judged set says which questions are the same."""
FEWEST_ASKED = 3
"""Fewer words in common name a subject, and ask nothing."""


def asks_the_same(question: str, title: str) -> bool:
    """Whether a title asks a question in nearly the same words, whatever their order."""
    asked = {term.term for term in analyse_query(question)}
    titled = {term.term for term in analyse_query(title)}
    common = len(asked & titled)
    return common >= FEWEST_ASKED and common >= SAME_QUESTION * len(asked | titled)


class EvidenceFinder:
    """The evidence of each agent with votes. `agents` maps accounts to them."""

    def __init__(
        self,
        window: Window,
        agents: Mapping[str, Agent],
        votes: Mapping[str, tuple[Vote, ...]],
        question: str,
        answered: DirectAnswerer | None = None,
    ) -> None:
        self._ranked = {ranked.card.document_id: ranked for ranked in window.documents}
        self._agents, self._votes = agents, votes
        self._question, self._answered = question, answered

    def of(self, agent: Agent) -> tuple[Evidence, ...]:
        """Where they answered this very question, then strongest first; empty without votes."""
        found = [
            self._evidence(agent, vote) for vote in supporting_votes(self._votes.get(agent.id, ()))
        ]
        return tuple(sorted(found, key=lambda one: not one.asked_there))

    def _evidence(self, agent: Agent, vote: Vote) -> Evidence:
        ranked = self._ranked[vote.document_id]
        card = ranked.card
        rows = [row for row in counting_contributions(card) if self._is(row.account, agent.id)]
        last = max((row.last for row in rows if row.last), default=None)
        return Evidence(
            document_id=card.document_id,
            title=card.title,
            url=card.url,
            roles=tuple(dict.fromkeys(row.role for row in rows)),
            first=min((row.first for row in rows if row.first), default=None),
            last=last,
            weight=vote.weight,
            former=_before(last, agent.arrival),
            answers=self._is(ranked.answered_by, agent.id),
            asked_there=vote.answers
            and (
                asks_the_same(self._question, card.title)
                or self._answered == DirectAnswerer(agent.id, card.document_id)
            ),
        )

    def _is(self, account: str, agent_id: str) -> bool:
        agent = self._agents.get(account)
        return agent is not None and agent.id == agent_id


def _before(last: date | None, arrival: date | None) -> bool:
    return last is not None and arrival is not None and last < arrival


WALK_WEIGHT = 0.2
"""The weight of the walk in a score; the votes have the rest. From .1 to .3 the development sets
are on a plateau: more gains on broad questions, and loses where one or two agents can answer."""

NEAREST_DOCUMENTS = 3
"""How many documents are shown where nobody is sure."""

SumVotes: TypeAlias = Callable[[Sequence[Vote]], float]
"""What a candidate's votes are worth together."""


@dataclass(frozen=True, slots=True)
class Experts:
    """Who may know, in three lists; each agent is in one of them.

    `named`: the question means them, by name or by métier and place, whatever they wrote.
    `candidates`: their documents show it, best first; `beyond` counts those beyond the limit.
    `stated`: only the directory states their métier or skill; they come below any evidence.
    Without a sure candidate, `nearest` are the documents nearest to the question, none where no
    document is near it (`far`). Without any candidate, `nearest_area` is an area where somebody
    is known, if there is one.
    """

    candidates: tuple[Candidate, ...]
    beyond: int
    named: tuple[Candidate, ...] = ()
    stated: tuple[Candidate, ...] = ()
    nearest: tuple[RankedDocument, ...] = ()
    nearest_area: str = ""
    far: bool = False


def find_experts(
    window: Window,
    question: str,
    directory: AccountDirectory,
    today: date,
    *,
    reader_id: str | None = None,
    area: str = "",
    limit: int = 10,
    names: NameMatcher | None = None,
    build: AssignedTopics | None = None,
    answered: DirectAnswerer | None = None,
    asked_topics: Collection[str] = (),
    whole_topic: str = "",
    sum_votes: SumVotes | None = None,
    threshold: Threshold = SERVED_THRESHOLD,
) -> Experts:
    """Who may know, as far as the documents of a window and the directory tell.

    The window holds what the reader may read for their question. `area` narrows to agents whose
    present post is there (see `in_area`). Nobody who has departed or asked not to be listed is
    proposed, nor the reader themselves (`reader_id`), nor anybody whose evidence does not pass the
    `threshold`; where nobody passes, nobody is known. `names` finds whom the question itself
    names. The topics that documents share, by the last `build`, take part in the walk. Who wrote
    the direct answer (`answered`) knows, whatever the threshold, where that document counts for
    them. `asked_topics` are those of the list that the question names. Who is shown on the page of
    the topic that the question is (`whole_topic`) is known here too, with what the reader may
    read. `sum_votes` is another way to sum a candidate's votes than the one that serves.
    """
    eligibility = _Eligibility(reader_id, today, question)
    agents = eligibility.among(directory.by_account(_accounts(window)))
    owners = {account: agent.id for account, agent in agents.items()}
    votes = cast_votes(window, today, owners, refused=refused_documents(window, agents))
    confidences = CandidateConfidences(window, votes)
    sums = _summed(votes, sum_votes) if sum_votes else summed_by_kind(votes)
    voting_ids = {vote.document_id for some in votes.values() for vote in some}
    topics = build.topics_of(voting_ids, today) if build else NO_TOPICS
    scores = combine_scores(sums, walk(window, votes, topics))
    known = {
        agent.id: agent
        for agent in agents.values()
        if agent.id in scores and supporting_votes(votes[agent.id])
    }
    in_the_area = sorted(
        (id_ for id_, agent in known.items() if in_area(agent, area)),
        key=lambda id_: (-scores[id_].score, id_),
    )
    answering = _answering(answered, votes) & set(in_the_area)
    on_page = build.shown_on(whole_topic, today) if build and whole_topic else frozenset[str]()
    passing = {*confidences.passing(in_the_area, threshold), *answering, *on_page}
    shown = [id_ for id_ in in_the_area if id_ in passing]
    matched = eligibility.named(names, area)
    stating = {id_ for id_, one in matched.items() if not _BY_DIRECTORY.isdisjoint(one.fields)}
    vouched = _Vouching(build, topics, frozenset(asked_topics), today).among(
        [known[id_] for id_ in shown], votes
    )
    sure = {
        id_
        for id_ in shown
        if id_ in answering
        or id_ in on_page
        or id_ in stating
        or confidences.sure(id_, vouched.near.get(id_, ()))
        or id_ in vouched.asked
    }
    evidence = EvidenceFinder(window, agents, votes, question, answered)
    make = _CandidateFactory(scores, evidence, confidences, sure, today)
    named = {id_: one for id_, one in matched.items() if one.pointed_at}
    ranked = [id_ for id_ in shown if id_ not in named]
    stated = matched.keys() - named.keys() - set(shown)
    return Experts(
        candidates=tuple(make.shown(known[id_], matched.get(id_)) for id_ in ranked[:limit]),
        beyond=max(0, len(ranked) - limit),
        named=tuple(make.shown(one.agent, one) for one in named.values()),
        stated=tuple(make.stated(one) for id_, one in matched.items() if id_ in stated),
        nearest=() if sure or window.far else window.documents[:NEAREST_DOCUMENTS],
        nearest_area="" if shown else _nearest_area(confidences, known, area, threshold),
        far=window.far,
    )


_BY_DIRECTORY = {DirectoryField.METIER, DirectoryField.SKILL}
"""Whose métier or skill has every word of the question, and whose documents come near it, is sure:
two sources say the same."""


def _answering(answered: DirectAnswerer | None, votes: Mapping[str, tuple[Vote, ...]]) -> set[str]:
    """Who wrote the direct answer, where its document votes for them."""
    if answered is None:
        return set()
    voting = {vote.document_id for vote in votes.get(answered.agent_id, ())}
    return {answered.agent_id} if answered.document_id in voting else set()


class _Vouched(NamedTuple):
    """Evidence on topics that the directory says somebody holds.

    `near`: by agent, such documents, to be held against the bar of nearness. `asked`: agents who
    hold a topic that the question names, and have a document on it.
    """

    near: Mapping[str, Collection[str]]
    asked: Collection[str]


@dataclass(frozen=True, slots=True)
class _Vouching:
    """Sets the directory's topics beside those of candidates' documents."""

    build: AssignedTopics | None
    topics: TopicsOf
    asked_topics: frozenset[str]
    today: date

    def among(self, agents: Sequence[Agent], votes: Mapping[str, tuple[Vote, ...]]) -> _Vouched:
        """Of these agents; nobody without a build."""
        if self.build is None:
            return _Vouched({}, ())
        by_metier = self.build.held_by_directory(agents, self.today, declared=False)
        stated = (
            self.build.held_by_directory(agents, self.today, declared=True)
            if self.asked_topics
            else {}
        )
        return _Vouched(
            {id_: self._on(votes[id_], held) for id_, held in by_metier.items()},
            {id_ for id_, held in stated.items() if self._on(votes[id_], held & self.asked_topics)},
        )

    def _on(self, votes: Sequence[Vote], held: Collection[str]) -> list[str]:
        """The documents among a candidate's evidence that are on one of the topics `held`."""
        return [
            vote.document_id
            for vote in supporting_votes(votes)
            if any(id_ in held for id_, _ in self.topics.get(vote.document_id, ()))
        ]


def in_area(agent: Agent, area: str) -> bool:
    """Whether the present post is in a département (`22`) or a region (`r53`); `` is everywhere."""
    if not area:
        return True
    if area.startswith("r"):
        return region_of(agent.departement) == area[1:]
    return agent.departement == area


def _accounts(window: Window) -> set[str]:
    return {
        row.account for ranked in window.documents for row in counting_contributions(ranked.card)
    }


@dataclass(frozen=True, slots=True)
class _Eligibility:
    """Who may be proposed: not who has left, nor who asked not to be, nor the reader.

    Nor who refused a topic that the question names, unless the question names them.
    """

    reader_id: str | None
    today: date
    question: str

    def among(self, agents: Mapping[str, Agent]) -> dict[str, Agent]:
        """The agents of these accounts, as far as they may be proposed."""
        return {
            account: agent
            for account, agent in agents.items()
            if self._may_be_proposed(agent) and not refuses(agent, self.question)
        }

    def named(self, names: NameMatcher | None, area: str) -> dict[str, NamedAgent]:
        """By id, those whom the question itself names, in the directory's order."""
        found = names.named(self.question) if names else ()
        return {
            one.agent.id: one
            for one in found
            if self._may_be_proposed(one.agent)
            and in_area(one.agent, area)
            and (DirectoryField.NAME in one.fields or not refuses(one.agent, self.question))
        }

    def _may_be_proposed(self, agent: Agent) -> bool:
        return may_be_shown(agent, self.today) and agent.id != self.reader_id


class ScoredCandidate(NamedTuple):
    """Both parts are relative to the best candidate's, from 0 to 1."""

    score: float
    votes: float
    walk: float


def _summed(votes: Mapping[str, tuple[Vote, ...]], sum_votes: SumVotes) -> dict[str, float]:
    return {id_: sum_votes([v for v in cast if v.weight > 0]) for id_, cast in votes.items()}


def combine_scores(
    sums: Mapping[str, float], visits: Mapping[str, float]
) -> dict[str, ScoredCandidate]:
    """Score and parts of each agent with a positive sum of votes, by id."""
    most = max(sums.values(), default=0.0)
    found = {}
    for agent_id, total in sums.items():
        if total > 0:
            part, visited = total / most, visits.get(agent_id, 0.0)
            score = (1 - WALK_WEIGHT) * part + WALK_WEIGHT * visited
            found[agent_id] = ScoredCandidate(score, part, visited)
    return found


def _nearest_area(
    confidences: CandidateConfidences, known: Mapping[str, Agent], area: str, threshold: Threshold
) -> str:
    """The département nearest to the one asked for in which somebody is known, if any.

    Without a distance (a region, overseas), the département of the best evidence.
    """
    somewhere = [
        (distance_km(area, known[id_].departement) or 0.0, -confidences.of(id_), id_)
        for id_ in confidences.passing(sorted(known), threshold)
        if known[id_].departement
    ]
    return known[min(somewhere)[-1]].departement if somewhere else ""


class _CandidateFactory:
    """Makes the candidates of one answer."""

    def __init__(
        self,
        scores: Mapping[str, ScoredCandidate],
        evidence: EvidenceFinder,
        confidences: CandidateConfidences,
        sure: Collection[str],
        today: date,
    ) -> None:
        self._scores, self._evidence, self._today = scores, evidence, today
        self._confidences, self._sure = confidences, sure

    def shown(self, agent: Agent, named: NamedAgent | None) -> Candidate:
        """With evidence, and with the reasons of a directory entry that matches the question."""
        scored = self._scores.get(agent.id, _NO_SCORE)
        confidence = self._confidences.of(agent.id) if agent.id in self._scores else 0.0
        evidence = self._evidence.of(agent)
        why = reasons(named, self._today, evidence=bool(evidence)) if named else ()
        parts = ScoreParts(scored.votes, scored.walk, len(evidence))
        degree = self._degree(agent.id, evidence) if agent.id in self._scores else None
        return Candidate(agent, scored.score, parts, evidence, why, confidence, degree)

    def _degree(self, agent_id: str, evidence: Sequence[Evidence]) -> Degree:
        """Who is not sure is only near, even where titles are alike."""
        if agent_id not in self._sure and not self._confidences.sure(agent_id):
            return Degree.NEAR
        answered = any(one.asked_there for one in evidence)
        return Degree.ANSWERED if answered else Degree.WROTE

    def stated(self, named: NamedAgent) -> Candidate:
        """By the directory alone: a weak document shown with it would look like evidence."""
        why = reasons(named, self._today, evidence=False)
        return Candidate(named.agent, 0.0, ScoreParts(0.0, 0.0, 0), (), why)


_NO_SCORE = ScoredCandidate(0.0, 0.0, 0.0)
