"""A cache for one request: values that its answer needs several times are read once.

Within one request, the current build, the state of the directory and agents' preferences are each
read at their first use and kept until its end. The parts of an answer therefore agree with each
other, even if another process publishes a build or an agent withdraws meanwhile. Requests that
write have no moment: they read everything again, so that they see their own changes.
"""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_values: ContextVar[dict[Hashable, Any] | None] = ContextVar("moment", default=None)


@contextmanager
def one_moment() -> Iterator[None]:
    """Cache what `once` reads in the block, also in threads that run with the block's context."""
    token = _values.set({})
    try:
        yield
    finally:
        _values.reset(token)


def once(owner: object, subject: Hashable, read: Callable[[], Value]) -> Value:
    """Return the owner's value for this subject: the first that the request read, if there is one.

    Outside a request that only reads, the value is read at each call.
    """
    values = _values.get()
    if values is None:
        return read()
    key = (id(owner), subject)
    if key not in values:
        values[key] = owner, read()  # the owner is kept, so that no other object gets its id
    value: Value = values[key][1]
    return value


def each_once(
    owner: object,
    subject: Hashable,
    keys: Collection[Key],
    read: Callable[[Collection[Key]], Mapping[Key, Value]],
) -> dict[Key, Value]:
    """Return the values of these keys, like `once`; `read` is called for the keys not read yet.

    Keys without a value are left out.
    """
    known: dict[Key, Value | None] = once(owner, subject, dict)
    unread = [key for key in keys if key not in known]
    if unread:
        values = read(unread)
        known.update((key, values.get(key)) for key in unread)
    return {key: value for key in keys if (value := known[key]) is not None}
