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
"""Words that match no agent. «Le» in «Le Goff» is among them: «Goff» still matches."""

MOST_NAMED = 20
"""A question that matches more agents than this («inspecteur») counts as matching nobody."""

SKILL_DAYS = 365
"""Days after which an agent must confirm a declared skill without evidence again."""


class DirectoryField(StrEnum):
    """The part of an agent's directory entry that a word of the question matches."""

    NAME = "name"
    METIER = "metier"
    SKILL = "skill"
    PLACE = "place"


class Reason(StrEnum):
    """Reason why an agent is in an answer, besides their evidence."""

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

    `confirmed` is true if a word matches a skill that somebody else confirmed.
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
    """Return the folded words of an agent's directory entry, by field."""
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
    """Return the folded words of a question, without stop words, accents, case and plurals."""
    return _word_set(question)


def match_agent(words: frozenset[str], agent: Agent) -> NamedAgent | None:
    """Return the agent if their entry has each of the words, else None.

    At least one word must match a field other than the place of work.
    """
    by_field = words_of(agent)
    fields = frozenset(field for field, known in by_field.items() if known & words)
    work = by_field[DirectoryField.METIER] | by_field[DirectoryField.SKILL]
    if (
        by_field[DirectoryField.PLACE] & words <= work
    ):  # «SIP» in the métier «agent de SIP» is no place
        fields -= {DirectoryField.PLACE}
    whole = bool(words) and words <= frozenset().union(*by_field.values())
    confirmed = not _word_set(*agent.skills_confirmed).isdisjoint(words)
    return (
        NamedAgent(agent, fields, confirmed) if whole and fields - {DirectoryField.PLACE} else None
    )


def order_matches(matches: Iterable[NamedAgent]) -> tuple[NamedAgent, ...]:
    """Return the agents whom the question means first, then by name and id.

    Returns nobody if more than `MOST_NAMED` match.
    """
    ordered = sorted(
        matches,
        key=lambda match: (
            not match.pointed_at,
            match.agent.family_name,
            match.agent.given_name,
            match.agent.id,
        ),
    )
    return tuple(ordered) if len(ordered) <= MOST_NAMED else ()


def reasons(match: NamedAgent, today: date, *, evidence: bool) -> tuple[Reason, ...]:
    """Return why the question matches an agent; declared skills may be confirmed or outdated."""
    plain = {
        DirectoryField.NAME: Reason.NAME,
        DirectoryField.METIER: Reason.METIER,
        DirectoryField.PLACE: Reason.PLACE,
    }
    listed = [reason for field, reason in plain.items() if field in match.fields]
    if DirectoryField.SKILL in match.fields:
        listed.append(_skill_reason(match, today, evidence=evidence))
    return tuple(listed)


def _skill_reason(match: NamedAgent, today: date, *, evidence: bool) -> Reason:
    if match.confirmed:
        return Reason.CONFIRMED
    declared = match.agent.skills_declared
    old = declared is not None and (today - declared).days > SKILL_DAYS
    return Reason.RENEW if old and not evidence else Reason.DECLARED


def _word_set(*texts: str) -> frozenset[str]:
    """Return folded words without their plural ending; single letters are left out."""
    words = {word for text in texts for word in folded_words(text)} - STOP_WORDS
    return frozenset(singular(word) for word in words if len(word) > 1)


def _joined(*names: str) -> list[str]:
    """Return names of several words as one word: `legoff` for `Le Goff`, as many type them."""
    return ["".join(words) for name in names if len(words := folded_words(name)) > 1]


def singular(word: str) -> str:
    """Return a French word without a plural `s` or `x`."""
    return word[:-1] if len(word) > 3 and word[-1] in "sx" else word
