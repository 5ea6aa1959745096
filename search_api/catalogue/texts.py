"""French plural forms and numbers."""


def plural(one: str, many: str, number: int, /, **values: object) -> str:
    """The form for a number, the first for 0 and 1; `{num}` is the number, grouped."""
    return (one if number < 2 else many).format(num=grouped(number), **values)


def grouped(number: int) -> str:
    """`12 345`, its thousands held together by narrow no-break spaces."""
    return f"{number:,}".replace(",", "\u202f")
