"""Who a question names: by their name, their métier, their skills, where they work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from connectors.areas import REGIONS, area_name, region_of
from connectors.values import Agent
from indexer.french import folded_words

LINKING = frozenset({"a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les"})
"""Words that name nobody. «Le» of «Le Goff» is among them: «Goff» is left to find her by."""

MOST_NAMED = 20
"""How many agents a question may name: «inspecteur» names thousands, and so nobody."""

SKILL_DAYS = 365
"""A declared skill is asked for anew after so many days without any evidence."""


class Field(StrEnum):
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
class Named:
    """An agent of whom the directory says every word of the question, and where it says it.

    `confirmed`: a word of it is of a skill that somebody else vouches for.
    """

    agent: Agent
    fields: frozenset[Field]
    confirmed: bool = False

    @property
    def pointed_at(self) -> bool:
        """Whether the question means this very agent: by name, or by métier and place."""
        return Field.NAME in self.fields or self.fields >= {Field.METIER, Field.PLACE}


def words_of(agent: Agent) -> Mapping[Field, frozenset[str]]:
    """The words that the directory says of an agent, folded, by field."""
    region = REGIONS.get(region_of(agent.departement) or "", "")
    place = (agent.office, agent.entity, area_name(agent.departement), region, agent.departement)
    return {
        Field.NAME: _folded(agent.given_name, agent.family_name),
        Field.METIER: _folded(agent.metier),
        Field.SKILL: _folded(*agent.skills),
        Field.PLACE: _folded(*place),
    }


def asked_words(question: str) -> frozenset[str]:
    """The words of a question that could name somebody; accents, case and plurals aside."""
    return _folded(question)


def named_by(words: frozenset[str], agent: Agent) -> Named | None:
    """The agent, if each word is said of them, and one at least elsewhere than of their place."""
    said = words_of(agent)
    fields = frozenset(field for field, known in said.items() if known & words)
    whole = bool(words) and words <= frozenset().union(*said.values())
    confirmed = not _folded(*agent.skills_confirmed).isdisjoint(words)
    return Named(agent, fields, confirmed) if whole and fields - {Field.PLACE} else None


def named_among(question: str, agents: Iterable[Agent]) -> tuple[Named, ...]:
    """The reference of what a book's `named` does. Nobody where it would be too many."""
    words = asked_words(question)
    found = [one for agent in agents if (one := named_by(words, agent))]
    return in_order(found)


def in_order(found: Iterable[Named]) -> tuple[Named, ...]:
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


def reasons(one: Named, today: date, *, evidence: bool) -> tuple[Reason, ...]:
    """Why the question names them; a skill is confirmed, declared, or to be renewed."""
    plain = {Field.NAME: Reason.NAME, Field.METIER: Reason.METIER, Field.PLACE: Reason.PLACE}
    found = [reason for field, reason in plain.items() if field in one.fields]
    if Field.SKILL in one.fields:
        found.append(_skill(one, today, evidence=evidence))
    return tuple(found)


def _skill(one: Named, today: date, *, evidence: bool) -> Reason:
    if one.confirmed:
        return Reason.CONFIRMED
    declared = one.agent.skills_declared
    old = declared is not None and (today - declared).days > SKILL_DAYS
    return Reason.RENEW if old and not evidence else Reason.DECLARED


def _folded(*texts: str) -> frozenset[str]:
    """Words without their plural; one letter is no word."""
    words = {word for text in texts for word in folded_words(text)} - LINKING
    return frozenset(_singular(word) for word in words if len(word) > 1)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] in "sx" else word
