"""Values for adding a source: form, trial and addition to the settings.

The entered values are sent with each request and are not stored: names of fields (`name`, `url`,
`options.user`) and the typed text. No field contains a secret, because the settings only name the
file of a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Literal

Entered = Mapping[str, str]
"""Typed text by field."""


class SourceStep(StrEnum):
    """Steps of the form; a kind of source without an account has no step for it."""

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
    """A field of the form. `label`, `hint`, `fault` and `group` are French.

    `choices` are (value, label) pairs; `suggestions` are values that could be typed. `group`:
    legend of the fields of one table row, empty for a single field. `fault`: the remedy for an
    invalid value, empty if the value is valid.
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
    """How to provide the source's secret: `path` is its file, `command` writes it.

    `what` describes the secret, `state` tells whether the file exists; both are French.
    """

    path: str
    what: str
    command: str
    state: str
    well: bool


@dataclass(frozen=True, slots=True)
class SourceForm:
    """One step of the form. `faults` do not belong to a single field.

    `kept`: fields of other steps. `steps` are the steps for this kind of source. `repeats`: tables
    that can get another row.
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
        """Fields by the legend of their row, in order."""
        return [(name, list(some)) for name, some in groupby(self.fields, lambda one: one.group)]

    @property
    def wrong(self) -> bool:
        """Whether a fault has to be corrected before the next step."""
        return bool(self.faults) or any(one.fault for one in self.fields)

    @property
    def before(self) -> SourceStep | None:
        """The step before this one, or None."""
        at = self.steps.index(self.step)
        return self.steps[at - 1] if at else None

    @property
    def after(self) -> SourceStep | None:
        """The step after this one, or None."""
        at = self.steps.index(self.step)
        return self.steps[at + 1] if at + 1 < len(self.steps) else None


@dataclass(frozen=True, slots=True)
class TriedDocument:
    """A document as the source gives it. `authors`: accounts that would count as evidence."""

    id: str
    title: str
    url: str
    kind: str
    modified: datetime | None
    allowed: tuple[str, ...]
    denied: tuple[str, ...]
    authors: tuple[str, ...]
    characters: int
    """Length of the text that would be searched, in characters."""
    filename: str
    unread: str = ""
    """Why the file's text could not be extracted, in French; empty if it could."""

    @property
    def read_by_nobody(self) -> bool:
        """Whether the source names no reader."""
        return not self.allowed


@dataclass(frozen=True, slots=True)
class SourceTrial:
    """First documents of a trial crawl.

    `unread`: records that could not be read, as (place, reason) pairs. `missing`: rights that the
    account does not have. `stopped`: why the source could not be read further, or empty.
    `expected`: maximum number of documents that a crawl would read, None if the source cannot tell.
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

    `locked`: why this process may not write the file, in French; empty if it may. `backup`: copy of
    the file's former text, once written. `next_steps`: the remaining steps for the administrator.
    """

    text: str
    path: str
    locked: str
    backup: str = ""
    next_steps: tuple[str, ...] = ()


class SourceIncomplete(ValueError):
    """The entered values do not describe a source; `form` is the first step to correct."""

    def __init__(self, form: SourceForm) -> None:
        said = [*form.faults, *(f"{one.label} : {one.fault}" for one in form.fields if one.fault)]
        super().__init__("\n".join(said))
        self.form = form
