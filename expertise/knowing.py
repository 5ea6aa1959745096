"""Estimate how likely an agent knows the answer: `Knowledge.features`, then `log_odds`.

One logistic regression reads a few features of the candidate's contributions near the question, of
their directory entry, and of their topics. It orders the candidates of an answer and decides who
gets a card. `quisait evaluate knowing` fits it and prints the ablation (decision 65).
"""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from connectors.values import Agent
from expertise.names import Reason
from expertise.values import DirectAnswerer, RankedDocument, TopicHolders, TopicsOf, Window
from expertise.votes import Vote, counting_contributions
from indexer.french.analysis import terms
from indexer.french.stop_words import ASKING_WORDS, STOP_WORDS

TOPIC_DOCUMENTS = 8
"""Number of first documents whose topics tell what a question is about."""

LEAST_SHARE = 0.1
"""Least share of a question that a topic must have for its holders to become candidates."""

MOST_TOPICS = 3
"""Maximum number of a question's topics whose holders by the directory become candidates."""


class Features(NamedTuple):
    """Facts about one candidate that the model weighs, each from 0 to 1.

    - `first`: 1 divided by the place of their first document in the order by what answers.
    - `said`: the largest share of the question that one of their documents contains.
    - `passage`: 1 if they wrote the passage that answers in one of the first three documents.
    - `direct`: 1 if they wrote the direct answer.
    - `stated`: the largest share of the question for a topic that the directory gives them.
    - `asked`: 1 if they hold a topic that the question names.
    - `metier`: the share of the words of their métier and skills that name the question's topics.
    - `topical`: the largest share of the question that any topic has, whoever holds it.
    """

    first: float
    said: float
    passage: float
    direct: float
    stated: float
    asked: float
    metier: float
    topical: float


WEIGHTS = Features(
    first=1.6,
    said=2.8,
    passage=0.4,
    direct=2.9,
    stated=4.3,
    asked=3.1,
    metier=1.2,
    topical=-1.4,
)
BIAS = -3.7
"""Fitted by `quisait evaluate knowing` on the questions of three administrations, without those
that name a person or a service.
"""


def log_odds(features: Features) -> float:
    """Return the log-odds that a candidate with these features knows what is asked.

    They are rounded, like thresholds, so that a candidate at a threshold reaches it everywhere.
    """
    return round(BIAS + math.fsum(a * b for a, b in zip(WEIGHTS, features, strict=True)), 6)


def odds_of(probability: float) -> float:
    """Return the log-odds of a probability between 0 and 1."""
    return round(math.log(probability / (1 - probability)), 6)


CARD, FURTHER_CARD, BARE_CARD = 0.2, 0.6, 0.95
"""Least probability for a card: of the likeliest candidate, of any other candidate, and of any
candidate if no document is expected to answer. The section «Who knows» of docs/evaluation.md gives
the share of right candidates by probability, for administrations that the model was not fitted on.
"""

NEAR = 0.15
"""Least probability of a candidate who is shown as somebody who may point the way."""

DECLARED = 0.7
"""Weight of a topic that an agent declares; a topic that the directory states has weight 1."""

_ASKING = frozenset(STOP_WORDS | ASKING_WORDS) | frozenset(
    """
    occupe occuper occupent connaît connait connaître connaitre connaissent sait savoir cherche
    recherche quelqu'un personne contacter appeler joindre demander près pres proche besoin aide
    aider répondre spécialiste expert experte référent référente collègue côté
    bonjour bonsoir salut merci svp cordialement
    """.split()  # noqa: SIM905
)
"""Words that ask who knows or that are polite, and tell nothing about the subject."""


_WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=8192)
def subject_terms(text: str) -> frozenset[str]:
    """Return the terms of a text, equal for any gender and number, without words that only ask."""
    words = (word for word in _WORD.findall(text.lower()) if len(word) > 1)
    return frozenset(terms(" ".join(word for word in words if word not in _ASKING)))


def own_terms(agent: Agent) -> frozenset[str]:
    """Return the terms of an agent's métier and skills."""
    return subject_terms(agent.metier).union(*map(subject_terms, agent.skills))


def counting_documents(window: Window) -> list[RankedDocument]:
    """Return the documents that show knowledge, without forwarded mails for example."""
    return [document for document in window.documents if counting_contributions(document.card)]


