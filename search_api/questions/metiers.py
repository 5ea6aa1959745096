"""Questions put to a métier: its holders in the directory, nearest to the asker first."""

from connectors.geography import distance_km
from connectors.values import Agent
from expertise.names import asked_words
from expertise.topics import Topic, TopicKind, label_key
from search_api.context import AnswerContext
from search_api.topics.service import list_topics


def metiers(context: AnswerContext) -> tuple[Topic, ...]:
    """Return the métiers of the list, by label."""
    return tuple(one for one in list_topics(context).topics if one.kind is TopicKind.METIER)


def asked_metier(context: AnswerContext, topic_id: str) -> Topic | None:
    """Return the métier with this topic id, or None if it is another topic or unknown."""
    topic = context.topics().get(topic_id)
    return topic if topic and topic.kind is TopicKind.METIER else None


def holders_of_metier(context: AnswerContext, metier: Topic, asker: Agent | None) -> list[Agent]:
    """Return agents of this métier who may be shown, nearest to the asker first.

    If there are too many to read, only agents of the asker's own département.
    """
    keys = {label_key(one) for one in metier.labels}
    found: dict[str, Agent] = {}
    for label in metier.labels:
        words = asked_words(label)
        some = context.people.entries_with(words, context.today())
        if some is None and asker is not None and asker.departement:
            some = context.people.entries_with(words, context.today(), [asker.departement])
        found |= {one.id: one for one in some or () if label_key(one.metier) in keys}

    def distance(one: Agent) -> float:
        km = distance_km(asker.departement, one.departement) if asker else None
        return float("inf") if km is None else km

    return sorted(found.values(), key=lambda one: (distance(one), one.id))
