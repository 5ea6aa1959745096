"""A source that an administrator adds: what is asked, what a trial shows, what is written.

What was entered goes with each request and is kept nowhere: a name of a field (`name`, `url`,
`options.user`) and the text typed. No field holds a secret: the settings name the file of one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Literal, Protocol

from indexer.access import PrincipalLookup

Entered = Mapping[str, str]
"""By field, what was typed."""


class SourceStep(StrEnum):
    """What is asked one after the other; a kind without an account has no step for it."""

    KIND = "kind"
    PLACE = "place"
    ACCOUNT = "account"
    READERS = "readers"
    OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class KindOffered:
    """A kind of source that can be added. `label` and `about` are French."""

    name: str
    label: str
    about: str


@dataclass(frozen=True, slots=True)
class SourceField:
    """One field of the form. `label`, `hint`, `fault` and `group` are French.

    `choices` are (value, label); `suggestions` are values that could be typed. `group` is the
    legend of the fields of one row of a table, empty for a field of its own. `fault` says what to
    do, empty where nothing is wrong.
    """

    key: str
    label: str
    hint: str
    widget: Literal["text", "number", "lines", "choice"]
    value: str
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    suggestions: tuple[str, ...] = ()
    group: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SecretFile:
    """How the source's secret is handed over: `path` is its file, `command` writes it.

    `what` says what it holds, `state` whether it is there; both are French.
    """

    path: str
    what: str
    command: str
    state: str
    well: bool


@dataclass(frozen=True, slots=True)
class SourceForm:
    """One step. `faults` are of no single field; `kept` are the fields of other steps.

    `steps` are those of this kind. `repeats` are the tables that can get another row.
    """

    step: SourceStep
    steps: tuple[SourceStep, ...]
    kind: KindOffered | None
    name: str
    fields: tuple[SourceField, ...]
    faults: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]
    secret: SecretFile | None = None
    repeats: tuple[str, ...] = ()

    @property
    def groups(self) -> list[tuple[str, list[SourceField]]]:
        """The fields by the legend of their row, in order."""
        return [(name, list(some)) for name, some in groupby(self.fields, lambda one: one.group)]

    @property
    def wrong(self) -> bool:
        """Whether something has to be mended before one goes on."""
        return bool(self.faults) or any(one.fault for one in self.fields)

    @property
    def before(self) -> SourceStep | None:
        """The step before this one."""
        at = self.steps.index(self.step)
        return self.steps[at - 1] if at else None

    @property
    def after(self) -> SourceStep | None:
        """The step after this one."""
        at = self.steps.index(self.step)
        return self.steps[at + 1] if at + 1 < len(self.steps) else None


@dataclass(frozen=True, slots=True)
class TriedDocument:
    """A document as the source gives it. `authors` are accounts that would count as evidence."""

    id: str
    title: str
    url: str
    kind: str
    modified: datetime | None
    allowed: tuple[str, ...]
    denied: tuple[str, ...]
    authors: tuple[str, ...]
    characters: int
    """Of the text that the source gives itself; a file's text is not extracted."""
    filename: str

    @property
    def read_by_nobody(self) -> bool:
        """Whether the source names no reader."""
        return not self.allowed


@dataclass(frozen=True, slots=True)
class SourceTrial:
    """What a first reading would begin with.

    `unread` are records that could not be read, with place and reason. `missing` says what the
    account may not do, and `stopped` why the source could not be read further, if so. `expected`
    is how many documents a reading would ask for at most, None where the source cannot tell.
    """

    source: str
    documents: tuple[TriedDocument, ...]
    unread: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    stopped: str = ""
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class SettingsAddition:
    """The table to add to the settings: `text` in TOML, `path` of the file.

    `locked` says, in French, why this process may not write it; empty where it may. `backup` is
    where the file's former text is kept, once it is written. `next_steps` says what is left to do.
    """

    text: str
    path: str
    locked: str
    backup: str = ""
    next_steps: tuple[str, ...] = ()


class SourceIncomplete(ValueError):
    """What was entered makes no source: `form` is the first step to mend."""

    def __init__(self, form: SourceForm) -> None:
        said = [*form.faults, *(f"{one.label} : {one.fault}" for one in form.fields if one.fault)]
        super().__init__("\n".join(said))
        self.form = form


class NewSources(Protocol):
    """Asks for a new source, tries it, and writes it into the settings."""

    def kinds(self) -> Sequence[KindOffered]:
        """Every kind that can be added."""
        ...

    def form(self, step: SourceStep, entered: Entered, *, checked: bool) -> SourceForm:
        """A step, with what was entered; `checked`: with its faults.

        Raises `KeyError` for a kind of none.
        """
        ...

    def first_fault(self, entered: Entered, until: SourceStep) -> SourceForm | None:
        """The first step up to this one with a fault; None where there is none."""
        ...

    def attempt(self, entered: Entered) -> SourceTrial:
        """Read its first documents, in another process, and keep nothing.

        Raises `SourceIncomplete`, or `ValueError` with a sentence where none can be tried now.
        """
        ...

    def addition(self, entered: Entered) -> SettingsAddition:
        """What would be written. Raises `SourceIncomplete`."""
        ...

    def write(self, entered: Entered) -> SettingsAddition:
        """Write it. Raises `SourceIncomplete`, or `ValueError` with a sentence."""
        ...

    def unread_sources(self) -> Sequence[str]:
        """Names of sources in the settings' file that this process was started without."""
        ...

    def in_words(self, principals: Collection[str]) -> Mapping[str, str]:
        """Each of these readers in French, as the directory knows them."""
        ...

    def authors_in_words(self, accounts: Collection[str]) -> Mapping[str, str]:
        """Whose accounts these are, where the directory knows it; else the account's name."""
        ...

    def known(self) -> PrincipalLookup:
        """What tells whether a denial names somebody."""
        ...
