"""French plural forms and numbers."""


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


def plural(one: str, many: str, number: int, /, **values: object) -> str:
    """The form for a number, the first for 0 and 1; `{num}` is the number, grouped."""
    return (one if number < 2 else many).format(num=grouped(number), **values)


def grouped(number: int) -> str:
    """`12 345`, its thousands held together by narrow no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")
