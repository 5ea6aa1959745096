"""Corrections of the experts on topics, by agents themselves and by the animators of topics.

An agent's own corrections are wishes (`search_api.people.agents.ask_wish`): a refused topic or a
disowned document. An animator removes an agent from a topic, with a reason that the agent is told.
Both apply to all answers that name people, through `expertise.visibility`, from the next answer on.
They hide no document.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from connectors.values import Agent
from expertise.consent import LONGEST_REASON, Preference, PreferenceKind, RecordedPreference
from expertise.topics import Topic
from expertise.values import Candidate
from expertise.visibility import may_be_named, may_be_shown
from indexer.access import Reader
from indexer.state import reference_of
from indexer.values import Card
from search_api.context import (
    AnswerContext,
    NotAllowed,
    NotFound,
    RoleHolder,
    note_access,
    required,
)
from search_api.identity.principals import Role
from search_api.people.agents import shown_agent
from search_api.questions.reading import checked_text


class HolderAction(StrEnum):
    """Action of an animator on an agent and a topic."""

    REMOVE = "remove"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Removal:
    """An agent whom an animator removed from a topic.

    `by` is None for an animator who may not be named, or whose data were purged.
    """

    agent: Agent
    topic_id: str
    label: str
    reason: str
    by: Agent | None
    since: datetime


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """The reader's place in an answer as others see it, and the corrections that apply to it.

    `candidate`: how an answer names the reader, or None. `topics`: topics that the question names.
    `refused` and `removed`: which of these topics the reader refused or was removed from.
    `disowned`: documents near the question that the reader said are not theirs.
    """

    candidate: Candidate | None = None
    topics: tuple[Topic, ...] = ()
    refused: tuple[RecordedPreference, ...] = ()
    removed: tuple[Removal, ...] = ()
    disowned: tuple[Card, ...] = ()


def own_place(
    context: AnswerContext,
    reader: Agent,
    topics: Sequence[Topic],
    cards: Iterable[Card],
    candidate: Candidate | None,
) -> OwnPlace | None:
    """Return the reader's place on a question; None if there is nothing to correct or undo.

    `topics` are the topics of the question, `cards` the documents near it, `candidate` the reader
    as others see them.
    """
    if context.consent is None:
        return None
    asked = {one.id for one in topics}
    held = context.consent.of(reader.id) if asked & {one.id for one in reader.refused} else ()
    of_topics = [one for one in held if one.preference.subject in asked]
    found = OwnPlace(
        candidate,
        tuple(topics) if candidate else (),
        tuple(one for one in of_topics if one.preference.kind is PreferenceKind.REFUSE),
        removals(context, of_topics),
        tuple(card for card in cards if card.document_id in reader.disowned),
    )
    return found if candidate or found.refused or found.removed or found.disowned else None


def removals(context: AnswerContext, recorded: Sequence[RecordedPreference]) -> tuple[Removal, ...]:
    """Return the removals among these wishes, without agents who are unknown."""
    made = [one for one in recorded if one.preference.kind is PreferenceKind.REMOVED]
    ids = {id_ for one in made for id_ in (one.preference.agent_id, one.preference.by)}
    people = context.people.agents(ids - {""}) if made else {}
    named = {id_: agent for id_, agent in people.items() if may_be_named(agent)}
    return tuple(
        Removal(
            people[one.preference.agent_id],
            one.preference.subject,
            one.preference.said[0] if one.preference.said else one.preference.subject,
            one.preference.reason,
            named.get(one.preference.by),
            one.since,
        )
        for one in made
        if one.preference.agent_id in people
    )


def removed_holders(context: AnswerContext, holder: RoleHolder) -> tuple[Removal, ...]:
    """Return who was removed from the holder's topics and may be shown, the newest first."""
    own = [
        one
        for one in (context.consent.removals() if context.consent else ())
        if holder.held.animates_topic(one.preference.subject)
    ]
    today = context.today()
    return tuple(one for one in removals(context, own) if may_be_shown(one.agent, today))


def decide_on_holder(
    context: AnswerContext,
    holder: RoleHolder,
    topic_id: str,
    agent_id: str,
    action: HolderAction,
    reason: str = "",
) -> None:
    """Remove an agent from a topic with a reason that the agent is told, or undo that.

    Raises `NotAllowed` for a topic that the animator does not animate, `InvalidParameter` without a
    reason, `NotFound` for an unknown topic or agent, `NotAudited`.
    """
    if not holder.held.animates_topic(topic_id):
        raise NotAllowed("Vous n’animez pas ce sujet.")
    consent = required(context.consent)
    if action is HolderAction.RESTORE:
        note_access(context, holder, f"holder {action}", f"agent:{agent_id}")
        consent.take_back(Preference(agent_id, PreferenceKind.REMOVED, topic_id))
        return
    topic = context.topics().get(topic_id)
    if topic is None:
        raise NotFound("Sujet inconnu : il n’est pas dans la liste.")
    agent = shown_agent(context, holder.reader, agent_id)
    said = checked_text(
        reason, LONGEST_REASON, "Dites pourquoi : la personne lira cette raison, avec votre nom."
    )
    note_access(context, holder, f"holder {action}", f"agent:{agent.id}")
    by = holder.reader.agent_id or ""
    consent.ask(Preference(agent.id, PreferenceKind.REMOVED, topic_id, topic.labels, by, said))


class PageCorrections:
    """The corrections that the reader may make on a page."""

    def __init__(self, context: AnswerContext, reader: Reader) -> None:
        self._context, self._reader = context, reader
        self._held = context.grants.held_by(reader)

    def is_own(self, agent_id: str) -> bool:
        """Return whether the agent is the reader, who may correct their own entries."""
        return self._context.consent is not None and agent_id == self._reader.agent_id

    def place(self, topic: Topic) -> OwnPlace | None:
        """Return the corrections of the reader's place on a topic; None without corrections."""
        agents = self._context.people.agents([self._reader.agent_id or ""])
        return next(
            (own_place(self._context, one, [topic], (), None) for one in agents.values()), None
        )

    def removals(self) -> tuple[Removal, ...]:
        """Return the topics from which animators removed the reader."""
        store, agent_id = self._context.consent, self._reader.agent_id
        return removals(self._context, store.of(agent_id)) if store and agent_id else ()

    def animated(self, topics: Iterable[Topic]) -> list[Topic]:
        """Return the topics from which the reader may remove somebody."""
        if self._context.consent is None or Role.ANIMATOR not in self._held.roles:
            return []
        return [one for one in topics if self._held.animates_topic(one.id)]

    def anchor(self, agent_id: str, topic_id: str) -> str:
        """Return the page's element id for the reason that is written about somebody."""
        return f"raison-{reference_of(agent_id)}-{reference_of(topic_id)}"
