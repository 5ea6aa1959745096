"""One record that fails, or a host that is away: told by how many fail in a row."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.http_host import HttpResponse, ResponseTooLarge
from connectors.ports import SourceRefused, SourceUnreachable

MOST_FAILURES = 5
"""So many records in a row that fail are no fault of theirs: the host is away."""


@dataclass(slots=True)
class FailuresInARow:
    """Counts records that failed since the last one that came."""

    count: int = 0

    def note(self, error: SourceUnreachable) -> None:
        """One more failed. Raises its error where the host is away.

        A host that answers too much is there.
        """
        if isinstance(error, ResponseTooLarge):
            self.end()
            return
        self.count += 1
        if self.count >= MOST_FAILURES:
            raise error

    def end(self) -> None:
        """A record came."""
        self.count = 0

    def ask(
        self, ask: Callable[[], HttpResponse], alone: Callable[[str], Exception]
    ) -> HttpResponse:
        """The answer about one record; what `alone` makes of the reason is raised where it fails.

        Raises `SourceUnreachable` where the host is away.
        """
        try:
            answer = ask()
        except SourceRefused as error:  # it leads to another host, or its certificate is unknown
            raise alone(str(error)) from error
        except SourceUnreachable as error:
            self.note(error)
            raise alone(str(error)) from error
        self.end()
        return answer
