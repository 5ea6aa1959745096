"""Rank the agents who may know, with their evidence. Read `find_experts` first."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple, TypeAlias

from connectors.values import Agent
from expertise.knowing import (
    BARE_CARD,
    CARD,
    FURTHER_CARD,
    NEAR,
    Features,
    Knowledge,
    QuestionTopics,
    counting_documents,
    log_odds,
    odds_of,
    own_terms,
    question_topics,
    subject_terms,
    topic_shares,
)
from expertise.names import DirectoryField, NamedAgent, reasons
from expertise.places import AskedPlace, departements_of, nearest_km
from expertise.scoring import NO_TOPICS, walk
from expertise.values import (
    AccountDirectory,
    AssignedTopics,
    Candidate,
    Degree,
    DirectAnswerer,
    Evidence,
    RankedDocument,
    ScoreParts,
    TopicHolders,
    Window,
)
from expertise.visibility import corrects, may_be_named, may_be_shown, refused_documents, refuses
from expertise.votes import Vote, cast_votes, counting_contributions, evidence_of, summed_by_kind
from indexer.french.analysis import analyse_query, folded_words

EVIDENCE_SHARE = 0.5
"""A document is shown as evidence if its vote is at least this share of the candidate's best vote.
"""


def supporting_votes(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """Return the votes to show as evidence, strongest first, without those far below the best."""
    enough = EVIDENCE_SHARE * max((vote.weight for vote in votes), default=0.0)
    return tuple(vote for vote in votes if vote.weight > 0 and vote.weight >= enough)


NEIGHBOUR = 0.6
"""A title asks a neighbouring question if at least this share of all their different words is in
both. Chosen by hand, because no judged set tells which questions are neighbours.
"""
FEWEST_ASKED = 3
"""A title that asks a question has at least this number of words in common with it: fewer words
only name a subject.
"""


def asks_nearly(question: str, title: str) -> bool:
    """Return whether a title asks a question in nearly the same words, in any order."""
    question_terms = {term.term for term in analyse_query(question)}
    titled = {term.term for term in analyse_query(title)}
    common = len(question_terms & titled)
    return common >= FEWEST_ASKED and common >= NEIGHBOUR * len(question_terms | titled)


def asks_the_same(question: str, title: str) -> bool:
    """Return whether a title asks a question in the same words; accents and signs do not count."""
    return asks_nearly(question, title) and folded_words(question) == folded_words(title)


class EvidenceFinder:
    """Finds the evidence of agents who have votes. `agents` maps accounts to agents."""

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
        """Return an agent's evidence: answers to the same question first, then the strongest."""
        evidence = [
            self._evidence(agent, vote) for vote in supporting_votes(self._votes.get(agent.id, ()))
        ]
        return tuple(
            sorted(evidence, key=lambda proof: (not proof.asked_there, not proof.asked_near))
        )

    def _evidence(self, agent: Agent, vote: Vote) -> Evidence:
        ranked = self._ranked[vote.document_id]
        card = ranked.card
        same = vote.answers and (
            self._answered == DirectAnswerer(agent.id, card.document_id)
            or asks_the_same(self._question, card.title)
        )
        return replace(
            evidence_of(card, lambda account: self._is(account, agent.id), agent, vote.weight),
            answers=self._is(ranked.answered_by, agent.id),
            asked_there=same,
            asked_near=vote.answers and not same and asks_nearly(self._question, card.title),
        )

    def _is(self, account: str, agent_id: str) -> bool:
        agent = self._agents.get(account)
        return agent is not None and agent.id == agent_id


SURE_ODDS, FURTHER_ODDS, BARE_ODDS, NEAR_ODDS = map(odds_of, (CARD, FURTHER_CARD, BARE_CARD, NEAR))
"""Thresholds in log-odds (see `knowing`). If documents answer the question, the likeliest candidate
needs the first and every other candidate the second to be an expert; if no document answers, every
candidate needs the third. Above the fourth, a candidate is shown as somebody who may point the way.
"""

NO_BAR = -math.inf
"""The log-odds at which every candidate with evidence is returned."""

