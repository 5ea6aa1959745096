"""Simulate how questions spread over agents: `python -m benchmarks.asking_load [agents]`.

A random administration asks questions for a quarter, with the product's order and limits. A topic
has 1 to 60 holders, and is asked about in proportion to their number. A search names at most ten of
them, drawn for each question by how much each wrote. Prints: the most questions that anybody
received in seven days beyond their limit; the median received by holders alone in their region, by
the others and by all; the share of lone holders above the median of all, and how many of these
chose a higher limit; the share of questions that reached somebody, and that were answered.
"""

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median

from connectors.geography import CENTROIDS, region_of
from connectors.values import Agent
from search_api.questions.choosing import (
    LATELY_DAYS,
    WEEK_DAYS,
    PossibleAnswerer,
    first_of,
    limits_of_one_asker,
    weekly_limit,
)
from search_api.questions.values import MOST_ASKED, AskedQuestion, AskingPreferences, AskingRules

BEGINS = datetime(2026, 1, 1, 9, tzinfo=UTC)
DAYS = 91
MOST_HOLDERS = 60
NAMED = 10
"""Maximum number of holders in a search; recipients are chosen among them (`CHOSEN_FROM`)."""
ASKS_EVERY_DAYS = 20
ANSWERS = 0.6
"""An agent asks every `ASKS_EVERY_DAYS` days, and this share of recipients answers. Both are
assumed, not measured: no real question has been asked yet.
"""


@dataclass
class SpreadOfQuestions:
    """The questions that each agent received, by day, and the questions' outcomes."""

    agents: dict[str, Agent]
    holders: dict[str, list[str]]
    alone: frozenset[str]
    preferences: dict[str, AskingPreferences]
    wrote: dict[str, float]
    received: dict[str, list[date]] = field(default_factory=lambda: defaultdict(list))
    by_asker: dict[tuple[str, str], list[date]] = field(default_factory=lambda: defaultdict(list))
    asked: int = 0
    met: int = 0
    answered: int = 0

    def possible(self, agent_id: str, today: date) -> PossibleAnswerer:
        """Return an agent with the counts of questions received by that day."""
        days = self.received[agent_id]
        return PossibleAnswerer(
            self.agents[agent_id],
            self.preferences[agent_id],
            agent_id in self.alone,
            sum(today - day < timedelta(days=LATELY_DAYS) for day in days),
            sum(today - day < timedelta(days=WEEK_DAYS) for day in days),
        )

    def is_free_for(self, one: PossibleAnswerer, asker: str, moment: datetime) -> bool:
        """Return whether an agent may receive another question from this asker."""
        days = self.by_asker[one.agent.id, asker]
        limits = limits_of_one_asker(one, AskingRules(), moment)
        return all(sum(day > since.date() for day in days) < most for most, since in limits)

    def most_over_limit(self, rules: AskingRules) -> int:
        """Return the most received in seven days beyond an agent's limit; 0 if never."""
        over = [0]
        for agent_id, days in self.received.items():
            limit = weekly_limit(self.possible(agent_id, BEGINS.date()), rules)
            over += [
                sum(0 <= (other - day).days < WEEK_DAYS for other in days) - limit for day in days
            ]
        return max(over)

    def received_by(self, *, alone: bool | None = None) -> list[int]:
        """Return the number of questions that each holder of a topic received.

        `alone`: only holders alone in their region (True), only others (False), or all (None).
        """
        some = {id_ for ids in self.holders.values() for id_ in ids}
        chosen = sorted(id_ for id_ in some if alone is None or (id_ in self.alone) is alone)
        return [len(self.received[id_]) for id_ in chosen]

    def median_received(self, *, alone: bool | None = None) -> float:
        """Return the median of questions received per holder."""
        return median(self.received_by(alone=alone))

    def alone_above_median(self) -> tuple[float, float]:
        """Return the share of lone holders who received more than the median of all.

        Also return the share of these who chose a limit above the default.
        """
        middle, default = self.median_received(), AskingRules().per_week
        holders = {id_ for ids in self.holders.values() for id_ in ids} & self.alone
        above = [id_ for id_ in holders if len(self.received[id_]) > middle]
        chose = sum((self.preferences[id_].per_week or 0) > default for id_ in above)
        return len(above) / len(holders), chose / len(above) if above else 1.0


