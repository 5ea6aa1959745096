"""A source that an administrator adds: each step, a trial with its readers, the settings written.

The role opens no document: a trial shows how many there are, when they were changed and who would
read each, in words. Title, link and authors are shown of those that the administrator would read
as an agent; of all of them only where they asked for it by `with_titles`, which the audit keeps.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from connectors.ports import SourceRefused
from connectors.values import Access
from indexer.access import AccessFilter, access_filter
from search_api.answers.context import (
    AnswerContext,
    AnswerRefused,
    InvalidParameter,
    NotFound,
    RoleHolder,
)
from search_api.new_source import (
    Entered,
    KindOffered,
    NewSources,
    SettingsAddition,
    SourceForm,
    SourceIncomplete,
    SourceStep,
    SourceTrial,
    TriedDocument,
)


@dataclass(frozen=True, slots=True)
class SampledDocument:
    """A document of a trial. `readers`, `denied` and `authors` are in French words.

    `shown` is false where title, link and authors are kept from the administrator, and are empty.
    """

    shown: bool
    title: str
    url: str
    kind: str
    modified: datetime | None
    readers: tuple[str, ...]
    denied: tuple[str, ...]
    authors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceSample:
    """A trial as an administrator sees it; `hidden` documents keep their titles.

    `unread` are (place, reason) of what could not be read, none of them where they are kept, and
    `unread_count` how many they are; the other fields are as in `SourceTrial`.
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
        """How many nobody would read."""
        return sum(not one.readers for one in self.documents)


class FormIncomplete(AnswerRefused):
    """What was entered makes no source yet: `form` is the step to mend."""

    status = 422

    def __init__(self, form: SourceForm) -> None:
        super().__init__("La source n’est pas complète.")
        self.form = form


def offered_kinds_of_sources(
    context: AnswerContext, administrator: RoleHolder
) -> tuple[KindOffered, ...]:
    """Every kind that can be added. Raises `NotFound` where none is."""
    return tuple(_sources(context).kinds())


def source_step(
    context: AnswerContext,
    administrator: RoleHolder,
    entered: Entered,
    step: SourceStep,
    *,
    after: SourceStep | None = None,
) -> SourceForm:
    """A step of the form with what was entered.

    `after`: the step that one comes from, which is shown again with its faults where it has some.
    Raises `NotFound` for a kind of none, `InvalidParameter` where it does not load.
    """
    sources = _sources(context)
    if after is not None and (wrong := sources.first_fault(entered, after)):
        return wrong
    try:
        return sources.form(step, entered, checked=False)
    except KeyError:
        raise NotFound("Cette sorte de source n’est pas installée.") from None
    except SourceRefused as error:
        raise InvalidParameter(str(error)) from error


def source_sample(
    context: AnswerContext, administrator: RoleHolder, entered: Entered, *, with_titles: bool
) -> SourceSample:
    """Its first documents, read now and kept nowhere.

    Raises `FormIncomplete`, and `InvalidParameter` where none can be tried now.
    """
    sources = _sources(context)
    try:
        trial = sources.attempt(entered)
    except SourceIncomplete as error:
        raise FormIncomplete(error.form) from error
    except ValueError as error:
        raise InvalidParameter(str(error)) from error
    own = access_filter(administrator.reader).knowing(sources.known())
    return _sample(sources, trial, own, with_titles=with_titles)


def _sample(
    sources: NewSources, trial: SourceTrial, own: AccessFilter, *, with_titles: bool
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
            tuple(_each_once(accounts[a] for a in one.authors)) if is_shown else (),
        )

    return SourceSample(
        tuple(sampled(one, is_shown=yes) for one, yes in zip(trial.documents, shown, strict=True)),
        # Place and reason may name a file, and nobody knows its readers.
        trial.unread if with_titles else (),
        len(trial.unread),
        trial.missing,
        trial.stopped,
        trial.expected,
        shown.count(False),
    )


def source_addition(
    context: AnswerContext, administrator: RoleHolder, entered: Entered
) -> SettingsAddition:
    """What would be written into the settings. Raises `FormIncomplete`."""
    try:
        return _sources(context).addition(entered)
    except SourceIncomplete as error:
        raise FormIncomplete(error.form) from error


def write_new_source(
    context: AnswerContext, administrator: RoleHolder, entered: Entered
) -> SettingsAddition:
    """Write it. Raises `FormIncomplete`, and `InvalidParameter` where it cannot be written."""
    try:
        return _sources(context).write(entered)
    except SourceIncomplete as error:
        raise FormIncomplete(error.form) from error
    except ValueError as error:
        raise InvalidParameter(str(error)) from error


def unread_sources(context: AnswerContext, administrator: RoleHolder) -> tuple[str, ...] | None:
    """Names of sources that the settings have and this process does not know yet.

    None where no source is added here.
    """
    return tuple(context.new_sources.unread_sources()) if context.new_sources else None


def _sources(context: AnswerContext) -> NewSources:
    if context.new_sources is None:
        raise NotFound("Aucune source ne s’ajoute depuis ce bureau ([desk] sources).")
    return context.new_sources


def _each_once(names: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(names)
