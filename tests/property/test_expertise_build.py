"""The build against the truth that was planted, and against slow references."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.geography import distance_km
from connectors.values import EVERYONE, Access, Agent, Contribution, ContributorRole
from evaluation.assignment import Assignment
from expertise.assignment import BIAS, LEAST_CONFIDENCE, NOT_COMPARED, WEIGHTS
from expertise.build import BuildRules
from expertise.build_tables import CellRecord
from expertise.builds import SqlBuilds
from expertise.holders import AGREED, VOLUME_DISCOUNT, IsolationScope
from expertise.isolation import NEAREST_HOLDERS
from expertise.topics import Topic, TopicList
from expertise.votes import contribution_weight
from indexer.values import IndexedDocument, Passage
from quisait.application.database import migrate
from tests.builders import make_document
from tests.planted import ENCODER, TODAY, Planted, plant
from tests.reference_build import (
    MemoryBuild,
    build_from,
    pair_matrix,
    read_corpus,
    records,
    weigh_cells,
)

pytestmark = pytest.mark.experts

RULES = BuildRules(least_known=0)
"""Whoever is alone is called so: how sure that is, is measured elsewhere."""


def built(planted: Planted, documents: Iterable[IndexedDocument] | None = None) -> MemoryBuild:
    assignment = Assignment(planted.topics)
    corpus = read_corpus(
        planted.documents if documents is None else documents,
        assignment,
        frozenset({EVERYONE}),
        TODAY,
    )
    people = [a for a in planted.agents.values() if a.listed and not a.departed(TODAY)]
    owners = {account: a for a in planted.agents.values() for account in a.accounts}
    return build_from(corpus, planted.topics, people, owners, RULES, TODAY)


def cells_of(build: MemoryBuild) -> list[CellRecord]:
    return [one for one in records(build) if isinstance(one, CellRecord)]


@pytest.mark.parametrize("seed", range(12))
def test_the_planted_holders_are_found_and_nobody_else(seed: int) -> None:
    """Holders, who is alone and how widely: exactly the draw, decoys and all."""
    planted = plant(seed)
    cells = [one for one in cells_of(built(planted)) if one.basis != "declared"]
    assert {(one.topic_id, one.agent_id) for one in cells} == planted.holders
    alone = {
        (one.topic_id, one.agent_id, one.scope) for one in cells if one.scope != IsolationScope.NONE
    }
    assert alone == planted.alone()


def test_a_larger_administration() -> None:
    """The same truth among some thousands of documents."""
    planted = plant(99, topics=120, areas=30, decoys=20)
    assert len(planted.documents) > 3_000
    cells = [one for one in cells_of(built(planted)) if one.basis != "declared"]
    assert {(one.topic_id, one.agent_id) for one in cells} == planted.holders
    alone = {
        (one.topic_id, one.agent_id, one.scope) for one in cells if one.scope != IsolationScope.NONE
    }
    assert alone == planted.alone()


def test_the_draw_is_worth_something() -> None:
    """Among the seeds there are holders alone in each kind of area, and some who are not."""
    scopes = {scope for seed in range(12) for _, _, scope in plant(seed).alone()}
    assert scopes == {IsolationScope.DEPARTEMENT, IsolationScope.REGION, IsolationScope.COUNTRY}
    planted = plant(0)
    assert len(planted.alone()) < len(planted.holders)
    assert planted.decoys


@pytest.mark.parametrize("seed", range(4))
def test_the_next_holders_are_the_nearest(seed: int) -> None:
    """Whoever is alone gets the nearest other holders, ties by id."""
    planted = plant(seed, topics=6, areas=20)
    for cell in cells_of(built(planted)):
        others = [
            (_km(planted, cell.agent_id, other), other)
            for topic, other in planted.holders
            if topic == cell.topic_id and other != cell.agent_id
        ]
        nearest = [other for _, other in sorted(others)][:NEAREST_HOLDERS]
        if cell.scope == IsolationScope.NONE:
            assert cell.nearest == ()
        else:
            assert list(cell.nearest) == nearest


def _km(planted: Planted, one: str, other: str) -> float:
    km = distance_km(planted.agents[one].departement, planted.agents[other].departement)
    return np.inf if km is None else km


def test_the_order_of_the_scan_changes_nothing() -> None:
    """Same inputs and same day in any order: the same bytes."""
    planted = plant(5)
    engine = migrate(sa.create_engine("sqlite://"))
    digests = set()
    for seed in range(3):
        shuffled = list(planted.documents)
        random.Random(seed).shuffle(shuffled)
        stamp = SqlBuilds(engine).publish(
            built(planted, shuffled), TopicList(tuple(planted.topics))
        )
        digests.add(stamp.digest)
    assert len(digests) == 1
    _, ids = next(iter(planted.supporting.items()))
    less = built(planted, [one for one in planted.documents if one.document.id not in ids])
    assert SqlBuilds(engine).publish(less, TopicList(())).digest not in digests


AGREEING = [(0, 0), (1, 4), (2, 1)]
"""(topic, agent) on which the directory agrees."""
ROLES = st.sampled_from(sorted(ContributorRole))
ROW = st.tuples(st.integers(0, 5), ROLES, st.one_of(st.none(), st.integers(0, 9_000)))
DOCUMENT = st.tuples(st.sets(st.integers(0, 2)), st.lists(ROW, max_size=4), st.booleans())


def _document(
    number: int, topics: set[int], rows: list[tuple[int, ContributorRole, int | None]], open_: bool
) -> IndexedDocument:
    text = " ".join(f"matière{topic}x." for topic in sorted(topics)) or "rien."
    kept = make_document(
        f"wiki:{number:03}",
        title="Note",
        access=Access(frozenset({EVERYONE})) if open_ else Access(frozenset({"ldap:group:x"})),
        contributions=tuple(
            Contribution(f"wiki:a{account}", role, last=_ago(days)) for account, role, days in rows
        ),
    )
    return IndexedDocument(kept, (Passage(text),), ENCODER.passages([text]), "c", "r")


def _ago(days: int | None) -> date | None:
    return None if days is None else TODAY - timedelta(days=days)


@settings(max_examples=150, deadline=None)
@given(st.lists(DOCUMENT, max_size=12))
def test_strengths_are_those_of_the_reference(
    drawn: list[tuple[set[int], list[tuple[int, ContributorRole, int | None]], bool]],
) -> None:
    """The arrays give what plain loops give; accounts 4 and 5 are one agent."""
    topics = [Topic(f"t{n}", f"matière{n}x") for n in range(3)]
    documents = [_document(n, *one) for n, one in enumerate(drawn)]
    corpus = read_corpus(documents, Assignment(topics), frozenset({EVERYONE}), TODAY)
    owner = {f"wiki:a{n}": min(n, 4) for n in range(6)} | {"wiki:a3": -1}
    owners = np.array([owner[one] for one in corpus.accounts], dtype=np.int64)
    agreed = pair_matrix([t for t, _ in AGREEING], [a for _, a in AGREEING], (3, 5))
    cells = weigh_cells(corpus, owners, agreed)
    found = {
        (int(t), int(a)): s
        for t, a, s in zip(cells.topic, cells.agent, cells.strength, strict=True)
    }
    expected = _reference(documents, owner)
    assert found.keys() == expected.keys()
    for key, strength in expected.items():
        assert found[key] == pytest.approx(strength, abs=1e-5)


def _reference(
    documents: list[IndexedDocument], owner: Mapping[str, int]
) -> dict[tuple[int, int], float]:
    said: dict[tuple[int, int], list[float]] = defaultdict(list)
    for one in documents:
        if EVERYONE not in one.document.access.allowed:
            continue
        for topic in range(3):
            text = one.passages[0].text
            if f"matière{topic}x" not in text:
                continue
            named = math.log(text.count("matière"))
            odds = BIAS + WEIGHTS.text + WEIGHTS.named * named
            odds += WEIGHTS.near * NOT_COMPARED.near + WEIGHTS.nearest
            confidence = np.float32(round(1 / (1 + math.exp(-odds)), 6))
            best: dict[int, float] = {}
            for row in one.document.contributions:
                share = contribution_weight(row, TODAY)
                if confidence >= LEAST_CONFIDENCE and owner[row.account] >= 0:
                    agent = owner[row.account]
                    best[agent] = max(best.get(agent, 0.0), share)
            for agent, share in best.items():
                factor = AGREED if (topic, agent) in AGREEING else 1.0
                weight = round(float(confidence) * share * factor, 6)
                if weight > 0:
                    said[topic, agent].append(weight)
    return {
        key: sum(w * VOLUME_DISCOUNT**n for n, w in enumerate(sorted(weights, reverse=True)))
        for key, weights in said.items()
    }


def test_agents_of_the_same_name_stay_apart() -> None:
    """Homonyms hold what they wrote themselves."""
    one = Agent("a", "Jo", "Rey", departement="22", accounts=("wiki:a0",))
    two = Agent("b", "Jo", "Rey", departement="22", accounts=("wiki:a1",))
    documents = [_document(n, {0}, [(0, ContributorRole.AUTHOR, 10)], True) for n in range(2)]
    corpus = read_corpus(
        documents, Assignment([Topic("t0", "matière0x")]), frozenset({EVERYONE}), TODAY
    )
    build = build_from(
        corpus,
        [Topic("t0", "matière0x")],
        [one, two],
        {"wiki:a0": one, "wiki:a1": two},
        RULES,
        TODAY,
    )
    assert [cell.agent_id for cell in cells_of(build)] == ["a"]
