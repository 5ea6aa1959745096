"""What a worker does besides reading sources: each task has its pace, its lease and its runs.

A task that is due is done after the sources that are due, by one worker at a time. To add
one (a build over the whole index, say), add it to `tasks_of`, and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from quisait.assembly import House, has_directory
from quisait.commands.answers import today
from quisait.journaling import now
from quisait.privacy.purging import expunged, forgotten
from quisait.work.building import BUILD, publish_build
from quisait.work.crawling import DIRECTORY, replace_directory
from quisait.work.schedule import Pace, pace_of
from quisait.work.source_lock import Held

JOURNAL = "@journal"
"""Closed and forgotten in time even where nobody asks any more, or it was switched off."""
PRIVACY = "@vie-privee"
"""What is kept of who left, old entries of the audit and of the register."""


@dataclass(frozen=True, slots=True)
class Task:
    """`name` begins with `@`, as no source does. `work` gives how much it changed.

    `first`: done before the sources, which it says something about. `work` returns soon
    after its event is set, while its lease is held; it may raise what a crawl raises.
    """

    name: str
    pace: Pace
    work: Callable[[House, Held, Event], int]
    first: bool = False


def tasks_of(house: House) -> tuple[Task, ...]:
    """Every task of the settings."""
    settings = house.settings
    tasks = []
    if has_directory(settings):
        pace = pace_of(settings, settings.directory.every or "1 h")
        tasks.append(Task(DIRECTORY, pace, _read_directory, first=True))
    if settings.topics.file:
        tasks.append(Task(BUILD, pace_of(settings, settings.topics.every), _build))
    if settings.journal.enabled or house.journal.is_kept():
        tasks.append(Task(JOURNAL, pace_of(settings, "1 h"), _turn_journal))
    tasks.append(Task(PRIVACY, pace_of(settings, "1 j"), _forget))
    return tuple(tasks)


def _read_directory(house: House, _held: Held, _stop: Event) -> int:
    report = replace_directory(house, unless_same=True)
    return report.agents if report else 0


def _build(house: House, held: Held, _stop: Event) -> int:
    return publish_build(house, held).stamp.documents


def _turn_journal(house: House, _held: Held, _stop: Event) -> int:
    return house.journal.turn(now())


def _forget(house: House, _held: Held, _stop: Event) -> int:
    rows = forgotten(house.privacy, house.database, house.whole_index, house.settings, today()).rows
    expunged(house.whole_index)
    return rows