WALK_WEIGHT = 0.2
"""Weight of the random walk in a score; the votes have the rest. The development sets are on a
plateau from .1 to .3: a larger weight gains on broad questions, and loses where one or two agents
can answer.
"""

NEAREST_DOCUMENTS = 3
"""Number of nearest documents that are shown if nobody surely knows."""

VOTES_WEIGHT = 4
"""Weight of the logarithm of a candidate's score beside their log-odds, in the order of the people
who only come near; of everybody if neither the question nor a document near it has a topic
(decision 122).
"""

SumVotes: TypeAlias = Callable[[Sequence[Vote]], float]
"""Function that sums up a candidate's votes."""


@dataclass(frozen=True, slots=True)
class Experts:
    """Agents who may know, in four lists; each agent is in one list only.

    `named`: the question names them, or their métier and place, whatever they wrote. `candidates`:
    their documents show that they know, best first. `near`: their documents only come near, and
    show no expert. `beyond` counts the people of these two lists over the limit. `stated`: only the
    directory states their métier or skill; `confidence` is above 0 if they hold the question's
    topic. Without candidates, `nearest` has the documents nearest to the question, or none if no
    document is near it (`far`). If there is nobody near either, `nearest_area` is an area where
    somebody is known, if there is one. `place`: the place that the question names; experts are
    ranked by their distance to it. `left`: no expert is there now, but a former agent of the place
    was an expert.
    """

    candidates: tuple[Candidate, ...] = ()
    near: tuple[Candidate, ...] = ()
    beyond: int = 0
    named: tuple[Candidate, ...] = ()
    stated: tuple[Candidate, ...] = ()
    nearest: tuple[RankedDocument, ...] = ()
    nearest_area: str = ""
    far: bool = False
    place: AskedPlace | None = None
    left: bool = False

    @property
    def known(self) -> tuple[Candidate, ...]:
        """The experts, by evidence or because they hold the question's topic.

        The likeliest comes first, or the nearest if the question names a place.
        """
        holding = [candidate for candidate in self.stated if candidate.confidence > 0]

        def order(candidate: Candidate) -> tuple[float, float]:
            return self.place.distance_km(
                candidate.agent
            ) if self.place else 0.0, -candidate.confidence

        return tuple(sorted((*self.candidates, *holding), key=order))

    @property
    def ranked(self) -> tuple[Candidate, ...]:
        """The candidates, then the people who only come near."""
        return (*self.candidates, *self.near)

    @property
    def people(self) -> tuple[Agent, ...]:
        """Named agents, then known experts, then agents found only in the directory, each once."""
        experts = (*self.named, *self.known, *self.stated)
        return tuple({expert.agent.id: expert.agent for expert in experts}.values())


@dataclass(frozen=True, slots=True)
class PeopleQuestion:
    """A question for which experts are looked for.

    `reader_id`: the reader, who is never proposed. `area` narrows to agents whose present post is
    there (see `in_area`). `named` are the agents whose directory entry the question matches. If it
    names a `place`, the nearest experts come first; the likeliest agent there, and all who hold the
    question's topic by the directory, need only the first expert's threshold. `topics` are the
    listed topics that it names; an agent shown on the page of the topic that is the whole question
    (`whole_topic`) is an expert here too, if the reader may read their evidence. The author of the
    `direct` answer is an expert, however unlikely, if that document counts for them. If no document
    answers (`documents_answer`), every candidate needs a higher threshold. At most `limit` people
    are shown for their documents, with at least the log-odds of knowing `least`.
    """

    text: str
    reader_id: str | None = None
    area: str = ""
    named: Sequence[NamedAgent] = ()
    place: AskedPlace | None = None
    topics: Collection[str] = ()
    whole_topic: str = ""
    direct: DirectAnswerer | None = None
    documents_answer: bool = True
    limit: int = 10
    least: float = NEAR_ODDS


