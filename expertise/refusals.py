"""What an agent's refusal of a topic takes from an answer."""

from collections.abc import Mapping

from connectors.values import Agent, RefusedTopic
from expertise.values import Window
from indexer.french import analyse


def refuses(agent: Agent, question: str) -> bool:
    """Whether a question names, by one of its labels, a topic that the agent refused."""
    return any(_names(question, topic) for topic in agent.refused)


def refused_documents(window: Window, agents: Mapping[str, Agent]) -> Mapping[str, frozenset[str]]:
    """By agent id, the documents of the window that do not speak for them.

    Those that the last build counted under a topic that they refused, and those whose
    title names it. `agents` are by account.
    """
    refusing = {agent.id: agent for agent in agents.values() if agent.refused}
    return {
        id_: frozenset(
            ranked.card.document_id
            for ranked in window.documents
            for topic in agent.refused
            if ranked.card.document_id in topic.documents or _names(ranked.card.title, topic)
        )
        for id_, agent in refusing.items()
    }


def _names(text: str, topic: RefusedTopic) -> bool:
    places = {(term.position, term.term) for term in analyse(text)}
    return any(_stands_in(places, label) for label in topic.labels)


def _stands_in(places: set[tuple[int, str]], label: str) -> bool:
    """Whether the label's terms follow one another in the text as they do in the label."""
    terms = [(term.position, term.term) for term in analyse(label)]
    if not terms:
        return False
    first, word = terms[0]
    starts = [at for at, said in places if said == word]
    return any(all((at + p - first, said) in places for p, said in terms) for at in starts)
