"""The texts as code asks for them. Read `_` first.

A text is named by its French source: code stays legible, and where no catalogue says
otherwise, the source is what is shown. Which catalogue speaks is the request's: two
applications in one process may have two.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache

from fastapi import FastAPI
from markupsafe import Markup, escape
from starlette.types import ASGIApp, Receive, Scope, Send

from search_api.catalogue.safe_text import safe_text

_SPACES = str.maketrans("\u00a0\u202f", "  ")


def key_of(message: str) -> str:
    """What a text is looked up by: an editor may turn no-break spaces into ordinary ones."""
    return message.translate(_SPACES)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`said`: by context (empty for most) and `key_of` the source, the text, or its two forms.

    The second form is for numbers from 2 on, as in French.
    """

    said: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def text(self, message: str, context: str = "") -> str:
        """What to say for a source; the source where nothing is."""
        found = self.said.get((context, key_of(message)))
        return found[0] if found else message

    def counted(self, one: str, many: str, number: int) -> str:
        """The form for a number."""
        found = self.said.get(("", key_of(one)), (one, many))
        return found[0] if number < 2 else found[-1]


SOURCES = Catalogue()
"""No catalogue: the sources themselves."""

_current: ContextVar[Catalogue] = ContextVar("catalogue", default=SOURCES)


def use_catalogue(app: FastAPI, catalogue: Catalogue) -> None:
    """Let this catalogue speak in every request. To be called after all other middleware."""
    app.add_middleware(_Speaking, catalogue=catalogue)


@dataclass(frozen=True, slots=True)
class _Speaking:
    app: ASGIApp
    catalogue: Catalogue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        before = _current.set(self.catalogue)
        try:
            await self.app(scope, receive, send)
        finally:
            _current.reset(before)


def marked(message: str) -> str:
    """The source itself: a table's text, which enters the catalogue and is said later by `_`."""
    return message


def _(message: str, /, **variables: object) -> str:
    """What to say, `%(name)s` filled."""
    said = _current.get().text(message)
    return said % variables if variables else said


def pgettext(context: str, message: str, /, **variables: object) -> str:
    """Like `_`, for a source that says two things."""
    said = _current.get().text(message, context)
    return said % variables if variables else said


def ngettext(one: str, many: str, number: int, /, **variables: object) -> str:
    """The form for a number, which fills `%(num)s`, its thousands held together."""
    said = _current.get().counted(one, many, number)
    return said % {"num": grouped(number), **variables}


def both_forms(one: str, many: str) -> tuple[str, str]:
    """For a script that counts: both forms, `{num}` where it puts the number."""
    said = (_current.get().counted(one, many, number) for number in (1, 2))
    first, second = (form % {"num": "{num}"} for form in said)
    return first, second


def grouped(number: int) -> str:
    """`12 345`, its thousands held together by narrow no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")


class TemplateTexts:
    """The same for templates: neither a catalogue nor a value can bring markup into a page.

    Jinja's own would hold a catalogue's text for markup. A macro's output, which is markup,
    stays what it is.
    """

    @staticmethod
    def gettext(message: str, /, **variables: object) -> Markup:
        """What to say, escaped; so are the variables that are no markup."""
        return _filled(_current.get().text(message), variables)

    @staticmethod
    def pgettext(context: str, message: str, /, **variables: object) -> Markup:
        """Like `gettext`, for a source that says two things."""
        return _filled(_current.get().text(message, context), variables)

    @staticmethod
    def ngettext(one: str, many: str, number: int, /, **variables: object) -> Markup:
        """The form for a number, which fills `%(num)s`."""
        said = _current.get().counted(one, many, number)
        return _filled(said, variables | {"num": grouped(number)})

    @staticmethod
    def counted_forms(one: str, many: str) -> Markup:
        """Both forms as attributes, for a script that counts: it fills `{num}`."""
        return Markup('data-one="{}" data-many="{}"').format(*both_forms(one, many))


@lru_cache(maxsize=4096)
def _escaped(text: str) -> Markup:
    return escape(text)


def _filled(text: str, variables: Mapping[str, object]) -> Markup:
    if not variables:
        return _escaped(text.replace("%%", "%"))
    return _escaped(text) % {name: _shown(value) for name, value in variables.items()}


def _shown(value: object) -> object:
    return safe_text(value) if type(value) is str else value