def find_experts(
    window: Window,
    question: PeopleQuestion,
    directory: AccountDirectory,
    today: date,
    *,
    build: AssignedTopics | None = None,
    sum_votes: SumVotes | None = None,
) -> Experts:
    """Return the agents who may know, by the documents of a window and the directory.

    The window holds the documents that the reader may read for their question. Agents who left or
    asked not to be listed, the reader, and candidates less likely to know than `question.least`
    are never proposed. The topics of documents, by the last `build`, take part in the walk and give
    the topics of the question, whose holders by the directory may know without documents.
    `sum_votes` replaces the served sum of votes, for evaluation.
    """
    eligibility = _Eligibility(question, today)
    accounts = directory.by_account(_accounts(window))
    agents = eligibility.among(accounts)
    weighed = _weigh(window, agents, today, build, question, sum_votes)
    far = window.far or not subject_terms(question.text)
    least = question.least
    near = [] if far and least > NO_BAR else weighed.likelier_than(least)
    answering = _answering(question.direct, weighed.votes)
    whole = question.whole_topic
    on_page = build.shown_on(whole, today) if build and whole else frozenset[str]()
    passing = {*near, *answering, *on_page}
    shown = [id_ for id_ in weighed.ranked_in(question.area) if id_ in passing]
    matched = eligibility.named()
    holding = _holding(weighed, eligibility, {*shown, *matched})
    likely = [(weighed.agents[id_], weighed.odds[id_]) for id_ in shown]
    bars = _Bars(
        [*likely, *((candidate.agent, candidate.confidence) for candidate in holding)], question
    )
    if least > NO_BAR:
        lower = bool(question.topics)
        holding = [
            candidate
            for candidate in holding
            if candidate.confidence >= bars.of(candidate.agent, lower=lower)
        ]
    named = {id_: match for id_, match in matched.items() if match.pointed_at}
    stating = {id_ for id_, match in matched.items() if not _BY_DIRECTORY.isdisjoint(match.fields)}
    lower = question.documents_answer
    certain = {agent.id for agent, odds in likely if odds >= bars.of(agent, lower=lower)}
    if lower and question.place:
        certain |= {
            agent.id
            for agent, odds in likely
            if odds >= SURE_ODDS and weighed.knowledge.reasons(agent)
        }
    sure = {*certain, *answering, *on_page, *stating}.intersection(shown)
    sure |= {id_ for id_ in named if weighed.odds.get(id_, NO_BAR) >= bars.everywhere}
    evidence = EvidenceFinder(window, agents, weighed.votes, question.text, question.direct)
    make = _CandidateFactory(weighed.scores, weighed.features, weighed.odds, evidence, sure, today)
    ranked = weighed.shown_order([id_ for id_ in shown if id_ not in named], sure, question.place)
    stated = [match for id_, match in matched.items() if id_ not in named and id_ not in shown]
    shown_people = [
        make.shown(weighed.agents[id_], matched.get(id_)) for id_ in ranked[: question.limit]
    ]
    experts = Experts(
        candidates=tuple(candidate for candidate in shown_people if candidate.sure),
        near=tuple(candidate for candidate in shown_people if not candidate.sure),
        beyond=max(0, len(ranked) - question.limit),
        named=tuple(make.shown(match.agent, match) for match in named.values()),
        stated=(*holding, *map(make.stated, stated)),
        nearest=() if sure or far else window.documents[:NEAREST_DOCUMENTS],
        nearest_area="" if shown else weighed.nearest_area(near, question.area),
        far=far,
        place=question.place,
    )
    if far or question.place is None:
        return experts
    if any(question.place.has(expert.agent) for expert in (*experts.known, *experts.named)):
        return experts
    gone = eligibility.gone(accounts, question.place)
    if question.topics or stating:  # only agents whose entry says it held the topic or métier
        words = subject_terms(question.text)
        gone = {account: agent for account, agent in gone.items() if words & own_terms(agent)}
    refused = _refused(window, gone, today, build)
    return replace(experts, left=_knew(gone, window, today, weighed.shares, question, refused))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Agents with evidence in a window, by id, and how likely each of them knows.

    `votes` and `scores` also hold agents whose votes are no evidence. `voted` are the log-odds by
    features and votes (`VOTES_WEIGHT`); `odds` are the same if the question has no topic, else by
    features alone. `shares` are
    the shares of the question's topics; `holders` hold one of these topics, and `knowledge` has
    their features too.
    """

    agents: Mapping[str, Agent]
    votes: Mapping[str, tuple[Vote, ...]]
    scores: Mapping[str, "ScoredCandidate"]
    features: Mapping[str, Features]
    voted: Mapping[str, float]
    odds: Mapping[str, float]
    shares: Mapping[str, float]
    holders: TopicHolders
    knowledge: Knowledge

    def likelier_than(self, least: float) -> list[str]:
        """Return the ids of agents with at least these log-odds of knowing by their features."""
        return [id_ for id_ in self.agents if log_odds(self.features[id_]) >= least]

    def ranked_in(self, area: str) -> list[str]:
        """Return the ids of agents in an area, likeliest first."""
        here = (id_ for id_, agent in self.agents.items() if in_area(agent, area))
        return sorted(here, key=lambda id_: (-self.odds[id_], -self.scores[id_].compared, id_))

    def shown_order(
        self, ids: Iterable[str], sure: Collection[str], place: AskedPlace | None
    ) -> list[str]:
        """Return ids in the order of an answer: experts first, nearest to the place, likeliest.

        The others are in the order of `voted`, which does better on the judged sets than that of
        the features or of the votes alone.
        """

        def order(id_: str) -> tuple[bool, float, float, float]:
            score = -self.scores[id_].compared
            if id_ not in sure:
                return True, 0.0, -self.voted[id_], score
            km = place.distance_km(self.agents[id_]) if place else 0.0
            return False, km, -self.odds[id_], score

        return sorted(ids, key=order)

    def nearest_area(self, ids: Iterable[str], area: str) -> str:
        """Return the département nearest to an area in which one of these agents is, if any.

        If no distance is known (overseas), return the likeliest agent's département.
        """
        somewhere = [
            (nearest_km(departements_of(area), self.agents[id_]), -self.odds[id_], id_)
            for id_ in ids
            if self.agents[id_].departement
        ]
        return self.agents[min(somewhere)[-1]].departement if somewhere else ""


def _weigh(
    window: Window,
    agents: Mapping[str, Agent],
    today: date,
    build: AssignedTopics | None,
    question: PeopleQuestion,
    sum_votes: SumVotes | None,
) -> _Weighed:
    """Weigh the contributions of agents, by account, to a window, and their directory entries.

    The parameters are those of `find_experts`.
    """
    owners = {account: agent.id for account, agent in agents.items()}
    refused = _refused(window, agents, today, build)
    votes = cast_votes(window, today, owners, refused=refused)
    sums = _summed(votes, sum_votes) if sum_votes else summed_by_kind(votes)
    voting_ids = {vote.document_id for agent_votes in votes.values() for vote in agent_votes}
    topics = build.topics_of(voting_ids, today) if build else NO_TOPICS
    scores = combine_scores(sums, walk(window, votes, topics))
    shares = topic_shares(counting_documents(window), topics)
    listed = list(dict.fromkeys([*question.topics, *question_topics(shares)]))
    holders = build.holders_of(listed, today) if build and listed else TopicHolders()
    asked = QuestionTopics(shares, question.topics, holders)
    knowledge = Knowledge(window, owners, votes, asked, question.direct, refused)
    known = {
        agent.id: agent
        for agent in agents.values()
        if agent.id in scores and supporting_votes(votes[agent.id])
    }
    features = {id_: knowledge.features(agent) for id_, agent in known.items()}
    odds = {id_: log_odds(vector) for id_, vector in features.items()}
    voted = {
        id_: round(value + VOTES_WEIGHT * math.log(max(scores[id_].compared, 1e-6)), 6)
        for id_, value in odds.items()
    }
    if not (shares or question.topics):
        odds = voted
    return _Weighed(known, votes, scores, features, voted, odds, shares, holders, knowledge)


def _refused(
    window: Window, agents: Mapping[str, Agent], today: date, build: AssignedTopics | None
) -> Mapping[str, frozenset[str]]:
    """Return the documents that do not count for these agents (by account), by agent id."""
    if not any(map(corrects, agents.values())):
        return {}
    ids = {ranked.card.document_id for ranked in window.documents}
    return refused_documents(window, agents, build.topics_of(ids, today) if build else NO_TOPICS)


class _Bars:
    """Thresholds in log-odds: `everywhere`, and a lower one at the place that is asked for."""

    def __init__(self, likely: Sequence[tuple[Agent, float]], question: PeopleQuestion) -> None:
        self._place = question.place
        answered = question.documents_answer
        self.everywhere = _bar(likely, FURTHER_ODDS) if answered else BARE_ODDS
        there = [entry for entry in likely if _is_in(question.place, entry[0])]
        self._there = _bar(there, self.everywhere)

    def of(self, agent: Agent, *, lower: bool) -> float:
        """Return an agent's threshold. `lower`: use the lower one for agents at that place."""
        return self._there if lower and _is_in(self._place, agent) else self.everywhere


