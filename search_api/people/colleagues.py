"""Links to colleagues on the home page: the reader's service, peers, and the topics.

The service is the result of a question with its name, and the peers are those of «Vos pairs», so
that all pages name the same people.
"""

from dataclasses import dataclass, replace
from itertools import groupby

from connectors.values import Agent
from expertise.answer_values import BuildStatus, Peer
from expertise.current_build import OpenBuild, by_label
from expertise.lookup import ServiceMatch, service_name
from expertise.peers import peers_of
from expertise.topics import Topic, TopicKind
from indexer.access import Reader
from search_api.context import AnswerContext
from search_api.people.service import asker_of, named_by
from search_api.topics.isolation import by_theme, theme_of

PEERS_SHOWN = 5
"""Number of peers named; «Vos pairs» has all of them."""


@dataclass(frozen=True, slots=True)
class Colleagues:
    """A reader's service without the reader, their first peers, topics by theme, and métiers.

    `service` is the reader's entity, or the entity above it if no other member may be shown; else
    None. `departement` is the reader's, empty if it is unknown. Without a build there are neither
    peers nor topics.
    """

    service: ServiceMatch | None = None
    peers: tuple[Peer, ...] = ()
    themes: tuple[tuple[str, tuple[Topic, ...]], ...] = ()
    metiers: tuple[Topic, ...] = ()
    departement: str = ""


def colleagues(context: AnswerContext, reader: Reader) -> Colleagues:
    """Return the links to a reader's colleagues. Raises `IndexUnreachable`."""
    build, agent = context.build(), asker_of(context, reader)
    ways = Colleagues() if isinstance(build, BuildStatus) else _topics_of(build)
    if agent is None:
        return ways
    return replace(
        ways,
        service=_service_of(context, reader, agent),
        peers=()
        if isinstance(build, BuildStatus)
        else peers_of(build, agent, to_self=True).peers[:PEERS_SHOWN],
        departement=agent.departement,
    )


def _topics_of(build: OpenBuild) -> Colleagues:
    topics = by_theme(build, by_label(build))
    grouped = groupby(topics, lambda one: (one.kind, theme_of(build, one)))
    found = {key: tuple(some) for key, some in grouped}
    return Colleagues(
        themes=tuple(
            (name, some) for (kind, name), some in found.items() if kind is TopicKind.TOPIC
        ),
        metiers=found.get((TopicKind.METIER, ""), ()),
    )


def _service_of(context: AnswerContext, reader: Reader, agent: Agent) -> ServiceMatch | None:
    above = agent.entity.rstrip("/").rpartition("/")[0]
    tried = ((agent.entity, agent.office), (above, agent.departement), (above, ""))
    for entity, place in tried:
        found = named_by(context, reader, agent, f"{service_name(entity)} {place}", ()).services
        for one in found:
            others = tuple(other for other in one.people if other.id != agent.id)
            if one.entity == entity and others:
                return replace(one, people=others)
    return None
