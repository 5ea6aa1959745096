"""Isolation, coverage, peers and topics rest on what every agent may read, now and not then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from connectors.areas import REGIONS
from connectors.values import EVERYONE, Access, Agent, Contribution, EvidencePolicy, Role
from expertise.agent_book import SqlAgentBook
from expertise.agent_profile import profile_of
from expertise.build import Rules, build_expertise
from expertise.builds import AloneQuery, SqlBuilds
from expertise.isolating import Scope
from expertise.overview import MOST_COUNTED, Overview, Reading
from expertise.overview_values import Dated, Shown
from expertise.peers import communities, peers_of, topic_view
from expertise.topics import TopicKind, TopicList
from indexer.access import Reader, access_filter
from indexer.embedded.index import EmbeddedIndex
from indexer.ports import Index
from indexer.values import Put, PutAccess, Remove, Write
from tests.opensearch_index import fresh_index
from tests.planted import ENCODER, TODAY, Planted, plant

pytestmark = [pytest.mark.trust, pytest.mark.experts]

EVERYTHING_OPEN = access_filter(Reader("a", frozenset({EVERYONE})))
OPEN = Access(frozenset({EVERYONE}))


@dataclass
class Stage:
    """A planted administration, indexed, built and published."""

    planted: Planted
    index: Index
    book: SqlAgentBook
    overview: Overview

    def reading(self) -> Reading:
        reading = self.overview.reading(TODAY)
        assert isinstance(reading, Reading)
        return reading

    def alone(self, area: tuple[str, ...] | None = None) -> set[tuple[str, str, Scope]]:
        """Every page of isolated holders, three rows at a time."""
        found: set[tuple[str, str, Scope]] = set()
        offset: int | None = 0
        while offset is not None:
            page = self.reading().alone(AloneQuery(area, None, offset=offset, limit=40))
            found |= {(row.topic.id, row.agent.id, row.scope) for row in page.rows}
            offset = page.following
        return found

    def traces(self) -> str:
        """All answers at once, as text: who is not to be seen must not stand in it."""
        reading = self.reading()
        parts: list[object] = [reading.alone(AloneQuery(limit=1000)), communities(reading)]
        for area in ("", "22", *(f"r{code}" for code in REGIONS)):
            parts.append(reading.coverage(area))
        for topic in self.planted.topics:
            parts.append(topic_view(reading, topic.id))
        for agent in list(self.planted.agents.values())[:40]:
            if agent.listed and not agent.departed(TODAY):
                found = peers_of(reading, agent, to_self=False)
                parts += [found.peers, found.communities]
                profile = profile_of(reading, agent, EVERYTHING_OPEN, TODAY, to_self=False)
                parts += [profile.shown, profile.peers, profile.communities]
        return repr(parts)


@pytest.fixture(scope="module", params=["embedded", "opensearch"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("planted")
    if request.param == "embedded":
        yield staged(EmbeddedIndex(folder / "index", ENCODER.dimension), folder)
    else:
        with fresh_index(ENCODER.dimension) as index:
            yield staged(index, folder)


def staged(index: Index, folder: Path) -> Stage:
    planted = plant(7, topics=12, areas=8, decoys=8)
    puts = planted.puts()
    for start in range(0, len(puts), 300):
        assert not index.write(puts[start : start + 300]).failed
    engine = sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}")
    book, builds = SqlAgentBook(engine), SqlBuilds(engine)
    book.replace(planted)
    build = build_expertise(index, book, ENCODER, planted.topics, Rules(), TODAY)
    builds.publish(build, TopicList(tuple(planted.topics)))
    return Stage(planted, index, book, Overview(builds, index, book, Rules()))


def test_the_answers_are_the_planted_truth(stage: Stage) -> None:
    """From index and directory to the answers: who is alone, and how many hold what where."""
    assert stage.alone() == stage.planted.alone()
    reading = stage.reading()
    for topic in stage.planted.topics:
        counts = stage.planted.counts(topic.id)
        _, areas = reading.areas_of(topic.id)
        found = {one.code: one.holders.agents for one in areas if one.code and one.code[0] != "r"}
        capped = {code: min(n, MOST_COUNTED) for code, n in counts.items()}
        assert {code: n for code, n in found.items() if n} == capped
    whole = {row.topic.id: row.holders.agents for row in reading.coverage("").rows}
    for topic in stage.planted.topics:
        assert whole[topic.id] == min(sum(stage.planted.counts(topic.id).values()), MOST_COUNTED)


def test_no_decoy_shows_anywhere(stage: Stage) -> None:
    """Who wrote only what not everybody may read, left, or asked not to be listed: no trace.

    Who declares a skill is told as that, and nothing else.
    """
    text = stage.traces()
    assert "Nom" in text
    holders = {agent_id for _, agent_id in stage.planted.holders}
    topics = {one.label for one in stage.planted.topics if one.kind == TopicKind.TOPIC}
    for agent_id in stage.planted.decoys:
        agent = stage.planted.agents[agent_id]
        assert (agent.family_name in text) == bool(topics.intersection(agent.skills))
        assert agent_id not in holders
    closed = [d.document for d in stage.planted.documents if d.document.access != OPEN]
    assert closed
    assert not [one.id for one in closed if f"'{one.id}'" in text]


def _removed(one: Put) -> Write:
    return Remove(one.indexed.document.id)


def _narrowed(one: Put) -> Write:
    return PutAccess(one.indexed.document.id, Access(frozenset({"ldap:group:z"})))


def _denied(one: Put) -> Write:
    return PutAccess(
        one.indexed.document.id, Access(frozenset({EVERYONE}), frozenset({"ldap:group:z"}))
    )


def _rewritten(one: Put, **fields: object) -> Write:
    document = replace(one.indexed.document, **fields)  # type: ignore[arg-type]
    return Put(replace(one.indexed, document=document, record_hash="changed since"))


def _by_another(one: Put) -> Write:
    other = Contribution("wiki:inconnu", Role.AUTHOR, last=TODAY)
    return _rewritten(one, contributions=(other,))


def _uncounted(one: Put) -> Write:
    return _rewritten(one, evidence=EvidencePolicy.NONE)


@pytest.mark.parametrize(
    "change", [_removed, _narrowed, _denied, _by_another, _uncounted], ids=lambda one: one.__name__
)
def test_what_changes_between_builds_retracts_at_once(
    stage: Stage, change: Callable[[Put], Write]
) -> None:
    """Deleted, narrowed, denied, rewritten without its author, or no longer counting: gone at
    the next answer, everywhere; back once the documents are."""
    puts = {put.indexed.document.id: put for put in stage.planted.puts()}
    topic_id, agent_id, ids = _evidenced(stage)
    before = stage.alone()
    agent = stage.planted.agents[agent_id]
    name = agent.family_name
    everyone = access_filter(Reader("a", frozenset({EVERYONE, "ldap:group:z"})))
    profile = peers_of(stage.reading(), agent, everyone, to_self=True)
    assert any(one.evidence for one in profile.topics if one.topic.id == topic_id)
    assert name in repr(topic_view(stage.reading(), topic_id))
    stage.index.write([change(puts[id_]) for id_ in ids])
    assert {row for row in before if row[:2] != (topic_id, agent_id)} == stage.alone()
    view = topic_view(stage.reading(), topic_id)
    assert view is not None
    assert name not in repr(view)
    if change is not _by_another and change is not _uncounted:  # those are still to be read
        assert not set(ids) & {*view.documents, *view.questions}
    after = peers_of(stage.reading(), agent, everyone, to_self=True)
    own = profile_of(stage.reading(), agent, everyone, TODAY, to_self=True)
    assert topic_id not in {one.topic.id for one in own.shown}
    shown = {proof.document_id for one in after.topics for proof in one.evidence}
    assert not shown.intersection(ids)
    for other in list(stage.planted.agents.values())[:30]:
        for peer in peers_of(stage.reading(), other, to_self=False).peers:
            assert peer.agent.id != agent_id or topic_id not in {t.id for t in peer.topics}
    stage.index.write([puts[id_] for id_ in ids])
    assert stage.alone() == before


def test_a_document_written_again_still_counts(stage: Stage) -> None:
    """A corrected title takes nobody's evidence away."""
    puts = {put.indexed.document.id: put for put in stage.planted.puts()}
    before = stage.alone()
    _, _, ids = _evidenced(stage)
    stage.index.write([_rewritten(puts[id_], title="Titre corrigé") for id_ in ids])
    assert stage.alone() == before
    stage.index.write([puts[id_] for id_ in ids])