def _bar(likely: Iterable[tuple[Agent, float]], further: float) -> float:
    """Return the log-odds that make a further candidate an expert.

    That is `further`, or the log-odds of the likeliest candidate if these are lower, but at least
    `SURE_ODDS`.
    """
    return min(further, max(SURE_ODDS, max((odds for _, odds in likely), default=SURE_ODDS)))


def _knew(
    agents: Mapping[str, Agent],
    window: Window,
    today: date,
    shares: Mapping[str, float],
    question: PeopleQuestion,
    refused: Mapping[str, frozenset[str]],
) -> bool:
    """Return whether one of these agents, by account, would be an expert if still in post."""
    if not agents:
        return False
    owners = {account: agent.id for account, agent in agents.items()}
    votes = cast_votes(window, today, owners, refused=refused)
    asked = QuestionTopics(shares, question.topics)
    knowledge = Knowledge(window, owners, votes, asked, question.direct, refused)
    return any(log_odds(knowledge.features(agent)) >= FURTHER_ODDS for agent in agents.values())


def _holding(
    weighed: _Weighed, eligibility: "_Eligibility", shown: Collection[str]
) -> list[Candidate]:
    """Return the agents who hold the question's topics by the directory alone, likeliest first."""
    holding = []
    for agent in weighed.holders.agents.values():
        reasons = weighed.knowledge.reasons(agent)
        if agent.id in shown or not reasons or not in_area(agent, eligibility.question.area):
            continue
        features = weighed.knowledge.features(agent)
        odds = log_odds(features)
        if eligibility.may_be_proposed(agent):
            parts = ScoreParts(0.0, 0.0, 0, features)
            holding.append(Candidate(agent, 0.0, parts, (), reasons, odds))
    return sorted(holding, key=lambda candidate: (-candidate.confidence, candidate.agent.id))


