"""Isolation, coverage, peers and topics rest on what every agent may read, now and not then."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.geography import REGIONS
from connectors.values import EVERYONE, Access, Agent, Contribution, ContributorRole, EvidencePolicy
from expertise.answer_values import BuildState, BuildStatus, CommunityView
from expertise.build import BuildRules, build_expertise
from expertise.builds import IsolationQuery, SqlBuilds
from expertise.consent import Preference, PreferenceKind, SqlConsent
from expertise.current_build import MOST_COUNTED, BuildReader, OpenBuild
from expertise.directory import SqlDirectory
from expertise.holders import IsolationScope
from expertise.peers import accepted_communities, communities_on, peers_of, profile_of, topic_view
from expertise.topics import TopicKind, TopicList
from expertise.visibility import may_be_shown
from indexer.access import Reader, access_filter
from indexer.ports import Index
from indexer.values import Put, PutAccess, Remove, Write
from quisait.application.database import migrate
from tests.judging import engine_index
from tests.planted import ENCODER, TODAY, Planted, plant
from tests.selection import examples

pytestmark = [pytest.mark.trust, pytest.mark.experts]

RULES = BuildRules(least_known=0)
"""Whoever is alone is called so: how sure that is, is measured elsewhere."""

EVERYTHING_OPEN = access_filter(Reader("a", frozenset({EVERYONE})))
OPEN = Access(frozenset({EVERYONE}))


@dataclass
class Stage:
    """A planted administration, indexed, built and published."""

    planted: Planted
    index: Index
    book: SqlDirectory
    overview: BuildReader
    consent: SqlConsent

    def reading(self) -> OpenBuild:
        reading = self.overview.reading(TODAY)
        assert isinstance(reading, OpenBuild)
        return reading

    @property
    def circle_topics(self) -> set[str]:
        """Return the topics that the members of the first circle hold."""
        members = self.planted.circles[0]
        return {topic for topic, agent in self.planted.supporting if agent in members}

    def alone(self, area: tuple[str, ...] | None = None) -> set[tuple[str, str, IsolationScope]]:
        """Every page of isolated holders, three rows at a time."""
        found: set[tuple[str, str, IsolationScope]] = set()
        offset: int | None = 0
        while offset is not None:
            page = self.reading().isolated_holders(
                IsolationQuery(area, None, offset=offset, limit=40)
            )
            found |= {(row.topic.id, row.agent.id, row.scope) for row in page.rows}
            offset = page.following
        return found

    def traces(self) -> str:
        """All answers at once, as text: who is not to be seen must not stand in it."""
        reading = self.reading()
        parts: list[object] = [
            reading.isolated_holders(IsolationQuery(limit=1000)),
            accepted_communities(reading),
        ]
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
    with engine_index(request.param, folder, ENCODER.dimension) as index:
        yield staged(index, folder)


def staged(index: Index, folder: Path) -> Stage:
    planted = plant(7, topics=12, areas=8, decoys=8, circles=2)
    puts = planted.puts()
    for start in range(0, len(puts), 300):
        assert not index.write(puts[start : start + 300]).failed
    engine = migrate(sa.create_engine(f"sqlite:///{folder / 'state.sqlite'}"))
    book, builds = SqlDirectory(engine), SqlBuilds(engine)
    book.replace(planted)
    build = build_expertise(index, book, ENCODER, planted.topics, RULES, TODAY)
    builds.publish(build, TopicList(tuple(planted.topics)))
    consent = SqlConsent(engine, lambda: datetime(2026, 10, 1, tzinfo=UTC))
    return Stage(planted, index, book, BuildReader(builds, index, book, RULES), consent)


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
    other = Contribution("wiki:inconnu", ContributorRole.AUTHOR, last=TODAY)
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


def test_a_mission_acts_at_once_when_it_ends(stage: Stage) -> None:
    """It ended, is taken out, or its agent withdraws or refuses: nobody is alone by it any more."""
    topics_held = Counter(agent_id for _, agent_id in stage.planted.holders)
    topic_id, agent_id, _ = next(
        one
        for one in sorted(stage.planted.alone())
        if stage.planted.agents[one[1]].missions and topics_held[one[1]] == 1
    )
    before, agent = stage.alone(), stage.planted.agents[agent_id]
    (mission,) = agent.missions
    for fields in (
        {"missions": (replace(mission, last=TODAY - timedelta(days=1)),)},
        {"missions": ()},
        {"listed": False},
        {"departure": TODAY},
    ):
        stage.planted.agents[agent_id] = replace(agent, **fields)
        stage.book.replace(stage.planted)
        assert (topic_id, agent_id) not in {row[:2] for row in stage.alone()}
        assert agent.family_name not in stage.traces()
    stage.planted.agents[agent_id] = agent
    stage.book.replace(stage.planted)
    for kind, subject in ((PreferenceKind.REFUSE, topic_id), (PreferenceKind.WITHDRAW, "")):
        wish = Preference(agent_id, kind, subject)
        stage.consent.ask(wish)
        assert agent.family_name not in stage.traces()
        stage.consent.take_back(wish)
    assert stage.alone() == before


def test_an_old_build_is_not_shown(stage: Stage) -> None:
    """Too old, or not there: nothing but why."""
    late = TODAY.replace(year=TODAY.year + 1)
    assert stage.overview.reading(late) == BuildStatus(BuildState.TOO_OLD, TODAY)
    empty = SqlBuilds(migrate(sa.create_engine("sqlite://")))
    overview = BuildReader(empty, stage.index, stage.book, BuildRules())
    assert overview.reading(TODAY) == BuildStatus(BuildState.NONE)
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
    assert (mine[topic_id] or 0) >= BuildRules().least_strength
    seen = peers_of(stage.reading(), agent, to_self=False)
    assert {one.strength for one in seen.topics} == {None}
    for peer in seen.peers:
        assert {(topic.id, peer.agent.id) for topic in peer.topics} <= stage.planted.holders


def _peers(stage: Stage, agent: Agent) -> set[tuple[str, frozenset[str]]]:
    """(agent, topics shared) of every page of an agent's peers."""
    reading, offset = stage.reading(), 0
    found: set[tuple[str, frozenset[str]]] = set()
    while True:
        page = peers_of(reading, agent, to_self=False, offset=offset)
        found |= {
            (one.agent.id, frozenset(topic.id for topic in one.topics + one.declares))
            for one in page.peers
        }
        if page.following is None:
            return found
        offset = page.following


