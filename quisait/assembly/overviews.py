"""What answers from the last build, by the settings."""

from expertise.build import Rules
from expertise.overview import Overview
from quisait.assembly import House
from quisait.settings import Settings


def rules_of(settings: Settings) -> Rules:
    """What the organisation decides, as the rooms take it."""
    topics = settings.topics
    return Rules(frozenset(topics.universal), topics.least_strength, topics.oldest_days)


def overview_of(house: House) -> Overview | None:
    """What answers from the last build; None where the settings name no list of topics."""
    if not house.settings.topics.file:
        return None
    return Overview(house.builds, house.index, house.book, rules_of(house.settings))