_BY_DIRECTORY = {DirectoryField.METIER, DirectoryField.SKILL}
"""Directory fields that, together with near documents, make a candidate sure: two sources agree."""


def _answering(answered: DirectAnswerer | None, votes: Mapping[str, tuple[Vote, ...]]) -> set[str]:
    """Return the id of the direct answer's author if the document votes for them."""
    if answered is None:
        return set()
    voting = {vote.document_id for vote in votes.get(answered.agent_id, ())}
    return {answered.agent_id} if answered.document_id in voting else set()


def _is_in(place: AskedPlace | None, agent: Agent) -> bool:
    return place is not None and place.has(agent)


def in_area(agent: Agent, area: str) -> bool:
    """Return whether the agent's post is in an area: `22`, `r53`, or empty for everywhere."""
    return not area or agent.departement in departements_of(area)


def _accounts(window: Window) -> set[str]:
    return {
        row.account for ranked in window.documents for row in counting_contributions(ranked.card)
    }


@dataclass(frozen=True, slots=True)
class _Eligibility:
    """Decides which agents may be proposed.

    Excluded are agents who left, agents who asked not to be listed, the reader, and agents who
    refused a topic of the question (by its id or label), unless the question names them.
    """

    question: PeopleQuestion
    today: date

    def among(self, agents: Mapping[str, Agent]) -> dict[str, Agent]:
        """Return those of the agents, by account, who may be proposed."""
        return {account: agent for account, agent in agents.items() if self.may_be_proposed(agent)}

    def named(self) -> dict[str, NamedAgent]:
        """Return the agents whom the question names, by id, in the directory's order."""
        return {
            match.agent.id: match
            for match in self.question.named
            if self._may_be_shown(match.agent)
            and in_area(match.agent, self.question.area)
            and (DirectoryField.NAME in match.fields or not self._refuses(match.agent))
        }

    def gone(self, agents: Mapping[str, Agent], place: AskedPlace) -> dict[str, Agent]:
        """Return the agents, by account, who left a post in the place.

        Agents who refused the question are left out.
        """
        return {
            account: agent
            for account, agent in agents.items()
            if agent.departed(self.today)
            and may_be_named(agent)
            and not self._refuses(agent)
            and place.has(agent)
        }

    def may_be_proposed(self, agent: Agent) -> bool:
        """Return whether an agent may be proposed: in post, listed, not the reader.

        Neither may the agent have refused the question.
        """
        return self._may_be_shown(agent) and not self._refuses(agent)

    def _refuses(self, agent: Agent) -> bool:
        return refuses(agent, self.question.text, frozenset(self.question.topics))

    def _may_be_shown(self, agent: Agent) -> bool:
        return may_be_shown(agent, self.today) and agent.id != self.question.reader_id