def _evidenced(stage: Stage) -> tuple[str, str, list[str]]:
    """A holder who is alone by evidence, and all their documents on the topic."""
    for topic_id, agent_id, _ in sorted(stage.planted.alone()):
        if ids := stage.planted.supporting.get((topic_id, agent_id)):
            return topic_id, agent_id, ids
    raise AssertionError("the draw has no such holder")


@pytest.mark.parametrize(
    "fields",
    [{"listed": False}, {"departure": TODAY}, {"accounts": ()}, {"departement": "988"}],
    ids=str,
)
def test_a_withdrawal_acts_at_once(stage: Stage, fields: dict[str, object]) -> None:
    """Who asks not to be listed, leaves, loses the account or moves is not shown alone there."""
    topic_id, agent_id, _ = _evidenced(stage)
    before, agent = stage.alone(), stage.planted.agents[agent_id]
    stage.planted.agents[agent_id] = replace(agent, **fields)  # type: ignore[arg-type]
    stage.book.replace(stage.planted)
    try:
        after = stage.alone()
        assert (topic_id, agent_id) not in {row[:2] for row in after}
        if "listed" in fields or "departure" in fields:
            assert agent.family_name not in stage.traces()
    finally:
        stage.planted.agents[agent_id] = agent
        stage.book.replace(stage.planted)
    assert stage.alone() == before


