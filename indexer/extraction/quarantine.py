"""Files that may have felled a server are sent again alone: the fall then costs one file."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Quarantine:
    """Many may be `among` others at once; who is `alone` waits for them, and they for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._among = 0
        self._alone = False

    @contextmanager
    def among(self) -> Iterator[None]:
        """Beside others, while nobody is alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._among += 1
        try:
            yield
        finally:
            with self._changed:
                self._among -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """By oneself."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: self._among == 0)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