class ScoredCandidate(NamedTuple):
    """A candidate's score and its parts, relative to the best candidate's, from 0 to 1."""

    score: float
    votes: float
    walk: float

    @property
    def compared(self) -> float:
        """The score in an order: rounded, because last digits differ between processors."""
        return round(self.score, 6)


def _summed(votes: Mapping[str, tuple[Vote, ...]], sum_votes: SumVotes) -> dict[str, float]:
    return {id_: sum_votes([v for v in cast if v.weight > 0]) for id_, cast in votes.items()}


def combine_scores(
    sums: Mapping[str, float], visits: Mapping[str, float]
) -> dict[str, ScoredCandidate]:
    """Return the score of each agent with a positive sum of votes, by id."""
    most = max(sums.values(), default=0.0)
    scored = {}
    for agent_id, total in sums.items():
        if total > 0:
            part, visited = total / most, visits.get(agent_id, 0.0)
            score = (1 - WALK_WEIGHT) * part + WALK_WEIGHT * visited
            scored[agent_id] = ScoredCandidate(score, part, visited)
    return scored


class _CandidateFactory:
    """Makes the candidates of one answer from weighed agents."""

    def __init__(
        self,
        scores: Mapping[str, ScoredCandidate],
        features: Mapping[str, Features],
        odds: Mapping[str, float],
        evidence: EvidenceFinder,
        sure: Collection[str],
        today: date,
    ) -> None:
        self._scores, self._evidence, self._today = scores, evidence, today
        self._features, self._odds, self._sure = features, odds, sure

    def shown(self, agent: Agent, named: NamedAgent | None) -> Candidate:
        """Return a candidate with evidence, and reasons if the question matches their entry."""
        scored = self._scores.get(agent.id, _NO_SCORE)
        evidence = self._evidence.of(agent)
        why = reasons(named, self._today, evidence=bool(evidence)) if named else ()
        features = self._features.get(agent.id, ())
        parts = ScoreParts(scored.votes, scored.walk, len(evidence), features)
        degree = self._degree(agent.id, evidence) if evidence else None
        confidence = self._odds.get(agent.id, 0.0)
        return Candidate(agent, scored.score, parts, evidence, why, confidence, degree)

    def _degree(self, agent_id: str, evidence: Sequence[Evidence]) -> Degree:
        """Return the candidate's degree: `near` without certainty, even if titles match."""
        if agent_id not in self._sure:
            return Degree.NEAR
        if any(proof.asked_there for proof in evidence):
            return Degree.ANSWERED
        near = any(proof.asked_near for proof in evidence)
        return Degree.NEIGHBOUR if near else Degree.WROTE

    def stated(self, named: NamedAgent) -> Candidate:
        """Return a candidate without documents: a weak document would look like evidence."""
        why = reasons(named, self._today, evidence=False)
        return Candidate(named.agent, 0.0, ScoreParts(0.0, 0.0, 0), (), why)


_NO_SCORE = ScoredCandidate(0.0, 0.0, 0.0)
