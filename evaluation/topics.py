"""Fit how topics are assigned to documents, and what makes a holder, on written truth.

Read `topics_text` first. A document is about a topic if a person who wrote or answered it really
holds the topic: documents were not judged one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from evaluation.abstention import markdown_row
from evaluation.answers import Truth
from evaluation.logistic import Floats, LogisticRegression, logistic_regression
from expertise.assignment import (
    AboutFeatures,
    Labelled,
    Labels,
    TopicConfidences,
    chunk_of,
    confidence,
    topic_vectors,
)
from expertise.build import all_documents, build_expertise
from expertise.build_rules import BuildRules
from expertise.build_tables import CellRecord
from expertise.corpus import asks_for_a_skill, is_universal
from expertise.holders import AGREED, Basis, TopicNames, stated_topics, topics_of_metiers
from expertise.topics import Topic, TopicKind
from expertise.values import AgentDirectory, DocumentStore
from expertise.votes import WHOLE_PARTS, known_contributions
from indexer.ports import Encoder
from indexer.values import IndexedDocument

LEAST_DEGREE = 2
"""Lowest degree in the truth that makes an agent a holder."""
LEAST_STRENGTH = 1e-6
"""Strength that every agent with evidence has, so that the build names all of them."""


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Feature rows for a model, shape (rows, features), and whether each is right, (rows,)."""

    features: Floats
    right: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class JudgedTopics:
    """Pairs of one administration.

    `documents`: a document and a topic, with `AboutFeatures`. `holders`: a topic and an agent, with
    the strength of their documents, and the same strength if the directory agrees, else 0.
    """

    documents: JudgedRows
    holders: JudgedRows


@dataclass(frozen=True, slots=True)
class Administration:
    """The data of an installation, and the truth about it."""

    truth: Truth
    topics: Sequence[Topic]
    index: DocumentStore
    book: AgentDirectory
    encoder: Encoder
    today: date

    @property
    def judged(self) -> frozenset[str]:
        """Ids of the topics (not occupations) whose holders are known."""
        known = {topic for topic, _ in self.truth.holders}
        return frozenset(
            one.id for one in self.topics if one.id in known and one.kind == TopicKind.TOPIC
        )


def judge_topics(one: Administration) -> JudgedTopics:
    """Judge every document by its writers, and every agent with evidence.

    Raises `IndexUnreachable`, or `ValueError` if too many documents cannot be read.
    """
    return JudgedTopics(_judged_documents(one), _judged_holders(one))


def _judged_documents(one: Administration) -> JudgedRows:
    topics = one.topics
    vectors = topic_vectors(topics, one.encoder)
    labels, rules = Labels(topics, vectors), BuildRules()
    found: list[Labelled] = []
    writers = []
    for document in all_documents(one.index):
        if is_universal(document.document.access, rules.universal):
            found.append(labels.of(document))
            writers.append(_writers(document, one.book, rules))
    step = TopicConfidences(topics, vectors, labels.spread())
    pairs, features = step.features(chunk_of(found))
    kept, right = [], []
    for place, pair in enumerate(pairs.tolist()):
        row, number = divmod(pair, len(topics))
        topic = topics[number].id
        degrees = [one.truth.holders.get((topic, agent), 0) for agent in writers[row]]
        known = [degree for degree in degrees if degree is not None]
        if known and topic in one.judged:
            kept.append(place)
            right.append(max(known) >= LEAST_DEGREE)
    return JudgedRows(features[kept], np.array(right, dtype=np.bool_))


def _writers(one: IndexedDocument, book: AgentDirectory, rules: BuildRules) -> frozenset[str]:
    """Return the ids of agents who wrote or answered in a document that shows skill."""
    kept = one.document
    if asks_for_a_skill(kept.kind, rules.asking):
        return frozenset()
    rows = known_contributions(kept.title, kept.contributions)
    owners = book.by_account(row.account for row in rows if row.role in WHOLE_PARTS)
    return frozenset(agent.id for agent in owners.values())


