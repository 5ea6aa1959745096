"""Holders in the demo: all pages agree on every topic, and the known case is right."""

from collections.abc import Iterator

import pytest

from connectors.geography import distance_km, region_of
from connectors.values import Agent
from expertise.answer_values import IsolatedHolder, Peer, Peers, TopicView
from expertise.holders import Basis, IsolationScope
from expertise.topics import label_key
from expertise.visibility import may_be_shown
from indexer.access import Reader
from quisait.application.assembly import Application
from quisait.application.opening import Opening
from quisait.application.startup import opened_application
from quisait.clock import today
from quisait.commands.answers import answer_context, command_line_reader
from quisait.work.crawl import crawl_sources, read_directory
from quisait.work.worker import build_and_publish
from search_api.context import AnswerContext
from search_api.people.agents import agent_peers, agent_profile
from search_api.query.query import Query
from search_api.search.service import who_knows
from search_api.topics.isolation import all_isolated_holders, topic_coverage
from search_api.topics.service import topic_answer
from tests.load import copied_demo

pytestmark = [pytest.mark.experts]

MAELLE, SOLVEIG, JOSIANE = "ag-0001", "ag-0004", "ag-0002"


class Pages:
    """The answers about the demo's holders, each asked once."""

    def __init__(self, application: Application, context: AnswerContext) -> None:
        self.context = context
        self.reader: Reader = command_line_reader(application, MAELLE)
        self.agents: dict[str, Agent] = {
            one.id: one for one in application.book.everyone() if may_be_shown(one, today())
        }
        self.views: dict[str, TopicView] = {
            one.id: topic_answer(context, self.reader, one.id).view
            for one in context.listed_topics()
        }
        self.alone: tuple[IsolatedHolder, ...] = all_isolated_holders(context).rows
        self.peers = {id_: self.all_peers(id_) for id_ in self.agents}

    def all_peers(self, agent_id: str) -> list[Peer]:
        """Every page of an agent's peers."""
        found, offset = list[Peer](), 0
        while True:
            page: Peers = agent_peers(self.context, self.reader, agent_id, offset).peers
            found += page.peers
            if page.following is None:
                return found
            offset = page.following

    def of(self, topic_id: str, *, declared: bool = False) -> set[str]:
        """Who holds a topic, or only declares it, on the topic's page."""
        holders = self.views[topic_id].holders
        return {one.agent.id for one in holders if (one.basis is Basis.DECLARED) == declared}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    file = copied_demo(tmp_path_factory.mktemp("holders"), sources=("wifip", "wiki"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUISAIT_FILE", str(file))
        with opened_application(Opening.SERVE) as application:
            read_directory(application)
            crawl_sources(application, application.settings.sources, quiet=True)
            build_and_publish(application)
            with answer_context(application) as context:
                yield Pages(application, context)


def test_the_agent_who_thought_herself_alone(pages: Pages) -> None:
    """Maëlle in Guingamp: Solveig, 91 km away, has an accepted answer on her subject."""
    own = [one for one in pages.alone if one.agent.id == MAELLE]
    assert [(one.topic.id, one.scope) for one in own] == [("foncier", IsolationScope.DEPARTEMENT)]
    nearest = own[0].next
    assert nearest is not None
    assert (nearest.id, round(own[0].distance_km or 0)) == (SOLVEIG, 91)
    assert pages.peers[MAELLE][0].agent.id == SOLVEIG
    assert MAELLE in {one.agent.id for one in pages.peers[SOLVEIG]}
    assert {MAELLE, SOLVEIG, JOSIANE} <= pages.of("foncier")


def test_topic_page_profile_and_coverage_name_the_same_holders(pages: Pages) -> None:
    """A profile lists the topics on whose pages the agent stands, and counts are their lengths."""
    labels = {
        label_key(name): one.topic.id
        for one in pages.views.values()
        for name in one.topic.labels
        if one.topic.kind == "topic"
    }
    for id_ in pages.agents:
        found = agent_profile(pages.context, pages.reader, id_).profile
        metier = [found.metier] if found.metier else []
        told = {one.topic.id for one in (*found.shown, *metier, *found.by_metier)}
        told |= {labels[key] for one in found.confirmed if (key := label_key(one.label)) in labels}
        assert told == {topic for topic in pages.views if id_ in pages.of(topic)}, id_
    for one in topic_coverage(pages.context, limit=None).topics:
        assert one.holders.agents == min(len(pages.of(one.topic.id)), 10)
        assert one.declared.agents == min(len(pages.of(one.topic.id, declared=True)), 10)
        whole = pages.views[one.topic.id].areas
        assert sum(a.holders.agents for a in whole if not a.code) == one.holders.agents


def test_who_knows_a_topic_is_asked_by_its_name(pages: Pages) -> None:
    """All demonstrated holders on a topic's page are certain experts for its name as a question."""
    for view in pages.views.values():
        shown = {one.agent.id for one in view.holders if one.basis is Basis.DEMONSTRATED} - {MAELLE}
        found = who_knows(pages.context, pages.reader, Query(view.topic.label), limit=100).experts
        sure = {one.agent.id for one in (*found.candidates, *found.named) if one.sure}
        assert shown <= sure, view.topic.label


def test_who_is_alone_is_alone_for_who_knows_too(pages: Pages) -> None:
    """Of every topic: in their area, « Collègues » is sure of nobody else by the topic's name.

    Where the map knows nobody else, its page leads to « Collègues », which may.
    """
    for view in pages.views.values():
        found = who_knows(pages.context, pages.reader, Query(view.topic.label), limit=100).experts
        sure = [one.agent for one in (*found.known, *found.named)]
        for one in (row for row in pages.alone if row.topic.id == view.topic.id):
            others = [agent for agent in sure if agent.id != one.agent.id]
            here = {agent.departement for agent in others}
            assert one.agent.departement not in here, (view.topic.label, one.agent.id)
            if one.scope is not IsolationScope.DEPARTEMENT:
                regions = {region_of(place) for place in here}
                assert region_of(one.agent.departement) not in regions, view.topic.label
            if one.scope is IsolationScope.COUNTRY:
                assert not others, view.topic.label


def test_isolation_follows_from_the_topics_pages(pages: Pages) -> None:
    """Alone: nobody else on the topic's page is in the area. The nearest is the nearest of them."""
    for one in pages.alone:
        others = [pages.agents[id_] for id_ in pages.of(one.topic.id) - {one.agent.id}]
        assert one.agent.id in pages.of(one.topic.id)
        assert one.agent.departement not in {other.departement for other in others}
        far = [
            km
            for other in others
            if (km := distance_km(one.agent.departement, other.departement)) is not None
        ]
        assert one.distance_km == min(far, default=None)
        assert (one.next is None) == (not others)
        if one.next:
            shared = {p.agent.id: p.topics for p in pages.peers[one.agent.id]}
            assert one.topic.id in {topic.id for topic in shared[one.next.id]}


def test_peers_are_peers_of_each_other(pages: Pages) -> None:
    """A names B where B names A, by the topics that both pages of topics show."""
    named = {id_: {one.agent.id: one for one in some} for id_, some in pages.peers.items()}
    for id_, some in named.items():
        for other, one in some.items():
            assert id_ in named[other], (id_, other)
            assert all(other in pages.of(topic.id) for topic in one.topics)
            assert all(other in pages.of(topic.id, declared=True) for topic in one.declares)
    for topic in pages.views:
        holders = pages.of(topic)
        for one_id in holders:
            assert holders | pages.of(topic, declared=True) <= named[one_id].keys() | {one_id}


def test_nobody_left_is_said_only_where_somebody_was(pages: Pages) -> None:
    """A topic with a holder by métier is not without anybody, and «left» names a departure."""
    for one in topic_coverage(pages.context, limit=None).topics:
        found = one.risks
        assert not ({"left", "nobody"} & set(found) and pages.of(one.topic.id))
    assert pages.of("evaluation-domaniale") >= pages.of("m-domanial") != set()
