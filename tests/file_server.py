"""A small real file server, for an application that pushes addresses of files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.http_server import Handler, serving


@dataclass(frozen=True, slots=True)
class Given:
    """The answer for a path."""

    body: bytes
    media_type: str = "application/pdf"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class FileServer:
    """`given` is what each path gives, 404 for any other.

    `asked` is the path and `Authorization` of each request.
    """

    given: dict[str, Given] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    origin: str = ""
    """As the settings name it."""


@contextmanager
def served_files() -> Iterator[FileServer]:
    """On loopback, on a port of its own, in this process."""
    files = FileServer()

    class Files(Handler):
        def answer(self) -> None:
            files.asked.append((self.path, self.headers.get("Authorization", "")))
            found = files.given.get(self.path, Given(b"", status=404))
            self.say(found.status, found.body, {**found.headers, "Content-Type": found.media_type})

    with serving(Files) as files.origin:
        yield files