def drawn(agents: int, seed: int) -> SpreadOfQuestions:
    """Return a random administration: agents, holders of topics, holders alone in their region."""
    chance = random.Random(seed)
    places = sorted(CENTROIDS)
    people = {
        f"ag-{n}": Agent(f"ag-{n}", "Jo", str(n), departement=chance.choice(places))
        for n in range(agents)
    }
    ids = sorted(people)
    holders = {
        f"t-{n}": chance.sample(ids, min(len(ids), max(1, MOST_HOLDERS // (1 + n % MOST_HOLDERS))))
        for n in range(max(4, agents // 20))
    }
    alone = frozenset(
        id_
        for some in holders.values()
        for region, count in Counter(region_of(people[id_].departement) for id_ in some).items()
        for id_ in some
        if count == 1 and region_of(people[id_].departement) == region
    )
    chosen = (None, None, None, 1, 3, 5, 0)
    preferences = {
        id_: AskingPreferences(chance.random() > 0.1, per_week=chance.choice(chosen)) for id_ in ids
    }
    wrote = {id_: chance.paretovariate(1.5) for id_ in ids}
    return SpreadOfQuestions(people, holders, alone, preferences, wrote)


def simulated(agents: int, seed: int = 1, days: int = DAYS) -> SpreadOfQuestions:
    """Simulate that many days of questions, on topics in proportion to their holders."""
    spread, rules, chance = drawn(agents, seed), AskingRules(), random.Random(seed + 1)
    topics, ids = sorted(spread.holders), sorted(spread.agents)
    weights = [len(spread.holders[topic]) for topic in topics]
    for day in range(days):
        moment = BEGINS + timedelta(days=day)
        for _ in range(agents // ASKS_EVERY_DAYS):
            asker = chance.choice(ids)
            topic = chance.choices(topics, weights)[0]
            spread.asked += 1
            named = named_for(spread, topic, chance)
            for one in whom_to_ask(spread, named, topic, asker, moment, rules):
                spread.received[one].append(moment.date())
                spread.by_asker[one, asker].append(moment.date())
                decided = chance.random()
                if decided < ANSWERS:
                    spread.answered += 1
                    break
    return spread


def named_for(spread: SpreadOfQuestions, topic: str, chance: random.Random) -> list[str]:
    """Return the holders that a search names for one question, best first."""
    drawn_at = {id_: chance.expovariate(spread.wrote[id_]) for id_ in spread.holders[topic]}
    return sorted(drawn_at, key=drawn_at.__getitem__)[:NAMED]


def whom_to_ask(
    spread: SpreadOfQuestions,
    ids: list[str],
    topic: str,
    asker: str,
    moment: datetime,
    rules: AskingRules,
) -> Iterator[str]:
    """Yield the ids of the recipients of a question, at most three, chosen like in the product."""
    question = AskedQuestion("q", asker, "?", "", moment, moment, topic)
    named = [spread.possible(id_, moment.date()) for id_ in ids]
    chosen = first_of(named, question, spread.agents[asker], rules, moment.date())
    free = [one.agent.id for one in chosen if spread.is_free_for(one, asker, moment)]
    spread.met += bool(free)
    yield from free[:MOST_ASKED]


def main(arguments: list[str]) -> None:
    """Simulate and print the figures."""
    agents = int(arguments[0]) if arguments else 10_000
    spread = simulated(agents)
    print(f"{agents} agents, {len(spread.holders)} topics, {spread.asked} questions in {DAYS} days")
    print(
        f"most received in seven days beyond one's limit: {spread.most_over_limit(AskingRules())}"
    )
    print(f"median received, alone in their region: {spread.median_received(alone=True)}")
    print(f"median received, others: {spread.median_received(alone=False)}")
    print(f"median received, all: {spread.median_received()}")
    above, chose = spread.alone_above_median()
    print(f"alone in their region, above the median of all: {above:.0%}, of whom {chose:.0%}")
    print("  chose a higher limit than the default")
    print(f"met somebody: {spread.met / spread.asked:.0%}")
    print(f"answered: {spread.answered / spread.asked:.0%}")


if __name__ == "__main__":
    main(sys.argv[1:])
