"""The build of who knows and who is alone, made and published by who holds its lease."""

import time
from dataclasses import dataclass, replace

from expertise.build import build_expertise
from expertise.decisions import with_decisions
from expertise.find import Experts
from expertise.left_out import LeftOut, Part
from expertise.nearest_topic import nearest_topic
from expertise.overview import Reading
from expertise.records import BuildStamp
from expertise.topics import Topic, TopicList, read_topics
from quisait.assembly import House
from quisait.assembly.overviews import overview_of, rules_of
from quisait.commands.answers import today
from quisait.settings import beside_file
from quisait.work.source_lock import Held, only_crawl

BUILD = "@expertise"
"""Only one build at a time, wherever it is started; no source is named so."""


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """What was published, of which list, without what, and how long it took."""

    stamp: BuildStamp
    listed: TopicList
    seconds: float
    left_out: tuple[LeftOut, ...] = ()


def build_and_publish(house: House) -> BuildOutcome:
    """Make the build of today and publish it; what fails leaves the last one standing.

    Raises `ValueError` where no list is set, and what the list, the index or another
    build under way may raise.
    """
    if not house.settings.topics.file:
        raise ValueError("Aucune liste de sujets : réglez [topics] file.")
    with only_crawl(house.leases, BUILD) as held:
        return publish_build(house, held)


def publish_build(house: House, held: Held) -> BuildOutcome:
    """The same, for who holds the build's lease."""
    started = time.monotonic()
    listed = read_topics(beside_file(house.settings.topics.file))
    listed = with_decisions(listed, house.builds.decisions.all())
    rules = rules_of(house.settings)
    found = build_expertise(house.index, house.book, house.encoder, listed.topics, rules, today())
    held.check()
    # Kept with the build: whoever reads the terminal of a worker, `quisait check` still tells.
    malformed = (LeftOut(Part.TOPIC, one.where, one.reason) for one in listed.malformed)
    left_out = (*malformed, *found.left_out)
    stamp = house.builds.publish(replace(found, left_out=left_out), listed)
    return BuildOutcome(stamp, listed, time.monotonic() - started, left_out)


def topic_beside(house: House, question: str, found: Experts) -> Topic | None:
    """The topic to go on from where nobody is known; None where somebody is, or without a build."""
    overview = None if found.candidates else overview_of(house)
    reading = overview.reading(today()) if overview else None
    if not isinstance(reading, Reading) or not question.strip():
        return None
    return nearest_topic(reading, question, found.nearest)
