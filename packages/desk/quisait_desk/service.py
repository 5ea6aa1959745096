"""Functions to add a source: the form, the trial, and the addition to the settings.

The role gives access to no document: a trial only shows the number of documents, their dates and
the readers of each, in words. Title, link and authors are only shown for documents that the
administrator could read as an agent, or for all documents with `with_titles`, which is noted in the
audit log.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from connectors.ports import SourceRefused
from connectors.values import Access
from indexer.access import AccessFilter, access_filter
from quisait_desk.sources import DeskSources
from quisait_desk.values import (
    Entered,
    KindOffered,
    SettingsAddition,
    SourceForm,
    SourceIncomplete,
    SourceStep,
    SourceTrial,
    TriedDocument,
)
from search_api.context import AnswerRefused, InvalidParameter, NotFound, RoleHolder


@dataclass(frozen=True, slots=True)
class SampledDocument:
    """A document of a trial. `readers`, `denied` and `authors` are in French words.

    If `shown` is false, title, link and authors are withheld from the administrator and are empty.
    `unread`: why its text could not be extracted, empty if it could; without details if withheld.
    """

    shown: bool
    title: str
    url: str
    kind: str
    modified: datetime | None
    readers: tuple[str, ...]
    denied: tuple[str, ...]
    authors: tuple[str, ...]
    characters: int
    unread: str


@dataclass(frozen=True, slots=True)
class SourceSample:
    """A trial as an administrator sees it; `hidden`: number of documents without a title.

    `unread`: (place, reason) of unreadable records, empty if it may not be shown; `unread_count`:
    their number. The other fields are as in `SourceTrial`.
    """

    documents: tuple[SampledDocument, ...]
    unread: tuple[tuple[str, str], ...]
    unread_count: int
    missing: tuple[str, ...]
    stopped: str
    expected: int | None
    hidden: int

    @property
    def for_nobody(self) -> int:
        """Number of documents that nobody could read."""
        return sum(not one.readers for one in self.documents)


class FormIncomplete(AnswerRefused):
    """The entered values do not describe a source yet; `form` is the step to correct."""

    status = 422

    def __init__(self, form: SourceForm) -> None:
        super().__init__("La source n’est pas complète.")
        self.form = form


def offered_kinds_of_sources(
    sources: DeskSources, administrator: RoleHolder
) -> tuple[KindOffered, ...]:
    """Return every kind that can be added."""
    return tuple(sources.kinds())


def source_step(
    sources: DeskSources,
    administrator: RoleHolder,
    entered: Entered,
    step: SourceStep,
    *,
    after: SourceStep | None = None,
) -> SourceForm:
    """Return a step of the form with the entered values.

    `after`: the previous step, which is returned instead if it has faults. Raises `NotFound` for an
    unknown kind, `InvalidParameter` if the kind's package does not load.
    """
    if after is not None and (wrong := sources.first_fault(entered, after)):
        return wrong
    try:
        return sources.form(step, entered, checked=False)
    except KeyError:
        raise NotFound("Cette sorte de source n’est pas installée.") from None
    except SourceRefused as error:
        raise InvalidParameter(str(error)) from error


def source_sample(
    sources: DeskSources, administrator: RoleHolder, entered: Entered, *, with_titles: bool
) -> SourceSample:
    """Read and return the source's first documents, without storing them.

    Raises `FormIncomplete`, and `InvalidParameter` if no trial is possible now.
    """
    with _refusals():
        trial = sources.attempt(entered)
    own = access_filter(administrator.reader).knowing(sources.known())
    return _sample(sources, trial, own, with_titles=with_titles)


def _sample(
    sources: DeskSources, trial: SourceTrial, own: AccessFilter, *, with_titles: bool
) -> SourceSample:
    shown = [
        with_titles or own.admits(Access(frozenset(one.allowed), frozenset(one.denied)))
        for one in trial.documents
    ]
    principals = sources.in_words({p for one in trial.documents for p in one.allowed + one.denied})
    seen = [one for one, is_shown in zip(trial.documents, shown, strict=True) if is_shown]
    accounts = sources.authors_in_words({account for one in seen for account in one.authors})

    def sampled(one: TriedDocument, *, is_shown: bool) -> SampledDocument:
        return SampledDocument(
            is_shown,
            (one.title or one.filename or one.id) if is_shown else "",
            one.url if is_shown else "",
            one.kind,
            one.modified,
            tuple(principals[p] for p in one.allowed),
            tuple(principals[p] for p in one.denied),
            tuple(dict.fromkeys(accounts[a] for a in one.authors)) if is_shown else (),
            one.characters,
            one.unread if is_shown or not one.unread else "il ne peut pas être lu",
        )

    return SourceSample(
        tuple(sampled(one, is_shown=yes) for one, yes in zip(trial.documents, shown, strict=True)),
        # Place and reason may name a file whose readers are unknown.
        trial.unread if with_titles else (),
        len(trial.unread),
        trial.missing,
        trial.stopped,
        trial.expected,
        shown.count(False),
    )


def source_addition(
    sources: DeskSources, administrator: RoleHolder, entered: Entered
) -> SettingsAddition:
    """Return the table that would be written into the settings. Raises `FormIncomplete`."""
    with _refusals():
        return sources.addition(entered)


def write_new_source(
    sources: DeskSources, administrator: RoleHolder, entered: Entered
) -> SettingsAddition:
    """Write the source into the settings.

    Raises `FormIncomplete`, and `InvalidParameter` if it cannot be written.
    """
    with _refusals():
        return sources.write(entered)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn errors of `DeskSources` into refusals of an answer."""
    try:
        yield
    except SourceIncomplete as error:
        raise FormIncomplete(error.form) from error
    except AnswerRefused:
        raise
    except ValueError as error:
        raise InvalidParameter(str(error)) from error