def _judged_holders(one: Administration) -> JudgedRows:
    """Return the pairs of topics and agents, without holders by the directory alone."""
    names = TopicNames.of(one.topics)
    agents = {agent.id: agent for agent in one.book.everyone()}
    of_metiers = topics_of_metiers(names, (agent.metier for agent in agents.values()))
    strengths, agreements, right = [], [], []
    rules = BuildRules(least_strength=LEAST_STRENGTH)
    with build_expertise(one.index, one.book, one.encoder, one.topics, rules, one.today) as build:
        cells = [row for row in build.records() if isinstance(row, CellRecord) and row.strength]
    for cell in cells:
        degree = one.truth.holders.get((cell.topic_id, cell.agent_id), 0)
        if cell.topic_id not in one.judged or degree is None:
            continue
        agent = agents[cell.agent_id]
        stated = stated_topics(agent, names, one.today)
        if stated.get(cell.topic_id, Basis.DECLARED) is not Basis.DECLARED:
            continue
        agreed = cell.topic_id in stated or cell.topic_id in of_metiers.get(
            agent.metier.strip(), ()
        )
        strengths.append(cell.strength / (AGREED if agreed else 1.0))
        agreements.append(agreed)
        right.append(degree >= LEAST_DEGREE)
    strength = np.array(strengths)
    return JudgedRows(
        np.column_stack((strength, strength * np.array(agreements))),
        np.array(right, dtype=np.bool_),
    )


def fit(judged: Sequence[JudgedRows], without: int = -1) -> LogisticRegression:
    """Fit on all rows; `without` is the column to leave out, -1 for none."""
    rows = np.concatenate([one.features for one in judged]).copy()
    if without >= 0:
        rows[:, without] = 0.0
    right = np.concatenate([one.right for one in judged]).astype(np.float64)
    return logistic_regression(rows, right, np.ones(len(right)))


def topics_text(administrations: Mapping[str, JudgedTopics]) -> str:
    """Return the report as Markdown: log loss and area under the curve per administration.

    These are given for the served weights, then for weights fitted on the others, with all features
    and without each; then follow the weights fitted on all, and the strength that makes a holder.
    Raises `ValueError` with fewer than two administrations.
    """
    if len(administrations) < 2:
        raise ValueError("Il faut les sujets de deux installations au moins.")
    documents = {name: one.documents for name, one in administrations.items()}
    head = ["without", *(f"{name}: log loss / area" for name in documents)]
    lines = [markdown_row(head, ""), markdown_row(["---"] * len(head), "")]
    served = [_figures(confidence(one.features), one.right) for one in documents.values()]
    lines.append(markdown_row(["what serves", *served], ""))
    for column, left_out in enumerate(("nothing", *AboutFeatures._fields), -1):
        cells = []
        for name, one in documents.items():
            model = fit([rows for other, rows in documents.items() if other != name], column)
            cells.append(_figures(model.probabilities(one.features), one.right))
        lines.append(markdown_row([left_out, *cells], ""))
    whole = fit(list(documents.values()))
    weights = zip(AboutFeatures._fields, whole.weights, strict=True)
    lines += ["", ", ".join(f"{name}={value:.1f}" for name, value in weights)]
    lines.append(f"bias={whole.bias:.1f}")
    for name, held in administrations.items():
        model = fit([held.holders])
        alone, agreed = model.weights[0], model.weights.sum()
        lines.append(
            f"{name}: a holder from {-model.bias / alone:.2f}, "
            f"from {-model.bias / agreed:.2f} where the directory agrees"
        )
    return "\n".join(lines)


def _figures(likely: Floats, right: NDArray[np.bool_]) -> str:
    """Return the log loss, and how often a right row is likelier than a wrong one."""
    cut = np.clip(likely, 0.01, 0.99)
    loss = -np.log(np.where(right, cut, 1 - cut)).mean()
    above = (likely[right][:, None] > likely[~right]).mean()
    equal = (likely[right][:, None] == likely[~right]).mean()
    return f"{loss:.3f} / {above + equal / 2:.3f}"
