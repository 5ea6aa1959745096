"""Choose which agents to ask a question, and in which order.

Evidence, distance and the number of recent questions have different scales: the order is that of
the sum of the three ranks (Borda 1781), which needs no weights. Agents of equal value share a rank.
An isolated agent, the only expert of a topic around them, ranks as asked more often than any other
candidate and receives half as many questions, because everybody's questions lead to them; unless
they chose a number themselves.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from connectors.geography import distance_km
from connectors.values import Agent, ContactVia
from expertise.visibility import may_be_shown, refuses
from search_api.questions.values import AskedQuestion, AskingPreferences, AskingRules

LATELY_DAYS = 28
"""Period over which recent questions to an agent are counted, in days: four weeks."""
WEEK_DAYS = 7
_NO_PREFERENCES = AskingPreferences()


@dataclass(frozen=True, slots=True)
class PossibleAnswerer:
    """An agent who was found for a question.

    `asked_lately` and `asked_this_week`: questions they were asked in `LATELY_DAYS` and
    `WEEK_DAYS`.
    """

    agent: Agent
    preferences: AskingPreferences = _NO_PREFERENCES
    isolated: bool = False
    asked_lately: int = 0
    asked_this_week: int = 0


def weekly_limit(one: PossibleAnswerer, rules: AskingRules) -> int:
    """Return how many questions an agent receives in 7 days: the number that they chose, if any."""
    chosen = one.preferences.per_week
    return usual_limit(one, rules) if chosen is None else chosen


def usual_limit(one: PossibleAnswerer, rules: AskingRules) -> int:
    """Return the weekly limit of an agent who chose none: half, rounded up, if isolated."""
    return -(-rules.per_week // 2) if one.isolated else rules.per_week


def limits_of_one_asker(
    one: PossibleAnswerer, rules: AskingRules, moment: datetime
) -> tuple[tuple[int, datetime], ...]:
    """Return how many questions of one asker an agent receives, as (number, since) pairs.

    For a week it is half of the weekly limit, rounded up. For four weeks it is half of the limit of
    four weeks, because half of a weekly limit of 1, rounded up, is the whole limit.
    """
    limit = weekly_limit(one, rules)
    return (
        (-(-limit // 2), moment - timedelta(days=WEEK_DAYS)),
        (limit * LATELY_DAYS // WEEK_DAYS // 2, moment - timedelta(days=LATELY_DAYS)),
    )


def may_be_asked(
    one: PossibleAnswerer, question: AskedQuestion, rules: AskingRules, today: date
) -> bool:
    """Return whether an agent accepts this question now and may be asked.

    False for the asker, and for agents who left, withdrew, refused the topic or the subject of the
    question, chose other topics, are away or reached their weekly limit; also for agents who, by
    their own or their entity's choice, are not contacted directly.
    """
    agent, said = one.agent, one.preferences
    wanted = said.receives and not said.is_absent(today)
    on_topic = not said.topics or question.topic_id in said.topics
    return (
        agent.id != question.asker_id
        and may_be_shown(agent, today)
        and agent.contact_via is ContactVia.DIRECT
        and wanted
        and on_topic
        and not refuses(agent, f"{question.title}\n{question.text}", [question.topic_id])
        and one.asked_this_week < weekly_limit(one, rules)
    )


def distance_from(asker: Agent | None, agent: Agent) -> float:
    """Return the distance between two agents' départements, in km; infinite if unknown."""
    km = distance_km(asker.departement, agent.departement) if asker else None
    return float("inf") if km is None else km


def in_order(named: Sequence[PossibleAnswerer], asker: Agent | None) -> list[PossibleAnswerer]:
    """Return the same agents, the first to ask first. `named` is sorted by evidence, best first."""
    places = {one.agent.id: place for place, one in enumerate(named)}
    near = _ranks(named, lambda one: distance_from(asker, one.agent))
    load = _ranks(named, lambda one: (one.isolated, one.asked_lately))
    return sorted(
        named,
        key=lambda one: (
            places[one.agent.id] + near[one.agent.id] + load[one.agent.id],
            places[one.agent.id],
        ),
    )


def _ranks(
    named: Sequence[PossibleAnswerer], value: Callable[[PossibleAnswerer], object]
) -> dict[str, int]:
    """Return, by agent id, how many agents have a smaller value; equal values share a rank."""
    places: dict[object, int] = {}
    for place, found in enumerate(sorted(map(value, named))):  # type: ignore[type-var]
        places.setdefault(found, place)
    return {one.agent.id: places[value(one)] for one in named}


def first_of(
    named: Sequence[PossibleAnswerer],
    question: AskedQuestion,
    asker: Agent | None,
    rules: AskingRules,
    today: date,
    first: str = "",
) -> Iterator[PossibleAnswerer]:
    """Yield the agents who may be asked, in the order of asking: the agent `first` comes first.

    The ranks are computed again for the remaining agents after each choice.
    """
    remaining = [one for one in named if may_be_asked(one, question, rules, today)]
    remaining.sort(key=lambda one: one.agent.id != first)
    while remaining:
        chosen = remaining[0] if remaining[0].agent.id == first else in_order(remaining, asker)[0]
        remaining.remove(chosen)
        yield chosen