@pytest.mark.parametrize("gone", [False, True], ids=["as built", "after a withdrawal"])
def test_peers_are_each_others(stage: Stage, gone: bool) -> None:
    """A names B by some topics exactly where B names A by them; whoever withdrew is nobody's."""
    topic_id, agent_id, _ = _evidenced(stage)
    shown = [one for one in stage.planted.agents.values() if may_be_shown(one, TODAY)]
    around = [
        one for one in shown if topic_id in {t for t, a in stage.planted.holders if a == one.id}
    ]
    some = [*around, *shown[:25]]
    if gone:
        stage.consent.ask(Preference(agent_id, PreferenceKind.WITHDRAW, ""))
    try:
        named = {one.id: _peers(stage, one) for one in some if not gone or one.id != agent_id}
    finally:
        stage.consent.take_back(Preference(agent_id, PreferenceKind.WITHDRAW, ""))
    for one, peers in named.items():
        assert not gone or agent_id not in {other for other, _ in peers}
        for other, topics in peers:
            assert other not in named or (one, topics) in named[other]
    assert any(named.values())


EVIDENCE_GOES: dict[str, Callable[[Put], Write]] = {
    "deleted": _removed,
    "narrowed": _narrowed,
    "denied": _denied,
    "by another": _by_another,
    "uncounted": _uncounted,
}
AGENT_GOES: dict[str, dict[str, object]] = {
    "unlisted": {"listed": False},
    "departed": {"departure": TODAY},
    "without account": {"accounts": ()},
}
WITHDRAWALS = {"withdrawn": "", "withdrawn from the source": "wiki"}
STAYS = "stays"
OF_A_TOPIC = st.sampled_from([STAYS, STAYS, *EVIDENCE_GOES, "refused"])
OF_AN_AGENT = st.sampled_from([STAYS, STAYS, STAYS, *AGENT_GOES, *WITHDRAWALS])
FATE = st.tuples(OF_AN_AGENT, st.tuples(OF_A_TOPIC, OF_A_TOPIC, OF_A_TOPIC))
"""What becomes of a member of a circle, and of what shows each of its three topics."""
WELL = (STAYS, (STAYS, STAYS, STAYS))


