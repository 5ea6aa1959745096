"""Match a question against agents' names, métiers, skills and places of work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from connectors.geography import REGIONS, area_name, region_of
from connectors.values import Agent
from indexer.french.analysis import folded_words

STOP_WORDS = frozenset(
    {"a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les"}
)
"""Words that match no agent. «Le» of «Le Goff» is one of them: «Goff» still matches."""

MOST_NAMED = 20
"""A question that matches more agents than this («inspecteur») counts as matching none."""

SKILL_DAYS = 365
"""Days after which a declared skill without evidence is to be confirmed again."""


class DirectoryField(StrEnum):
    """Which part of an agent's directory entry a word of the question matches."""

    NAME = "name"
    METIER = "metier"
    SKILL = "skill"
    PLACE = "place"


class Reason(StrEnum):
    """Why an agent is in an answer, besides their evidence."""

    NAME = "name"
    METIER = "metier"
    PLACE = "place"
    MISSION = "mission"
    CONFIRMED = "confirmed"
    DECLARED = "declared"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class NamedAgent:
    """An agent whose directory entry has every word of the question, and the matching fields.

    `confirmed`: a word matches a skill that somebody else confirmed.
    """

    agent: Agent
    fields: frozenset[DirectoryField]
    confirmed: bool = False

    @property
    def pointed_at(self) -> bool:
        """Whether the question means this agent: by name, or by métier or skill and place."""
        if DirectoryField.NAME in self.fields:
            return True
        work = {DirectoryField.METIER, DirectoryField.SKILL}
        return DirectoryField.PLACE in self.fields and not work.isdisjoint(self.fields)


def words_of(agent: Agent) -> Mapping[DirectoryField, frozenset[str]]:
    """The folded words of an agent's directory entry, by field."""
    region = REGIONS.get(region_of(agent.departement) or "", "")
    place = (agent.office, agent.entity, area_name(agent.departement), region, agent.departement)
    return {
        DirectoryField.NAME: _word_set(
            agent.given_name, agent.family_name, *_joined(agent.given_name, agent.family_name)
        ),
        DirectoryField.METIER: _word_set(agent.metier),
        DirectoryField.SKILL: _word_set(*agent.skills),
        DirectoryField.PLACE: _word_set(*place),
    }


def asked_words(question: str) -> frozenset[str]:
    """The folded words of a question, without stop words, accents, case and plurals."""
    return _word_set(question)


def match_agent(words: frozenset[str], agent: Agent) -> NamedAgent | None:
    """The agent, if their entry has each word, and at least one outside their place of work."""
    said = words_of(agent)
    fields = frozenset(field for field, known in said.items() if known & words)
    work = said[DirectoryField.METIER] | said[DirectoryField.SKILL]
    if said[DirectoryField.PLACE] & words <= work:  # «SIP», of «agent de SIP», names no place
        fields -= {DirectoryField.PLACE}
    whole = bool(words) and words <= frozenset().union(*said.values())
    confirmed = not _word_set(*agent.skills_confirmed).isdisjoint(words)
    return (
        NamedAgent(agent, fields, confirmed) if whole and fields - {DirectoryField.PLACE} else None
    )


def match_agents(question: str, agents: Iterable[Agent]) -> tuple[NamedAgent, ...]:
    """The reference for a directory's `named`. Nobody where too many match."""
    words = asked_words(question)
    found = [one for agent in agents if (one := match_agent(words, agent))]
    return order_matches(found)


def order_matches(found: Iterable[NamedAgent]) -> tuple[NamedAgent, ...]:
    """Those that the question means first, then by name and id. Nobody where too many match."""
    ordered = sorted(
        found,
        key=lambda one: (
            not one.pointed_at,
            one.agent.family_name,
            one.agent.given_name,
            one.agent.id,
        ),
    )
    return tuple(ordered) if len(ordered) <= MOST_NAMED else ()


def reasons(one: NamedAgent, today: date, *, evidence: bool) -> tuple[Reason, ...]:
    """Why the question matches an agent; a skill is confirmed, declared, or to be renewed."""
    plain = {
        DirectoryField.NAME: Reason.NAME,
        DirectoryField.METIER: Reason.METIER,
        DirectoryField.PLACE: Reason.PLACE,
    }
    found = [reason for field, reason in plain.items() if field in one.fields]
    if DirectoryField.SKILL in one.fields:
        found.append(_skill_reason(one, today, evidence=evidence))
    return tuple(found)


def _skill_reason(one: NamedAgent, today: date, *, evidence: bool) -> Reason:
    if one.confirmed:
        return Reason.CONFIRMED
    declared = one.agent.skills_declared
    old = declared is not None and (today - declared).days > SKILL_DAYS
    return Reason.RENEW if old and not evidence else Reason.DECLARED


def _word_set(*texts: str) -> frozenset[str]:
    """Folded words without their plural ending; single letters are left out."""
    words = {word for text in texts for word in folded_words(text)} - STOP_WORDS
    return frozenset(_singular(word) for word in words if len(word) > 1)


def _joined(*names: str) -> list[str]:
    """Names of several words in one: `legoff` for `Le Goff`, as many type them."""
    return ["".join(words) for name in names if len(words := folded_words(name)) > 1]


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] in "sx" else word
