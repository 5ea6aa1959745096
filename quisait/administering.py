"""The administrator's desk, over a house: what the commands tell, without a document's name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import sqlalchemy as sa

from indexer.access import NOBODY
from indexer.errors import IndexerError
from quisait.assembly import House
from quisait.commands.answers import today
from quisait.commands.journal import hidden, listed
from quisait.guiding import checked, guiding_files
from quisait.settings import SourceSettings
from quisait.work.source_status import REMEDIES, SourceStatus, soon, status_of
from quisait.work.unnamed_sources import unnamed_statuses
from search_api.catalogue.texts import _, marked
from search_api.desks.administration import (
    AdministrationState,
    PartState,
    Questions,
    SourceState,
    Trouble,
    Unanswered,
)
from search_api.questions.query import Query

DAYS = 30
"""So far back questions without an answer are looked for."""
SHOWN = 20
RULES = ("_quisait.csv", ".quisait.json")
"""What is in the key of a failure about a folder's own files of rights."""

FILES = {"glossaire": marked("Glossaire"), "réponses en tête": marked("Réponses en tête")}
"""Files that an administrator edits, as the desk names them."""

KINDS = {
    "encrypted": marked("protégés par un mot de passe"),
    "unreadable": marked("illisibles"),
    "empty": marked("sans texte"),
    "image_only": marked("images sans texte"),
    "too_large": marked("trop grands"),
    "timed_out": marked("trop longs à lire"),
    "vanished": marked("disparus ou fermés pendant la lecture"),
    "malformed": marked("mal formés"),
    "refused": marked("refusés par l'index"),
}
"""What became of documents, by kind of failure."""


@dataclass(frozen=True, slots=True)
class HouseAdministration:
    """Looks at each part by itself."""

    house: House

    def __call__(self) -> AdministrationState:
        """As it is now."""
        now = datetime.now(UTC)
        sources = [self._source(one, now) for one in self.house.settings.sources]
        sources += self._unnamed(now)
        return AdministrationState(tuple(self._parts()), sources, self._questions(now))

    def _parts(self) -> Iterator[PartState]:
        settings, house = self.house.settings, self.house
        yield _seen(
            _("Index"),
            lambda: _("%(engine)s, répond", engine=settings.index.engine),
            self._asked,
        )
        yield _seen(_("Base d’état"), lambda: _("répond"), lambda: house.book.agent(""))
        yield _seen(_("Encodeur"), lambda: house.encoder.name)
        for name, path in guiding_files(settings.search):
            yield _seen(_(FILES[name]), partial(checked, name, path))

    def _asked(self) -> None:
        """A search as for a reader who reads nothing."""
        self.house.search.answer(Query(page_size=1), NOBODY, today())

    def _source(self, source: SourceSettings, now: datetime) -> SourceState:
        try:
            status = status_of(self.house, source, now)
        except IndexerError:
            away = _("l’index ne répond pas : l’état n’est pas connu")
            return SourceState(
                source.name, source.kind, None, away, False, None, "", None, None, 0, ()
            )
        return _state(source.name, source.kind, status, now)

    def _unnamed(self, now: datetime) -> list[SourceState]:
        """What is kept of sources that the settings no longer name, and what to do."""
        try:
            kept = unnamed_statuses(self.house)
        except IndexerError:
            return []  # the lines of the others say that it does not answer
        return [replace(_state(one.source, _("retirée"), one, now), well=False) for one in kept]

    def _questions(self, now: datetime) -> Questions | None:
        if not self.house.settings.journal.enabled:
            return None
        counts = self.house.journal.counts(now, DAYS)
        found = listed(counts, lambda one: one.zero, SHOWN)
        return Questions(
            DAYS,
            sum(one.askings for one in counts),
            tuple(Unanswered(one.text or "", one.asked_for, one.zero) for one in found),
            hidden(counts).zero,
        )


def _state(name: str, kind: str, status: SourceStatus, now: datetime) -> SourceState:
    last, running = status.last_run, status.running
    rules = [one for one in status.failures if any(name in one.key for name in RULES)]
    counts = dict(status.failure_counts)
    for one in rules:
        counts[one.kind] = counts.get(one.kind, 0) - 1
    return SourceState(
        name=name,
        kind=kind,
        documents=status.documents,
        state=status.state,
        well=running is not None or (last is not None and last.outcome == "done"),
        last_end=last.ended if last else None,
        next_run=soon(status.next_run, now),
        done=running.done if running else None,
        expected=running.expected if running else None,
        closed_rules=len(rules),
        troubles=tuple(
            Trouble(_(KINDS[kind]), count, _(REMEDIES[kind]))
            if kind in KINDS
            else Trouble(kind, count, "")
            for kind, count in counts.items()
            if count > 0
        )
        + tuple(
            Trouble(
                _("fermés à tous : leur refus ne nomme personne de connu"), one.documents, remedy
            )
            for one in status.unknown_denials
            for remedy in (
                _("« quisait sources %(source)s » dit lequel, et que faire", source=name),
            )
        ),
    )


def _seen(
    name: str, tell: Callable[[], str], attempt: Callable[[], object] = lambda: None
) -> PartState:
    try:
        attempt()
        return PartState(name, True, tell())
    except (IndexerError, sa.exc.SQLAlchemyError):
        return PartState(name, False, _("ne répond pas : « quisait check » dit pourquoi"))
    except (ValueError, OSError) as error:
        return PartState(name, False, str(error))
