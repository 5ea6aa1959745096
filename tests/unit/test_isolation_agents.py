"""Rows of isolated holders, gathered by agent."""

import pytest

from connectors.values import Agent
from expertise.answer_values import IsolatedHolder
from expertise.holders import Basis, IsolationScope
from expertise.topics import Topic
from search_api.topics.isolation import IsolatedTopics, by_agent

pytestmark = pytest.mark.experts

ZOE = Agent("ag-1", "Zoé", "Zola", departement="22")
ADA = Agent("ag-2", "Ada", "Abel", departement="22")
FAR = Agent("ag-3", "Léo", "Loin", departement="974")
REGIES, REGISSEUR, PAIE = Topic("r", "régies"), Topic("m", "régisseur"), Topic("p", "paie")


def alone(
    agent: Agent, topic: Topic, scope: IsolationScope, near: Agent | None = None
) -> IsolatedHolder:
    return IsolatedHolder(topic, agent, Basis.DEMONSTRATED, scope, near, 9_660.0 if near else None)


def test_topics_stand_together_where_all_else_is_alike() -> None:
    """Scope, next one and distance; who has the same name and place stays apart."""
    namesake = Agent("ag-4", "Zoé", "Zola", departement="22")
    found = by_agent(
        [
            alone(ZOE, PAIE, IsolationScope.COUNTRY),
            alone(ZOE, REGIES, IsolationScope.REGION, FAR),
            alone(namesake, REGIES, IsolationScope.REGION, FAR),
            alone(ZOE, REGISSEUR, IsolationScope.REGION, FAR),
            alone(FAR, PAIE, IsolationScope.REGION, ZOE),
            alone(ADA, PAIE, IsolationScope.REGION, ZOE),
        ]
    )
    assert [one.agent.id for one in found] == ["ag-2", "ag-1", "ag-4", "ag-3"]
    assert found[1].alone_on == (
        IsolatedTopics((PAIE,), IsolationScope.COUNTRY, None, None),
        IsolatedTopics((REGIES, REGISSEUR), IsolationScope.REGION, FAR, 9_660.0),
    )