def test_an_old_build_is_not_shown(stage: Stage) -> None:
    """Too old, or not there: nothing but why."""
    late = TODAY.replace(year=TODAY.year + 1)
    assert stage.overview.reading(late) == Dated(Shown.TOO_OLD, TODAY)
    empty = SqlBuilds(sa.create_engine("sqlite://"))
    overview = Overview(empty, stage.index, stage.book, Rules())
    assert overview.reading(TODAY) == Dated(Shown.NONE)
    every = [one.document.id for one in stage.planted.documents]
    assert overview.topics_of(every, TODAY) == stage.overview.topics_of(every, late) == {}


def test_topics_are_kept_of_what_every_agent_may_read_alone(stage: Stage) -> None:
    """No restricted document gets a topic, however plainly its title has one."""
    every = {one.document.id: one.document for one in stage.planted.documents}
    found = stage.overview.topics_of(list(every), TODAY)
    assert found
    assert [id_ for id_ in found if every[id_].access != OPEN] == []


def test_strength_is_for_the_agent_alone(stage: Stage) -> None:
    """To others the same answer has no strength; peers hold topics of the agent's own."""
    topic_id, agent_id, _ = _evidenced(stage)
    agent: Agent = stage.planted.agents[agent_id]
    mine = {
        one.topic.id: one.strength for one in peers_of(stage.reading(), agent, to_self=True).topics
    }
    assert (mine[topic_id] or 0) >= Rules().least_strength
    seen = peers_of(stage.reading(), agent, to_self=False)
    assert {one.strength for one in seen.topics} == {None}
    for peer in seen.peers:
        assert {(topic.id, peer.agent.id) for topic in peer.topics} <= stage.planted.holders