def _member_gone(*, agent: str = STAYS, topics: str = STAYS) -> list[object]:
    """The first member alone."""
    return [(agent, (topics, topics, topics)), WELL, WELL, WELL]


@settings(examples(6, 60), suppress_health_check=list(HealthCheck))
@given(fates=st.lists(FATE, min_size=4, max_size=4))
@example(fates=_member_gone(topics="deleted"))
@example(fates=_member_gone(topics="narrowed"))
@example(fates=_member_gone(topics="refused"))
@example(fates=_member_gone(agent="withdrawn from the source"))
@example(fates=_member_gone(agent="withdrawn"))
@example(fates=[("stays", ("stays", "refused", "deleted")), WELL, WELL, WELL])
def test_a_community_follows_what_holds_it_together(
    stage: Stage, fates: list[tuple[str, tuple[str, ...]]]
) -> None:
    """Whatever goes between two builds: nobody is in a community, on their own page, on a
    colleague's or anywhere, but by the topics that they still hold."""
    with _befallen(stage, fates) as held:
        standing = {agent_id: some for agent_id, some in held.items() if len(some) > 1}
        reading = stage.reading()
        for agent_id in held:
            own = standing.get(agent_id, set())
            beside = {other for other, some in standing.items() if some & own}
            agent = stage.book.agent(agent_id)
            assert agent is not None
            peers = peers_of(reading, agent, EVERYTHING_OPEN, to_self=False)
            profile = profile_of(reading, agent, EVERYTHING_OPEN, TODAY, to_self=False)
            assert peers.communities == profile.communities
            assert _told(peers.communities) == ([(own, beside)] if len(beside) > 1 else [])
        for topic_id in sorted(stage.circle_topics):
            for topics, members in _told(communities_on(reading, [topic_id])):
                assert members == standing.keys()
                assert topics == set().union(*standing.values())


def _told(found: tuple[CommunityView, ...]) -> list[tuple[set[str], set[str]]]:
    """(topics, members) of those that were detected."""
    return [
        ({topic.id for topic in one.topics}, {agent.id for agent in one.members})
        for one in found
        if not one.proposed
    ]


@contextmanager
def _befallen(
    stage: Stage, fates: list[tuple[str, tuple[str, ...]]]
) -> Iterator[dict[str, set[str]]]:
    """Return the topics that each member of the first circle keeps; then undo all changes."""
    members, topics = stage.planted.circles[0], sorted(stage.circle_topics)
    puts = {put.indexed.document.id: put for put in stage.planted.puts()}
    wishes, writes, held = [], [], {}
    for agent_id, (fate, of_topics) in zip(members, fates, strict=True):
        of_each = dict(zip(topics, of_topics, strict=True))
        for topic_id, goes in of_each.items():
            ids = stage.planted.supporting[topic_id, agent_id]
            writes += [EVIDENCE_GOES[goes](puts[id_]) for id_ in ids if goes in EVIDENCE_GOES]
            if goes == "refused":
                label = stage.planted.topics[int(topic_id[1:])].label
                wishes.append(Preference(agent_id, PreferenceKind.REFUSE, topic_id, (label,)))
        if fate in WITHDRAWALS:
            wishes.append(Preference(agent_id, PreferenceKind.WITHDRAW, WITHDRAWALS[fate]))
        held[agent_id] = {one for one, goes in of_each.items() if (goes, fate) == (STAYS, STAYS)}
    fields = {one: AGENT_GOES.get(fate, {}) for one, (fate, _) in zip(members, fates, strict=True)}
    try:
        stage.index.write(writes)
        for wish in wishes:
            stage.consent.ask(wish)
        _directory_where(stage, fields)
        yield held
    finally:
        own = {
            id_ for of, ids in stage.planted.supporting.items() if of[1] in members for id_ in ids
        }
        stage.index.write([puts[id_] for id_ in sorted(own)])
        for agent_id in members:
            stage.consent.forget(agent_id)
        _directory_where(stage, {})


def _directory_where(stage: Stage, fields: dict[str, dict[str, object]]) -> None:
    """Read the directory again, these agents otherwise than planted."""
    planted = dict(stage.planted.agents)
    stage.planted.agents |= {
        id_: replace(planted[id_], **some)  # type: ignore[arg-type]
        for id_, some in fields.items()
    }
    try:
        stage.book.replace(stage.planted)
    finally:
        stage.planted.agents.update(planted)
