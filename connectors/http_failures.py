"""Distinguish a failing record from a host that is down, by counting failures in a row."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.http_host import HttpResponse, ResponseTooLarge
from connectors.ports import SourceRefused, SourceUnreachable

MOST_FAILURES = 5
"""After this many failed records in a row, the host counts as down."""


@dataclass(slots=True)
class FailuresInARow:
    """Counts the records that failed since the last success."""

    count: int = 0

    def note(self, error: SourceUnreachable) -> None:
        """Count a failure. Raises its error if the host counts as down.

        A response that is too large resets the count: the host did answer.
        """
        if isinstance(error, ResponseTooLarge):
            self.end()
            return
        self.count += 1
        if self.count >= MOST_FAILURES:
            raise error

    def end(self) -> None:
        """Reset the count, because a record was read."""
        self.count = 0

    def ask(
        self, ask: Callable[[], HttpResponse], alone: Callable[[str], Exception]
    ) -> HttpResponse:
        """Return the response about one record; if it fails, raise `alone(reason)`.

        Raises `SourceUnreachable` if the host counts as down.
        """
        try:
            answer = ask()
        except SourceRefused as error:  # a redirect to another host, or an untrusted certificate
            raise alone(str(error)) from error
        except SourceUnreachable as error:
            self.note(error)
            raise alone(str(error)) from error
        self.end()
        return answer
