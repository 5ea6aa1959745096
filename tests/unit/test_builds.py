"""Builds in the database: published whole or not at all, on SQLite and PostgreSQL."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from expertise import builds as module
from expertise.build_rules import BuildRules
from expertise.build_tables import (
    AssignedRecord,
    CellRecord,
    CommunityRecord,
    TopicRecord,
    cells,
    document_key,
    topics,
)
from expertise.builds import IsolationQuery, SqlBuilds
from expertise.holders import Basis, IsolationScope
from expertise.topics import TopicList
from quisait.application.database import migrate
from tests.planted import plant
from tests.reference_build import MemoryBuild, records
from tests.sql_builds import History

pytestmark = pytest.mark.experts


def made(seed: int) -> tuple[MemoryBuild, TopicList]:
    planted = plant(seed, topics=6, areas=8, decoys=3)
    build = History.of(planted).by_reference(BuildRules(least_known=0))
    return build, TopicList(tuple(planted.topics))


def test_what_is_published_is_read_back(engine: sa.Engine) -> None:
    """Every record, by each of the ways in which answers ask."""
    build, listed = made(1)
    store = SqlBuilds(engine)
    assert store.current() is None
    stamp = store.publish(build, listed)
    assert store.current() == stamp
    made_of = list(records(build))
    kept = {(r.topic_id, r.agent_id): r for r in made_of if isinstance(r, CellRecord)}
    assert {one.topic.id: one for one in store.topics(stamp.id)} == {
        one.topic.id: one for one in made_of if isinstance(one, TopicRecord)
    }
    communities = [one for one in made_of if isinstance(one, CommunityRecord)]
    assert [(one.number, one.kind, one.topics) for one in store.communities(stamp.id)] == [
        (one.number, one.kind, one.topics) for one in communities
    ]
    asked = IsolationQuery(limit=10_000)
    alone = {(one.topic_id, one.agent_id): one for one in store.isolated_cells(stamp.id, asked)}
    assert alone == {key: one for key, one in kept.items() if one.scope != IsolationScope.NONE}
    for topic_id, agent_id in list(kept)[:20]:
        assert kept[topic_id, agent_id] in store.cells_of(stamp.id, [agent_id])
        assert store.cells_between(stamp.id, [agent_id], [topic_id]) == (kept[topic_id, agent_id],)


def test_pages_of_who_is_alone_go_by_topic_or_by_agent(engine: sa.Engine) -> None:
    """Page after page, each isolated holder once; by agent, their topics follow one another."""
    build, listed = made(2)
    store = SqlBuilds(engine)
    stamp = store.publish(build, listed)
    with engine.begin() as connection:
        connection.execute(sa.update(cells).values(departement="22"))

    def paged(by_agent: bool) -> list[tuple[str, str, str]]:
        pages = [
            store.isolated_cells(stamp.id, IsolationQuery(offset=at, limit=7, by_agent=by_agent))
            for at in range(0, 1_000, 7)
        ]
        return [(one.departement, one.topic_id, one.agent_id) for page in pages for one in page]

    by_topic, by_agent = paged(by_agent=False), paged(by_agent=True)
    assert by_topic == sorted(by_topic)
    assert by_agent == sorted(by_topic, key=lambda one: (one[0], one[2], one[1]))
    assert by_agent != by_topic


def test_the_topics_that_a_build_changes(engine: sa.Engine) -> None:
    """Topics with other holders or isolated agents change; at the first build all topics do."""
    builds = [made(1), made(2)]
    store = SqlBuilds(engine)
    held: list[dict[str, set[tuple[str, str]]]] = []
    for build, _ in builds:
        found: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for one in records(build):
            if isinstance(one, CellRecord) and one.basis is not Basis.DECLARED:
                found[one.topic_id].add((one.agent_id, one.scope))
        held.append(found)
    before, after = held
    differ = {id_ for id_ in before.keys() | after.keys() if before[id_] != after[id_]}
    assert differ
    first = store.publish(*builds[0])
    assert set(store.changed_topics("", first.id)) == {id_ for id_ in before if before[id_]}
    second = store.publish(*builds[1])
    assert store.changed_topics(first.id, second.id) == tuple(sorted(differ))
    same = store.publish(*builds[1])
    assert store.changed_topics(second.id, same.id) == ()
    assert store.changed_topics(first.id, same.id) == (), "its rows are deleted"


def test_the_topics_of_documents_are_read_back(engine: sa.Engine) -> None:
    """Of those asked for, however many; nothing of another build, nor of an unknown document."""
    build, listed = made(1)
    store = SqlBuilds(engine)
    stamp = store.publish(build, listed)
    kept = {
        key: tuple(map(tuple, json.loads(text)))
        for one in records(build)
        if isinstance(one, AssignedRecord)
        for key, text in zip(one.keys, one.topics, strict=True)
    }
    assert kept
    asked = [*build.corpus.document_ids, *(f"wiki:no-{number}" for number in range(2_000))]
    found = store.topics_of(stamp.id, asked)
    assert {document_key(id_): tuple(some) for id_, some in found.items()} == kept
    assert {sure for some in found.values() for _, sure in some if not 0 < sure <= 1} == set()
    assert store.topics_of("another", asked) == store.topics_of(stamp.id, []) == {}


def test_a_sample_holds_at_most_so_many_of_each_place(engine: sa.Engine) -> None:
    """By département, or over the whole country."""
    build, listed = made(2)
    store = SqlBuilds(engine)
    stamp = store.publish(build, listed)
    for topic in listed.topics:
        sample = store.sample(stamp.id, [topic.id], 1)
        places = [(one.departement, one.basis) for one in sample]
        assert len(set(places)) == len(places)
        whole = store.sample(stamp.id, [topic.id], 2, each_departement=False)
        assert len([one for one in whole if one.basis == "demonstrated"]) <= 2


def test_a_failed_build_leaves_the_last_one_standing(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off half-way: the former is read on; the next one sweeps up what was left."""
    first, listed = made(3)
    store = SqlBuilds(engine)
    stamp = store.publish(first, listed)
    before = store.isolated_cells(stamp.id, IsolationQuery(limit=1_000))
    monkeypatch.setattr(module, "_ROWS_PER_TRANSACTION", 10)

    def breaking(build: MemoryBuild) -> Iterator[Any]:
        for number, record in enumerate(records(build)):
            if number == 15:
                raise RuntimeError("the machine goes down")
            yield record

    monkeypatch.setattr(MemoryBuild, "records", breaking)
    second, other = made(4)
    with pytest.raises(RuntimeError, match="goes down"):
        store.publish(second, other)
    assert store.current() == stamp
    assert store.isolated_cells(stamp.id, IsolationQuery(limit=1_000)) == before
    assert _builds_in(engine) == 2
    monkeypatch.setattr(MemoryBuild, "records", records)
    third = store.publish(second, other)
    assert store.current() == third
    assert _builds_in(engine) == 2  # the former stays for answers under way
    assert store.isolated_cells(stamp.id, IsolationQuery(limit=1_000)) == before


def _builds_in(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        found = set(connection.execute(sa.select(cells.c.build_id)).scalars())
        return len(found | set(connection.execute(sa.select(topics.c.build_id)).scalars()))


def test_both_databases_give_the_same_digest(engine: sa.Engine) -> None:
    """The bytes do not hang on where they are kept."""
    build, listed = made(5)
    memory = SqlBuilds(migrate(sa.create_engine("sqlite://")))
    assert SqlBuilds(engine).publish(build, listed).digest == memory.publish(build, listed).digest
