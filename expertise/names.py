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
"""Words that name nobody. «Le» of «Le Goff» is among them: «Goff» is left to find her by."""

MOST_NAMED = 20
"""How many agents a question may name: «inspecteur» names thousands, and so nobody."""

SKILL_DAYS = 365
"""A declared skill is asked for anew after so many days without any evidence."""


class DirectoryField(StrEnum):
    """Where a word of a question stands in what the directory says of an agent."""

    NAME = "name"
    METIER = "metier"
    SKILL = "skill"
    PLACE = "place"


class Reason(StrEnum):
    """Why somebody stands in an answer, beside their evidence."""

    NAME = "name"
    METIER = "metier"
    PLACE = "place"
    CONFIRMED = "confirmed"
    DECLARED = "declared"
    RENEW = "renew"


@dataclass(frozen=True, slots=True)
class NamedAgent:
    """An agent of whom the directory says every word of the question, and where it says it.

    `confirmed`: a word of it is of a skill that somebody else vouches for.
    """

    agent: Agent
    fields: frozenset[DirectoryField]
    confirmed: bool = False

    @property
    def pointed_at(self) -> bool:
        """Whether the question means this very agent: by name, or by métier and place."""
        return DirectoryField.NAME in self.fields or self.fields >= {
            DirectoryField.METIER,
            DirectoryField.PLACE,
        }


def words_of(agent: Agent) -> Mapping[DirectoryField, frozenset[str]]:
    """The words that the directory says of an agent, folded, by field."""
    region = REGIONS.get(region_of(agent.departement) or "", "")
    place = (agent.office, agent.entity, area_name(agent.departement), region, agent.departement)
    return {
        DirectoryField.NAME: _word_set(agent.given_name, agent.family_name),
        DirectoryField.METIER: _word_set(agent.metier),
        DirectoryField.SKILL: _word_set(*agent.skills),
        DirectoryField.PLACE: _word_set(*place),
    }


def asked_words(question: str) -> frozenset[str]:
    """The words of a question that could name somebody; accents, case and plurals aside."""
    return _word_set(question)


def match_agent(words: frozenset[str], agent: Agent) -> NamedAgent | None:
    """The agent, if each word is said of them, and one at least elsewhere than of their place."""
    said = words_of(agent)
    fields = frozenset(field for field, known in said.items() if known & words)
    whole = bool(words) and words <= frozenset().union(*said.values())
    confirmed = not _word_set(*agent.skills_confirmed).isdisjoint(words)
    return (
        NamedAgent(agent, fields, confirmed) if whole and fields - {DirectoryField.PLACE} else None
    )


def match_agents(question: str, agents: Iterable[Agent]) -> tuple[NamedAgent, ...]:
    """The reference of what a book's `named` does. Nobody where it would be too many."""
    words = asked_words(question)
    found = [one for agent in agents if (one := match_agent(words, agent))]
    return order_matches(found)


def order_matches(found: Iterable[NamedAgent]) -> tuple[NamedAgent, ...]:
    """By name, then id; those pointed at first. Nobody where there are too many."""
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
    """Why the question names them; a skill is confirmed, declared, or to be renewed."""
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
    """Words without their plural; one letter is no word."""
    words = {word for text in texts for word in folded_words(text)} - STOP_WORDS
    return frozenset(_singular(word) for word in words if len(word) > 1)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] in "sx" else word