def topic_shares(documents: Sequence[RankedDocument], topics: TopicsOf) -> dict[str, float]:
    """Return the share of each topic in the first documents, 0 to 1, weighted by rank."""
    shares: dict[str, float] = defaultdict(float)
    first = documents[:TOPIC_DOCUMENTS]
    weights = [max(document.smoothed, 0.0) ** 2 / (1 + rank) for rank, document in enumerate(first)]
    whole = math.fsum(weights)
    for document, weight in zip(first, weights, strict=True):
        for topic, confidence in topics.get(document.card.document_id, ()):
            shares[topic] += weight * confidence / whole if whole > 0 else 0.0
    return dict(shares)


def question_topics(shares: Mapping[str, float]) -> list[str]:
    """Return the topics of a question, largest share first."""
    sure = [topic for topic, share in shares.items() if share >= LEAST_SHARE]
    return sorted(sure, key=lambda topic: (-shares[topic], topic))[:MOST_TOPICS]


@dataclass(frozen=True, slots=True)
class QuestionTopics:
    """A question's topics: their `shares` (`topic_shares`), those that it names, their holders."""

    shares: Mapping[str, float] = field(default_factory=dict)
    named: Collection[str] = ()
    holders: TopicHolders = field(default_factory=TopicHolders)


class Knowledge:
    """Computes the features of candidates for one question.

    `owner_of` maps accounts to ids of agents, `votes` ids of agents to their votes. `direct` wrote
    the direct answer. `refused` maps ids of agents to documents that do not count for them.
    """

    def __init__(
        self,
        window: Window,
        owner_of: Mapping[str, str],
        votes: Mapping[str, Sequence[Vote]],
        topics: QuestionTopics,
        direct: DirectAnswerer | None = None,
        refused: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self._votes = votes
        counting = sorted(
            counting_documents(window), key=lambda document: document.place or math.inf
        )
        self._ranked = {document.card.document_id: document for document in counting}
        self._rank = {document.card.document_id: n for n, document in enumerate(counting, 1)}
        self._shares = {**topics.shares, **dict.fromkeys(topics.named, 1.0)}
        self._asked, self._holders = frozenset(topics.named), topics.holders
        wrote = [
            (owner_of.get(document.answered_by), document.card.document_id)
            for document in counting[:3]
        ]
        self._wrote_passage = {
            owner for owner, id_ in wrote if owner and id_ not in refused.get(owner, ())
        }
        counts = direct and direct.document_id not in refused.get(direct.agent_id, ())
        self._direct = direct.agent_id if direct and counts else None
        self._subject = frozenset(
            term
            for topic in question_topics(self._shares)
            for label in topics.holders.labels.get(topic, ())
            for term in subject_terms(label)
        )

    def features(self, agent: Agent) -> Features:
        """Return the features of a candidate with or without documents."""
        cast = [vote for vote in self._votes.get(agent.id, ()) if vote.weight > 0]
        documents = [self._ranked[vote.document_id] for vote in cast]
        held = self._holders.shown.get(agent.id, frozenset())
        stated = self._holders.stated.get(agent.id, {})
        return Features(
            first=max((1 / self._rank[vote.document_id] for vote in cast), default=0.0),
            said=max((document.said for document in documents), default=0.0),
            passage=float(agent.id in self._wrote_passage),
            direct=float(self._direct == agent.id),
            stated=max(
                (
                    self._shares.get(topic, 0.0) * (DECLARED if why is Reason.DECLARED else 1.0)
                    for topic, why in stated.items()
                ),
                default=0.0,
            ),
            asked=float(not self._asked.isdisjoint((*held, *stated))),
            metier=self._metier(agent),
            topical=max(self._shares.values(), default=0.0),
        )

    def reasons(self, agent: Agent) -> tuple[Reason, ...]:
        """Return the directory's reasons for which an agent holds a topic of the question."""
        stated = self._holders.stated.get(agent.id, {})
        sure = {why for topic, why in stated.items() if self._shares.get(topic, 0) >= LEAST_SHARE}
        return tuple(why for why in Reason if why in sure)

    def _metier(self, agent: Agent) -> float:
        known = own_terms(agent)
        return len(known & self._subject) / len(known) if known else 0.0
