"""The texts as code and templates ask for them: French, in the code itself."""

from collections.abc import Mapping
from functools import lru_cache

from markupsafe import Markup, escape

from search_api.catalogue.safe_text import safe_text


def marked(message: str) -> str:
    """The text itself: a table's, which is formatted later by `_`."""
    return message


def _(message: str, /, **variables: object) -> str:
    """The text, `%(name)s` filled."""
    return message % variables if variables else message


def pgettext(context: str, message: str, /, **variables: object) -> str:
    """Like `_`, for a text that stands in two places."""
    return message % variables if variables else message


def ngettext(one: str, many: str, number: int, /, **variables: object) -> str:
    """The form for a number, which fills `%(num)s`, its thousands held together."""
    form = one if number < 2 else many
    return form % {"num": grouped(number), **variables}


def both_forms(one: str, many: str) -> tuple[str, str]:
    """For a script that counts: both forms, `{num}` where it puts the number."""
    return one % {"num": "{num}"}, many % {"num": "{num}"}


def grouped(number: int) -> str:
    """`12 345`, its thousands held together by narrow no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")


class TemplateTexts:
    """The same for templates: no value brings markup into a page.

    A macro's output, which is markup, stays what it is.
    """

    @staticmethod
    def gettext(message: str, /, **variables: object) -> Markup:
        """The text, escaped; so are the variables that are no markup."""
        return _filled(message, variables)

    @staticmethod
    def pgettext(context: str, message: str, /, **variables: object) -> Markup:
        """Like `gettext`, for a text that stands in two places."""
        return _filled(message, variables)

    @staticmethod
    def ngettext(one: str, many: str, number: int, /, **variables: object) -> Markup:
        """The form for a number, which fills `%(num)s`."""
        return _filled(one if number < 2 else many, variables | {"num": grouped(number)})

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
