"""One crawl of a source at a time, on this machine; a crawl that dies lets go."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connectors.errors import SourceRefused


@contextmanager
def only_crawl(folder: Path, source: str) -> Iterator[None]:
    """Hold the source's lock in `folder`. Raises `SourceRefused` where another crawl holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{source}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SourceRefused(
                f"{source} : une autre lecture de cette source est en cours. Attendez sa fin "
                "(« quisait sources » la montre), puis relancez si besoin."
            ) from None
        yield
